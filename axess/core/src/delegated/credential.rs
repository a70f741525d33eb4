use axess_identity::TokenSecret;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What a user granted the application at one downstream.
///
/// ```
/// use axess_core::delegated::StoredCredential;
/// let credential = StoredCredential {
///     downstream: "slack".into(),
///     access_token: "xoxp".into(),
///     refresh_token: None,
///     expires_at: chrono::DateTime::UNIX_EPOCH,
///     scopes: vec!["channels:read".into()],
/// };
/// assert!(!format!("{credential:?}").contains("xoxp"));
/// ```
#[derive(Debug, Clone)]
pub struct StoredCredential {
    /// The other service, by the application's name for it.
    pub downstream: String,
    /// What calls carry.
    pub access_token: TokenSecret,
    /// What a new access token is got with, if the downstream gave one.
    pub refresh_token: Option<TokenSecret>,
    /// When the access token ends.
    pub expires_at: DateTime<Utc>,
    /// What the user consented to.
    pub scopes: Vec<String>,
}

#[derive(Serialize)]
struct Written<'c> {
    v: u8,
    downstream: &'c str,
    access_token: &'c str,
    refresh_token: Option<&'c str>,
    expires_at: DateTime<Utc>,
    scopes: &'c [String],
}

#[derive(Deserialize)]
struct Read {
    v: u8,
    downstream: String,
    access_token: String,
    refresh_token: Option<String>,
    expires_at: DateTime<Utc>,
    scopes: Vec<String>,
}

impl StoredCredential {
    pub(super) fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let written = Written {
            v: 1,
            downstream: &self.downstream,
            access_token: self.access_token.expose(),
            refresh_token: self.refresh_token.as_ref().map(TokenSecret::expose),
            expires_at: self.expires_at,
            scopes: &self.scopes,
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
        serde_json::to_writer(&mut *bytes, &written).ok()?;
        Some(bytes)
    }

    /// Reads it back; a later format is refused, not misread.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let read: Read = serde_json::from_slice(bytes).ok()?;
        let credential = Self {
            downstream: read.downstream,
            access_token: read.access_token.into(),
            refresh_token: read.refresh_token.map(TokenSecret::from),
            expires_at: read.expires_at,
            scopes: read.scopes,
        };
        (read.v == 1).then_some(credential)
    }
}
