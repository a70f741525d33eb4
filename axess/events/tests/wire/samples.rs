//! One event of each kind, in the order of the catalogue, and envelopes around them.
//!
//! The fixtures hold these values: append to the lists, change nothing in them.

use axess_events::{
    Actor, AuthEvent, AuthEventEnvelope, account::*, administrative::*, authentication::*, authorisation::*,
    delegated::*, device::*, lockout::*, refresh::*, shell::*, tenant::*, trail::*, workload::*,
};
use axess_identity::{
    DeviceId, EventId, FactorKind, FederatedProvider, RefreshTokenId, SessionId, TenantId, TokenFamilyId,
    UserId, WorkloadId,
};
use chrono::{DateTime, TimeDelta, Utc};

mod federation;
mod product;
mod trail;

const MILLIS: u64 = 1_767_225_600_000;

fn user_id() -> UserId {
    UserId::from_parts(MILLIS, [1; 10])
}

fn device_id() -> DeviceId {
    DeviceId::from_parts(MILLIS, [2; 10])
}

fn session_id() -> SessionId {
    SessionId::from_bytes([3; 16])
}

pub(crate) fn moment() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_767_225_600_123_456).unwrap()
}

fn workload_id() -> WorkloadId {
    "spiffe://prod.example.com/svc/billing".parse().unwrap()
}

/// One event of every kind, with every optional field present.
pub(crate) fn full() -> Vec<AuthEvent> {
    let mut all = authentication();
    all.extend(lockout());
    all.extend(device());
    all.extend(authorisation());
    all.extend(workload());
    all.extend(tenant());
    all.extend(delegated());
    all.extend(administrative());
    all.extend(product::all());
    all.extend(trail::all());
    all.extend(federation::all());
    all.push(
        AccessTokenRefused {
            route: "/orders".into(),
            failure_reason: AccessTokenFailureReason::NotTheHolder,
        }
        .into(),
    );
    all
}

/// Every event of [`full`], each followed by itself without its optional fields if it has any.
pub(crate) fn all() -> Vec<AuthEvent> {
    let pair = |event: AuthEvent| [Some(event.clone()), sparse(event)];
    full().into_iter().flat_map(pair).flatten().collect()
}

fn sparse(mut event: AuthEvent) -> Option<AuthEvent> {
    let had_some = match &mut event {
        AuthEvent::LoginStarted(e) => e.user_id.take().is_some() && e.device_id.take().is_some(),
        AuthEvent::FactorFailed(e) => e.user_id.take().is_some(),
        AuthEvent::LoginCompleted(e) => e.device_id.take().is_some(),
        AuthEvent::LoginFailed(e) => e.user_id.take().is_some() && e.method_name.take().is_some(),
        AuthEvent::LockoutTriggered(e) => e.until.take().is_some(),
        AuthEvent::AuthzEntityNotFound(e) => e.policy_id_referencing.take().is_some(),
        AuthEvent::WorkloadRejected(e) => {
            e.attempted_workload_id.take().is_some() && e.attempted_trust_domain.take().is_some()
        }
        AuthEvent::DelegatedConsentGranted(e) => e.expires_at.take().is_some(),
        AuthEvent::SessionInvalidated(e) => e.session_id.take().is_some(),
        AuthEvent::StepUpRequired(e) => e.max_age_seconds.take().is_some(),
        AuthEvent::PasswordResetRequested(e) => e.user_id.take().is_some(),
        AuthEvent::FactorEnrolled(e) => e.credential_ref.take().is_some(),
        AuthEvent::FactorRemoved(e) => e.credential_ref.take().is_some(),
        AuthEvent::SignupStarted(e) => e.user_id.take().is_some(),
        AuthEvent::EmailCodeSent(e) => e.user_id.take().is_some(),
        AuthEvent::SessionRotated(e) => e.user_id.take().is_some(),
        AuthEvent::SessionFingerprintMismatch(e) => e.user_id.take().is_some(),
        AuthEvent::RefreshTokenIssued(e) => e.device_id.take().is_some(),
        AuthEvent::RefreshTokenRotated(e) => e.previous_refresh_token_id.take().is_some(),
        AuthEvent::RefreshTokenRevoked(e) => e.user_id.take().is_some() && e.family_id.take().is_some(),
        AuthEvent::AuditEventsDeleted(e) => e.last_sequence.take().is_some() && e.chain_head.take().is_some(),
        AuthEvent::DeviceRenamed(e) => e.display_name.take().is_some(),
        AuthEvent::FederationRefused(e) => e.user_id.take().is_some() && e.detail.take().is_some(),
        _ => false,
    };
    had_some.then_some(event)
}

