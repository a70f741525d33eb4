mod depth;
mod error;
mod lexical;
mod parse;
mod schema;
mod shape;
mod validate;

#[cfg(test)]
mod tests;

pub use error::{PolicyFault, PolicyLoadError};

use crate::{PolicyBundle, bundle::BundleError};
use cedar_policy::{Authorizer, PolicySet, Schema};
use shape::Shapes;
use std::{collections::BTreeMap, fmt, path::Path, thread};

/// The most policies in one store.
const MAX_POLICIES: usize = 10_000;
/// The stack on which policies are parsed and checked, in bytes of address space. The engine recurses, and what passes
/// the first look at the text may still be thousands of levels deep.
const STACK_BYTES: usize = 256 << 20;

/// A checked, immutable set of policies and the schema they were checked against.
///
/// There is no unchecked one: every way to make a store parses every file, validates every policy strictly and reports
/// all faults at once, each with its file, line and policy. Start-up refuses to go on with an error.
///
/// # Layers
///
/// A store is composed of bundles, the shipped base first. A later bundle *adds*: policies, entity types, actions,
/// attributes of known entity types and of record types such as `RequestContext`, and parents. It cannot take away: a
/// policy id, an action or the type of an attribute that an earlier bundle defined cannot be defined again. As a
/// `forbid` overrides every `permit`, a base `forbid` therefore holds whatever is added. What *is* open to a later
/// bundle is what the base leaves open: only a type declared to lie in `Shared` can be exempt from tenant isolation.
///
/// # Policy ids
///
/// A policy is known by its `@id` annotation, or by its file and its position there (`documents.cedar#2`) when it has
/// none. Templates are refused: nothing links them. So is a policy whose conditions are nested so deep that the stack
/// of a thread might not do to evaluate it.
///
/// ```
/// use axess_authz::PolicyStore;
/// let store = PolicyStore::base().unwrap();
/// assert_eq!(store.policies().next().unwrap().id, "axess.tenant-isolation");
/// ```
pub struct PolicyStore {
    pub(crate) set: PolicySet,
    pub(crate) schema: Schema,
    pub(crate) shapes: Shapes,
    pub(crate) authorizer: Authorizer,
    index: BTreeMap<String, PolicyInfo>,
    warnings: Vec<PolicyFault>,
    bundles: Vec<PolicyBundle>,
}

/// What is known about one policy beside its meaning.
///
/// ```
/// use axess_authz::{PolicyEffect, PolicyStore};
/// let store = PolicyStore::base().unwrap();
/// let isolation = store.policy("axess.tenant-isolation").unwrap();
/// assert_eq!((isolation.effect, isolation.file.as_str(), isolation.line), (PolicyEffect::Forbid, "base.cedar", 2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyInfo {
    /// The `@id`, or file and position.
    pub id: String,
    /// What it does when it applies.
    pub effect: PolicyEffect,
    /// The bundle it comes from.
    pub bundle: String,
    /// The file it stands in.
    pub file: String,
    /// The line it begins on, from 1.
    pub line: usize,
    /// Its source.
    pub text: String,
}

/// Whether a policy permits or forbids.
///
/// ```
/// use axess_authz::PolicyEffect;
/// assert_eq!(PolicyEffect::Forbid.to_string(), "forbid");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyEffect {
    /// Grants.
    Permit,
    /// Refuses, whatever else grants.
    Forbid,
}

impl PolicyStore {
    /// Checks the shipped bundle alone: no action, so nothing is ever allowed.
    ///
    /// # Errors
    ///
    /// As [`compose`](Self::compose).
    pub fn base() -> Result<Self, PolicyLoadError> {
        Self::compose(vec![PolicyBundle::base()])
    }

    /// Reads a folder and composes it over the shipped base.
    ///
    /// # Errors
    ///
    /// As [`PolicyBundle::load_dir`] and [`compose`](Self::compose).
    pub fn load_dir(path: impl AsRef<Path>) -> Result<Self, PolicyLoadError> {
        Self::compose(vec![PolicyBundle::base(), PolicyBundle::load_dir(path)?])
    }

    /// Checks bundles, lowest layer first, and composes them.
    ///
    /// Works on a thread of its own and waits for it.
    ///
    /// # Errors
    ///
    /// [`PolicyLoadError::Faults`] with everything that is wrong with files, schema and policies.
    pub fn compose(bundles: Vec<PolicyBundle>) -> Result<Self, PolicyLoadError> {
        let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(|| Self::check(bundles));
        let fault = |message: String| Err(PolicyLoadError::Faults(vec![PolicyFault::new("", message)]));
        match thread.map(thread::JoinHandle::join) {
            Ok(Ok(checked)) => checked,
            Ok(Err(_)) => fault("the check of the policies panicked".to_owned()),
            Err(error) => fault(format!("the policies cannot be checked: {error}")),
        }
    }

    fn check(bundles: Vec<PolicyBundle>) -> Result<Self, PolicyLoadError> {
        let parsed = parse::bundles(&bundles);
        let (schema, shapes) = match schema::merge(&bundles) {
            Ok(merged) => merged,
            Err(mut faults) => {
                faults.extend(parsed.faults);
                return Err(PolicyLoadError::Faults(faults));
            }
        };
        let mut faults = parsed.faults;
        if parsed.index.len() > MAX_POLICIES {
            faults.push(PolicyFault::new("", format!("more than {MAX_POLICIES} policies")));
        }
        faults.extend(depth::faults(&parsed.set, &parsed.index));
        let warnings = validate::strictly(&schema, &parsed.set, &parsed.index, &bundles, &mut faults);
        if !faults.is_empty() {
            return Err(PolicyLoadError::Faults(faults));
        }
        Ok(Self {
            set: parsed.set,
            schema,
            shapes,
            authorizer: Authorizer::new(),
            index: parsed.index,
            warnings,
            bundles,
        })
    }

    /// Returns every policy, ordered by id.
    pub fn policies(&self) -> impl Iterator<Item = &PolicyInfo> {
        self.index.values()
    }

    /// Returns one policy by its id.
    #[must_use]
    pub fn policy(&self, id: &str) -> Option<&PolicyInfo> {
        self.index.get(id)
    }

    /// Returns what the check found odd but not wrong, such as a policy that can never apply.
    #[must_use]
    pub fn warnings(&self) -> &[PolicyFault] {
        &self.warnings
    }

    /// Returns the bundles the store was composed of.
    #[must_use]
    pub fn bundles(&self) -> &[PolicyBundle] {
        &self.bundles
    }
}

impl fmt::Debug for PolicyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyStore").field("policies", &self.index.len()).finish_non_exhaustive()
    }
}

impl fmt::Display for PolicyEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permit => "permit",
            Self::Forbid => "forbid",
        })
    }
}

impl From<BundleError> for PolicyLoadError {
    fn from(error: BundleError) -> Self {
        Self::Bundle(error)
    }
}
