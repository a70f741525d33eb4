use crate::AuditRecord;
use axess_events::federation::FederationRefusalReason;
use serde::Deserialize as _;

/// Which part of a system a message is of (RFC 5424, section 6.2.1, table 1).
///
/// ```
/// use axess_audit::sink::SyslogFacility;
/// assert_eq!(SyslogFacility::LogAudit as u8, 13);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SyslogFacility {
    /// Programs of users.
    User = 1,
    /// Services.
    Daemon = 3,
    /// Security and authorisation.
    Auth = 4,
    /// Security and authorisation, for fewer eyes.
    AuthPriv = 10,
    /// Audits.
    LogAudit = 13,
    /// Alerts.
    LogAlert = 14,
    /// The operator's.
    Local0 = 16,
    /// The operator's.
    Local1 = 17,
    /// The operator's.
    Local2 = 18,
    /// The operator's.
    Local3 = 19,
    /// The operator's.
    Local4 = 20,
    /// The operator's.
    Local5 = 21,
    /// The operator's.
    Local6 = 22,
    /// The operator's.
    Local7 = 23,
}

/// How bad an event is (RFC 5424, section 6.2.1, table 2).
///
/// ```
/// use axess_audit::sink::SyslogSeverity;
/// assert!(SyslogSeverity::Alert < SyslogSeverity::Notice);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum SyslogSeverity {
    /// Somebody has to act at once.
    Alert = 1,
    /// Something is broken that must not be.
    Critical = 2,
    /// Something failed.
    Error = 3,
    /// Something may become wrong.
    Warning = 4,
    /// Normal, and worth a look.
    Notice = 5,
    /// Normal.
    Info = 6,
}

impl SyslogSeverity {
    /// Returns how bad an event is, by its name; a refused login at an identity provider by its reason too.
    ///
    /// `Alert` for what only an attacker or a fault causes (a stolen refresh token that comes back, events lost),
    /// `Warning` for what was refused or failed (of logins at providers: what an attack or a fault brings about), `Info` for what happens all day, and `Notice` for the rest, among it
    /// every event of an application.
    #[must_use]
    pub fn of(record: &AuditRecord) -> Self {
        let payload = &record.envelope.payload;
        match payload.event_type.as_str() {
            "RefreshTokenReuseDetected" | "AuditEventsDropped" | "AuditLogRepaired" => Self::Alert,
            "AuditEventDeadLettered" | "AuthzProviderFailed" => Self::Error,
            "AccessTokenRefused"
            | "AuthzDeny"
            | "AuthzEntityNotFound"
            | "CsrfRejected"
            | "DeviceFingerprintMismatch"
            | "FactorFailed"
            | "LockoutTriggered"
            | "LoginFailed"
            | "RateLimitRejected"
            | "SessionFingerprintMismatch"
            | "WorkloadRejected" => Self::Warning,
            "FederationRefused" => {
                match payload.fields.get("reason").map(FederationRefusalReason::deserialize) {
                    Some(Ok(reason)) if reason.is_ordinary() => Self::Notice,
                    _ => Self::Warning,
                }
            }
            "AuthzAllow"
            | "DelegatedCredentialUsed"
            | "DelegatedTokenExchanged"
            | "EmailCodeSent"
            | "FactorVerified"
            | "LoginStarted"
            | "RefreshTokenIssued"
            | "RefreshTokenRotated"
            | "SessionRotated"
            | "SignupStarted"
            | "StepUpRequired"
            | "WorkloadAuthenticated" => Self::Info,
            _ => Self::Notice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn severity(event_type: &str, reason: &str) -> SyslogSeverity {
        let event = json!({
            "event_id": "00000000-0000-7000-8000-000000000001", "occurred_at": "2026-01-01T00:00:00Z",
            "event_type": event_type, "provider": "okta", "reason": reason,
        });
        SyslogSeverity::of(&AuditRecord::from_event(serde_json::to_vec(&event).unwrap().into()).unwrap())
    }

    #[test]
    fn a_refused_login_at_a_provider_is_as_bad_as_its_reason() {
        for reason in ["denied", "expired", "not-linked", "name-taken", "acr-not-met"] {
            assert_eq!(severity("FederationRefused", reason), SyslogSeverity::Notice, "{reason}");
        }
        for reason in [
            "state-mismatch",
            "signature-invalid",
            "mix-up",
            "grant-refused",
            "too-old",
            "replayed",
            "nonce-mismatch",
            "unavailable",
            "new one",
        ] {
            assert_eq!(severity("FederationRefused", reason), SyslogSeverity::Warning, "{reason}");
        }
        assert_eq!(severity("LoginFailed", "denied"), SyslogSeverity::Warning);
        assert_eq!(severity("PasswordChanged", "mix-up"), SyslogSeverity::Notice);
    }
}
