use crate::{MintClaims, MintedToken};
use chrono::{DateTime, Utc};
use std::fmt;

/// Is told of each token that was issued, before its holder gets it.
///
/// It must not block: an audit trail that has to be written first is written by whoever mints.
///
/// ```
/// use axess_local_idp::{IssuanceEvent, IssuanceListener};
/// #[derive(Debug, Default)]
/// struct Count(std::sync::atomic::AtomicU64);
/// impl IssuanceListener for Count {
///     fn issued(&self, _: &IssuanceEvent) {
///         self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
///     }
/// }
/// ```
pub trait IssuanceListener: Send + Sync + fmt::Debug + 'static {
    /// Takes note of a token.
    fn issued(&self, event: &IssuanceEvent);
}

/// What is on record of a token; never the token.
///
/// ```
/// fn line(event: &axess_local_idp::IssuanceEvent) -> String {
///     format!("{} for {} until {}", event.jwt_id, event.subject, event.expires_at)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuanceEvent {
    /// The id of the token.
    pub jwt_id: String,
    /// Whom it is about.
    pub subject: String,
    /// What it is for.
    pub audiences: Vec<String>,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// The id of the key that signed it.
    pub key_id: String,
}

impl IssuanceEvent {
    pub(crate) fn new(claims: &MintClaims, minted: &MintedToken) -> Self {
        Self {
            jwt_id: minted.jwt_id.clone(),
            subject: claims.subject.clone(),
            audiences: claims.audiences.clone(),
            issued_at: minted.issued_at,
            expires_at: minted.expires_at,
            key_id: minted.key_id.clone(),
        }
    }
}
