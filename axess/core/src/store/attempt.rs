use axess_identity::{AttemptId, DeviceId, FactorKind, LockoutPolicy, TenantId, UserId};
use chrono::{DateTime, Utc};
use std::net::IpAddr;

/// Asks to count one credential attempt before the credential is looked at.
///
/// ```
/// # use axess_core::store::AttemptRequest;
/// # use axess_identity::*;
/// let request = AttemptRequest {
///     attempt_id: AttemptId::from_parts(0, [0; 10]),
///     tenant_id: TenantId::from_parts(0, [1; 10]),
///     user_id: UserId::from_parts(0, [2; 10]),
///     factor: FactorKind::Password,
///     client_ip: None,
///     trusted_device: None,
///     at: chrono::DateTime::UNIX_EPOCH,
///     default_policy: LockoutPolicy::default(),
/// };
/// assert_eq!(request.factor, FactorKind::Password);
/// ```
#[derive(Debug, Clone)]
pub struct AttemptRequest {
    /// Names the attempt.
    pub attempt_id: AttemptId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The account; for an account that does not exist, the stable stand-in id derived from what was typed.
    pub user_id: UserId,
    /// What is being checked.
    pub factor: FactorKind,
    /// Where the attempt comes from.
    pub client_ip: Option<IpAddr>,
    /// The device it comes from, if that device proved itself and the account trusts it.
    ///
    /// Such an attempt is counted by account, factor and device alone: neither strangers' guesses at the account nor a
    /// throttled tenant or address lock the owner out, and a stolen device has as few tries as anybody.
    pub trusted_device: Option<DeviceId>,
    /// When it happens.
    pub at: DateTime<Utc>,
    /// The policy when no scope has its own.
    pub default_policy: LockoutPolicy,
}

/// What a reservation says.
///
/// ```
/// use axess_core::store::Reservation;
/// assert!(matches!(Reservation::Granted { active: true, lapsed: vec![] }, Reservation::Granted { .. }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// The attempt is counted and may be verified.
    Granted {
        /// Whether the account exists and may log in right now. An inactive one is verified all the same, and fails.
        active: bool,
        /// The locks on its levers that ran out since the last attempt; each is told of once.
        lapsed: Vec<Lockout>,
    },
    /// The attempt must fail whatever the credential is.
    Locked {
        /// When the lock ends by itself; `None` when somebody has to clear it.
        until: Option<DateTime<Utc>>,
    },
}

/// How an attempt ended.
///
/// ```
/// use axess_core::store::AttemptOutcome;
/// assert_ne!(AttemptOutcome::Success, AttemptOutcome::Failure);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The credential was right.
    Success,
    /// The credential was wrong.
    Failure,
    /// The attempt was refused because of a lock.
    Locked,
    /// The attempt was never decided (a backend fault): it is given back.
    Abandoned,
}

/// One past attempt.
///
/// ```
/// # use axess_core::store::{AttemptOutcome, AttemptRecord};
/// # use axess_identity::*;
/// let record = AttemptRecord {
///     attempt_id: AttemptId::from_parts(0, [0; 10]),
///     factor: FactorKind::Totp,
///     outcome: AttemptOutcome::Failure,
///     client_ip: None,
///     at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert_eq!(record.outcome, AttemptOutcome::Failure);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// Names the attempt.
    pub attempt_id: AttemptId,
    /// What was checked.
    pub factor: FactorKind,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Where it came from.
    pub client_ip: Option<IpAddr>,
    /// When it happened.
    pub at: DateTime<Utc>,
}

/// What settling an attempt found and changed.
///
/// ```
/// use axess_core::store::Settled;
/// assert!(Settled::default().triggered.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Whether the account exists and may log in at the moment of settling. A login is settled after its session was
    /// written, so that of a login and a suspension racing each other one always sees the other.
    pub active: bool,
    /// The locks that this failure brought about.
    pub triggered: Vec<Lockout>,
}

/// A lock that has just fallen, or run out.
///
/// ```
/// use axess_core::store::Lockout;
/// let lock = Lockout::Ip { ip: "192.0.2.1".parse().unwrap(), until: None };
/// assert!(matches!(lock, Lockout::Ip { .. }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lockout {
    /// One account is locked.
    User {
        /// The account.
        user_id: UserId,
        /// When the lock ends; `None` when somebody has to clear it.
        until: Option<DateTime<Utc>>,
    },
    /// A tenant's logins are throttled.
    Tenant {
        /// The tenant.
        tenant_id: TenantId,
        /// When the lock ends.
        until: Option<DateTime<Utc>>,
    },
    /// A source address is throttled.
    Ip {
        /// The address (for IPv6, the /64 it is in).
        ip: IpAddr,
        /// When the lock ends.
        until: Option<DateTime<Utc>>,
    },
}
