//! The vocabulary of identity: typed ids, principals, tenants, factor names and secret types.
//!
//! Does not know about: sessions, HTTP, storage, cryptography, or how anything here is proved.
//!
//! Ids of the same shape are different types, so a user id can never be passed where a tenant id belongs.
//! Secrets are their own types too (one per kind), so a password can never be logged, compared with `==` or
//! mistaken for a token.
#![forbid(unsafe_code)]

mod factor_kind;
mod identifier;
mod ids;
mod lockout;
mod principal;
mod secrets;
mod session_id;
mod spiffe;
mod tenant;
mod user;

pub use factor_kind::{
    FactorKind, FederatedProvider, ParseFactorKindError, ParseProviderNameError, ProviderName,
};
pub use identifier::{Identifier, IdentifierError, MAX_IDENTIFIER_CHARS};
pub use ids::{AttemptId, DeviceId, EventId, RefreshTokenId, TenantId, TokenFamilyId, UserId};
pub use lockout::{BackoffPolicy, LockoutPolicy, LockoutScale};
pub use principal::{HumanPrincipal, Principal, WorkloadPrincipal};
pub use secrets::{
    EnvelopeKey, OtpCode, OtpSeed, Password, PasswordHash, Pepper, RecoveryCode, SigningKey, TokenSecret,
};
pub use session_id::{ParseSessionIdError, SessionId};
pub use spiffe::{Issuer, SpiffeIdError, TrustDomain, WorkloadId};
pub use tenant::{Tenant, TenantSlug, TenantSlugError, TenantStatus};
pub use user::{EmailAddress, EmailAddressError, User, UserStatus};
