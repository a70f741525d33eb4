use axess_identity::{TenantId, UserId};
use serde::{Deserialize, Serialize};

/// Where a method, factor policy or lockout policy is configured.
///
/// Narrower beats broader.
///
/// ```
/// use axess_core::authn::AuthnScope;
/// use axess_identity::{TenantId, UserId};
/// let (tenant_id, user_id) = (TenantId::from_parts(0, [1; 10]), UserId::from_parts(0, [2; 10]));
/// assert_eq!(
///     AuthnScope::User { tenant_id, user_id }.lookup_chain(),
///     [AuthnScope::User { tenant_id, user_id }, AuthnScope::Tenant(tenant_id), AuthnScope::Global],
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthnScope {
    /// The default for everybody.
    Global,
    /// Overrides the default for one tenant.
    Tenant(TenantId),
    /// Overrides both for one user.
    User {
        /// The user's tenant.
        tenant_id: TenantId,
        /// The user.
        user_id: UserId,
    },
}

/// A scope as the two nullable columns a table keeps it in.
///
/// ```
/// use axess_core::authn::{AuthnScope, ScopeColumns};
/// assert_eq!(ScopeColumns::from(AuthnScope::Global), ScopeColumns { tenant_id: None, user_id: None });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeColumns {
    /// NULL for the global scope.
    pub tenant_id: Option<TenantId>,
    /// NULL for the global and tenant scopes.
    pub user_id: Option<UserId>,
}

impl AuthnScope {
    /// Returns the scopes to ask, narrowest first.
    #[must_use]
    pub fn lookup_chain(self) -> Vec<Self> {
        match self {
            Self::Global => vec![Self::Global],
            Self::Tenant(_) => vec![self, Self::Global],
            Self::User { tenant_id, .. } => vec![self, Self::Tenant(tenant_id), Self::Global],
        }
    }
}

impl From<AuthnScope> for ScopeColumns {
    fn from(scope: AuthnScope) -> Self {
        match scope {
            AuthnScope::Global => Self { tenant_id: None, user_id: None },
            AuthnScope::Tenant(tenant_id) => Self { tenant_id: Some(tenant_id), user_id: None },
            AuthnScope::User { tenant_id, user_id } => {
                Self { tenant_id: Some(tenant_id), user_id: Some(user_id) }
            }
        }
    }
}
