//! What was stored once is read for ever: records of every format that was ever written.

#[cfg(test)]
mod factors {
    use axess_core::authn::{FactorConfig, PasswordRecord};
    use axess_factors::{HmacAlgorithm, HotpConfig, RecoveryCodes, TotpConfig};
    use axess_rng::MockRng;
    use std::time::Duration;

    #[test]
    fn print() {
        let totp = TotpConfig::new(b"TEST SECRET NOT FOR USE".to_vec().into()).unwrap();
        let odd = TotpConfig {
            digits: 8,
            period: Duration::from_secs(60),
            algorithm: HmacAlgorithm::Sha512,
            drift_window: 10,
            last_step: Some(58_907_520),
            ..totp.clone()
        };
        let hotp = HotpConfig::new(b"TEST SECRET NOT FOR USE".to_vec().into()).unwrap();
        let hotp = HotpConfig { counter: 41, algorithm: HmacAlgorithm::Sha256, ..hotp };
        let (printed, codes) = RecoveryCodes::generate(3, &MockRng::new(1));
        let pw = PasswordRecord {
            hash: "$argon2id$v=19$m=8,t=1,p=1$VEVTVCBTQUxU$VEVTVCBIQVNIIE5PVCBGT1IgVVNF".into(),
            history: vec![
                "$argon2id$v=19$m=8,t=1,p=1$VEVTVCBTQUxU$b2xkZXI".into(),
                "$argon2id$v=19$m=8,t=1,p=1,keyid=cGVwcGVy$VEVTVCBTQUxU$b2xkZXN0".into(),
            ],
            changed_at: chrono::DateTime::from_timestamp_micros(1_767_323_045_678_901).unwrap(),
        };
        for (name, c) in [
            ("password", FactorConfig::Password(pw)),
            ("totp", FactorConfig::Totp(totp)),
            ("totp-every-field", FactorConfig::Totp(odd)),
            ("hotp", FactorConfig::Hotp(hotp)),
            ("recovery-codes", FactorConfig::RecoveryCodes(codes)),
        ] {
            std::fs::write(format!("fixtures/factor-v1-{name}.json"), &*c.to_stored().unwrap()).unwrap();
        }
        for c in printed {
            println!("{}", c.expose());
        }
    }
}
