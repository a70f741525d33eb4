use crate::AuditRecord;
use axess_events::AuditPayload as _;

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
    /// Returns how bad an event is, by its name.
    ///
    /// `Alert` for what only an attacker or a fault causes (a stolen refresh token that comes back, events lost),
    /// `Warning` for what was refused or failed, `Info` for what happens all day, and `Notice` for the rest, among it
    /// every event of an application.
    #[must_use]
    pub fn of(record: &AuditRecord) -> Self {
        match record.envelope.payload.event_type().as_ref() {
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
