//! A TOML document that is read key by key, so that every fault is found at once and each knows its line.

use super::fault::ConfigFault;
use audex_policy::nearest;
use std::{cell::RefCell, collections::BTreeSet, fmt::Display, ops::Range, str::FromStr};
use toml::de::{DeTable, DeValue};

/// The keys that were there, with their lines.
pub(super) type KeyLines = Vec<(String, usize)>;

/// What a document's tables share: the text, the faults, and which keys were there.
#[derive(Debug)]
pub(super) struct Document<'t> {
    text: &'t str,
    faults: RefCell<Vec<ConfigFault>>,
    seen: RefCell<KeyLines>,
}

/// A table of the document. Whoever asks for a key makes it known; [`Section::end`] refuses those nobody asked for.
#[derive(Debug)]
pub(super) struct Section<'d> {
    document: &'d Document<'d>,
    path: String,
    table: Option<&'d DeTable<'d>>,
    known: RefCell<BTreeSet<&'static str>>,
}

/// A value with where it stands.
#[derive(Debug, Clone)]
pub(super) struct Found<T> {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) value: T,
}

impl<'t> Document<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, faults: RefCell::default(), seen: RefCell::default() }
    }

    /// Adds what is wrong with the syntax.
    pub(super) fn syntax(&self, errors: &[toml::de::Error]) {
        for error in errors {
            let line = error.span().map(|span| self.line(&span));
            let message =
                format!("this is not TOML: {}", error.message().lines().collect::<Vec<_>>().join(", "));
            self.add(ConfigFault { key: String::new(), line, message, hint: None });
        }
    }

    pub(super) fn root<'d>(&'d self, table: &'d DeTable<'d>) -> Section<'d> {
        Section { document: self, path: String::new(), table: Some(table), known: RefCell::default() }
    }

    pub(super) fn add(&self, fault: ConfigFault) {
        self.faults.borrow_mut().push(fault);
    }

    /// Returns the keys that were there with their lines, or the faults in the order of their lines.
    pub(super) fn end(self) -> Result<KeyLines, Vec<ConfigFault>> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.line);
        if faults.is_empty() { Ok(self.seen.into_inner()) } else { Err(faults) }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        1 + self.text.bytes().take(span.start).filter(|byte| *byte == b'\n').count()
    }
}

impl<'d> Section<'d> {
    /// Returns a text.
    pub(super) fn text(&self, key: &'static str) -> Option<Found<String>> {
        let found = self.value(key)?;
        match found.value.as_str() {
            Some(text) => Some(Found { key: found.key, line: found.line, value: text.to_owned() }),
            None => self.wrong(&found, "a text in quotes"),
        }
    }

