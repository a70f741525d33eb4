use super::*;
use crate::{
    authn::FactorStep,
    session::{
        AuthState, FederatedLogin, PendingLogin, PendingSignup, PendingTotp, Purpose, StepUp, WorkflowKind,
        WorkflowState, workflow::Resume,
    },
};
use axess_factors::{
    TotpConfig,
    federated::{Assurance, FederatedIdentity, FederatedTokens, PendingFederation},
};
use axess_identity::{FactorKind, Identifier, TenantId, UserId};
use axess_rng::MockRng;
use serde::Serialize;

/// Stored bytes of the first schema version, kept for ever: whatever is changed, these must stay readable.
const V1: &str = include_str!("../../../tests/fixtures/session-v1.hex");

fn id() -> SessionId {
    SessionId::from_bytes([7; 16])
}

fn sample() -> SessionData {
    let mut data = SessionData::default();
    assert!(data.set_custom("theme".to_owned(), serde_json::json!({"dark": true})));
    data.auth_state = AuthState::Authenticated {
        user_id: UserId::from_parts(1, [2; 10]),
        tenant_id: TenantId::from_parts(1, [1; 10]),
        authn_time: chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap(),
        factors_completed: vec![FactorKind::Password, FactorKind::Totp],
        step_up: None,
    };
    data.fingerprint = Some([9; 32]);
    data.cookie_until = 1_767_312_000;
    data
}

/// Puts a session into every ceremony at once.
fn remember_everything(data: &mut SessionData) {
    let time = chrono::DateTime::from_timestamp(1_767_225_600, 123_456_789).unwrap();
    let challenge = serde_json::json!({
        "v": 1, "hash": "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g", "digits": 8, "bound_to": "07".repeat(16),
        "created_at": time, "expires_at": time, "tries_left": 5,
    });
    data.change_ceremony(|ceremony| {
        ceremony.prepared = Some(FactorKind::EmailOtp);
        ceremony.email_code = Some(serde_json::from_value(challenge).unwrap());
        ceremony.totp = Some(PendingTotp {
            config: TotpConfig::generate(&MockRng::new(3)),
            replaces: 7,
            expires_at: time,
            tries_left: 5,
        });
        ceremony.signup = Some(PendingSignup {
            user_id: UserId::from_parts(1, [2; 10]),
            tenant_id: TenantId::from_parts(1, [1; 10]),
            identifier: Identifier::parse("bob").unwrap(),
            email: "bob@example.com".parse().unwrap(),
            display_name: None,
            password_hash: "$argon2id$...".into(),
        });
    });
}

fn same(a: &SessionData, b: &SessionData) -> bool {
    a.auth_state == b.auth_state
        && a.custom == b.custom
        && a.fingerprint == b.fingerprint
        && a.cookie_until == b.cookie_until
}

fn crypto(key: u8) -> SessionCrypto {
    SessionCrypto::new([key; 32]).unwrap()
}

fn sealed(crypto: &SessionCrypto) -> Bytes {
    encode(&id(), &sample(), Some(crypto), &MockRng::new(1)).unwrap()
}

#[test]
fn plain_and_sealed_survive_the_round_trip() {
    let plain = encode(&id(), &sample(), None, &MockRng::new(1)).unwrap();
    assert!(same(&decode(&id(), &plain, None).unwrap().data, &sample()));
    let key = crypto(1);
    let decoded = decode(&id(), &sealed(&key), Some(&key)).unwrap();
    assert!(same(&decoded.data, &sample()) && !decoded.stale);
}

