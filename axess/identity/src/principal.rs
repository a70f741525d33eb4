use crate::{Issuer, SessionId, TenantId, TrustDomain, UserId, WorkloadId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who is making a request: a human or a workload, never both and never a stand-in for nobody.
///
/// A request without a caller is `Option::<Principal>::None`.
///
/// ```
/// use axess_identity::{HumanPrincipal, Principal, TenantId, UserId};
/// let alice = Principal::Human(HumanPrincipal {
///     user_id: UserId::from_parts(0, [1; 10]),
///     tenant_id: TenantId::from_parts(0, [2; 10]),
///     session_id: None,
///     attributes: Default::default(),
/// });
/// assert_eq!(alice.tenant_id(), TenantId::from_parts(0, [2; 10]));
/// assert!(alice.uid().starts_with("User::"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Principal {
    /// A person.
    Human(HumanPrincipal),
    /// A program.
    Workload(WorkloadPrincipal),
}

/// A person, inside a session or acted for.
///
/// ```
/// # use axess_identity::*;
/// let human = HumanPrincipal {
///     user_id: UserId::from_parts(0, [1; 10]),
///     tenant_id: TenantId::from_parts(0, [2; 10]),
///     session_id: Some(SessionId::from_bytes([3; 16])),
///     attributes: Default::default(),
/// };
/// assert!(human.session_id.is_some());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HumanPrincipal {
    /// The account.
    pub user_id: UserId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The session the request belongs to, when there is one.
    pub session_id: Option<SessionId>,
    /// Further facts for policies.
    pub attributes: BTreeMap<String, serde_json::Value>,
}

/// A program with a SPIFFE-shaped identity, whatever credential proved it.
///
/// ```
/// # use axess_identity::*;
/// let id: WorkloadId = "spiffe://prod.example.com/svc/billing".parse().unwrap();
/// let workload = WorkloadPrincipal {
///     trust_domain: id.trust_domain().clone(),
///     workload_id: id,
///     issuer: Issuer::from("https://issuer.example"),
///     tenant_id: TenantId::from_parts(0, [2; 10]),
///     tenant_slug: "acme".into(),
///     service_name: "billing".into(),
///     attributes: Default::default(),
/// };
/// assert_eq!(workload.service_name, "billing");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkloadPrincipal {
    /// The SPIFFE id.
    pub workload_id: WorkloadId,
    /// The trust domain of that id.
    pub trust_domain: TrustDomain,
    /// Who vouched for it.
    pub issuer: Issuer,
    /// The tenant it acts in.
    pub tenant_id: TenantId,
    /// That tenant's short name.
    pub tenant_slug: String,
    /// The service's name for people.
    pub service_name: String,
    /// Further facts for policies.
    pub attributes: BTreeMap<String, serde_json::Value>,
}

impl Principal {
    /// Returns the tenant the principal acts in.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        match self {
            Self::Human(human) => human.tenant_id,
            Self::Workload(workload) => workload.tenant_id,
        }
    }

    /// Returns the stable name used in policies and the audit trail: `User::"<id>"` or `Workload::"<spiffe id>"`.
    #[must_use]
    pub fn uid(&self) -> String {
        match self {
            Self::Human(human) => format!("User::\"{}\"", human.user_id),
            Self::Workload(workload) => format!("Workload::\"{}\"", workload.workload_id),
        }
    }
}
