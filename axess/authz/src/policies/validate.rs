//! Validates parsed policies against the schema, strictly.

use super::{PolicyFault, PolicyInfo};
use crate::{PolicyBundle, PolicyFile};
use cedar_policy::{
    PolicyId, PolicySet, Schema, ValidationMode, ValidationWarning, Validator, ffi::DetailedError,
};
use std::collections::BTreeMap;

/// Adds what is wrong to `faults` and returns what is merely odd.
pub(super) fn strictly(
    schema: &Schema,
    set: &PolicySet,
    index: &BTreeMap<String, PolicyInfo>,
    bundles: &[PolicyBundle],
    faults: &mut Vec<PolicyFault>,
) -> Vec<PolicyFault> {
    let result = Validator::new(schema.clone()).validate(set, ValidationMode::Strict);
    let fault = |id: &PolicyId, error: DetailedError| place(index.get::<str>(id.as_ref()), bundles, &error);
    faults.extend(result.validation_errors().map(|error| fault(error.policy_id(), error.into())));
    let mut warnings = Vec::new();
    for warning in result.validation_warnings() {
        let found = fault(warning.policy_id(), warning.into());
        if reorders(warning) {
            faults.push(found);
        } else {
            warnings.push(found);
        }
    }
    warnings
}

/// Text whose order on the screen is not its order in the file is never wanted in a policy.
fn reorders(warning: &ValidationWarning) -> bool {
    matches!(warning, ValidationWarning::BidiCharsInString(_) | ValidationWarning::BidiCharsInIdentifier(_))
}

fn place(info: Option<&PolicyInfo>, bundles: &[PolicyBundle], error: &DetailedError) -> PolicyFault {
    let Some(info) = info else {
        return PolicyFault::new("", super::error::message(error));
    };
    let found = file_of(info, bundles).map(|file| PolicyFault::in_file(file, error));
    let mut fault = found.unwrap_or_else(|| PolicyFault::new(&info.file, super::error::message(error)));
    fault.line.get_or_insert(info.line);
    fault.of_policy(&info.id)
}

fn file_of<'a>(info: &PolicyInfo, bundles: &'a [PolicyBundle]) -> Option<&'a PolicyFile> {
    let mut named = bundles.iter().filter(|bundle| bundle.name == info.bundle);
    named.find_map(|bundle| bundle.files.iter().find(|file| file.name == info.file))
}
