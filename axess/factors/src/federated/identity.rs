use super::{FederationError, FederationProtocol};
use axess_identity::{EmailAddress, TokenSecret};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// The longest issuer identifier, in bytes.
pub const MAX_FEDERATED_ISSUER_BYTES: usize = 512;
/// The longest subject, in bytes (OpenID Connect Core 1.0 §2).
pub const MAX_FEDERATED_SUBJECT_BYTES: usize = 255;
/// The longest name of a provider's session, in bytes.
pub const MAX_FEDERATED_SID_BYTES: usize = 255;

/// Returns the issuer of a link without the protocol before it; see [`FederatedIdentity::link_issuer`].
#[must_use]
pub fn issuer_of_link(link: &str) -> &str {
    let protocols = [FederationProtocol::Saml, FederationProtocol::OAuth2];
    protocols.iter().find_map(|protocol| link.strip_prefix(protocol.before_issuer())).unwrap_or(link)
}

impl FederationProtocol {
    /// Returns an issuer of this protocol as links name it; see [`FederatedIdentity::link_issuer`].
    #[must_use]
    pub fn link_issuer(self, issuer: &str) -> String {
        format!("{}{issuer}", self.before_issuer())
    }

    /// What no issuer of OpenID Connect begins with.
    const fn before_issuer(self) -> &'static str {
        match self {
            Self::Oidc => "",
            Self::OAuth2 => "oauth2:",
            Self::Saml => "saml:",
        }
    }
}

/// What the identity rests on.
///
/// ```
/// use axess_factors::federated::Assurance;
/// assert!(Assurance::IdToken.is_signed());
/// assert!(!Assurance::OAuth2Only.is_signed());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// A verified ID token.
    IdToken,
    /// A verified SAML assertion.
    SamlAssertion,
    /// Only an answer to an access token: nobody signed a statement about the login. Weaker.
    OAuth2Only,
}

/// Whom a provider says it is.
///
/// ```
/// use axess_factors::federated::{Assurance, FederatedIdentity};
/// let identity = FederatedIdentity::new("https://login.example.com", "248289761001", Assurance::IdToken);
/// assert!(identity.check().is_ok());
/// assert!(!identity.email_verified);
/// ```
#[derive(Clone)]
pub struct FederatedIdentity {
    /// The provider; at most [`MAX_FEDERATED_ISSUER_BYTES`], with the protocol that links put before it.
    pub issuer: String,
    /// The user, as the provider names them for ever; at most [`MAX_FEDERATED_SUBJECT_BYTES`].
    pub subject: String,
    /// What kind of name the subject is, where the provider says it: the `Format` of a SAML `NameID`, such as `...:emailAddress`.
    pub subject_format: Option<String>,
    /// The session at the provider, if it named one; at most [`MAX_FEDERATED_SID_BYTES`].
    pub session_id: Option<String>,
    /// The user's address.
    pub email: Option<EmailAddress>,
    /// Whether the provider says the user reads mail there.
    pub email_verified: bool,
    /// A name for people.
    pub display_name: Option<String>,
    /// A short name, which the provider may give to somebody else one day: never a key.
    pub username: Option<String>,
    /// The groups the user is in.
    pub groups: Vec<String>,
    /// The authentication context class.
    pub acr: Option<String>,
    /// How the user authenticated (RFC 8176).
    pub amr: Vec<String>,
    /// When the user authenticated.
    pub auth_time: Option<DateTime<Utc>>,
    /// When a session that rests on this must end (`SessionNotOnOrAfter`).
    pub expires_at: Option<DateTime<Utc>>,
    /// Everything else the provider says.
    pub attributes: Map<String, Value>,
    /// What all this rests on.
    pub assurance: Assurance,
    /// The tokens the provider gave, for protocols that have them.
    pub tokens: Option<FederatedTokens>,
}

