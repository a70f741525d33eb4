//! Parses policy files and gives each policy its id.

use super::{PolicyEffect, PolicyFault, PolicyInfo, lexical};
use crate::{PolicyBundle, PolicyFile, SourceKind};
use cedar_policy::{Effect, Policy, PolicyId, PolicySet, ffi::DetailedError};
use std::collections::{BTreeMap, btree_map::Entry};

/// The longest `@id`, in bytes.
const MAX_ID_BYTES: usize = 256;

#[derive(Default)]
pub(super) struct Parsed {
    pub(super) set: PolicySet,
    pub(super) index: BTreeMap<String, PolicyInfo>,
    pub(super) faults: Vec<PolicyFault>,
}

/// Parses every policy file; files of no known kind are faults.
pub(super) fn bundles(bundles: &[PolicyBundle]) -> Parsed {
    let mut parsed = Parsed::default();
    for bundle in bundles {
        for file in &bundle.files {
            match file.kind() {
                Some(SourceKind::Policies) => parsed.file(bundle, file),
                Some(SourceKind::CedarSchema | SourceKind::JsonSchema) => {}
                None => parsed.faults.push(PolicyFault::new(
                    &file.name,
                    "the name ends in none of .cedar, .cedarschema and .cedarschema.json",
                )),
            }
        }
    }
    parsed
}

impl Parsed {
    fn file(&mut self, bundle: &PolicyBundle, file: &PolicyFile) {
        if let Some(fault) = lexical::fault(file) {
            return self.faults.push(fault);
        }
        let set = match file.text.parse::<PolicySet>() {
            Ok(set) => set,
            Err(errors) => {
                let faults =
                    errors.iter().map(|error| PolicyFault::in_file(file, &DetailedError::from(error)));
                return self.faults.extend(faults);
            }
        };
        for template in set.templates() {
            let line = file.line_at(template.as_ref().loc().map_or(0, |loc| loc.start()));
            let fault =
                PolicyFault::new(&file.name, "a template: write the principal or resource out instead");
            self.faults.push(fault.at(line));
        }
        let mut placed: Vec<(usize, &Policy)> = set
            .policies()
            .map(|policy| (policy.as_ref().loc().map_or(0, |loc| loc.start()), policy))
            .collect();
        placed.sort_by_key(|(byte, _)| *byte);
        for (position, (byte, policy)) in placed.into_iter().enumerate() {
            let line = file.line_at(byte);
            match id_of(policy, file, position) {
                Ok(id) => self.policy(bundle, file, line, policy, id),
                Err(message) => self.faults.push(PolicyFault::new(&file.name, message).at(line)),
            }
        }
    }

    fn policy(&mut self, bundle: &PolicyBundle, file: &PolicyFile, line: usize, policy: &Policy, id: String) {
        let slot = match self.index.entry(id.clone()) {
            Entry::Vacant(slot) => slot,
            Entry::Occupied(first) => {
                let first = first.get();
                let message = format!("the id is taken by {}:{} of {}", first.file, first.line, first.bundle);
                return self.faults.push(PolicyFault::new(&file.name, message).at(line).of_policy(&id));
            }
        };
        if let Err(error) = self.set.add(policy.new_id(PolicyId::new(&id))) {
            let fault = PolicyFault::in_file(file, &DetailedError::from(&error));
            return self.faults.push(fault.at(line).of_policy(&id));
        }
        slot.insert(PolicyInfo {
            id,
            effect: match policy.effect() {
                Effect::Permit => PolicyEffect::Permit,
                Effect::Forbid => PolicyEffect::Forbid,
            },
            bundle: bundle.name.clone(),
            file: file.name.clone(),
            line,
            text: policy.to_string(),
        });
    }
}

fn id_of(policy: &Policy, file: &PolicyFile, position: usize) -> Result<String, String> {
    match policy.annotation("id") {
        None => Ok(format!("{}#{}", file.name, position + 1)),
        Some(id) if id.is_empty() || id.len() > MAX_ID_BYTES || id.chars().any(char::is_control) => {
            Err(format!("an @id has 1 to {MAX_ID_BYTES} bytes and no control character"))
        }
        Some(id) => Ok(id.to_owned()),
    }
}
