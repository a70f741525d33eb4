//! Counters in the text format of Prometheus.

use axess::{FactorKind, metrics::AuthnMetrics};
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The most label values that are counted apart; the labels have few by nature, and this makes sure.
const MAX_SERIES: usize = 1_000;

/// One thing that is counted.
struct Family {
    name: &'static str,
    help: &'static str,
    /// What it is counted by, if anything.
    label: Option<&'static str>,
}

macro_rules! families {
    ($($id:ident = $name:literal $(by $label:literal)?, $help:literal;)*) => {
        $(const $id: Family = Family { name: $name, help: $help, label: families!(@label $($label)?) };)*
        const FAMILIES: &[Family] = &[$($id),*];
    };
    (@label) => { None };
    (@label $label:literal) => { Some($label) };
}

families! {
    LOGINS_STARTED = "axess_logins_started_total" by "method", "Logins that began.";
    LOGINS_COMPLETED = "axess_logins_completed_total" by "method", "Logins that were completed.";
    LOGINS_FAILED = "axess_logins_failed_total" by "method", "Logins given up after too many refusals.";
    FACTORS_VERIFIED = "axess_factors_verified_total" by "factor", "Credentials that were accepted.";
    FACTORS_FAILED = "axess_factors_failed_total" by "factor", "Credentials that were refused.";
    FACTOR_SECONDS = "axess_factor_seconds_total" by "factor", "Time spent on verifying credentials.";
    FACTOR_CHECKS = "axess_factor_checks_total" by "factor", "Verifications that time was spent on.";
    LOCKOUTS = "axess_lockouts_total" by "lever", "Locks that fell.";
    LOCKOUT_REFUSALS = "axess_lockout_refusals_total", "Attempts refused by a lock.";
    STEP_UPS_REQUIRED = "axess_step_ups_required_total", "Step-ups that were asked for.";
    STEP_UPS_COMPLETED = "axess_step_ups_completed_total", "Step-ups that were completed.";
    LOGOUTS = "axess_logouts_total", "Logouts.";
    SESSIONS_INVALIDATED = "axess_sessions_invalidated_total", "Sessions ended from outside.";
    FINGERPRINTS = "axess_fingerprint_mismatches_total", "Requests whose browser did not match their session.";
    RATE_LIMITED = "axess_rate_limit_rejected_total", "Requests refused by a rate limit.";
    RATE_EVALUATED = "axess_rate_limit_evaluated_total", "Requests a rate limit looked at.";
    KDF_OVERLOADS = "axess_kdf_overloads_total", "Password work refused because its queue was full.";
    STORE_FAILURES = "axess_store_failures_total", "Calls to a store that failed.";
    SWEPT = "app_rows_swept_total" by "what", "Rows deleted because they had expired.";
    MAILS = "app_mails_total" by "outcome", "Mails that were sent or given up.";
}

/// Counts what happens.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<BTreeMap<(&'static str, String), f64>>);

impl Counters {
    /// Counts a mail.
    pub(crate) fn mail(&self, outcome: &str) {
        self.add(&MAILS, outcome, 1.0);
    }

    /// Counts rows that a sweep deleted.
    pub(crate) fn swept(&self, what: &str, rows: u64) {
        self.add(&SWEPT, what, rows as f64);
    }

    /// Writes everything in the text format, version 0.0.4.
    pub(crate) fn text(&self) -> String {
        let counted = self.lock();
        let mut text = String::new();
        for Family { name, help, label } in FAMILIES {
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
            let Some(label) = label else {
                let value = counted.get(&(*name, String::new())).copied().unwrap_or_default();
                let _ = writeln!(text, "{name} {value}");
                continue;
            };
            for ((_, of), value) in
                counted.range((*name, String::new())..).take_while(|((of, _), _)| of == name)
            {
                let _ = writeln!(text, "{name}{{{label}=\"{}\"}} {value}", escaped(of));
            }
        }
        text
    }

    fn add(&self, family: &Family, label: &str, by: f64) {
        let mut counted = self.lock();
        let key = (family.name, label.to_owned());
        if counted.len() < MAX_SERIES || counted.contains_key(&key) {
            *counted.entry(key).or_default() += by;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(&'static str, String), f64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AuthnMetrics for Counters {
    fn login_started(&self, method: &str) {
        self.add(&LOGINS_STARTED, method, 1.0);
    }

    fn login_completed(&self, method: &str) {
        self.add(&LOGINS_COMPLETED, method, 1.0);
    }

    fn login_failed(&self, method: &str) {
        self.add(&LOGINS_FAILED, method, 1.0);
    }

    fn factor_verified(&self, kind: &FactorKind) {
        self.add(&FACTORS_VERIFIED, &kind.to_string(), 1.0);
    }

    fn factor_failed(&self, kind: &FactorKind) {
        self.add(&FACTORS_FAILED, &kind.to_string(), 1.0);
    }

    fn factor_duration(&self, kind: &FactorKind, took: Duration) {
        self.add(&FACTOR_SECONDS, &kind.to_string(), took.as_secs_f64());
        self.add(&FACTOR_CHECKS, &kind.to_string(), 1.0);
    }

    fn lockout_triggered(&self, lever: &str) {
        self.add(&LOCKOUTS, lever, 1.0);
    }

    fn lockout_refused(&self) {
        self.add(&LOCKOUT_REFUSALS, "", 1.0);
    }

    fn step_up_required(&self) {
        self.add(&STEP_UPS_REQUIRED, "", 1.0);
    }

    fn step_up_completed(&self) {
        self.add(&STEP_UPS_COMPLETED, "", 1.0);
    }

    fn logout(&self) {
        self.add(&LOGOUTS, "", 1.0);
    }

    fn session_invalidated(&self) {
        self.add(&SESSIONS_INVALIDATED, "", 1.0);
    }

    fn fingerprint_mismatch(&self) {
        self.add(&FINGERPRINTS, "", 1.0);
    }

    fn rate_limit_rejected(&self) {
        self.add(&RATE_LIMITED, "", 1.0);
    }

    fn rate_limit_evaluated(&self) {
        self.add(&RATE_EVALUATED, "", 1.0);
    }

    fn kdf_overloaded(&self) {
        self.add(&KDF_OVERLOADS, "", 1.0);
    }

    fn store_failed(&self) {
        self.add(&STORE_FAILURES, "", 1.0);
    }
}

/// Escapes a label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_written() {
        let counters = Counters::default();
        counters.login_completed("password");
        counters.login_completed("password");
        counters.login_completed("a \"b\"\n\\c");
        counters.logout();
        counters.factor_duration(&FactorKind::Totp, Duration::from_millis(1_500));
        let text = counters.text();
        for line in [
            "# TYPE axess_logins_completed_total counter",
            "axess_logins_completed_total{method=\"password\"} 2",
            r#"axess_logins_completed_total{method="a \"b\"\n\\c"} 1"#,
            "axess_logouts_total 1",
            "axess_store_failures_total 0",
            "axess_factor_seconds_total{factor=\"totp\"} 1.5",
            "axess_factor_checks_total{factor=\"totp\"} 1",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
        }
        assert_eq!(text.matches("# TYPE").count(), FAMILIES.len());
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn label_values_are_bounded() {
        let counters = Counters::default();
        for n in 0..2 * MAX_SERIES {
            counters.login_started(&n.to_string());
        }
        counters.login_started("0");
        let text = counters.text();
        assert_eq!(text.matches("axess_logins_started_total{").count(), MAX_SERIES);
        assert!(text.contains("axess_logins_started_total{method=\"0\"} 2\n"));
    }
}
