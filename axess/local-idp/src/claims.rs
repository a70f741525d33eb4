//! What a token says, and the rules for it.

mod rules;
#[cfg(test)]
mod tests;

pub use rules::{ClaimsFault, MAX_DETAILS_BYTES};

use axess_identity::WorkloadId;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use std::marker::PhantomData;

/// What a token shall say.
///
/// Who issued it, when, and its id are added by the issuer. A token without an end cannot be asked for, and one without an audience cannot be minted: until
/// [`with_audience`](Self::with_audience) the type is `MintClaims<NoAudience>`, which no issuer takes. Everything else is
/// checked when it is minted.
///
/// ```
/// use axess_local_idp::{Expiry, MintClaims};
/// let claims = MintClaims::new("worker-1", chrono::TimeDelta::minutes(5)).with_audience("https://api.example.com");
/// # async fn mint(idp: axess_local_idp::LocalIdp, claims: MintClaims) -> Result<(), axess_local_idp::MintError> {
/// let minted = idp.mint(&claims).await?;
/// # Ok(()) }
/// ```
///
/// ```compile_fail,E0308
/// # async fn mint(idp: axess_local_idp::LocalIdp) {
/// let forgotten = axess_local_idp::MintClaims::new("worker-1", chrono::TimeDelta::minutes(5));
/// idp.mint(&forgotten).await;
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MintClaims<A = Audience> {
    pub(crate) subject: String,
    pub(crate) expiry: Expiry,
    pub(crate) token_type: TokenType,
    pub(crate) audiences: Vec<String>,
    pub(crate) issued_at: Option<DateTime<Utc>>,
    pub(crate) not_before: Option<DateTime<Utc>>,
    pub(crate) jwt_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) authorization_details: Option<Value>,
    pub(crate) confirmation: Option<Confirmation>,
    pub(crate) actor: Option<Actor>,
    pub(crate) custom: Vec<(String, Value)>,
    state: PhantomData<A>,
}

/// Marks claims that name an audience.
///
/// ```
/// use axess_local_idp::{Audience, MintClaims};
/// fn complete(_: &MintClaims<Audience>) {}
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Audience;

/// Marks claims that name no audience yet.
///
/// ```
/// use axess_local_idp::{Expiry, MintClaims, NoAudience};
/// let incomplete: MintClaims<NoAudience> = MintClaims::new("worker-1", Expiry::Default);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoAudience;

/// When a token ends.
///
/// ```
/// use axess_local_idp::Expiry;
/// assert_eq!(Expiry::from(chrono::TimeDelta::minutes(5)), Expiry::After(chrono::TimeDelta::minutes(5)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// After the issuer's default lifetime.
    Default,
    /// After a time.
    After(TimeDelta),
    /// At a time; fractions of a second are cut.
    At(DateTime<Utc>),
}

/// What kind of token it is: the `typ` of its header, so that one kind cannot pass for another (RFC 8725 §3.11).
///
/// ```
/// assert_eq!(axess_local_idp::TokenType::AccessToken.as_str(), "at+jwt");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// An OAuth 2.0 access token (RFC 9068).
    AccessToken,
    /// Any other: a workload's token, a JWT-SVID.
    Jwt,
}

/// The key that a token is bound to: whoever presents it has to prove that it holds it (RFC 7800).
///
/// ```
/// use axess_local_idp::Confirmation;
/// assert_ne!(Confirmation::Jkt([1; 32]), Confirmation::CertificateSha256([1; 32]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// The SHA-256 thumbprint of a DPoP key, `jkt` (RFC 9449 §6.1).
    Jkt([u8; 32]),
    /// The SHA-256 of a client certificate, `x5t#S256` (RFC 8705 §3.1).
    CertificateSha256([u8; 32]),
}

/// Who acts for the subject (RFC 8693 §4.1).
///
/// ```
/// use axess_local_idp::Actor;
/// let actor = Actor::new("agent-7").on_behalf_of(Actor::new("scheduler"));
/// assert_eq!(actor.subject(), "agent-7");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    subject: String,
    issuer: Option<String>,
    previous: Option<Box<Actor>>,
}

impl MintClaims<NoAudience> {
    /// Begins claims about `subject`, of type `JWT`.
    #[must_use]
    pub fn new(subject: impl Into<String>, expiry: impl Into<Expiry>) -> Self {
        Self {
            subject: subject.into(),
            expiry: expiry.into(),
            token_type: TokenType::Jwt,
            audiences: Vec::new(),
            issued_at: None,
            not_before: None,
            jwt_id: None,
            client_id: None,
            scope: None,
            authorization_details: None,
            confirmation: None,
            actor: None,
            custom: Vec::new(),
            state: PhantomData,
        }
    }

    /// Begins an access token of type `at+jwt`, which names the client it is issued to (RFC 9068 §2.2).
    #[must_use]
    pub fn access_token(
        subject: impl Into<String>,
        client_id: impl Into<String>,
        expiry: impl Into<Expiry>,
    ) -> Self {
        let claims = Self::new(subject, expiry);
        Self { token_type: TokenType::AccessToken, client_id: Some(client_id.into()), ..claims }
    }

