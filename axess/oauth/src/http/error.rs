use super::public::LeadsInward;

/// Why an exchange with a provider came to nothing.
///
/// It never holds a URL's query, a body or a header.
///
/// ```
/// use axess_oauth::HttpError;
/// assert_eq!(HttpError::Redirected.to_string(), "it redirects, which is not followed");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A setting cannot be used.
    #[error("{setting} cannot be used")]
    Setup {
        /// Which one.
        setting: &'static str,
        /// What lies below.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The URL is neither https nor on loopback, or has parts that it must not have.
    #[error("its URL is neither https nor on loopback")]
    Insecure,
    /// The host is on a private network, or this machine, and only the public internet may be asked.
    #[error("its address is not one of the public internet")]
    Private,
    /// The answer is a redirect.
    #[error("it redirects, which is not followed")]
    Redirected,
    /// The answer is larger than allowed.
    #[error("its answer is larger than {limit} bytes")]
    TooLarge {
        /// The most bytes allowed.
        limit: usize,
    },
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
    /// The connection failed.
    #[error("the connection failed")]
    Failed(#[source] reqwest::Error),
    /// It answered, but not with what was asked for.
    #[error("it answered with status {status}")]
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// The body is not what was asked for.
    #[error("its answer is not {expected}")]
    Nonsense {
        /// What was expected.
        expected: &'static str,
    },
}

impl HttpError {
    pub(crate) fn setup(
        setting: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Setup { setting, source: source.into() }
    }

    pub(crate) fn from_transport(error: reqwest::Error) -> Self {
        let mut cause = std::error::Error::source(&error);
        while let Some(one) = cause {
            if one.is::<LeadsInward>() {
                return Self::Private;
            }
            cause = one.source();
        }
        if error.is_timeout() { Self::TimedOut } else { Self::Failed(error.without_url()) }
    }
}