    /// Returns a text that is read as something.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, key: &'static str) -> Option<T> {
        let text = self.text(key)?;
        match text.value.parse() {
            Ok(value) => Some(value),
            Err(error) => self.fault(&text.key, text.line, &error.to_string()),
        }
    }

    /// Returns a text that is no longer than 2,048 bytes and not empty.
    pub(super) fn name(&self, key: &'static str) -> Option<String> {
        let text = self.text(key)?;
        match text.value.len() {
            1..=2_048 => Some(text.value),
            _ => self.fault(&text.key, text.line, "a text of 1 to 2048 bytes is needed"),
        }
    }

    /// Returns yes or no.
    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        let found = self.value(key)?;
        found.value.as_bool().or_else(|| self.wrong(&found, "true or false, without quotes"))
    }

    /// Returns a number within limits.
    pub(super) fn number(&self, key: &'static str, limits: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let found = self.value(key)?;
        let Some(number) = found.value.as_integer() else {
            return self.wrong(&found, "a number, without quotes");
        };
        let value = u32::from_str_radix(number.as_str(), number.radix()).ok();
        match value.filter(|value| limits.contains(value)) {
            Some(value) => Some(value),
            None => {
                let message = format!("a number from {} to {} is needed", limits.start(), limits.end());
                self.fault(&found.key, found.line, &message)
            }
        }
    }

    /// Returns an amount: a number, or a text that is read as one.
    pub(super) fn amount<T: FromStr<Err: Display>>(&self, key: &'static str) -> Option<T> {
        let found = self.value(key)?;
        let text = match found.value {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            _ => return self.wrong(&found, "a number"),
        };
        text.parse()
            .or_else(|error: T::Err| self.fault(&found.key, found.line, &error.to_string()).ok_or(()))
            .ok()
    }

    /// Returns a list of texts, each with its line.
    pub(super) fn list(&self, key: &'static str) -> Option<Vec<Found<String>>> {
        let found = self.value(key)?;
        let Some(array) = found.value.as_array() else {
            return self.wrong(&found, "a list of texts, as in [\"one\", \"two\"]");
        };
        let mut texts = Vec::new();
        for (index, item) in array.iter().enumerate() {
            let at = Found {
                key: format!("{}[{index}]", found.key),
                line: self.document.line(&item.span()),
                value: item.get_ref(),
            };
            match at.value.as_str() {
                Some(text) => texts.push(Found { key: at.key, line: at.line, value: text.to_owned() }),
                None => {
                    self.wrong::<()>(&at, "a text in quotes");
                }
            }
        }
        Some(texts)
    }

    /// Returns a list of texts that are each read as something.
    pub(super) fn parsed_list<T: FromStr<Err: Display>>(&self, key: &'static str) -> Option<Vec<T>> {
        let read = |text: Found<String>| match text.value.parse() {
            Ok(value) => Some(value),
            Err(error) => self.fault(&text.key, text.line, &format!("`{}`: {error}", text.value)),
        };
        Some(self.list(key)?.into_iter().filter_map(read).collect())
    }

    /// Returns a list of texts.
    pub(super) fn names(&self, key: &'static str) -> Vec<String> {
        self.parsed_list(key).unwrap_or_default()
    }

    /// Returns a table; one without keys where there is none.
    pub(super) fn section(&self, key: &'static str) -> Self {
        let found = self.value(key);
        let table = found.and_then(|found| found.value.as_table().or_else(|| self.wrong(&found, "a table")));
        Self { document: self.document, path: self.below(key), table, known: RefCell::default() }
    }

    /// Returns the tables of a list of tables.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Self> {
        let Some(found) = self.value(key) else { return Vec::new() };
        let tables =
            |value: &'d DeValue<'d>| value.as_array()?.iter().map(|item| item.get_ref().as_table()).collect();
        let Some(tables): Option<Vec<_>> = tables(found.value) else {
            let form = format!("tables, each begun with [[{}]]", found.key);
            return self.wrong(&found, &form).unwrap_or_default();
        };
        let section = |(index, table)| Self {
            document: self.document,
            path: format!("{}[{index}]", found.key),
            table: Some(table),
            known: RefCell::default(),
        };
        tables.into_iter().enumerate().map(section).collect()
    }

    /// Returns every table of this one with its name; nothing else may be here.
    pub(super) fn named(&self) -> Vec<(String, Self)> {
        let mut sections = Vec::new();
        for (name, value) in self.table.into_iter().flatten() {
            let (key, line) = (self.below(name.get_ref()), self.document.line(&name.span()));
            match value.get_ref().as_table() {
                Some(table) => {
                    let known = RefCell::default();
                    let section = Self { document: self.document, path: key, table: Some(table), known };
                    sections.push((name.get_ref().to_string(), section));
                }
                None => {
                    self.wrong(&Found { key, line, value: value.get_ref() }, "a table").unwrap_or_default()
                }
            }
        }
        sections
    }

    /// Tells whether the table has a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Tells whether the table is in the document.
    pub(super) const fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Returns the line of one of its keys, else of the table's first key.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        let table = self.table?;
        let named = table.keys().find(|name| name.get_ref().as_ref() == key).map(toml::Spanned::span);
        let first = || table.keys().map(toml::Spanned::span).min_by_key(|span| span.start);
        Some(self.document.line(&named.or_else(first)?))
    }

    /// Adds a fault of a value.
    pub(super) fn fault<T>(&self, key: &str, line: usize, message: &str) -> Option<T> {
        self.hinted(key, line, message, None)
    }

    /// Adds a fault of a value, with what to write instead.
    pub(super) fn hinted<T>(&self, key: &str, line: usize, message: &str, hint: Option<String>) -> Option<T> {
        self.document.add(ConfigFault {
            key: key.to_owned(),
            line: Some(line),
            message: message.to_owned(),
            hint,
        });
        None
    }

    /// Adds a fault of the table as such, as a key that is missing.
    pub(super) fn missing(&self, key: &str, message: &str) {
        let line = self.line_of(key);
        let key = if key.is_empty() { self.path.clone() } else { self.below(key) };
        self.document.add(ConfigFault { key, line, message: message.to_owned(), hint: None });
    }

    /// Refuses the keys that nobody asked for.
    pub(super) fn end(self) {
        let known = self.known.into_inner();
        for name in self.table.into_iter().flat_map(|table| table.keys()) {
            let text = name.get_ref().as_ref();
            if known.contains(text) {
                continue;
            }
            let hint = nearest(text, known.iter().copied()).map_or_else(
                || format!("known here: {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
                |meant| format!("did you mean {meant}?"),
            );
            let key = if self.path.is_empty() { text.to_owned() } else { format!("{}.{text}", self.path) };
            let line = Some(self.document.line(&name.span()));
            self.document.add(ConfigFault {
                key,
                line,
                message: "there is no such key".to_owned(),
                hint: Some(hint),
            });
        }
    }

    /// Returns the path of one of its keys.
    pub(super) fn below(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn value(&self, key: &'static str) -> Option<Found<&'d DeValue<'d>>> {
        self.known.borrow_mut().insert(key);
        let (name, value) = self.table?.get_key_value(key)?;
        let line = self.document.line(&name.span());
        let key = self.below(key);
        self.document.seen.borrow_mut().push((key.clone(), line));
        Some(Found { key, line, value: value.get_ref() })
    }

    fn wrong<T>(&self, found: &Found<&DeValue<'_>>, form: &str) -> Option<T> {
        let message = format!("this is {}, and {form} is needed", a(found.value.type_str()));
        self.fault(&found.key, found.line, &message)
    }
}

fn a(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}
