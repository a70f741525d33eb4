//! Logins at identity providers: what was refused, which accounts are linked, and what a provider ended.
//!
//! A provider's user is not named: the account is, and the trail can be freed of it.

use crate::{AuditText, archive::AsBytes};
use axess_identity::UserId;
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize, with::Map};
use serde::{Deserialize, Serialize};

/// A login at an identity provider, or a logout it asked for, was refused.
///
/// ```
/// use axess_events::{AuthEvent, federation::{FederationRefusalReason, FederationRefused}};
/// let event = FederationRefused {
///     user_id: None,
///     provider: "okta".into(),
///     reason: FederationRefusalReason::NonceMismatch,
///     detail: None,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "FederationRefused");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct FederationRefused {
    /// The account, once it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub user_id: Option<UserId>,
    /// What the application calls the provider.
    pub provider: AuditText,
    /// Why.
    pub reason: FederationRefusalReason,
    /// What exactly was wrong, where the reason alone does not say; never a token or an identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<AuditText>,
}

/// Why a provider's answer was refused.
///
/// ```
/// use axess_events::federation::FederationRefusalReason;
/// assert_eq!(serde_json::to_value(FederationRefusalReason::MixUp).unwrap(), "mix-up");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum FederationRefusalReason {
    /// The provider said no.
    Denied,
    /// The answer belongs to no login of the session.
    StateMismatch,
    /// The browser came back too late.
    Expired,
    /// It is another issuer's.
    IssuerMismatch,
    /// It is for another audience.
    AudienceMismatch,
    /// It answers another request.
    NonceMismatch,
    /// Its signature is missing or wrong.
    SignatureInvalid,
    /// Its algorithm is not allowed.
    AlgorithmRefused,
    /// Its key is unknown.
    KeyUnknown,
    /// It was used before.
    Replayed,
    /// It is not what the protocol demands.
    Malformed,
    /// It is weaker than the provider is set to demand.
    WeakerThanConfigured,
    /// It was issued too long ago, or has ended.
    TooOld,
    /// It is from the future.
    NotYetValid,
    /// The user authenticated at the provider too long ago.
    AuthenticationTooOld,
    /// The authentication context is not the one asked for.
    AcrNotMet,
    /// It came from a provider other than the one asked.
    MixUp,
    /// The provider is down, slow or answers nonsense.
    Unavailable,
    /// The provider does not accept us as its client.
    ClientRejected,
    /// The provider is set up wrongly.
    Misconfigured,
    /// There is no such provider, or it is disabled.
    UnknownProvider,
    /// The identity is right and belongs to no account.
    NotLinked,
    /// The identity is linked to another account already.
    LinkedElsewhere,
    /// The account has too many identities.
    TooManyLinks,
    /// No enabled login method begins with this provider.
    NoMethod,
    /// The application did not let the identity in.
    NotAdmitted,
    /// The login name for a new account is taken.
    NameTaken,
    /// The provider does not take the code that came back: it is another login's, was used before or is over.
    GrantRefused,
}

impl FederationRefusalReason {
    /// Tells whether a user alone brings it about, at a provider that does its part.
    ///
    /// They said no, took too long, or have no account here. The others need an attack or a fault: an answer that is forged, replayed or another's, clocks that disagree, a provider
    /// that is down or set up wrongly.
    ///
    /// ```
    /// use axess_events::federation::FederationRefusalReason;
    /// assert!(FederationRefusalReason::Denied.is_ordinary());
    /// assert!(!FederationRefusalReason::SignatureInvalid.is_ordinary());
    /// ```
    #[must_use]
    pub fn is_ordinary(self) -> bool {
        match self {
            Self::Denied
            | Self::Expired
            | Self::AuthenticationTooOld
            | Self::AcrNotMet
            | Self::UnknownProvider
            | Self::NotLinked
            | Self::LinkedElsewhere
            | Self::TooManyLinks
            | Self::NoMethod
            | Self::NotAdmitted
            | Self::NameTaken => true,
            Self::GrantRefused
            | Self::StateMismatch
            | Self::IssuerMismatch
            | Self::AudienceMismatch
            | Self::NonceMismatch
            | Self::SignatureInvalid
            | Self::AlgorithmRefused
            | Self::KeyUnknown
            | Self::Replayed
            | Self::Malformed
            | Self::WeakerThanConfigured
            | Self::TooOld
            | Self::NotYetValid
            | Self::MixUp
            | Self::Unavailable
            | Self::ClientRejected
            | Self::Misconfigured => false,
        }
    }
}

/// An identity at a provider was linked to an account.
///
/// ```
/// use axess_events::{AuthEvent, federation::{FederatedIdentityLinked, LinkCause}};
/// use axess_identity::UserId;
/// let event = FederatedIdentityLinked {
///     user_id: UserId::from_parts(0, [1; 10]),
///     provider: "okta".into(),
///     issuer: "https://acme.okta.example".into(),
///     cause: LinkCause::Provisioned,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "FederatedIdentityLinked");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct FederatedIdentityLinked {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// What the application calls the provider.
    pub provider: AuditText,
    /// The provider's issuer identifier.
    pub issuer: AuditText,
    /// How it came about.
    pub cause: LinkCause,
}

/// How an identity came to be linked.
///
/// ```
/// use axess_events::federation::LinkCause;
/// assert_eq!(serde_json::to_value(LinkCause::VerifiedEmail).unwrap(), "verified-email");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum LinkCause {
    /// The logged-in user asked for it.
    User,
    /// The provider vouched for the account's verified mail address, and its word counts for that domain.
    VerifiedEmail,
    /// The account was created for it.
    Provisioned,
}

/// An identity at a provider was unlinked from an account.
///
/// ```
/// use axess_events::{AuthEvent, federation::FederatedIdentityUnlinked};
/// use axess_identity::UserId;
/// let event = FederatedIdentityUnlinked {
///     user_id: UserId::from_parts(0, [1; 10]),
///     issuer: "https://acme.okta.example".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "FederatedIdentityUnlinked");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct FederatedIdentityUnlinked {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The provider's issuer identifier.
    pub issuer: AuditText,
}

/// A provider logged its user out, and we ended their sessions; each of them has a logout of its own.
///
/// ```
/// use axess_events::{AuthEvent, federation::FederatedLogoutReceived};
/// let event = FederatedLogoutReceived {
///     provider: "okta".into(),
///     issuer: "https://acme.okta.example".into(),
///     sessions_ended: 2,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "FederatedLogoutReceived");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct FederatedLogoutReceived {
    /// What the application calls the provider.
    pub provider: AuditText,
    /// The provider's issuer identifier.
    pub issuer: AuditText,
    /// How many sessions ended.
    pub sessions_ended: u32,
}
