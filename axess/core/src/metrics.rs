//! Counters and timers an application wires to its metrics system.

use axess_identity::FactorKind;
use std::time::Duration;

macro_rules! hooks {
    ($($(#[$meta:meta])* fn $hook:ident($($arg:ident : $ty:ty),*);)*) => {
        /// Is told what happened, to count it.
        ///
        /// Every hook does nothing unless implemented.
        ///
        /// Hooks are called on the request's task: count and return. Labels have few values on purpose; ids belong into
        /// the audit trail.
        ///
        /// ```
        /// use axess_core::metrics::AuthnMetrics;
        /// use std::sync::atomic::{AtomicU64, Ordering};
        /// #[derive(Default)]
        /// struct Logins(AtomicU64);
        /// impl AuthnMetrics for Logins {
        ///     fn login_completed(&self, _method: &str) {
        ///         self.0.fetch_add(1, Ordering::Relaxed);
        ///     }
        /// }
        /// ```
        pub trait AuthnMetrics: Send + Sync + 'static {
            $(
                $(#[$meta])*
                fn $hook(&self, $($arg: $ty),*) {
                    let _ = ($($arg,)*);
                }
            )*
        }
    };
}

hooks! {
    /// Counts a login that began.
    fn login_started(method: &str);
    /// Counts a login that was completed.
    fn login_completed(method: &str);
    /// Counts a login that was dropped after too many refusals.
    fn login_failed(method: &str);
    /// Counts an accepted credential.
    fn factor_verified(kind: &FactorKind);
    /// Counts a refused credential.
    fn factor_failed(kind: &FactorKind);
    /// Times the verification of one credential, storage included.
    fn factor_duration(kind: &FactorKind, took: Duration);
    /// Counts a lock that fell; the lever is `user`, `tenant` or `ip`.
    fn lockout_triggered(lever: &str);
    /// Counts an attempt refused by a lock.
    fn lockout_refused();
    /// Counts a step-up that was asked for.
    fn step_up_required();
    /// Counts a step-up that was completed.
    fn step_up_completed();
    /// Counts a logout.
    fn logout();
    /// Counts a session that was ended from outside.
    fn session_invalidated();
    /// Counts a request whose fingerprint did not match its session.
    fn fingerprint_mismatch();
    /// Counts a request refused by a rate limit.
    fn rate_limit_rejected();
    /// Counts a request a rate limit looked at.
    fn rate_limit_evaluated();
    /// Counts password work refused because its queue was full.
    fn kdf_overloaded();
    /// Counts a login at an identity provider that was begun.
    fn federation_begun(provider: &str);
    /// Counts a login at an identity provider, or a logout it asked for, that was refused.
    fn federation_refused(provider: &str);
    /// Counts a call to a store that failed.
    fn store_failed();
}

/// Counts nothing.
///
/// ```
/// use axess_core::metrics::{AuthnMetrics, NoMetrics};
/// NoMetrics.logout();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMetrics;

impl AuthnMetrics for NoMetrics {}
