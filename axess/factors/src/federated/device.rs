use super::{FederatedIdentity, PendingFederation};
use std::{fmt, time::Duration};

/// A login that was begun for a user who does the browser's part on another device (RFC 8628 §3.2).
///
/// ```
/// use axess_factors::federated::BegunDevice;
/// fn tell(begun: &BegunDevice) -> String {
///     format!("Go to {} and enter {}", begun.verification_uri, begun.user_code)
/// }
/// # let _ = tell;
/// ```
#[derive(Clone)]
pub struct BegunDevice {
    /// What the user types.
    pub user_code: String,
    /// Where the user types it.
    pub verification_uri: String,
    /// The same address with the code in it, to be shown as a picture.
    pub verification_uri_complete: Option<String>,
    /// How long to wait before the provider is asked, each time.
    pub interval: Duration,
    /// What the session keeps until then.
    pub pending: PendingFederation,
}

/// What a provider says of a login on another device.
///
/// ```
/// use axess_factors::federated::DevicePoll;
/// let later = DevicePoll::Pending { interval: std::time::Duration::from_secs(10) };
/// assert!(matches!(later, DevicePoll::Pending { .. }));
/// ```
#[derive(Debug, Clone)]
pub enum DevicePoll {
    /// The user has not decided.
    Pending {
        /// How long to wait from now on.
        interval: Duration,
    },
    /// The user agreed, and this is who it was.
    Granted(Box<FederatedIdentity>),
}

impl fmt::Debug for BegunDevice {
    /// Leaves out the code: whoever types it decides.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BegunDevice")
            .field("verification_uri", &self.verification_uri)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}
