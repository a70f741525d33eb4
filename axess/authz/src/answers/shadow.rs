use crate::{ActionUid, AuthzDecision, AuthzQuery, DenyReason, EntitySet, PolicyStore, ResourceUid};
use axess_rng::{SecureRng, random_below};
use std::{fmt, num::NonZeroU64, sync::Arc};

/// A second set of policies that sees a sample of the questions and has no say in the answers.
///
/// It is how new policies are tried on real requests: where it would have decided differently, the difference is
/// reported. It runs on the thread of the request, after the decision; sample accordingly.
///
/// ```
/// use axess_authz::{AuthzStore, PolicyStore, Shadow, ShadowDifference};
/// use axess_rng::SystemRng;
/// use std::{num::NonZeroU64, sync::Arc};
/// let candidate = PolicyStore::base().unwrap();
/// let report = |difference: ShadowDifference| eprintln!("{difference}");
/// let shadow = Shadow::new(candidate, NonZeroU64::new(100).unwrap(), Arc::new(SystemRng), Arc::new(report));
/// let store = AuthzStore::new(PolicyStore::base().unwrap());
/// store.set_shadow(Some(Arc::new(shadow)));
/// ```
pub struct Shadow {
    policies: PolicyStore,
    one_in: NonZeroU64,
    rng: Arc<dyn SecureRng>,
    report: Arc<dyn ShadowReport>,
}

/// A question that the shadow would have answered differently.
///
/// ```
/// use axess_authz::*;
/// let difference = ShadowDifference {
///     principal: ResourceUid::new("User", "alice").unwrap(),
///     action: "read".into(),
///     resource: ResourceUid::new("Document", "doc-1").unwrap(),
///     active: AuthzDecision::Allow { policies: vec![] },
///     shadow: AuthzDecision::Deny { reason: DenyReason::NoPermit, policies: vec![] },
/// };
/// assert!(difference.to_string().ends_with("allow, the shadow says deny: no policy permits it"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowDifference {
    /// Who asked.
    pub principal: ResourceUid,
    /// For what.
    pub action: ActionUid,
    /// On what.
    pub resource: ResourceUid,
    /// The answer that counted.
    pub active: AuthzDecision,
    /// The answer that did not.
    pub shadow: AuthzDecision,
}

/// Takes the differences that a shadow finds.
///
/// A closure is one.
///
/// ```
/// use axess_authz::{ShadowDifference, ShadowReport};
/// fn takes(_: impl ShadowReport) {}
/// takes(|difference: ShadowDifference| drop(difference));
/// ```
pub trait ShadowReport: Send + Sync + 'static {
    /// Takes one difference.
    ///
    /// It must be quick and cannot fail: nothing depends on it.
    fn differs(&self, difference: ShadowDifference);
}

impl<F: Fn(ShadowDifference) + Send + Sync + 'static> ShadowReport for F {
    fn differs(&self, difference: ShadowDifference) {
        self(difference);
    }
}

impl Shadow {
    /// Shows `policies` one in so many questions, drawn at random.
    #[must_use]
    pub fn new(
        policies: PolicyStore,
        one_in: NonZeroU64,
        rng: Arc<dyn SecureRng>,
        report: Arc<dyn ShadowReport>,
    ) -> Self {
        Self { policies, one_in, rng, report }
    }

    /// Draws, decides and reports a difference. Facts that do not fit the shadow's schema are a denial.
    pub(crate) fn compare(&self, query: AuthzQuery<'_>, set: &EntitySet, active: &AuthzDecision) {
        if random_below(&*self.rng, self.one_in.get()) != 0 {
            return;
        }
        let shadow = match self.policies.graph(set) {
            Ok(graph) => self.policies.decide(query, &graph),
            Err(error) => AuthzDecision::Deny {
                reason: DenyReason::InvalidRequest { message: error.to_string() },
                policies: Vec::new(),
            },
        };
        if shadow.verdict() != active.verdict() {
            self.report.differs(ShadowDifference {
                principal: query.principal.clone(),
                action: query.action.clone(),
                resource: query.resource.clone(),
                active: active.clone(),
                shadow,
            });
        }
    }
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow")
            .field("policies", &self.policies)
            .field("one_in", &self.one_in)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ShadowDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {}: {}, the shadow says {}",
            self.principal,
            self.action,
            self.resource,
            self.active.verdict(),
            self.shadow
        )
    }
}
