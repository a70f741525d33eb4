use crate::store::StoreError;

/// Says why a session could not be read or written.
///
/// ```
/// use axess_core::session::SessionError;
/// assert_eq!(SessionError::Ended.to_string(), "the session ended meanwhile");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Another request ended or rotated the session; this one's changes were dropped.
    #[error("the session ended meanwhile")]
    Ended,
    /// The session's state does not allow what was asked.
    #[error("the session's state does not allow this")]
    NotAllowed,
    /// The custom data would exceed its limit.
    #[error("custom session data is limited to 64 KiB in 256 keys; keep larger data in a database")]
    CustomDataTooLarge,
    /// The custom value cannot be represented as JSON.
    #[error("the custom value cannot be represented as JSON")]
    CustomData(#[source] serde_json::Error),
    /// The session cannot be encoded or sealed.
    #[error("the session cannot be encoded")]
    Encode,
    /// Other requests kept changing the session.
    #[error("the session is being changed by too many requests at once")]
    Contended,
    /// The store failed.
    #[error("the session store failed")]
    Store(#[from] StoreError),
}
