//! Elements of our own making. They are written by canonicalising them, so what is signed is what is sent.

use super::{Attribute, Element, Node, Scope, ns};

impl Element {
    /// Makes an element with the usual prefix of its namespace.
    pub(crate) fn new(namespace: &str, local: &str) -> Self {
        let prefix = match namespace {
            ns::PROTOCOL => "samlp",
            ns::ASSERTION => "saml",
            ns::METADATA => "md",
            ns::SIGNATURE => "ds",
            _ => "ns",
        };
        Self {
            prefix: prefix.to_owned(),
            local: local.to_owned(),
            namespace: namespace.to_owned(),
            attributes: Vec::new(),
            children: Vec::new(),
            scope: Scope::default(),
        }
    }

    /// Adds an attribute without a namespace.
    pub(crate) fn with(mut self, local: &str, value: &str) -> Self {
        let (prefix, namespace) = (String::new(), String::new());
        self.attributes.push(Attribute {
            prefix,
            local: local.to_owned(),
            namespace,
            value: value.to_owned(),
        });
        self
    }

    pub(crate) fn with_maybe(self, local: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(local, value),
            None => self,
        }
    }

    pub(crate) fn holding(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children.into_iter().map(Node::Element));
        self
    }

    /// Adds a text, without the characters that XML cannot carry.
    pub(crate) fn saying(mut self, text: &str) -> Self {
        let text: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\t' | '\n')).collect();
        if !text.is_empty() {
            self.children.push(Node::Text(text));
        }
        self
    }
}
