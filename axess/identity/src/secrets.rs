use axess_macros::{secret_bytes, secret_text};

secret_text! {
    /// A password as its user typed it.
    ///
    /// ```
    /// use axess_identity::Password;
    /// let password = Password::from("correct horse");
    /// assert_eq!(format!("{password:?}"), "Password([redacted])");
    /// ```
    pub struct Password;
}

secret_text! {
    /// A stored password hash in PHC string form.
    ///
    /// ```
    /// use axess_identity::PasswordHash;
    /// assert!(PasswordHash::from("$argon2id$...").expose().starts_with("$argon2id$"));
    /// ```
    pub struct PasswordHash;
}

secret_text! {
    /// A recovery code as its user typed it.
    ///
    /// ```
    /// use axess_identity::RecoveryCode;
    /// assert!(RecoveryCode::from("AAAA-BBBB").ct_eq("AAAA-BBBB"));
    /// ```
    pub struct RecoveryCode;
}

secret_text! {
    /// A bearer token as its holder presents it: a refresh token, or an access token of somewhere else.
    ///
    /// ```
    /// use axess_identity::TokenSecret;
    /// assert_eq!(format!("{:?}", TokenSecret::from("axr_...")), "TokenSecret([redacted])");
    /// ```
    pub struct TokenSecret;
}

secret_bytes! {
    /// The shared secret of a TOTP or HOTP authenticator.
    ///
    /// ```
    /// use axess_identity::OtpSeed;
    /// assert_eq!(OtpSeed::from([1u8; 20]).expose().len(), 20);
    /// ```
    pub struct OtpSeed;
}

secret_bytes! {
    /// A secret mixed into hashes and kept outside the database.
    ///
    /// ```
    /// use axess_identity::Pepper;
    /// assert_eq!(format!("{:?}", Pepper::from([0u8; 32])), "Pepper([redacted])");
    /// ```
    pub struct Pepper;
}

secret_bytes! {
    /// A key that authenticates cookies, CSRF tokens or fingerprints.
    ///
    /// ```
    /// use axess_identity::SigningKey;
    /// assert_eq!(SigningKey::from([7u8; 32]).expose().len(), 32);
    /// ```
    pub struct SigningKey;
}

secret_bytes! {
    /// A key that encrypts data at rest.
    ///
    /// ```
    /// use axess_identity::EnvelopeKey;
    /// assert_eq!(EnvelopeKey::from([7u8; 32]).expose().len(), 32);
    /// ```
    pub struct EnvelopeKey;
}

/// A one-time code as its user typed it, and optionally the factor it answers.
///
/// A step that offers several code factors (TOTP or e-mail, say) needs to know which one a code is for: either the
/// caller says so with [`OtpCode::answering`], or the choice was made before by preparing one factor.
///
/// ```
/// use axess_identity::{FactorKind, OtpCode};
/// let code = OtpCode::from("123456").answering(FactorKind::Totp);
/// assert_eq!(code.factor(), Some(&FactorKind::Totp));
/// assert_eq!(format!("{code:?}"), "OtpCode([redacted])");
/// ```
#[derive(Clone)]
pub struct OtpCode {
    code: zeroize::Zeroizing<String>,
    factor: Option<crate::FactorKind>,
}

impl OtpCode {
    /// Names the factor this code answers.
    #[must_use]
    pub fn answering(mut self, factor: crate::FactorKind) -> Self {
        self.factor = Some(factor);
        self
    }

    /// Returns the factor the caller named, if any.
    #[must_use]
    pub fn factor(&self) -> Option<&crate::FactorKind> {
        self.factor.as_ref()
    }

    /// Returns the code as typed.
    ///
    /// Every use is a place to review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.code
    }
}

impl From<&str> for OtpCode {
    fn from(code: &str) -> Self {
        Self { code: zeroize::Zeroizing::new(code.to_owned()), factor: None }
    }
}

impl From<String> for OtpCode {
    fn from(code: String) -> Self {
        Self { code: zeroize::Zeroizing::new(code), factor: None }
    }
}

impl std::fmt::Debug for OtpCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OtpCode([redacted])")
    }
}