/// The tokens that came with an identity.
///
/// ```
/// use axess_factors::federated::FederatedTokens;
/// let tokens = FederatedTokens {
///     access_token: "SlAV32hkKG".into(),
///     refresh_token: None,
///     id_token: None,
///     token_type: "Bearer".into(),
///     scope: None,
///     expires_at: None,
///     binding_key: None,
/// };
/// assert!(!format!("{tokens:?}").contains("SlAV32hkKG"));
/// ```
#[derive(Debug, Clone)]
pub struct FederatedTokens {
    /// What opens the provider's APIs.
    pub access_token: TokenSecret,
    /// What gets the next access token.
    pub refresh_token: Option<TokenSecret>,
    /// The ID token, for logging out at the provider.
    pub id_token: Option<TokenSecret>,
    /// How the access token is used: `Bearer` or `DPoP`.
    pub token_type: String,
    /// What the access token is good for.
    pub scope: Option<String>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// The private key that the tokens are bound to (RFC 9449), where this login has one of its own, as its provider writes
    /// keys: without it they open nothing.
    pub binding_key: Option<TokenSecret>,
}

impl Assurance {
    /// Tells whether the provider signed a statement about this login.
    #[must_use]
    pub fn is_signed(self) -> bool {
        !matches!(self, Self::OAuth2Only)
    }

    /// Returns the protocol that says so much.
    #[must_use]
    pub fn protocol(self) -> FederationProtocol {
        match self {
            Self::IdToken => FederationProtocol::Oidc,
            Self::SamlAssertion => FederationProtocol::Saml,
            Self::OAuth2Only => FederationProtocol::OAuth2,
        }
    }
}

impl FederatedIdentity {
    /// Makes an identity of which nothing but its name is known.
    #[must_use]
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>, assurance: Assurance) -> Self {
        Self {
            issuer: issuer.into(),
            subject: subject.into(),
            subject_format: None,
            session_id: None,
            email: None,
            email_verified: false,
            display_name: None,
            username: None,
            groups: Vec::new(),
            acr: None,
            amr: Vec::new(),
            auth_time: None,
            expires_at: None,
            attributes: Map::new(),
            assurance,
            tokens: None,
        }
    }

    /// Returns the issuer as links name it: after its protocol, unless that is OpenID Connect.
    ///
    /// One address may be an issuer and a SAML entity, and subjects of the one mean nothing to the other: somebody may choose there
    /// what here is a key.
    ///
    /// ```
    /// use axess_factors::federated::{Assurance, FederatedIdentity, issuer_of_link};
    /// let at_realm = |assurance| FederatedIdentity::new("https://realm.example", "alice", assurance).link_issuer();
    /// assert_eq!(at_realm(Assurance::IdToken), "https://realm.example");
    /// assert_eq!(at_realm(Assurance::SamlAssertion), "saml:https://realm.example");
    /// assert_eq!(issuer_of_link("saml:https://realm.example"), "https://realm.example");
    /// ```
    #[must_use]
    pub fn link_issuer(&self) -> String {
        self.assurance.protocol().link_issuer(&self.issuer)
    }

    /// Checks that issuer, subject and session have a name of a length that can be stored, and no control character.
    ///
    /// # Errors
    ///
    /// [`FederationError::Malformed`] names what is wrong.
    pub fn check(&self) -> Result<(), FederationError> {
        let fits = |text: &str, max| (1..=max).contains(&text.len()) && !text.chars().any(char::is_control);
        if self.issuer.is_empty() || !fits(&self.link_issuer(), MAX_FEDERATED_ISSUER_BYTES) {
            return Err(FederationError::Malformed { what: "the issuer is empty or too long" });
        }
        if !fits(&self.subject, MAX_FEDERATED_SUBJECT_BYTES) {
            return Err(FederationError::Malformed { what: "the subject is empty or too long" });
        }
        if self.session_id.as_deref().is_some_and(|sid| !fits(sid, MAX_FEDERATED_SID_BYTES)) {
            return Err(FederationError::Malformed { what: "the session's name is empty or too long" });
        }
        Ok(())
    }
}

impl fmt::Debug for FederatedIdentity {
    /// Leaves out personal data and tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FederatedIdentity")
            .field("issuer", &self.issuer)
            .field("acr", &self.acr)
            .field("amr", &self.amr)
            .field("assurance", &self.assurance)
            .finish_non_exhaustive()
    }
}
