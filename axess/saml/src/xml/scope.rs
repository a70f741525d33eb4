use super::{XmlError, ns};
use std::sync::Arc;

/// The most prefixes that may be bound at one place.
const MAX_BINDINGS: usize = 64;

/// The namespace of namespace declarations, which nothing may be bound to.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The prefixes that are bound somewhere. Cheap to clone: inner elements share what outer ones bound.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope(Option<Arc<Binding>>);

#[derive(Debug)]
struct Binding {
    prefix: String,
    /// Empty when the default namespace is taken back.
    namespace: String,
    count: usize,
    outer: Scope,
}

impl Scope {
    /// Returns what a prefix stands for; an empty one for the default namespace.
    pub(crate) fn lookup(&self, prefix: &str) -> Option<&str> {
        let mut scope = self;
        while let Some(binding) = &scope.0 {
            if binding.prefix == prefix {
                return Some(binding.namespace.as_str()).filter(|name| !name.is_empty());
            }
            scope = &binding.outer;
        }
        None
    }

    /// Binds a prefix from here on inwards (Namespaces in XML 1.0 §3, §5).
    pub(crate) fn bind(&self, prefix: &str, namespace: &str) -> Result<Self, XmlError> {
        let is_reserved = matches!(prefix, "xml" | "xmlns") || [ns::XML, XMLNS].contains(&namespace);
        let is_undone = namespace.is_empty() && !prefix.is_empty();
        // Canonicalisation is not defined for relative names; libraries that fail at it have signed nothing at all.
        let is_relative = !namespace.is_empty() && !namespace.contains(':');
        let is_odd = namespace.chars().any(|c| c.is_whitespace() || c.is_control());
        if is_reserved || is_undone || is_relative || is_odd {
            return Err(XmlError("a namespace cannot be declared like that"));
        }
        let count = self.0.as_ref().map_or(0, |binding| binding.count) + 1;
        if count > MAX_BINDINGS {
            return Err(XmlError("too many namespaces"));
        }
        let binding = Binding {
            prefix: prefix.to_owned(),
            namespace: namespace.to_owned(),
            count,
            outer: self.clone(),
        };
        Ok(Self(Some(Arc::new(binding))))
    }
}
