use super::Redirection;
use axess_identity::TokenSecret;
use chrono::{DateTime, Utc};
use std::fmt;

/// Whom a provider has logged out.
///
/// ```
/// use axess_factors::federated::LogoutNotice;
/// let notice = LogoutNotice {
///     issuer: "https://login.example.com".into(),
///     subject: None,
///     session_ids: vec!["08a5019c".into()],
///     replay: Some(("bWJq".into(), chrono::DateTime::UNIX_EPOCH)),
///     answer: None,
///     is_answer: false,
/// };
/// assert!(notice.session_ids.len() == 1);
/// ```
#[derive(Clone)]
pub struct LogoutNotice {
    /// The provider.
    pub issuer: String,
    /// The user, if named.
    pub subject: Option<String>,
    /// The sessions at the provider that are named, each once; where there are none, all sessions of the user.
    pub session_ids: Vec<String>,
    /// What the message is called, and until when it must not be taken again.
    pub replay: Option<(String, DateTime<Utc>)>,
    /// What the browser takes back to the provider (a SAML `LogoutResponse`).
    pub answer: Option<Redirection>,
    /// Whether it is the answer to a logout that we asked for: it names nobody, and only sends the browser back.
    pub is_answer: bool,
}

/// What a provider needs to log its user out.
///
/// ```
/// use axess_factors::federated::LogoutHint;
/// let hint = LogoutHint {
///     subject: "248289761001".into(),
///     session_id: None,
///     id_token: None,
///     post_logout_redirect_uri: Some("https://app.example.com/bye".into()),
///     state: None,
/// };
/// assert!(hint.id_token.is_none());
/// ```
#[derive(Clone)]
pub struct LogoutHint {
    /// The user at the provider.
    pub subject: String,
    /// The session at the provider.
    pub session_id: Option<String>,
    /// The ID token of the login.
    pub id_token: Option<TokenSecret>,
    /// Where the browser comes back to; the provider's configuration lists what is allowed.
    pub post_logout_redirect_uri: Option<String>,
    /// What comes back with it.
    pub state: Option<String>,
}

impl fmt::Debug for LogoutNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutNotice").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl fmt::Debug for LogoutHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutHint")
            .field("post_logout_redirect_uri", &self.post_logout_redirect_uri)
            .finish_non_exhaustive()
    }
}
