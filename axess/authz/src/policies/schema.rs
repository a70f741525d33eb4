//! Merges the schemas of all bundles into one.
//!
//! The engine refuses to see an entity type declared twice, so the merge works on the JSON form: later declarations may
//! add attributes, parents and names, and may change nothing.

use super::{PolicyFault, lexical, shape::Shapes};
use crate::{PolicyBundle, PolicyFile, SourceKind};
use cedar_policy::{Schema, SchemaFragment, ffi::DetailedError};
use serde_json::{Map, Value};

/// Why a declaration cannot be merged, and the name it is about.
struct Conflict {
    name: String,
    message: String,
}

pub(super) fn merge(bundles: &[PolicyBundle]) -> Result<(Schema, Shapes), Vec<PolicyFault>> {
    let mut merged = Map::new();
    let mut faults = Vec::new();
    let mut files = Vec::new();
    for file in bundles.iter().flat_map(|bundle| &bundle.files) {
        match fragment(file) {
            Ok(Some(json)) => {
                files.push(file);
                if let Err(conflict) = add_fragment(&mut merged, json) {
                    let mut fault = PolicyFault::new(&file.name, conflict.message);
                    fault.line = file.line_of(&conflict.name);
                    faults.push(fault);
                }
            }
            Ok(None) => {}
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let merged = Value::Object(merged);
    match Schema::from_json_value(merged.clone()) {
        Ok(schema) => Ok((schema, Shapes::new(merged))),
        Err(error) => Err(vec![unresolved(&files, &DetailedError::from(&error))]),
    }
}

/// Reads one schema file as JSON; `None` for a file of policies.
fn fragment(file: &PolicyFile) -> Result<Option<Value>, PolicyFault> {
    if let Some(fault) = lexical::fault(file).filter(|_| file.kind() == Some(SourceKind::CedarSchema)) {
        return Err(fault);
    }
    let parsed = match file.kind() {
        Some(SourceKind::CedarSchema) => SchemaFragment::from_cedarschema_str(&file.text)
            .map(|(fragment, _warnings)| fragment)
            .map_err(|error| PolicyFault::in_file(file, &DetailedError::from(&error))),
        Some(SourceKind::JsonSchema) => {
            SchemaFragment::from_json_str(&file.text).map_err(|error| json_fault(file, &error))
        }
        Some(SourceKind::Policies) | None => return Ok(None),
    };
    let json = parsed?.to_json_value().map_err(|error| json_fault(file, &error))?;
    Ok(Some(json))
}

/// JSON errors carry their line in the text only.
fn json_fault(file: &PolicyFile, error: &cedar_policy::SchemaError) -> PolicyFault {
    let mut fault = PolicyFault::in_file(file, &DetailedError::from(error));
    let line = fault.message.split("at line ").nth(1).and_then(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    fault.line = fault.line.or(line);
    fault
}

/// The merged schema has no places; looks for the name that the message is about, in the newest file first.
fn unresolved(files: &[&PolicyFile], error: &DetailedError) -> PolicyFault {
    let message = super::error::message(error);
    let names = message.split('`').skip(1).step_by(2);
    let found = names.filter(|name| !name.is_empty()).find_map(|name| {
        files
            .iter()
            .rev()
            .find_map(|file| file.line_of(name).map(|line| PolicyFault::new(&file.name, "").at(line)))
    });
    let mut fault = found.unwrap_or_else(|| PolicyFault::new("", ""));
    fault.message = message;
    fault
}

fn add_fragment(merged: &mut Map<String, Value>, fragment: Value) -> Result<(), Conflict> {
    let Value::Object(fragment) = fragment else { return Ok(()) };
    for (namespace, declarations) in fragment {
        let target = merged
            .entry(namespace.clone())
            .or_insert_with(|| serde_json::json!({ "entityTypes": {}, "actions": {}, "commonTypes": {} }));
        let (Value::Object(target), Value::Object(declarations)) = (target, declarations) else { continue };
        for (section, names) in declarations {
            let into = target.entry(section.clone()).or_insert_with(|| Value::Object(Map::new()));
            let (Value::Object(into), Value::Object(names)) = (into, names) else { continue };
            for (name, declaration) in names {
                declare(into, &section, &name, declaration)?;
            }
        }
    }
    Ok(())
}

fn declare(into: &mut Map<String, Value>, section: &str, name: &str, new: Value) -> Result<(), Conflict> {
    let Some(old) = into.get_mut(name) else {
        into.insert(name.to_owned(), new);
        return Ok(());
    };
    let merged = match section {
        "entityTypes" => extend_entity(old, new),
        "commonTypes" => extend_type(old, new),
        // Actions, and annotations of a namespace.
        _ => equal(old, &new),
    };
    merged.map_err(|what| Conflict {
        name: name.to_owned(),
        message: format!("{name} is declared already, and {what}"),
    })
}

/// Adds attributes and parents; everything else must be as it was.
fn extend_entity(old: &mut Value, new: Value) -> Result<(), String> {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return Err("one of the declarations is not an object".to_owned());
    };
    for (key, value) in new {
        match (key.as_str(), old.get_mut(&key)) {
            (_, None) => {
                if key == "enum" {
                    return Err("it is no enumeration".to_owned());
                }
                old.insert(key, value);
            }
            ("memberOfTypes", Some(Value::Array(parents))) => {
                let Value::Array(more) = value else { continue };
                for parent in more {
                    if !parents.contains(&parent) {
                        parents.push(parent);
                    }
                }
            }
            ("shape", Some(shape)) => extend_type(shape, value)?,
            ("annotations", Some(_)) => {}
            (_, Some(before)) => equal(before, &value)?,
        }
    }
    Ok(())
}

/// Adds attributes to a record type, and to records inside it; any other type must be as it was.
fn extend_type(old: &mut Value, new: Value) -> Result<(), String> {
    if let (Some(old), Some(Value::Object(new))) = (attributes_mut(old), new.get("attributes").cloned()) {
        for (name, declaration) in new {
            match old.get_mut(&name) {
                None => {
                    old.insert(name, declaration);
                }
                Some(before) => {
                    if required(before) != required(&declaration) {
                        return Err(format!("whether {name} is optional cannot change"));
                    }
                    extend_type(before, declaration)
                        .map_err(|_| format!("the type of {name} cannot change"))?;
                }
            }
        }
        return Ok(());
    }
    equal(old, &new)
}

fn attributes_mut(declaration: &mut Value) -> Option<&mut Map<String, Value>> {
    if declaration.get("type")? != "Record" {
        return None;
    }
    declaration
        .as_object_mut()?
        .entry("attributes")
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
}

/// Attributes are required unless they say otherwise.
fn required(declaration: &Value) -> bool {
    declaration.get("required").and_then(Value::as_bool).unwrap_or(true)
}

fn equal(old: &Value, new: &Value) -> Result<(), String> {
    if *old == *new { Ok(()) } else { Err("a later declaration cannot change it".to_owned()) }
}
