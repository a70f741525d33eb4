use keyring_core::Error;
use std::time::Duration;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Says why the keyring could not be used.
///
/// No error holds a value.
///
/// ```
/// use axess_keyring::KeyringError;
/// let error = KeyringError::TooLong { bytes: 9_000 };
/// assert_eq!(error.to_string(), "the keyring takes no value of 9000 bytes");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// Nothing answers: no session bus, or no keyring on it.
    #[error(
        "no keyring answers (it takes a session bus, DBUS_SESSION_BUS_ADDRESS, and a Secret Service on it, as gnome-keyring is)"
    )]
    Unavailable(#[source] Cause),
    /// It is locked and was not unlocked, or there is no collection to put entries into.
    #[error("the keyring is locked and was not unlocked, or it has no default collection")]
    Locked(#[source] Cause),
    /// It did not answer in time; a write may still happen.
    #[error("the keyring did not answer within {} s; it may be waiting for its password", .0.as_secs())]
    Slow(Duration),
    /// It has no room for a value of that size.
    #[error("the keyring takes no value of {bytes} bytes")]
    TooLong {
        /// The length of the value.
        bytes: usize,
    },
    /// It gave back something else than what was written.
    #[error("the keyring does not give back what was written to it")]
    Altered,
    /// Several entries have the same name, so that none can be trusted.
    #[error("the keyring has several entries for `{name}` of `{service}`; remove those that are wrong")]
    Ambiguous {
        /// The service the entry is of.
        service: String,
        /// The entry's name.
        name: String,
    },
    /// It failed otherwise.
    #[error("the keyring failed")]
    Failed(#[source] Cause),
}

impl KeyringError {
    /// Says what an error of a store is; what it carries of a value is left behind.
    pub(crate) fn of(error: Error, service: &str, name: &str, bytes: usize) -> Self {
        match error {
            Error::NoStorageAccess(cause) => Self::Locked(cause),
            Error::PlatformFailure(cause) => Self::Failed(cause),
            Error::TooLong(..) => Self::TooLong { bytes },
            Error::Ambiguous(_) => Self::Ambiguous { service: service.to_owned(), name: name.to_owned() },
            Error::BadEncoding(_) | Error::BadDataFormat(..) => {
                Self::Failed("the value is not in its form".into())
            }
            Error::NoEntry => Self::Failed("there is no such entry".into()),
            other => Self::Failed(other.to_string().into()),
        }
    }
}
