//! One's own tokens and keys.

use super::{
    frame::Frame,
    parts::{Pill, When},
};
use crate::model::{ApiToken, ApprovalKey, Person};
use askama::Template;
use chrono::{DateTime, Utc};

/// The page of one's own tokens and keys.
///
/// ```
/// use audex_server::console::view::{frame::{Frame, Here}, me::MePage};
/// use askama::Template;
/// let page = MePage {
///     frame: Frame::new("Your account", Here::Me),
///     name: "Alice".into(),
///     identity: "alice@example.com".into(),
///     groups: vec![],
///     roles: vec![],
///     tokens: vec![],
///     keys: vec![],
///     scopes: vec!["request"],
///     made: None,
///     fault: None,
///     is_fresh: true,
/// };
/// assert!(page.render().unwrap().contains("No token"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "me.html")]
pub struct MePage {
    /// What all pages have.
    pub frame: Frame,
    /// What they are called.
    pub name: String,
    /// The name that requests are made under.
    pub identity: String,
    /// Their teams.
    pub groups: Vec<String>,
    /// In which roles they act.
    pub roles: Vec<String>,
    /// Their tokens.
    pub tokens: Vec<TokenRow>,
    /// Their keys.
    pub keys: Vec<KeyRow>,
    /// What a token may be for.
    pub scopes: Vec<&'static str>,
    /// The token that was just made.
    pub made: Option<MadeToken>,
    /// What is wrong.
    pub fault: Option<String>,
    /// Whether the second factor was proved recently enough for a change.
    pub is_fresh: bool,
}

/// A token that was just made.
///
/// It is shown once.
///
/// ```
/// use audex_server::console::view::me::MadeToken;
/// let made = MadeToken { name: "laptop".into(), secret: "audx_x".into() };
/// assert!(!format!("{made:?}").contains("audx"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct MadeToken {
    /// What its owner calls it.
    pub name: String,
    /// The secret.
    pub secret: String,
}

/// A token in the list.
///
/// ```
/// fn works(row: &audex_server::console::view::me::TokenRow) -> bool {
///     row.works
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Which one.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// Since when it is there.
    pub created: When,
    /// When it stops working.
    pub expires: When,
    /// When it was last used.
    pub used: Option<When>,
    /// Whether it works.
    pub works: bool,
    /// The same as a word.
    pub pill: Pill,
    /// Who made it for a service, and whether their account is disabled.
    pub maker: Option<(String, bool)>,
}

/// A key in the list.
///
/// ```
/// fn short(row: &audex_server::console::view::me::KeyRow) -> String {
///     row.id.chars().take(8).collect()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// RFC 7638 thumbprint.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Its algorithm.
    pub kind: String,
    /// Since when it counts.
    pub created: When,
}

impl TokenRow {
    /// Describes a token.
    pub fn new(token: &ApiToken, maker: Option<&Person>, now: DateTime<Utc>) -> Self {
        let (is_revoked, is_past) = (token.revoked_at.is_some(), now >= token.expires_at);
        let (class, text) = match (is_revoked, is_past) {
            (true, _) => ("bad", "Revoked"),
            (false, true) => ("", "Expired"),
            (false, false) => ("good", "Works"),
        };
        Self {
            id: token.id.to_string(),
            name: token.name.clone(),
            scopes: token.scopes.clone(),
            created: When::new(token.created_at),
            expires: When::new(token.expires_at),
            used: token.last_used_at.map(When::new),
            works: !is_revoked && !is_past,
            pill: Pill { class, text },
            maker: maker.map(|maker| (maker.email.clone(), maker.is_disabled)),
        }
    }
}

impl KeyRow {
    /// Describes a key.
    pub fn new(key: &ApprovalKey) -> Self {
        let kind = key.jwk.get("crv").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        Self { id: key.id.clone(), name: key.name.clone(), kind, created: When::new(key.created_at) }
    }
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeToken").field("name", &self.name).finish_non_exhaustive()
    }
}
