//! Refresh tokens: what outlives a session without being one.
//!
//! Every login may begin a *family*: one token that is exchanged for a successor with every use. At most one token of a
//! family is active at a time, so a copy shows as soon as both holders have used theirs.
//!
//! The verbs are [`issue_refresh_token`](crate::service::AuthnService::issue_refresh_token) and
//! [`refresh_session`](crate::service::AuthnService::refresh_session); where tokens live is
//! [`RefreshTokenStore`](crate::store::RefreshTokenStore).

mod config;
mod decide;
mod outcome;
mod proof;
mod seal;
mod text;
mod token;
mod tokens;

pub use config::RefreshTokenConfig;
pub use outcome::{IssuedRefreshToken, RefreshOutcome, TokenCompromise, collect_family_device_targets};
pub use token::{RefreshGrant, RefreshToken, Successor, TokenHash};
pub use tokens::RefreshTokens;

pub(crate) use proof::Continued;
pub(crate) use tokens::{Exchanged, Judged};