/// Every event of [`all`] in an envelope: with everything or with nothing optional, in turn, and of varied actors.
pub(crate) fn envelopes() -> Vec<AuthEventEnvelope> {
    let actors = [
        Actor::System,
        Actor::User(user_id()),
        Actor::Workload(workload_id()),
        Actor::Operator("alice@ops".into()),
    ];
    let wrap = |(n, event): (usize, AuthEvent)| {
        let id = EventId::from_parts(MILLIS, [u8::try_from(n).unwrap(); 10]);
        let envelope =
            AuthEventEnvelope::new(id, moment() + TimeDelta::seconds(n.try_into().unwrap()), event);
        if n % 3 == 2 {
            return envelope;
        }
        let address = if n % 2 == 0 { "192.0.2.7" } else { "2001:db8::7" };
        envelope
            .with_tenant(TenantId::from_parts(MILLIS, [4; 10]))
            .with_actor(actors[n % actors.len()].clone())
            .with_request_id(format!("req-{n}"))
            .with_trace_id("4bf92f3577b34da6a3ce929d0e0e4736")
            .with_client_ip(address.parse().unwrap())
            .with_user_agent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) \"Zoë\"")
    };
    all().into_iter().enumerate().map(wrap).collect()
}

fn authentication() -> Vec<AuthEvent> {
    vec![
        LoginStarted {
            user_id: Some(user_id()),
            method_name: "password+totp".into(),
            device_id: Some(device_id()),
        }
        .into(),
        FactorVerified { user_id: user_id(), factor_kind: FactorKind::Password, attempt_index: 0 }.into(),
        FactorFailed {
            user_id: Some(user_id()),
            factor_kind: FactorKind::Totp,
            attempt_index: 1,
            failure_reason: FactorFailureReason::Replayed,
        }
        .into(),
        LoginCompleted {
            user_id: user_id(),
            method_name: "password+okta".into(),
            factors_completed: vec![
                FactorKind::Password,
                FactorKind::Federated(FederatedProvider::Custom("okta".parse().unwrap())),
            ],
            session_id: session_id(),
            device_id: Some(device_id()),
        }
        .into(),
        LoginFailed {
            user_id: Some(user_id()),
            method_name: Some("password+totp".into()),
            failure_reason: LoginFailureReason::FactorsExhausted,
        }
        .into(),
        Logout {
            user_id: user_id(),
            session_id: session_id(),
            reason: LogoutReason::CookieFingerprintMismatch,
        }
        .into(),
    ]
}

fn lockout() -> Vec<AuthEvent> {
    vec![
        LockoutTriggered {
            scope: LockoutScope::Ip,
            scope_value: "192.0.2.7".into(),
            until: Some(moment() + TimeDelta::minutes(15)),
            triggered_by_event: EventId::from_parts(MILLIS, [5; 10]),
        }
        .into(),
        LockoutCleared {
            scope: LockoutScope::User,
            scope_value: user_id().to_string().into(),
            cleared_by: LockoutClearedBy::Admin,
        }
        .into(),
    ]
}

fn device() -> Vec<AuthEvent> {
    vec![
        DeviceFirstSeen {
            device_id: device_id(),
            user_id: user_id(),
            fingerprint_features: ["ua_family=firefox", "language=de"].into_iter().collect(),
        }
        .into(),
        DeviceTrustGranted { device_id: device_id(), user_id: user_id(), granted_by: GrantedBy::User }.into(),
        DeviceRevoked {
            device_id: device_id(),
            user_id: user_id(),
            revoked_by: RevokedBy::System,
            reason: "refresh token reuse".into(),
        }
        .into(),
        DevicePurged { device_id: device_id(), user_id: user_id(), purged_at_age_days: 91 }.into(),
        DeviceBindingAdded {
            device_id: device_id(),
            user_id: user_id(),
            refresh_token_id: RefreshTokenId::from_parts(MILLIS, [6; 10]),
        }
        .into(),
        DeviceFingerprintMismatch {
            device_id: device_id(),
            user_id: user_id(),
            session_id: session_id(),
            policy_action: PolicyAction::Reauth,
        }
        .into(),
    ]
}