/// Every state and everything a ceremony remembers. What is read back must write the same bytes again.
#[test]
fn every_state_and_ceremony_survives_the_round_trip() {
    let (user_id, tenant_id) = (UserId::from_parts(1, [2; 10]), TenantId::from_parts(1, [1; 10]));
    let time = chrono::DateTime::from_timestamp(1_767_225_600, 123_456_789).unwrap();
    let steps = || vec![FactorStep::AnyOf(vec![FactorKind::Totp, FactorKind::RecoveryCode])];
    let workflow = |kind, resumes: bool| AuthState::PendingWorkflow {
        user_id,
        tenant_id,
        workflow: WorkflowState {
            kind,
            current_step: 1,
            total_steps: 2,
            initiated_at: time,
            resume: resumes
                .then(|| Resume { authn_time: time, factors_completed: vec![FactorKind::Password] }),
        },
    };
    let states = [
        AuthState::Guest,
        AuthState::Identifying { user_id, tenant_id },
        AuthState::Authenticating {
            user_id,
            tenant_id,
            method_name: "password-then-totp".into(),
            remaining: steps(),
            completed: vec![FactorKind::Password],
            attempt_count: 3,
            last_attempt: Some(time),
        },
        AuthState::Authenticated {
            user_id,
            tenant_id,
            authn_time: time,
            factors_completed: vec!["federated:custom:okta".parse().unwrap()],
            step_up: Some(StepUp {
                remaining: steps(),
                completed: vec![FactorKind::Fido2],
                attempt_count: 1,
            }),
        },
        workflow(WorkflowKind::Signup, false),
        workflow(WorkflowKind::PasswordReset, false),
        workflow(WorkflowKind::EmailVerification, true),
        workflow(WorkflowKind::Custom("kyc".into()), true),
    ];
    for state in states {
        let mut data = sample();
        data.auth_state = state;
        remember_everything(&mut data);
        let bytes = encode(&id(), &data, None, &MockRng::new(1)).unwrap();
        let back = decode(&id(), &bytes, None).unwrap().data;
        assert!(same(&back, &data), "{:?}", data.auth_state);
        assert_eq!(encode(&id(), &back, None, &MockRng::new(1)).unwrap(), bytes);
        assert!(back.ceremony().totp.is_some() && back.ceremony().signup.is_some());
    }
}

#[test]
fn bytes_of_the_first_version_stay_readable() {
    let mut ceremonies = sample();
    remember_everything(&mut ceremonies);
    let mut lines = V1.lines();
    for expected in [sample(), ceremonies] {
        let line = lines.next().unwrap();
        let data = decode(&id(), &data_of(line), None).unwrap().data;
        assert_eq!(serde_json::to_value(&*data).unwrap(), serde_json::to_value(&expected).unwrap());
    }
    assert_eq!(lines.next(), None);
}

/// A session that rests on a login at a provider, with another one under way.
fn federated() -> SessionData {
    let okta: axess_identity::ProviderName = "okta".parse().unwrap();
    let time = chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap();
    let tokens = FederatedTokens {
        access_token: "at".into(),
        refresh_token: None,
        id_token: Some("eyJhbGciOiJub25lIn0".into()),
        token_type: "Bearer".into(),
        scope: None,
        expires_at: None,
        binding_key: None,
    };
    let identity = FederatedIdentity {
        session_id: Some("08a5019c".into()),
        acr: Some("phr".into()),
        amr: vec!["hwk".into()],
        auth_time: Some(time),
        expires_at: Some(time + chrono::TimeDelta::hours(8)),
        tokens: Some(tokens),
        ..FederatedIdentity::new("https://idp.example", "248289761001", Assurance::IdToken)
    };
    let mut data = sample();
    data.vouch(FederatedLogin::of(&okta, &identity), true);
    let pending = PendingFederation {
        provider: okta,
        issuer: "https://idp.example".into(),
        expires_at: time,
        private: serde_json::json!({ "state": "af0ifjsldkj", "verifier": [1, 2.5, null] }),
    };
    let tenant_id = TenantId::from_parts(1, [1; 10]);
    let purpose = Purpose::Step(UserId::from_parts(1, [2; 10]));
    let (return_to, begun_at) = (Some("/".into()), Some(time));
    let login = PendingLogin { tenant_id, purpose, return_to, pending, device: None, begun_at };
    data.change_ceremony(|ceremony| ceremony.federation = Some(login.into()));
    data
}

#[test]
fn a_login_at_a_provider_survives_the_round_trip() {
    let data = federated();
    let key = crypto(1);
    let bytes = encode(&id(), &data, Some(&key), &MockRng::new(1)).unwrap();
    let back = decode(&id(), &bytes, Some(&key)).unwrap().data;
    assert_eq!(serde_json::to_value(&*back).unwrap(), serde_json::to_value(&data).unwrap());
    assert_eq!(back.ceremony().federation, data.ceremony().federation);
    let login = back.federated.as_deref().unwrap();
    assert_eq!(login.id_token().map(|token| token.expose()), Some("eyJhbGciOiJub25lIn0"));
    assert!(!bytes.windows(5).any(|window| window == b"eyJhb"), "it is sealed with the rest");
}

