use axess_identity::{AttemptId, FactorKind, UserId};

/// Whose credential is being checked, and under which reserved attempt.
///
/// The attempt is counted before the check starts, so a proof always belongs to an attempt that was paid for.
///
/// ```
/// use axess_factors::Subject;
/// use axess_identity::{AttemptId, UserId};
/// let subject = Subject {
///     user_id: UserId::from_parts(0, [1; 10]),
///     attempt: AttemptId::from_parts(0, [2; 10]),
/// };
/// assert_eq!(subject, subject.clone());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The account the credential has to belong to.
    pub user_id: UserId,
    /// The attempt this check spends.
    pub attempt: AttemptId,
}

/// Proof that one credential of one user was verified under one attempt.
///
/// Only the verifiers of this crate make one, and it cannot be copied: what takes it by value has spent it.
///
/// ```
/// use axess_factors::Verified;
/// fn advance(proof: Verified) -> String {
///     format!("{} proved {}", proof.user_id(), proof.factor())
/// }
/// # let _ = advance;
/// ```
///
/// It cannot be made elsewhere:
///
/// ```compile_fail,E0451
/// use axess_factors::{Subject, Verified};
/// use axess_identity::FactorKind;
/// fn forge(subject: Subject) -> Verified {
///     Verified { subject, factor: FactorKind::Password }
/// }
/// ```
///
/// nor duplicated:
///
/// ```compile_fail,E0277
/// use axess_factors::Verified;
/// fn duplicate(proof: &Verified) -> Verified {
///     Verified::clone(proof)
/// }
/// ```
#[derive(Debug)]
#[must_use = "a proof that is dropped proves nothing"]
pub struct Verified {
    subject: Subject,
    factor: FactorKind,
}

impl Verified {
    pub(crate) fn new(subject: Subject, factor: FactorKind) -> Self {
        Self { subject, factor }
    }

    /// Makes a proof out of nothing, for the tests of other crates.
    ///
    /// **Never for production.**
    #[cfg(feature = "testing")]
    pub fn for_tests(subject: Subject, factor: FactorKind) -> Self {
        Self::new(subject, factor)
    }

    /// Returns the user the credential belongs to.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.subject.user_id
    }

    /// Returns the kind of credential that was verified.
    #[must_use]
    pub fn factor(&self) -> &FactorKind {
        &self.factor
    }

    /// Returns the attempt the verification spent.
    #[must_use]
    pub fn attempt(&self) -> AttemptId {
        self.subject.attempt
    }
}

/// A verified single-use credential whose consumption is not stored yet.
///
/// `R` is the record as it must look from now on. Write it *on condition that the stored record is still the one that
/// was verified*, and use the proof only if that write won: of two racing requests with the same code, one wins.
///
/// ```
/// use axess_factors::{Subject, TotpConfig, TotpOutcome};
/// use axess_identity::{AttemptId, UserId};
/// use axess_rng::MockRng;
/// # let subject = Subject { user_id: UserId::from_parts(0, [1; 10]), attempt: AttemptId::from_parts(0, [2; 10]) };
/// let now = chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap();
/// let stored = TotpConfig::generate(&MockRng::new(1));
/// let code = stored.code_at(now).unwrap();
/// let TotpOutcome::Accepted(unspent) = stored.verify(subject, code.expose(), now) else { panic!() };
/// assert!(unspent.record().last_step > stored.last_step);
/// // `UPDATE ... SET config = record WHERE config is still the one loaded`; only if one row changed:
/// let (_record, proof) = unspent.into_parts();
/// assert_eq!(proof.user_id(), subject.user_id);
/// ```
#[derive(Debug)]
#[must_use = "store the record, then use the proof"]
pub struct Unspent<R> {
    record: R,
    proof: Verified,
}

impl<R> Unspent<R> {
    pub(crate) fn new(record: R, proof: Verified) -> Self {
        Self { record, proof }
    }

    /// Returns what must be written, conditionally, before the proof counts.
    #[must_use]
    pub fn record(&self) -> &R {
        &self.record
    }

    /// Puts the record into another type, such as one that holds the records of every factor.
    pub fn map<S>(self, wrap: impl FnOnce(R) -> S) -> Unspent<S> {
        Unspent::new(wrap(self.record), self.proof)
    }

    /// Splits into the record and the proof.
    ///
    /// Use the proof only once the conditional write of the record has won.
    pub fn into_parts(self) -> (R, Verified) {
        (self.record, self.proof)
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;

    #[test]
    fn a_proof_for_tests_says_what_it_was_told() {
        let subject =
            Subject { user_id: UserId::from_parts(0, [1; 10]), attempt: AttemptId::from_parts(0, [2; 10]) };
        let proof = Verified::for_tests(subject, FactorKind::Fido2);
        assert_eq!((proof.user_id(), proof.attempt()), (subject.user_id, subject.attempt));
        assert_eq!(proof.factor(), &FactorKind::Fido2);
    }
}
