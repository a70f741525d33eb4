//! A document as a tree, and the few questions that are asked about it.

mod build;
mod parse;
mod scope;
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

#[cfg(test)]
mod tests;

pub(crate) use parse::{Comments, parse, parse_within};
pub(crate) use scope::Scope;

use axess_factors::federated::FederationError;

/// The namespaces that SAML messages are made of.
pub(crate) mod ns {
    pub(crate) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
    pub(crate) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
    pub(crate) const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
    pub(crate) const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
    pub(crate) const ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";
    pub(crate) const ENCRYPTION_11: &str = "http://www.w3.org/2009/xmlenc11#";
    pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";
}

/// An element with its names resolved.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub(crate) prefix: String,
    pub(crate) local: String,
    /// Empty for none.
    pub(crate) namespace: String,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) children: Vec<Node>,
    /// The prefixes that are bound here.
    pub(crate) scope: Scope,
}

/// An attribute that is no declaration of a namespace.
#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    pub(crate) prefix: String,
    pub(crate) local: String,
    pub(crate) namespace: String,
    pub(crate) value: String,
}

/// What an element holds. Two texts never follow each other.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Element(Element),
    Text(String),
}

/// Why a document was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct XmlError(pub(crate) &'static str);

impl From<XmlError> for FederationError {
    fn from(XmlError(what): XmlError) -> Self {
        Self::Malformed { what }
    }
}

impl Element {
    pub(crate) fn is(&self, namespace: &str, local: &str) -> bool {
        self.namespace == namespace && self.local == local
    }

    /// Returns the value of an attribute without a namespace.
    pub(crate) fn attribute(&self, local: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|one| one.namespace.is_empty() && one.local == local);
        found.map(|attribute| attribute.value.as_str())
    }

    pub(crate) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|child| match child {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    pub(crate) fn named<'a>(&'a self, namespace: &'a str, local: &'a str) -> impl Iterator<Item = &'a Self> {
        self.elements().filter(move |child| child.is(namespace, local))
    }

    /// Returns the only child of that name, or nothing.
    pub(crate) fn at_most_one(&self, namespace: &str, local: &str) -> Result<Option<&Self>, XmlError> {
        let mut found = self.elements().filter(|child| child.is(namespace, local));
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(XmlError("an element is there twice")),
            (first, None) => Ok(first),
        }
    }

    /// Returns the only child of that name.
    pub(crate) fn one(&self, namespace: &str, local: &str) -> Result<&Self, XmlError> {
        self.at_most_one(namespace, local)?.ok_or(XmlError("an element is missing"))
    }

    /// Returns the text of an element that holds nothing else, without the white space around it.
    pub(crate) fn text(&self) -> Result<&str, XmlError> {
        Ok(trimmed(self.exact_text()?))
    }

    /// Returns the text of an element that holds nothing else.
    pub(crate) fn exact_text(&self) -> Result<&str, XmlError> {
        match self.children.as_slice() {
            [] => Ok(""),
            [Node::Text(text)] => Ok(text),
            _ => Err(XmlError("an element is where text belongs")),
        }
    }

    /// Returns the text of an element that names somebody: one with white space around it is not the one without (SAML Core
    /// §1.3.1), and is refused.
    pub(crate) fn name(&self) -> Result<&str, XmlError> {
        let name = self.exact_text()?;
        if trimmed(name) == name { Ok(name) } else { Err(XmlError("there is white space around a name")) }
    }

    /// Checks that there is no text between the children.
    pub(crate) fn holds_only_elements(&self) -> Result<(), XmlError> {
        let is_space = |text: &str| text.chars().all(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
        let stray = self.children.iter().any(|child| matches!(child, Node::Text(text) if !is_space(text)));
        if stray { Err(XmlError("text is where elements belong")) } else { Ok(()) }
    }

    /// Counts the elements of that name among everything below this one.
    pub(crate) fn count_below(&self, namespace: &str, local: &str) -> usize {
        self.elements()
            .map(|child| usize::from(child.is(namespace, local)) + child.count_below(namespace, local))
            .sum()
    }
}
