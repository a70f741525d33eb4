//! Refresh tokens: what outlives a session without being one.
//!
//! Where they live is [`RefreshTokenStore`](crate::store::RefreshTokenStore).

mod token;

pub use token::{RefreshGrant, RefreshToken, Successor, TokenHash};
