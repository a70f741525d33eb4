use std::{future::Future, pin::Pin, time::Duration};

/// A boxed future, so that the ports are object-safe.
///
/// ```
/// use axess_jose::BoxFuture;
/// let answer: BoxFuture<'static, u8> = Box::pin(async { 42 });
/// # drop(answer);
/// ```
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Gets a document from an address: the port behind which the HTTP client is.
///
/// ```
/// use axess_jose::{BoxFuture, FetchDocument, FetchError, FetchedDocument};
///
/// struct Fixed(&'static str);
///
/// impl FetchDocument for Fixed {
///     fn fetch<'a>(&'a self, _url: &'a str, limit: usize) -> BoxFuture<'a, Result<FetchedDocument, FetchError>> {
///         Box::pin(async move {
///             if self.0.len() > limit {
///                 return Err(FetchError::TooLarge);
///             }
///             Ok(FetchedDocument { bytes: self.0.into(), max_age: None })
///         })
///     }
/// }
/// ```
pub trait FetchDocument: Send + Sync {
    /// Gets the document at `url`, of at most `limit` bytes.
    ///
    /// An implementation takes `https` only (but on loopback), follows no redirection to another origin, stops reading
    /// past `limit`, and ends within a time of its own: nothing here waits for less long than it does.
    fn fetch<'a>(&'a self, url: &'a str, limit: usize) -> BoxFuture<'a, Result<FetchedDocument, FetchError>>;
}

/// A document as it came.
///
/// ```
/// use axess_jose::FetchedDocument;
/// let document = FetchedDocument { bytes: br#"{"keys":[]}"#.to_vec(), max_age: None };
/// assert_eq!(document.bytes.len(), 11);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedDocument {
    /// The body.
    pub bytes: Vec<u8>,
    /// How long it is good for, if its sender said so (`Cache-Control: max-age`, RFC 9111 §5.2.2.1).
    pub max_age: Option<Duration>,
}

/// Says why a document is not there.
///
/// ```
/// use axess_jose::FetchError;
/// assert_eq!(FetchError::Failed("connection refused".into()).to_string(), "the document cannot be fetched");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is larger than the limit.
    #[error("the document is too large")]
    TooLarge,
    /// It is not what it should be.
    #[error("the document is not what it should be")]
    Malformed,
    /// It cannot be had.
    #[error("the document cannot be fetched")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}
