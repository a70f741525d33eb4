//! What is written today, byte for byte. A difference in an existing line is a break of the wire format.

use crate::samples;
use axess_events::{
    AuditPayload, AuthEvent, AuthEventEnvelope, account::*, authentication::*, device::*, federation::*,
    lockout::*, refresh::*, shell::*, trail::AuditTier,
};
use rkyv::rancor;
use serde::{Serialize, de::DeserializeOwned};
use std::{collections::BTreeSet, fmt::Debug, fs, path::Path};

/// Compares with a file under `tests/golden`. When they differ, what was written is left beside the build output.
fn check_golden(name: &str, actual: &str) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if fs::read_to_string(&golden).ok().as_deref() == Some(actual) {
        return;
    }
    let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&written, actual).unwrap();
    panic!("{} is not what is written now: {}", golden.display(), written.display());
}

fn lines(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().map(|line| line + "\n").collect()
}

#[test]
fn every_event_has_its_name_and_sample() {
    let names: Vec<_> = samples::full().iter().map(AuthEvent::wire_name).collect();
    assert_eq!(names, AuthEvent::ALL_NAMES);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "names are unique");
    check_golden("names.txt", &lines(names.into_iter().map(str::to_owned)));
}

#[test]
fn every_event_is_written_as_ever() {
    let json = samples::all().into_iter().map(|event| serde_json::to_string(&event).unwrap());
    check_golden("events.jsonl", &lines(json));
}

#[test]
fn every_envelope_is_written_as_ever_in_json() {
    let json = samples::envelopes().into_iter().map(|envelope| serde_json::to_string(&envelope).unwrap());
    check_golden("envelopes.jsonl", &lines(json));
}

#[test]
fn every_envelope_is_written_as_ever_in_binary() {
    let hex = samples::envelopes().into_iter().map(|envelope| {
        let bytes = envelope.to_bytes().unwrap();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    });
    check_golden("envelopes.rkyv.hex", &lines(hex));
}

#[test]
fn every_event_survives_both_formats() {
    for event in samples::all() {
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["event_type"], event.wire_name());
        assert_eq!(event.event_type(), event.wire_name());
        assert_eq!(serde_json::from_value::<AuthEvent>(json).unwrap(), event);
        let bytes = rkyv::to_bytes::<rancor::Error>(&event).unwrap();
        assert_eq!(rkyv::from_bytes::<AuthEvent, rancor::Error>(&bytes).unwrap(), event);
    }
}

#[test]
fn every_envelope_survives_both_formats() {
    for envelope in samples::envelopes() {
        let json = serde_json::to_string(&envelope).unwrap();
        assert_eq!(serde_json::from_str::<AuthEventEnvelope>(&json).unwrap(), envelope);
        let bytes = envelope.to_bytes().unwrap();
        assert_eq!(AuthEventEnvelope::from_bytes(&bytes).unwrap(), envelope);
    }
}

#[test]
fn no_event_has_a_field_of_the_envelope() {
    let envelope = samples::envelopes().swap_remove(0);
    let of_the_event = keys(&envelope.payload);
    let common: BTreeSet<_> = keys(&envelope).difference(&of_the_event).cloned().collect();
    assert_eq!(common.len(), 8, "{common:?}");
    for event in samples::full() {
        let shared: Vec<_> = keys(&event).intersection(&common).cloned().collect();
        assert!(shared.is_empty(), "{} repeats {shared:?}", event.wire_name());
    }
}

fn keys(value: &impl Serialize) -> BTreeSet<String> {
    match serde_json::to_value(value).unwrap() {
        serde_json::Value::Object(map) => map.into_iter().map(|(key, _)| key).collect(),
        other => panic!("not an object: {other}"),
    }
}

/// Checks that the values of a closed set are numbered from 0 in this order and have these names.
fn check_names<T: Serialize + DeserializeOwned + Debug + PartialEq + Copy>(
    number: fn(T) -> u8,
    named: &[(T, &str)],
) {
    for (n, (value, name)) in named.iter().enumerate() {
        assert_eq!(usize::from(number(*value)), n, "{value:?}");
        assert_eq!(serde_json::to_value(value).unwrap(), *name);
        assert_eq!(serde_json::from_value::<T>((*name).into()).unwrap(), *value);
    }
}

#[test]
fn the_closed_sets_of_a_login_are_as_ever() {
    use FactorFailureReason as Factor;
    check_names(
        |value| value as u8,
        &[
            (Factor::WrongCode, "wrong-code"),
            (Factor::Replayed, "replayed"),
            (Factor::Expired, "expired"),
            (Factor::UnknownAccount, "unknown-account"),
            (Factor::Suspended, "suspended"),
            (Factor::Locked, "locked"),
            (Factor::NotEnrolled, "not-enrolled"),
            (Factor::PolicyViolation, "policy-violation"),
            (Factor::Backend, "backend"),
        ],
    );
    use LoginFailureReason as Login;
    check_names(
        |value| value as u8,
        &[
            (Login::FactorsExhausted, "factors-exhausted"),
            (Login::Expired, "expired"),
            (Login::UnknownAccount, "unknown-account"),
            (Login::Suspended, "suspended"),
            (Login::Locked, "locked"),
            (Login::PolicyViolation, "policy-violation"),
            (Login::Misconfigured, "misconfigured"),
            (Login::Backend, "backend"),
        ],
    );
    check_names(
        |value| value as u8,
        &[
            (LogoutReason::UserInitiated, "user-initiated"),
            (LogoutReason::AdminRevoked, "admin-revoked"),
            (LogoutReason::SessionExpired, "session-expired"),
            (LogoutReason::CookieFingerprintMismatch, "cookie-fingerprint-mismatch"),
            (LogoutReason::IdpInitiated, "idp-initiated"),
            (LogoutReason::CredentialChanged, "credential-changed"),
            (LogoutReason::DeviceRevoked, "device-revoked"),
            (LogoutReason::SessionLimit, "session-limit"),
        ],
    );
}

