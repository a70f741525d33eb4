//! What the schema declares, to leave out what it does not.

use crate::{ActionUid, ResourceUid};
use serde_json::{Map, Value};

/// The deepest nesting of type names that are looked up; a cycle is refused by the engine before.
const MAX_TYPE_DEPTH: usize = 32;

/// The merged schema in its JSON form.
pub(crate) struct Shapes(Value);

impl Shapes {
    pub(super) fn new(schema: Value) -> Self {
        Self(schema)
    }

    /// Keeps the attributes that the schema declares for the type of `uid`.
    pub(crate) fn prune_attributes(
        &self,
        uid: &ResourceUid,
        attributes: Map<String, Value>,
    ) -> Map<String, Value> {
        let name = uid.entity_type();
        let (namespace, base) = split(&name);
        match self.section(namespace, "entityTypes", base).and_then(|declared| declared.get("shape")) {
            Some(shape) => self.prune_record(namespace, shape, attributes, 0),
            None => Map::new(),
        }
    }

    /// Keeps the keys of a context that the schema declares for the action.
    pub(crate) fn prune_context(
        &self,
        action: &ActionUid,
        context: Map<String, Value>,
    ) -> Map<String, Value> {
        let name = action.cedar().type_name().to_string();
        let (namespace, _) = split(&name);
        let declared = self.section(namespace, "actions", action.name());
        match declared.and_then(|declared| declared.get("appliesTo")?.get("context")) {
            Some(shape) => self.prune_record(namespace, shape, context, 0),
            None => Map::new(),
        }
    }

    /// Keeps what a record type declares; a type that is no record keeps nothing.
    fn prune_record(
        &self,
        namespace: &str,
        declared: &Value,
        mut value: Map<String, Value>,
        depth: usize,
    ) -> Map<String, Value> {
        let Some((namespace, record)) = self.record(namespace, declared, depth) else {
            return Map::new();
        };
        value.retain(|key, _| record.contains_key(key));
        for (key, inner) in &mut value {
            let Some(declared) = record.get(key) else { continue };
            // An object may also be an entity or an extension value: those are not records in the schema.
            if let Value::Object(fields) = inner
                && self.record(namespace, declared, depth + 1).is_some()
            {
                *fields = self.prune_record(namespace, declared, std::mem::take(fields), depth + 1);
            }
        }
        value
    }

    /// Returns the attributes of a record type, behind names if need be, and the namespace they are written in.
    fn record<'a>(
        &'a self,
        namespace: &'a str,
        declared: &'a Value,
        depth: usize,
    ) -> Option<(&'a str, &'a Map<String, Value>)> {
        if depth > MAX_TYPE_DEPTH {
            return None;
        }
        let kind = declared.get("type")?.as_str()?;
        if kind == "Record" {
            return Some((namespace, declared.get("attributes")?.as_object()?));
        }
        let name = if kind == "EntityOrCommon" { declared.get("name")?.as_str()? } else { kind };
        let (own, base) = split(name);
        let places = if own.is_empty() { [namespace, ""] } else { [own, own] };
        let found =
            places.into_iter().find_map(|place| Some((place, self.section(place, "commonTypes", base)?)));
        let (place, declared) = found?;
        self.record(place, declared, depth + 1)
    }

    fn section(&self, namespace: &str, section: &str, name: &str) -> Option<&Value> {
        self.0.get(namespace)?.get(section)?.get(name)
    }
}

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once("::").unwrap_or(("", name))
}