    /// Begins a JWT-SVID: the subject is the SPIFFE id of a workload (JWT-SVID §3).
    ///
    /// SPIFFE knows no EdDSA (JWT-SVID §2.1): an issuer of these signs with ES256 or RSA.
    #[must_use]
    pub fn jwt_svid(workload: &WorkloadId, expiry: impl Into<Expiry>) -> Self {
        Self::new(workload.as_str(), expiry)
    }
}

impl<A> MintClaims<A> {
    /// Adds a service that the token is for.
    ///
    /// At most 16.
    #[must_use]
    pub fn with_audience(self, audience: impl Into<String>) -> MintClaims<Audience> {
        let mut audiences = self.audiences;
        audiences.push(audience.into());
        MintClaims {
            subject: self.subject,
            expiry: self.expiry,
            token_type: self.token_type,
            audiences,
            issued_at: self.issued_at,
            not_before: self.not_before,
            jwt_id: self.jwt_id,
            client_id: self.client_id,
            scope: self.scope,
            authorization_details: self.authorization_details,
            confirmation: self.confirmation,
            actor: self.actor,
            custom: self.custom,
            state: PhantomData,
        }
    }

    /// Sets `iat` to the time of the decision behind the token; not in the future, and the lifetime counts from it.
    #[must_use]
    pub fn with_issued_at(self, time: DateTime<Utc>) -> Self {
        Self { issued_at: Some(time), ..self }
    }

    /// Sets the time before which the token is not valid; before its end.
    ///
    /// Without it, the token is valid at once.
    #[must_use]
    pub fn with_not_before(self, time: DateTime<Utc>) -> Self {
        Self { not_before: Some(time), ..self }
    }

    /// Sets the id of the token, 1 to 128 bytes, which nothing else of this issuer may have.
    ///
    /// Without it, the id is a UUIDv7.
    #[must_use]
    pub fn with_jwt_id(self, jwt_id: impl Into<String>) -> Self {
        Self { jwt_id: Some(jwt_id.into()), ..self }
    }

    /// Sets the scope: names with one space between them (RFC 6749 §3.3).
    #[must_use]
    pub fn with_scope(self, scope: impl Into<String>) -> Self {
        Self { scope: Some(scope.into()), ..self }
    }

    /// Sets what exactly is allowed (RFC 9396 §2): an array of objects, each with a `type`; at most [`MAX_DETAILS_BYTES`].
    #[must_use]
    pub fn with_authorization_details(self, details: Value) -> Self {
        Self { authorization_details: Some(details), ..self }
    }

    /// Binds the token to a key.
    #[must_use]
    pub fn with_confirmation(self, confirmation: Confirmation) -> Self {
        Self { confirmation: Some(confirmation), ..self }
    }

    /// Says who acts for the subject.
    #[must_use]
    pub fn with_actor(self, actor: Actor) -> Self {
        Self { actor: Some(actor), ..self }
    }

    /// Adds a claim of the application's own.
    ///
    /// At most 32; the names of the claims above are refused.
    #[must_use]
    pub fn with_custom_claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.custom.push((name.into(), value.into()));
        self
    }
}

impl MintClaims {
    /// Adds services that the token is for.
    #[must_use]
    pub fn with_audiences<T: Into<String>>(mut self, audiences: impl IntoIterator<Item = T>) -> Self {
        self.audiences.extend(audiences.into_iter().map(Into::into));
        self
    }
}

impl From<TimeDelta> for Expiry {
    fn from(lifetime: TimeDelta) -> Self {
        Self::After(lifetime)
    }
}

impl From<DateTime<Utc>> for Expiry {
    fn from(end: DateTime<Utc>) -> Self {
        Self::At(end)
    }
}

impl TokenType {
    /// Returns the `typ` of the header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::Jwt => "JWT",
        }
    }
}

impl Confirmation {
    pub(crate) fn to_claim(self) -> Value {
        match self {
            Self::Jkt(thumbprint) => json!({ "jkt": crate::jwk::text(&thumbprint) }),
            Self::CertificateSha256(digest) => json!({ "x5t#S256": crate::jwk::text(&digest) }),
        }
    }
}

impl Actor {
    /// Names an actor.
    #[must_use]
    pub fn new(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), issuer: None, previous: None }
    }

    /// Says who issued the actor's name, when it was not this issuer.
    #[must_use]
    pub fn with_issuer(self, issuer: impl Into<String>) -> Self {
        Self { issuer: Some(issuer.into()), ..self }
    }

    /// Says who acted before and handed on.
    ///
    /// At most 4 in a row.
    #[must_use]
    pub fn on_behalf_of(self, previous: Actor) -> Self {
        Self { previous: Some(Box::new(previous)), ..self }
    }

    /// Returns who acts.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    fn to_claim(&self) -> Value {
        let mut claim = Map::new();
        claim.insert("sub".into(), self.subject.clone().into());
        if let Some(issuer) = &self.issuer {
            claim.insert("iss".into(), issuer.clone().into());
        }
        if let Some(previous) = &self.previous {
            claim.insert("act".into(), previous.to_claim());
        }
        Value::Object(claim)
    }
}
