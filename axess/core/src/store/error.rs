use std::{error::Error, fmt};

/// Says that a storage call failed, and how.
///
/// A refusal that is part of a verb's contract (a lost compare-and-swap, a taken identifier) is an outcome, not an
/// error: this type is for faults only. `Display` names the kind; the cause is in `source()`.
///
/// ```
/// use axess_core::store::{StoreError, StoreErrorKind};
/// let error = StoreError::new(StoreErrorKind::Unavailable, std::io::Error::other("connection reset"));
/// assert_eq!(error.kind(), StoreErrorKind::Unavailable);
/// assert_eq!(error.to_string(), "the store is unavailable");
/// ```
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Whose fault a failed storage call is.
///
/// ```
/// use axess_core::store::StoreErrorKind;
/// assert!(StoreErrorKind::Unavailable.is_transient());
/// assert!(!StoreErrorKind::Corrupt.is_transient());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The backend cannot be reached or has no free connection; the same call may succeed later.
    Unavailable,
    /// The backend did not answer in time; whether the call took effect is unknown.
    Timeout,
    /// A stored record cannot be read back.
    Corrupt,
    /// A bounded store is full.
    Full,
    /// The caller broke the contract of the verb (a foreign key that does not exist, say).
    Misuse,
    /// Anything else the backend reported.
    Backend,
}

impl StoreErrorKind {
    /// Tells whether trying again later can help.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unavailable | Self::Timeout | Self::Full)
    }
}

impl StoreError {
    /// Wraps the backend's own error.
    pub fn new(kind: StoreErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// Reports a fault that has no cause of its own.
    #[must_use]
    pub fn bare(kind: StoreErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// Returns the kind of fault.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "the store is unavailable",
            StoreErrorKind::Timeout => "the store did not answer in time",
            StoreErrorKind::Corrupt => "a stored record cannot be read",
            StoreErrorKind::Full => "the store is full",
            StoreErrorKind::Misuse => "the store refused a call that breaks its contract",
            StoreErrorKind::Backend => "the store failed",
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
