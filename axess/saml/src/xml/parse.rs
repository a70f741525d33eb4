//! The one parser: a small part of XML 1.0 with namespaces, and nothing that messages do not need.
//!
//! There are no DTDs, so no entities but the five; no processing instructions, no CDATA sections, no encoding but UTF-8,
//! no names beyond ASCII, and comments only where they are asked for. What is left means the same to every parser.

use super::{Attribute, Element, Node, Scope, XmlError, ns};
use std::collections::HashSet;

const MAX_DEPTH: usize = 32;
const MAX_ELEMENTS: usize = 20_000;
/// Of one element, declarations of namespaces included.
const MAX_ATTRIBUTES: usize = 64;
const MAX_NAME_BYTES: usize = 128;
/// `&#x10FFFF;` without its ends.
const MAX_REFERENCE_BYTES: usize = 8;

/// What becomes of comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comments {
    /// They are a fault: whoever splits a text with one wants two readers to see two texts.
    Refused,
    /// They are left out, as in what is signed.
    Dropped,
}

/// Parses a document.
pub(crate) fn parse(bytes: &[u8], max_bytes: usize, comments: Comments) -> Result<Element, XmlError> {
    let mut parser = Parser::new(bytes, max_bytes, comments)?;
    parser.declaration()?;
    parser.document(&Scope::default())
}

/// Parses an element that was cut out of a document, where these prefixes were bound.
pub(crate) fn parse_within(bytes: &[u8], max_bytes: usize, scope: &Scope) -> Result<Element, XmlError> {
    Parser::new(bytes, max_bytes, Comments::Refused)?.document(scope)
}

struct Parser<'a> {
    rest: &'a str,
    comments: Comments,
    elements: usize,
    ids: HashSet<String>,
}

/// An attribute before its prefix is resolved.
struct Written<'a> {
    prefix: &'a str,
    local: &'a str,
    value: String,
}

