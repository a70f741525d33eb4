use axess_factors::{Subject, Verified};
use axess_identity::{AttemptId, FactorKind, UserId};

/// Makes a proof out of nothing, for tests of code that takes one.
///
/// ```
/// use axess_identity::{FactorKind, UserId};
/// let user_id = UserId::from_parts(0, [1; 10]);
/// assert_eq!(axess_testing::proof(user_id, FactorKind::Totp).factor(), &FactorKind::Totp);
/// ```
pub fn proof(user_id: UserId, factor: FactorKind) -> Verified {
    Verified::for_tests(Subject { user_id, attempt: AttemptId::from_parts(0, [0; 10]) }, factor)
}
