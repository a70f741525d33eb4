use audex_policy::Provider;
use chrono::{DateTime, Utc};

axess_macros::secret_text! {
    /// A part of a credential that must not be shown.
    ///
    /// ```
    /// let secret = audex_core::CredentialSecret::from("wJalr");
    /// assert_eq!(format!("{secret:?}"), "CredentialSecret([redacted])");
    /// ```
    pub struct CredentialSecret;
}

/// A credential that a provider minted: the one type of the broker that holds a secret to hand over.
///
/// Its parts have the names of the environment variables they are delivered in; deliveries in other forms are the
/// provider's to write, from the same parts.
///
/// ```
/// use audex_core::Credential;
/// use audex_policy::Provider;
///
/// let expires_at = chrono::DateTime::UNIX_EPOCH;
/// let credential = Credential::new(Provider::Local, "jti-1", expires_at).with_part("AUDEX_TOKEN", "eyJ".into());
/// assert_eq!(credential.part("AUDEX_TOKEN").unwrap().expose(), "eyJ");
/// assert!(!format!("{credential:?}").contains("eyJ"));
/// ```
#[derive(Debug, Clone)]
pub struct Credential {
    provider: Provider,
    id: String,
    expires_at: DateTime<Utc>,
    parts: Vec<(&'static str, CredentialSecret)>,
}

impl Credential {
    /// Makes a credential without parts. `id` is public: an access key id, a token's `jti`.
    pub fn new(provider: Provider, id: impl Into<String>, expires_at: DateTime<Utc>) -> Self {
        Self { provider, id: id.into(), expires_at, parts: Vec::new() }
    }

    /// Adds a part, or replaces it.
    #[must_use]
    pub fn with_part(mut self, variable: &'static str, value: CredentialSecret) -> Self {
        self.parts.retain(|(name, _)| *name != variable);
        self.parts.push((variable, value));
        self
    }

    /// Returns who minted it.
    pub const fn provider(&self) -> Provider {
        self.provider
    }

    /// Returns its public id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns when the provider stops accepting it.
    pub const fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }

    /// Returns the parts with the names of their environment variables.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &CredentialSecret)> {
        self.parts.iter().map(|(name, value)| (*name, value))
    }

    /// Finds a part.
    pub fn part(&self, variable: &str) -> Option<&CredentialSecret> {
        self.parts.iter().find(|(name, _)| *name == variable).map(|(_, value)| value)
    }
}
