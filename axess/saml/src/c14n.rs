//! Exclusive XML Canonicalization 1.0, without comments: the bytes that are signed.
//!
//! It cannot fail: what it is not defined for (relative namespace names) is refused when a document is parsed.

#[cfg(test)]
mod tests;

use crate::xml::{Element, Node};

/// Writes an element canonically, without one of its children, as if nothing were around it.
///
/// `inclusive` are the prefixes of an `InclusiveNamespaces` list; `#default` stands for none.
pub(crate) fn canonical(element: &Element, without: Option<&Element>, inclusive: &[&str]) -> Vec<u8> {
    let mut writer = Writer { out: String::new(), rendered: Vec::new(), without, inclusive };
    writer.element(element);
    writer.out.into_bytes()
}

struct Writer<'a> {
    out: String,
    /// The declarations that are in force in the output, innermost last.
    rendered: Vec<(&'a str, &'a str)>,
    without: Option<&'a Element>,
    inclusive: &'a [&'a str],
}

impl<'a> Writer<'a> {
    fn element(&mut self, element: &'a Element) {
        let outer = self.rendered.len();
        let mut declarations = self.declarations(element);
        declarations.sort_unstable();
        let mut attributes: Vec<_> = element.attributes.iter().collect();
        attributes.sort_by_key(|attribute| (attribute.namespace.as_str(), attribute.local.as_str()));

        self.out.push('<');
        self.name(&element.prefix, &element.local);
        for (prefix, namespace) in &declarations {
            self.out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.out.push_str(prefix);
            self.quoted(namespace);
        }
        for attribute in attributes {
            self.out.push(' ');
            self.name(&attribute.prefix, &attribute.local);
            self.quoted(&attribute.value);
        }
        self.out.push('>');
        self.rendered.extend(declarations);
        for child in &element.children {
            match child {
                Node::Element(child) if self.without.is_some_and(|other| std::ptr::eq(other, child)) => {}
                Node::Element(child) => self.element(child),
                Node::Text(text) => self.text(text),
            }
        }
        self.out.push_str("</");
        self.name(&element.prefix, &element.local);
        self.out.push('>');
        self.rendered.truncate(outer);
    }

    /// Returns what an element has to declare: the prefixes it uses and those it is told to, unless the output has them.
    fn declarations(&self, element: &'a Element) -> Vec<(&'a str, &'a str)> {
        let mut found: Vec<(&str, &str)> = Vec::new();
        let own = std::iter::once((element.prefix.as_str(), element.namespace.as_str()));
        let attributes = element.attributes.iter().filter(|one| !matches!(one.prefix.as_str(), "" | "xml"));
        let attributes = attributes.map(|one| (one.prefix.as_str(), one.namespace.as_str()));
        let told = self.inclusive.iter().filter_map(|prefix| {
            let prefix = if *prefix == "#default" { "" } else { *prefix };
            let namespace = element.scope.lookup(prefix);
            // The default namespace can also be told to be none.
            namespace.or_else(|| prefix.is_empty().then_some("")).map(|namespace| (prefix, namespace))
        });
        for (prefix, namespace) in own.chain(attributes).chain(told) {
            let in_force = self.rendered.iter().rev().find(|(other, _)| *other == prefix);
            let in_force = in_force.map_or("", |(_, namespace)| *namespace);
            if in_force != namespace && !found.iter().any(|(other, _)| *other == prefix) {
                found.push((prefix, namespace));
            }
        }
        found
    }

    fn name(&mut self, prefix: &str, local: &str) {
        if !prefix.is_empty() {
            self.out.push_str(prefix);
            self.out.push(':');
        }
        self.out.push_str(local);
    }

    fn quoted(&mut self, value: &str) {
        self.out.push_str("=\"");
        for c in value.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '"' => self.out.push_str("&quot;"),
                '\t' => self.out.push_str("&#x9;"),
                '\n' => self.out.push_str("&#xA;"),
                '\r' => self.out.push_str("&#xD;"),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '\r' => self.out.push_str("&#xD;"),
                c => self.out.push(c),
            }
        }
    }
}