/// What a build from before logins at providers knows of a session.
#[derive(serde::Deserialize)]
struct Before {
    u: i64,
    #[serde(default)]
    p: BeforeCeremony,
}

#[derive(Default, serde::Deserialize)]
struct BeforeCeremony {
    #[serde(default)]
    prepared: Option<FactorKind>,
}

#[test]
fn builds_from_before_logins_at_providers_read_sessions_with_one_and_the_other_way_round() {
    let mut data = federated();
    data.change_ceremony(|ceremony| ceremony.prepared = Some(FactorKind::Totp));
    let bytes = encode(&id(), &data, None, &MockRng::new(1)).unwrap();
    let old: Before = rmp_serde::from_slice(bytes.get(3..).unwrap()).unwrap();
    assert_eq!((old.u, old.p.prepared), (data.cookie_until, Some(FactorKind::Totp)));

    let old = decode(&id(), &data_of(V1.lines().next().unwrap()), None).unwrap().data;
    assert!(old.federated.is_none() && old.ceremony().federation.is_none());
}

#[test]
fn a_version_from_the_future_is_refused() {
    let mut bytes = encode(&id(), &sample(), None, &MockRng::new(1)).unwrap().to_vec();
    bytes[2] = 2;
    assert!(decode(&id(), &bytes, None).is_none());
}

#[test]
fn fields_may_be_missing_or_unknown() {
    #[derive(Serialize)]
    struct Other {
        u: i64,
        from_the_future: &'static str,
    }
    let body = rmp_serde::to_vec_named(&Other { u: 5, from_the_future: "x" }).unwrap();
    let bytes = [&[PLAIN, 0, 1], body.as_slice()].concat();
    let decoded = decode(&id(), &bytes, None).unwrap();
    assert_eq!((decoded.data.cookie_until, decoded.data.auth_state.clone()), (5, AuthState::Guest));
}

#[test]
fn every_changed_byte_of_a_sealed_payload_is_noticed() {
    let key = crypto(1);
    let good = sealed(&key);
    for at in 0..good.len() {
        let mut bad = good.to_vec();
        bad[at] ^= 1;
        assert!(decode(&id(), &bad, Some(&key)).is_none(), "byte {at}");
    }
    for cut in 0..good.len() {
        assert!(decode(&id(), &good[..cut], Some(&key)).is_none(), "cut at {cut}");
    }
}

#[test]
fn a_payload_cannot_be_moved_to_another_session() {
    let key = crypto(1);
    assert!(decode(&SessionId::from_bytes([8; 16]), &sealed(&key), Some(&key)).is_none());
}

#[test]
fn a_plain_row_is_no_session_once_encryption_is_on_and_the_other_way_round() {
    let plain = encode(&id(), &sample(), None, &MockRng::new(1)).unwrap();
    assert!(decode(&id(), &plain, Some(&crypto(1))).is_none());
    assert!(decode(&id(), &sealed(&crypto(1)), None).is_none());
}

#[test]
fn an_old_key_opens_and_asks_for_a_rewrite_and_a_foreign_one_does_not_open() {
    let rotated = crypto(2).with_previous_key([1; 32]).unwrap();
    let decoded = decode(&id(), &sealed(&crypto(1)), Some(&rotated)).unwrap();
    assert!(decoded.stale);
    assert!(decode(&id(), &sealed(&crypto(3)), Some(&rotated)).is_none());
}

#[test]
fn hostile_bytes_never_panic() {
    for length in 0..64 {
        for fill in [0_u8, 1, 2, 0x80, 0xc1, 0xdf, 0xff] {
            assert!(decode(&id(), &vec![fill; length], Some(&crypto(1))).is_none());
            let _ = decode(&id(), &[vec![PLAIN, 0, 1], vec![fill; length]].concat(), None);
        }
    }
}

fn data_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
