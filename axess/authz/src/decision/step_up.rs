//! Finds out whether proving more, or again, would turn a denial into a permission (RFC 9470).
//!
//! 1. The request is decided again with a hypothetical context: every offered factor proved just now. If that is still
//!    denied, no step-up helps.
//! 2. The smallest step is looked for: nothing but a fresh proof, then one factor, then as few as it takes.
//! 3. For a fresh proof, the greatest age that would do is searched for, because that is what `max_age` says.

use super::{AuthzDecision, AuthzQuery, EntityGraph};
use crate::PolicyStore;
use axess_identity::FactorKind;
use chrono::{DateTime, TimeDelta, Utc};
use std::{collections::BTreeSet, time::Duration};

/// The most factors that are tried; more than a user ever enrols.
const MAX_OFFERED: usize = 16;
/// The greatest age of a proof that is considered: longer than any session lives.
const MAX_AGE_SECONDS: i64 = 400 * 24 * 60 * 60;

/// What a user may be asked to prove again or in addition.
///
/// ```
/// use axess_authz::StepUpOptions;
/// use axess_identity::FactorKind;
/// let options = StepUpOptions::new([FactorKind::Password, FactorKind::Fido2]);
/// assert_eq!(options.factors().count(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepUpOptions {
    factors: BTreeSet<FactorKind>,
}

/// What would turn a denial into a permission, as the challenge of RFC 9470 §3 says it.
///
/// ```
/// use axess_authz::StepUp;
/// use axess_identity::FactorKind;
/// use std::time::Duration;
/// let cure = StepUp { factors: [FactorKind::Fido2].into(), max_age: Some(Duration::from_secs(300)) };
/// let value = r#"Bearer error="insufficient_user_authentication", acr_values="fido2", max_age="300""#;
/// assert_eq!(cure.challenge(), value);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepUp {
    /// The factors to prove in addition; empty when a fresh proof is enough.
    pub factors: BTreeSet<FactorKind>,
    /// How old the latest proof may be, in whole seconds; `None` when its age does not matter.
    pub max_age: Option<Duration>,
}

impl StepUpOptions {
    /// Offers these factors; more than sixteen are cut.
    pub fn new(factors: impl IntoIterator<Item = FactorKind>) -> Self {
        let mut factors: BTreeSet<FactorKind> = factors.into_iter().collect();
        while factors.len() > MAX_OFFERED {
            factors.pop_last();
        }
        Self { factors }
    }

    /// Returns what is offered.
    pub fn factors(&self) -> impl Iterator<Item = &FactorKind> {
        self.factors.iter()
    }
}

impl Default for StepUpOptions {
    /// Offers every factor that a user can prove on a page: narrow it to what the user has enrolled.
    fn default() -> Self {
        Self::new([FactorKind::Password, FactorKind::Totp, FactorKind::EmailOtp, FactorKind::Fido2])
    }
}

impl StepUp {
    /// Returns the factors by their wire names, separated by spaces, as the `acr_values` of a challenge.
    #[must_use]
    pub fn acr_values(&self) -> Option<String> {
        let names: Vec<_> = self.factors.iter().map(FactorKind::wire_name).collect();
        (!names.is_empty()).then(|| names.join(" "))
    }

    /// Returns the value of the `WWW-Authenticate` field that asks for it (RFC 9470 §3).
    #[must_use]
    pub fn challenge(&self) -> String {
        let mut value = "Bearer error=\"insufficient_user_authentication\"".to_owned();
        // The wire names of factors need no escaping.
        if let Some(factors) = self.acr_values() {
            value += &format!(", acr_values=\"{factors}\"");
        }
        if let Some(age) = self.max_age {
            value += &format!(", max_age=\"{}\"", age.as_secs());
        }
        value
    }
}

impl PolicyStore {
    /// Looks for the smallest step-up that would turn a denied request into an allowed one.
    ///
    /// Returns `None` when the request is allowed as it is, or nothing that is offered helps. Takes at most some fifty
    /// decisions, so it is for a request that was denied, not for a list of them.
    #[must_use]
    pub fn step_up(
        &self,
        query: AuthzQuery<'_>,
        graph: &EntityGraph,
        options: &StepUpOptions,
    ) -> Option<StepUp> {
        let trial = Trial { store: self, query, graph };
        let now = Some(query.context.now);
        let as_it_was = query.context.authn_time;
        let missing: BTreeSet<FactorKind> =
            options.factors.difference(&query.context.factors_completed).cloned().collect();
        let nothing = BTreeSet::new();
        if trial.allows(&nothing, as_it_was) {
            return None;
        }
        if trial.allows(&nothing, now) {
            return Some(trial.with_age(nothing));
        }
        let single =
            missing.iter().map(|kind| BTreeSet::from([kind.clone()])).find(|one| trial.allows(one, now));
        let factors = match single {
            Some(one) => one,
            None if trial.allows(&missing, now) => trial.fewest(missing),
            None => return None,
        };
        Some(trial.with_age(factors))
    }
}

/// One denied request, tried again under other circumstances.
struct Trial<'a> {
    store: &'a PolicyStore,
    query: AuthzQuery<'a>,
    graph: &'a EntityGraph,
}

impl Trial<'_> {
    fn allows(&self, factors: &BTreeSet<FactorKind>, authn_time: Option<DateTime<Utc>>) -> bool {
        let context = self.query.context.stepped_up(factors, authn_time);
        let query = AuthzQuery { context: &context, ..self.query };
        matches!(self.store.decide(query, self.graph), AuthzDecision::Allow { .. })
    }

    /// Leaves out, one after the other, what is not needed.
    fn fewest(&self, all: BTreeSet<FactorKind>) -> BTreeSet<FactorKind> {
        let mut kept = all.clone();
        for kind in &all {
            let mut fewer = kept.clone();
            fewer.remove(kind);
            if self.allows(&fewer, Some(self.query.context.now)) {
                kept = fewer;
            }
        }
        kept
    }

    /// Adds the greatest age that would do. Policies are taken to accept everything fresher than what they accept;
    /// where one does not, the age found is still one that is accepted.
    fn with_age(&self, factors: BTreeSet<FactorKind>) -> StepUp {
        let now = self.query.context.now;
        let accepts = |seconds: i64| {
            now.checked_sub_signed(TimeDelta::seconds(seconds))
                .is_some_and(|time| self.allows(&factors, Some(time)))
        };
        if accepts(MAX_AGE_SECONDS) {
            return StepUp { factors, max_age: None };
        }
        let (mut good, mut bad) = (0, MAX_AGE_SECONDS);
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            if accepts(middle) {
                good = middle;
            } else {
                bad = middle;
            }
        }
        StepUp { factors, max_age: Some(Duration::from_secs(good.unsigned_abs())) }
    }
}
