use axess_identity::{FactorKind, OtpCode, Password, RecoveryCode};

/// What a caller presents to [`verify_factor`](crate::service::AuthnService::verify_factor).
///
/// ```
/// use axess_core::authn::FactorCredential;
/// let password = FactorCredential::Password("correct horse battery staple".into());
/// let code = FactorCredential::totp("123456");
/// assert_eq!(format!("{password:?} {code:?}"), "Password(Password([redacted])) OtpCode(OtpCode([redacted]))");
/// ```
#[derive(Debug, Clone)]
pub enum FactorCredential {
    /// A password.
    Password(Password),
    /// A TOTP, HOTP or e-mail code. When the current step offers several of these, the code must say which it answers
    /// ([`OtpCode::answering`]) or one must have been prepared before.
    OtpCode(OtpCode),
    /// A recovery code.
    RecoveryCode(RecoveryCode),
    /// A WebAuthn assertion in the browser's JSON form.
    Fido2Assertion(serde_json::Value),
    /// A password to bind to the directory with.
    LdapBind(Password),
    /// A client certificate chain in DER, leaf first.
    Mtls {
        /// The certificates.
        chain: Vec<Vec<u8>>,
    },
}

impl FactorCredential {
    /// Presents a TOTP code.
    #[must_use]
    pub fn totp(code: impl Into<OtpCode>) -> Self {
        Self::OtpCode(code.into().answering(FactorKind::Totp))
    }

    /// Presents an HOTP code.
    #[must_use]
    pub fn hotp(code: impl Into<OtpCode>) -> Self {
        Self::OtpCode(code.into().answering(FactorKind::Hotp))
    }

    /// Presents a code from an e-mail.
    #[must_use]
    pub fn email_otp(code: impl Into<OtpCode>) -> Self {
        Self::OtpCode(code.into().answering(FactorKind::EmailOtp))
    }

    /// Tells whether the credential could answer `kind` as far as its own shape goes.
    #[must_use]
    pub fn fits(&self, kind: &FactorKind) -> bool {
        match self {
            Self::Password(_) => *kind == FactorKind::Password,
            Self::OtpCode(code) => kind.is_otp() && code.factor().is_none_or(|named| named == kind),
            Self::RecoveryCode(_) => *kind == FactorKind::RecoveryCode,
            Self::Fido2Assertion(_) => *kind == FactorKind::Fido2,
            Self::LdapBind(_) => *kind == FactorKind::LdapBind,
            Self::Mtls { .. } => *kind == FactorKind::Mtls,
        }
    }
}
