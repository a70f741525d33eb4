//! The other side: access tokens that somebody presents to us.

mod access_token;
mod challenge;
mod metadata;
mod presented;
mod refusal;
mod source;
mod validator;

pub use access_token::{AccessToken, TokenBinding};
pub use challenge::Challenge;
pub use metadata::{PROTECTED_RESOURCE_WELL_KNOWN, ResourceMetadata};
pub use presented::{PresentedToken, TokenScheme};
pub use refusal::TokenRefusal;
pub use source::{MAX_CACHED_INTROSPECTIONS, MAX_INTROSPECTION_AGE, TokenSource};
pub use validator::{AccessTokenRules, AccessTokenValidator, MAX_ACCESS_TOKEN_BYTES};
