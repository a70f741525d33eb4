use axess_identity::{TenantId, UserId};

/// The account a row belongs to.
///
/// It is also how such a row is found: nothing of an account is read or written without its tenant.
///
/// ```
/// use axess_core::store::Owner;
/// use axess_identity::{TenantId, UserId};
/// let owner = Owner { tenant_id: TenantId::from_parts(0, [0; 10]), user_id: UserId::from_parts(0, [0; 10]) };
/// assert_eq!(owner, owner.clone());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The user.
    pub user_id: UserId,
}
