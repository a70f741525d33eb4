use axess_core::authn::FactorConfig;
use axess_factors::{HmacAlgorithm, HotpConfig, RecoveryCodes, RecoveryOutcome, Subject, TotpConfig};
use axess_identity::{AttemptId, RecoveryCode, UserId};
use std::time::Duration;

const PASSWORD: &[u8] = include_bytes!("../../fixtures/factor-v1-password.json");
const TOTP: &[u8] = include_bytes!("../../fixtures/factor-v1-totp.json");
const TOTP_EVERY_FIELD: &[u8] = include_bytes!("../../fixtures/factor-v1-totp-every-field.json");
const HOTP: &[u8] = include_bytes!("../../fixtures/factor-v1-hotp.json");
const RECOVERY_CODES: &[u8] = include_bytes!("../../fixtures/factor-v1-recovery-codes.json");

const SEED: &[u8] = b"TEST SECRET NOT FOR USE";
const SALT_AND_HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$VEVTVCBTQUxU$VEVTVCBIQVNIIE5PVCBGT1IgVVNF";

/// Reads a record of the first format; as long as it is the current one, the same bytes are written again.
fn read(stored: &[u8]) -> FactorConfig {
    let config = FactorConfig::from_stored(stored).expect("a record of the first format");
    assert_eq!(config.to_stored().expect("a sound record").as_slice(), stored);
    config
}

fn totp(stored: &[u8]) -> TotpConfig {
    match read(stored) {
        FactorConfig::Totp(config) => config,
        other => panic!("read as {}", other.kind()),
    }
}

#[test]
fn a_password_is_read() {
    let FactorConfig::Password(record) = read(PASSWORD) else { panic!("not a password") };
    assert!(record.hash.ct_eq(SALT_AND_HASH));
    assert_eq!(record.history.len(), 2);
    assert!(record.history[1].expose().contains("keyid="), "the pepper an old hash was made with");
    assert_eq!(record.changed_at.timestamp_micros(), 1_767_323_045_678_901);
}

#[test]
fn a_totp_authenticator_is_read() {
    let config = totp(TOTP);
    assert!(config.seed.ct_eq(SEED));
    assert_eq!((config.digits, config.period, config.drift_window), (6, Duration::from_secs(30), 1));
    assert_eq!((config.algorithm, config.last_step), (HmacAlgorithm::Sha1, None));

    let config = totp(TOTP_EVERY_FIELD);
    assert!(config.seed.ct_eq(SEED));
    assert_eq!((config.digits, config.period, config.drift_window), (8, Duration::from_secs(60), 10));
    assert_eq!((config.algorithm, config.last_step), (HmacAlgorithm::Sha512, Some(58_907_520)));
}

#[test]
fn an_hotp_token_is_read() {
    let FactorConfig::Hotp(config) = read(HOTP) else { panic!("not an HOTP token") };
    let HotpConfig { seed, counter, digits, algorithm, look_ahead } = config;
    assert!(seed.ct_eq(SEED));
    assert_eq!((counter, digits, algorithm, look_ahead), (41, 6, HmacAlgorithm::Sha256, 10));
}

#[test]
fn recovery_codes_are_read() {
    let FactorConfig::RecoveryCodes(codes) = read(RECOVERY_CODES) else { panic!("not recovery codes") };
    let subject =
        Subject { user_id: UserId::from_parts(0, [1; 10]), attempt: AttemptId::from_parts(0, [2; 10]) };
    let accepts = |codes: &RecoveryCodes, code: &str| {
        matches!(codes.verify(subject, &RecoveryCode::from(code)), RecoveryOutcome::Accepted(_))
    };
    assert_eq!(codes.remaining(), 3);
    for printed in ["RK2EV-JNYH1-6GE29-BHVMR", "H1NS3-DBZGN-200SC-CQPW5", "57VFJ-75N9Q-RYNYX-8B3WE"] {
        assert!(accepts(&codes, printed));
    }
    assert!(!accepts(&codes, "RK2EV-JNYH1-6GE29-BHVMS"));
}

/// A record of a format to come, or of none, is refused and not misread.
#[test]
fn other_formats_are_refused() {
    for stored in [PASSWORD, TOTP, TOTP_EVERY_FIELD, HOTP, RECOVERY_CODES] {
        let text = std::str::from_utf8(stored).unwrap();
        assert!(text.contains("\"v\":1"), "{text}");
        assert!(FactorConfig::from_stored(text.replace("\"v\":1", "\"v\":2").as_bytes()).is_none());
        assert!(FactorConfig::from_stored(&stored[..stored.len() - 1]).is_none());
    }
}