#[test]
fn the_other_closed_sets_are_as_ever() {
    check_names(
        |value| value as u8,
        &[(LockoutScope::User, "User"), (LockoutScope::Tenant, "Tenant"), (LockoutScope::Ip, "IP")],
    );
    check_names(
        |value| value as u8,
        &[(LockoutClearedBy::Timeout, "Timeout"), (LockoutClearedBy::Admin, "Admin")],
    );
    check_names(|value| value as u8, &[(GrantedBy::User, "User"), (GrantedBy::Admin, "Admin")]);
    check_names(
        |value| value as u8,
        &[(RevokedBy::User, "User"), (RevokedBy::Admin, "Admin"), (RevokedBy::System, "System")],
    );
    check_names(
        |value| value as u8,
        &[(PolicyAction::Warn, "Warn"), (PolicyAction::Reauth, "Reauth"), (PolicyAction::Revoke, "Revoke")],
    );
    check_names(
        |value| value as u8,
        &[
            (RotationCause::Login, "login"),
            (RotationCause::StepUp, "step-up"),
            (RotationCause::Logout, "logout"),
            (RotationCause::Requested, "requested"),
        ],
    );
    use RefreshRevocationReason as Refresh;
    check_names(
        |value| value as u8,
        &[
            (Refresh::Logout, "logout"),
            (Refresh::CredentialChanged, "credential-changed"),
            (Refresh::AccountInactive, "account-inactive"),
            (Refresh::TenantSuspended, "tenant-suspended"),
            (Refresh::DeviceRevoked, "device-revoked"),
            (Refresh::Limit, "limit"),
            (Refresh::Replaced, "replaced"),
        ],
    );
    check_names(
        |value| value as u8,
        &[(AuditTier::Log, "log"), (AuditTier::Hot, "hot"), (AuditTier::Archive, "archive")],
    );
    check_names(
        |value| value as u8,
        &[
            (CsrfFailureReason::CrossSite, "cross-site"),
            (CsrfFailureReason::WrongOrigin, "wrong-origin"),
            (CsrfFailureReason::MissingToken, "missing-token"),
            (CsrfFailureReason::WrongToken, "wrong-token"),
        ],
    );
    check_names(
        |value| value as u8,
        &[
            (EmailCodePurpose::Login, "login"),
            (EmailCodePurpose::StepUp, "step-up"),
            (EmailCodePurpose::Signup, "signup"),
            (EmailCodePurpose::EmailChange, "email-change"),
            (EmailCodePurpose::PasswordReset, "password-reset"),
        ],
    );
}

#[test]
fn the_closed_sets_of_federation_are_as_ever() {
    use FederationRefusalReason as Refusal;
    check_names(
        |value| value as u8,
        &[
            (Refusal::Denied, "denied"),
            (Refusal::StateMismatch, "state-mismatch"),
            (Refusal::Expired, "expired"),
            (Refusal::IssuerMismatch, "issuer-mismatch"),
            (Refusal::AudienceMismatch, "audience-mismatch"),
            (Refusal::NonceMismatch, "nonce-mismatch"),
            (Refusal::SignatureInvalid, "signature-invalid"),
            (Refusal::AlgorithmRefused, "algorithm-refused"),
            (Refusal::KeyUnknown, "key-unknown"),
            (Refusal::Replayed, "replayed"),
            (Refusal::Malformed, "malformed"),
            (Refusal::WeakerThanConfigured, "weaker-than-configured"),
            (Refusal::TooOld, "too-old"),
            (Refusal::NotYetValid, "not-yet-valid"),
            (Refusal::AuthenticationTooOld, "authentication-too-old"),
            (Refusal::AcrNotMet, "acr-not-met"),
            (Refusal::MixUp, "mix-up"),
            (Refusal::Unavailable, "unavailable"),
            (Refusal::ClientRejected, "client-rejected"),
            (Refusal::Misconfigured, "misconfigured"),
            (Refusal::UnknownProvider, "unknown-provider"),
            (Refusal::NotLinked, "not-linked"),
            (Refusal::LinkedElsewhere, "linked-elsewhere"),
            (Refusal::TooManyLinks, "too-many-links"),
            (Refusal::NoMethod, "no-method"),
            (Refusal::NotAdmitted, "not-admitted"),
            (Refusal::NameTaken, "name-taken"),
            (Refusal::GrantRefused, "grant-refused"),
        ],
    );
    check_names(
        |value| value as u8,
        &[
            (LinkCause::User, "user"),
            (LinkCause::VerifiedEmail, "verified-email"),
            (LinkCause::Provisioned, "provisioned"),
        ],
    );
}

#[test]
fn the_closed_set_of_refused_access_tokens_is_as_ever() {
    use AccessTokenFailureReason as Reason;
    check_names(
        |value| value as u8,
        &[
            (Reason::ProofReplayed, "proof-replayed"),
            (Reason::ProofInvalid, "proof-invalid"),
            (Reason::NotTheHolder, "not-the-holder"),
            (Reason::TokenInvalid, "token-invalid"),
        ],
    );
}
