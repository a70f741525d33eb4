use crate::{MintOrder, Minted};
use chrono::{DateTime, TimeDelta, Utc};

/// By how much a provider's clock may differ from ours.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// The longest public id.
const MAX_ID: usize = 256;

/// Says how an answer differs from the order.
///
/// Such a credential is not handed over.
///
/// ```
/// use audex_core::Mismatch;
/// assert_eq!(Mismatch::Empty.to_string(), "the provider answered without a credential");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// There is nothing in it.
    #[error("the provider answered without a credential")]
    Empty,
    /// It is of another provider.
    #[error("the credential is of another provider")]
    Provider,
    /// Its id cannot be recorded.
    #[error("the credential has an id that cannot be recorded")]
    Id,
    /// It has expired.
    #[error("the credential expired at {0}: compare the clocks")]
    Expired(DateTime<Utc>),
    /// It lives longer than was ordered.
    #[error("the credential lives until {got}, and {ordered} was ordered")]
    TooLong {
        /// When it expires.
        got: DateTime<Utc>,
        /// When it should at the latest.
        ordered: DateTime<Utc>,
    },
    /// It is of another account than the role that was ordered.
    #[error("the credential is of account {got}, and {ordered} was ordered")]
    Account {
        /// Of which account it is.
        got: String,
        /// Of which it should be.
        ordered: String,
    },
}

/// Holds an answer against the order.
pub(super) fn check(order: &MintOrder, minted: &Minted, now: DateTime<Utc>) -> Result<(), Mismatch> {
    let credential = &minted.credential;
    if credential.parts().next().is_none() || credential.parts().any(|(_, secret)| secret.expose().is_empty())
    {
        return Err(Mismatch::Empty);
    }
    if credential.provider() != order.grant.provider() {
        return Err(Mismatch::Provider);
    }
    let is_printable = credential.id().bytes().all(|byte| byte.is_ascii_graphic());
    if credential.id().is_empty() || credential.id().len() > MAX_ID || !is_printable {
        return Err(Mismatch::Id);
    }
    let (got, ordered) = (credential.expires_at(), now + order.lifetime + LEEWAY);
    if got <= now {
        return Err(Mismatch::Expired(got));
    }
    if got > ordered {
        return Err(Mismatch::TooLong { got, ordered });
    }
    // `arn:partition:iam::account:role/name` says which account was meant.
    let ordered = order.shape.target.as_deref().and_then(|target| {
        let mut parts = target.strip_prefix("arn:")?.split(':');
        parts.nth(3).filter(|account| !account.is_empty())
    });
    match (ordered, minted.account.as_deref()) {
        (Some(ordered), Some(got)) if ordered != got => {
            Err(Mismatch::Account { got: got.to_owned(), ordered: ordered.to_owned() })
        }
        _ => Ok(()),
    }
}