impl<'a> Parser<'a> {
    fn new(bytes: &'a [u8], max_bytes: usize, comments: Comments) -> Result<Self, XmlError> {
        if bytes.len() > max_bytes {
            return Err(XmlError("the document is too large"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| XmlError("the document is not UTF-8"))?;
        if !text.chars().all(is_char) {
            return Err(XmlError("the document holds a character that XML does not have"));
        }
        Ok(Self { rest: text, comments, elements: 0, ids: HashSet::new() })
    }

    /// Reads `<?xml version="1.0" encoding="UTF-8" standalone="no"?>`, of which all but the version may be left out.
    fn declaration(&mut self) -> Result<(), XmlError> {
        // Documents on disk may begin with a byte order mark.
        if self.comments == Comments::Dropped {
            self.eat("\u{feff}");
        }
        if !self.eat("<?xml") {
            return Ok(());
        }
        let wrong = XmlError("the XML declaration is not understood");
        let mut expected = ["version", "encoding", "standalone"].iter();
        let mut is_first = true;
        loop {
            let spaced = self.skip_space();
            if self.eat("?>") {
                return if is_first { Err(wrong) } else { Ok(()) };
            }
            let name = self.name()?;
            if !spaced || (is_first && name != "version") || !expected.any(|one| *one == name) {
                return Err(wrong);
            }
            is_first = false;
            let value = self.equals_value()?;
            let fits = match name {
                "version" => value == "1.0",
                "encoding" => value.eq_ignore_ascii_case("UTF-8"),
                _ => matches!(value.as_str(), "yes" | "no"),
            };
            if !fits {
                return Err(wrong);
            }
        }
    }

    fn document(&mut self, scope: &Scope) -> Result<Element, XmlError> {
        self.skip_misc()?;
        if !self.eat("<") {
            return Err(XmlError("the document is not XML"));
        }
        let root = self.element(scope, 1)?;
        self.skip_misc()?;
        if self.rest.is_empty() { Ok(root) } else { Err(XmlError("something follows the document")) }
    }

    /// Reads an element whose `<` is read.
    fn element(&mut self, outer: &Scope, depth: usize) -> Result<Element, XmlError> {
        self.elements += 1;
        if depth > MAX_DEPTH || self.elements > MAX_ELEMENTS {
            return Err(XmlError("the document has too many elements"));
        }
        let (prefix, local) = self.qualified_name()?;
        let (written, is_empty) = self.attributes()?;
        let scope = declared(outer, &written)?;
        let namespace = match prefix {
            "" => scope.lookup("").unwrap_or_default().to_owned(),
            _ => resolve(&scope, prefix)?,
        };
        let attributes = self.resolved(&scope, written)?;
        let (prefix, local) = (prefix.to_owned(), local.to_owned());
        let mut element = Element { prefix, local, namespace, attributes, children: Vec::new(), scope };
        if !is_empty {
            self.content(&mut element, depth)?;
        }
        Ok(element)
    }

    /// Reads attributes up to the end of the start tag, and whether it is the end of the element too.
    fn attributes(&mut self) -> Result<(Vec<Written<'a>>, bool), XmlError> {
        let mut written = Vec::new();
        loop {
            let spaced = self.skip_space();
            if self.eat("/>") {
                return Ok((written, true));
            }
            if self.eat(">") {
                return Ok((written, false));
            }
            if !spaced {
                return Err(XmlError("a start tag is not understood"));
            }
            if written.len() >= MAX_ATTRIBUTES {
                return Err(XmlError("an element has too many attributes"));
            }
            let (prefix, local) = self.qualified_name()?;
            let value = self.equals_value()?;
            written.push(Written { prefix, local, value });
        }
    }

    fn resolved(&mut self, scope: &Scope, written: Vec<Written<'_>>) -> Result<Vec<Attribute>, XmlError> {
        let mut attributes: Vec<Attribute> = Vec::new();
        for Written { prefix, local, value } in written {
            if is_declaration(prefix, local) {
                continue;
            }
            let namespace = match prefix {
                "" => String::new(),
                _ => resolve(scope, prefix)?,
            };
            if attributes.iter().any(|other| other.local == local && other.namespace == namespace) {
                return Err(XmlError("an attribute is there twice"));
            }
            let is_id = local.eq_ignore_ascii_case("id") && (prefix.is_empty() || prefix == "xml");
            if is_id && !self.ids.insert(value.clone()) {
                return Err(XmlError("two elements have the same id"));
            }
            attributes.push(Attribute {
                prefix: prefix.to_owned(),
                local: local.to_owned(),
                namespace,
                value,
            });
        }
        Ok(attributes)
    }

    /// Reads what an element holds, and its end tag.
    fn content(&mut self, element: &mut Element, depth: usize) -> Result<(), XmlError> {
        loop {
            let text = self.text()?;
            if !text.is_empty() {
                match element.children.last_mut() {
                    // A comment was in between.
                    Some(Node::Text(before)) => before.push_str(&text),
                    _ => element.children.push(Node::Text(text)),
                }
            }
            if self.eat("</") {
                let (prefix, local) = self.qualified_name()?;
                self.skip_space();
                let closes = prefix == element.prefix && local == element.local && self.eat(">");
                return if closes { Ok(()) } else { Err(XmlError("an end tag is wrong")) };
            }
            if self.comment()? {
                continue;
            }
            self.refuse_markup()?;
            if !self.eat("<") {
                return Err(XmlError("the document ends too early"));
            }
            let child = self.element(&element.scope, depth + 1)?;
            element.children.push(Node::Element(child));
        }
    }

    /// Reads text up to the next markup, with its references resolved.
    fn text(&mut self) -> Result<String, XmlError> {
        let raw = self.take_while(|c| c != '<');
        if raw.contains("]]>") {
            return Err(XmlError("a text holds the end of a CDATA section"));
        }
        expand(raw, |c| c)
    }

    /// Reads `="value"`; white space in it becomes spaces (XML 1.0 §3.3.3).
    fn equals_value(&mut self) -> Result<String, XmlError> {
        self.skip_space();
        let is_assigned = self.eat("=");
        self.skip_space();
        let quote = if self.eat("\"") { '"' } else { '\'' };
        if !is_assigned || (quote == '\'' && !self.eat("'")) {
            return Err(XmlError("an attribute is not understood"));
        }
        let raw = self.take_while(|c| c != quote);
        if raw.contains('<') || !(self.eat("\"") || self.eat("'")) {
            return Err(XmlError("an attribute is not understood"));
        }
        expand(raw, |c| if matches!(c, '\t' | '\n') { ' ' } else { c })
    }

    fn qualified_name(&mut self) -> Result<(&'a str, &'a str), XmlError> {
        let first = self.name()?;
        if self.eat(":") { Ok((first, self.name()?)) } else { Ok(("", first)) }
    }

    /// Reads a name without a colon, of ASCII characters.
    fn name(&mut self) -> Result<&'a str, XmlError> {
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if begins_well && name.len() <= MAX_NAME_BYTES { Ok(name) } else { Err(XmlError("a name is wrong")) }
    }

    /// Reads white space and comments around the root.
    fn skip_misc(&mut self) -> Result<(), XmlError> {
        loop {
            self.skip_space();
            if !self.comment()? {
                return self.refuse_markup();
            }
        }
    }

    /// Reads a comment, if one is next and they are allowed.
    fn comment(&mut self) -> Result<bool, XmlError> {
        if !self.eat("<!--") {
            return Ok(false);
        }
        let closed = self.rest.split_once("--").and_then(|(_, rest)| rest.strip_prefix('>'));
        match (self.comments, closed) {
            (Comments::Refused, _) => Err(XmlError("a comment")),
            (Comments::Dropped, None) => Err(XmlError("a comment is wrong")),
            (Comments::Dropped, Some(rest)) => {
                self.rest = rest;
                Ok(true)
            }
        }
    }

    fn refuse_markup(&self) -> Result<(), XmlError> {
        if self.rest.starts_with("<![CDATA[") {
            Err(XmlError("a CDATA section"))
        } else if self.rest.starts_with("<!") {
            Err(XmlError("a document type"))
        } else if self.rest.starts_with("<?") {
            Err(XmlError("a processing instruction"))
        } else {
            Ok(())
        }
    }

    fn skip_space(&mut self) -> bool {
        !self.take_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n')).is_empty()
    }

    fn eat(&mut self, expected: &str) -> bool {
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

fn declared(outer: &Scope, written: &[Written<'_>]) -> Result<Scope, XmlError> {
    let mut scope = outer.clone();
    let mut seen: Vec<&str> = Vec::new();
    for one in written.iter().filter(|one| is_declaration(one.prefix, one.local)) {
        let prefix = if one.prefix.is_empty() { "" } else { one.local };
        if seen.contains(&prefix) {
            return Err(XmlError("a namespace is declared twice"));
        }
        seen.push(prefix);
        scope = scope.bind(prefix, &one.value)?;
    }
    Ok(scope)
}

fn is_declaration(prefix: &str, local: &str) -> bool {
    prefix == "xmlns" || (prefix.is_empty() && local == "xmlns")
}

fn resolve(scope: &Scope, prefix: &str) -> Result<String, XmlError> {
    let namespace = if prefix == "xml" { Some(ns::XML) } else { scope.lookup(prefix) };
    namespace.map(str::to_owned).ok_or(XmlError("a prefix is not declared"))
}

/// Resolves references and line ends. `literal` is asked about characters that are written as themselves.
fn expand(raw: &str, literal: impl Fn(char) -> char) -> Result<String, XmlError> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '&' => {
                let (name, after) = rest.split_once(';').ok_or(UNKNOWN_ENTITY)?;
                text.push(referenced(name)?);
                rest = after;
            }
            // XML 1.0 §2.11.
            '\r' => {
                rest = rest.strip_prefix('\n').unwrap_or(rest);
                text.push(literal('\n'));
            }
            c => text.push(literal(c)),
        }
    }
    Ok(text)
}

const UNKNOWN_ENTITY: XmlError = XmlError("an entity is unknown");

fn referenced(name: &str) -> Result<char, XmlError> {
    if name.len() > MAX_REFERENCE_BYTES {
        return Err(UNKNOWN_ENTITY);
    }
    let number = |digits: &str, radix| {
        // `from_str_radix` takes a sign, too.
        let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        let code = is_number.then(|| u32::from_str_radix(digits, radix).ok()).flatten();
        code.and_then(char::from_u32).filter(|c| is_char(*c)).ok_or(UNKNOWN_ENTITY)
    };
    match name {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(digits), _) => number(digits, 16),
            (None, Some(digits)) => number(digits, 10),
            (None, None) => Err(UNKNOWN_ENTITY),
        },
    }
}

/// XML 1.0 §2.2; the byte order mark only at the beginning of a file.
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
