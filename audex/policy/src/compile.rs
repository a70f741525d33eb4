//! From a grant to the document that each provider enforces.

pub mod aws;
pub mod azure;
pub mod gcp;
pub mod local;
pub mod vault;

use std::collections::{BTreeMap, BTreeSet};

use crate::{Grant, Permission, PermissionSet, Provider};

/// Says why a grant cannot be written down for its provider.
///
/// ```
/// use audex_policy::RefusalReason;
///
/// assert_eq!(RefusalReason::Empty.to_string(), "nothing is left to grant");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    /// The grant is of another provider.
    #[error("the grant is for {0}")]
    OtherProvider(Provider),
    /// Nothing is allowed.
    #[error("nothing is left to grant")]
    Empty,
    /// The provider has no way to say this.
    #[error("{0}")]
    NotExpressible(String),
    /// The document is too large.
    #[error("the {what} is {size}, and the limit is {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
    /// A character that the provider does not accept in a document.
    #[error("{0:?} cannot stand in a policy")]
    BadCharacter(char),
}

/// Refuses to compile a grant, and says what would work.
///
/// Nothing is ever widened to make it fit.
///
/// ```
/// use audex_policy::{Provider, Request, Rules, compile, narrow};
///
/// let request = Request::parse(Provider::Gcp, "compute.instances.list=gs://logs", &[])?;
/// let grant = narrow(&request, &[], &Rules::default()).unwrap().grant;
/// let refusal = compile::gcp::boundary(&grant, &[]).unwrap_err();
/// assert!(refusal.to_string().contains("Cloud Storage"));
/// assert!(!refusal.instead.is_empty());
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// What would work, each a sentence without its full stop.
    pub instead: Vec<String>,
}

impl Refusal {
    pub(crate) fn new<T: Into<String>>(reason: RefusalReason, instead: impl IntoIterator<Item = T>) -> Self {
        Self { reason, instead: instead.into_iter().map(Into::into).collect() }
    }

    pub(crate) fn inexpressible<T: Into<String>>(
        why: impl Into<String>,
        instead: impl IntoIterator<Item = T>,
    ) -> Self {
        Self::new(RefusalReason::NotExpressible(why.into()), instead)
    }
}

/// Refuses the grant of another provider, and an empty one.
pub(crate) fn check(grant: &Grant, provider: Provider) -> Result<(), Refusal> {
    if grant.provider() != provider {
        let reason = RefusalReason::OtherProvider(grant.provider());
        return Err(Refusal::new(reason, [format!("compile it for {}", grant.provider())]));
    }
    if grant.is_empty() {
        return Err(Refusal::new(RefusalReason::Empty, ["ask for something that no rule takes away"]));
    }
    Ok(())
}

/// Checks that an identity can do nothing but what is granted, so that its unrestricted credential may be handed out.
///
/// This is the way for what no document can restrict: a narrow service account or managed identity from the mapping.
/// `held` is what the identity's roles allow, as the configuration declares it.
///
/// # Errors
///
/// Returns a refusal that names what the identity could do beyond the grant.
pub fn check_identity(grant: &Grant, held: &PermissionSet) -> Result<(), Refusal> {
    check(grant, grant.provider())?;
    let is_denied = |permission: &Permission| grant.deny().iter().any(|deny| deny.meets(permission));
    match held.iter().find(|permission| !grant.allow().covers(permission) || is_denied(permission)) {
        None => Ok(()),
        Some(beyond) => {
            let why = format!("the mapped identity may also do `{beyond}`, which was not granted");
            let instead = [
                format!("map an identity that holds only {}", grant.allow()),
                format!("ask for {beyond} as well"),
            ];
            Err(Refusal::inexpressible(why, instead))
        }
    }
}

/// Returns the actions that are on the same resources, with those, both sorted.
pub(crate) fn grouped(set: &PermissionSet) -> Vec<(Vec<String>, Vec<String>)> {
    let mut by_action: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for permission in set {
        let action = permission.action.to_string();
        let key = (action.to_ascii_lowercase(), action);
        by_action.entry(key).or_default().insert(permission.resource.to_string());
    }
    let mut by_resources: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    for ((_, action), resources) in by_action {
        by_resources.entry(resources.into_iter().collect()).or_default().push(action);
    }
    by_resources.into_iter().collect()
}