fn authorisation() -> Vec<AuthEvent> {
    let principal_uid = format!("User::\"{}\"", user_id());
    vec![
        AuthzAllow {
            principal_uid: principal_uid.as_str().into(),
            action: "Action::\"read\"".into(),
            resource_uid: "Document::\"9\"".into(),
            matched_policy_ids: ["owners-read", "staff-read"].into_iter().collect(),
        }
        .into(),
        AuthzDeny {
            principal_uid: principal_uid.as_str().into(),
            action: "Action::\"transfer\"".into(),
            resource_uid: "Account::\"9\"".into(),
            matched_policy_ids: ["transfer-needs-fido2"].into_iter().collect(),
            denial_reason: "factors_completed lacks fido2".into(),
        }
        .into(),
        AuthzEntityNotFound {
            principal_uid: principal_uid.into(),
            missing_entity_uid: "Group::\"staff\"".into(),
            policy_id_referencing: Some("staff-read".into()),
        }
        .into(),
    ]
}

fn workload() -> Vec<AuthEvent> {
    vec![
        WorkloadAuthenticated {
            trust_domain: workload_id().trust_domain().clone(),
            workload_id: workload_id(),
            issuer: "https://issuer.example".into(),
        }
        .into(),
        WorkloadRejected {
            attempted_workload_id: Some("spiffe://evil.example/\u{1b}[2J".into()),
            attempted_trust_domain: Some("evil.example".into()),
            failure_reason: "unknown trust domain".into(),
        }
        .into(),
    ]
}

fn tenant() -> Vec<AuthEvent> {
    vec![
        TenantCreated { operator_principal: "alice@ops".into(), reason: "contract 17".into() }.into(),
        TenantSuspended { operator_principal: "alice@ops".into(), reason: "unpaid".into() }.into(),
        TenantUnsuspended { operator_principal: "alice@ops".into(), reason: "paid".into() }.into(),
        TenantDeleted { operator_principal: "alice@ops".into(), reason: "contract ended".into() }.into(),
    ]
}

fn delegated() -> Vec<AuthEvent> {
    vec![
        DelegatedConsentGranted {
            user_id: user_id(),
            downstream: "calendar".into(),
            scopes: ["events.read", "offline_access"].into_iter().collect(),
            expires_at: Some(moment() + TimeDelta::days(90)),
        }
        .into(),
        DelegatedCredentialUsed { user_id: user_id(), downstream: "calendar".into() }.into(),
        DelegatedConsentRevoked {
            user_id: user_id(),
            downstream: "calendar".into(),
            revoked_by: RevokedBy::Admin,
        }
        .into(),
        DelegatedTokenExchanged {
            subject_principal_uid: format!("User::\"{}\"", user_id()).into(),
            audience: "https://reports.example".into(),
            scopes: ["read"].into_iter().collect(),
        }
        .into(),
    ]
}

fn administrative() -> Vec<AuthEvent> {
    let (user_id, operator_principal) = (user_id(), "alice@ops");
    vec![
        UserSuspended {
            user_id,
            operator_principal: operator_principal.into(),
            reason: "left the company".into(),
        }
        .into(),
        UserUnsuspended {
            user_id,
            operator_principal: operator_principal.into(),
            reason: "came back".into(),
        }
        .into(),
        UserDeleted {
            user_id,
            operator_principal: operator_principal.into(),
            reason: "erasure request".into(),
        }
        .into(),
        PasswordReset { user_id, operator_principal: operator_principal.into(), reason: "ticket 42".into() }
            .into(),
        FactorReset {
            user_id,
            factor_kind: FactorKind::Totp,
            operator_principal: operator_principal.into(),
            reason: "lost phone".into(),
        }
        .into(),
        SessionInvalidated {
            user_id,
            session_id: Some(session_id()),
            operator_principal: operator_principal.into(),
            reason: "stolen laptop".into(),
        }
        .into(),
    ]
}
