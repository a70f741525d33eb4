use reqwest::StatusCode;

/// The most bytes of a code that a store may answer with.
const MAX_CODE: usize = 64;

/// Why a store did not take an object, with what an operator can do.
///
/// ```
/// use axess_audit::sink::S3Error;
/// let error = S3Error::Denied { status: 403, code: "AccessDenied".into() };
/// assert!(error.to_string().starts_with("the store answers 403 AccessDenied: the credentials may not write"));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// The store did not answer, or not in time.
    #[error("the store does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// The credentials do not allow it: unknown, expired, wrong or without the permission to write.
    #[error(
        "the store answers {status} {code}: the credentials may not write to the bucket; the events stay until they do"
    )]
    Denied {
        /// The status.
        status: u16,
        /// The store's own name of the error.
        code: String,
    },
    /// The clocks of the store and of this machine are too far apart.
    #[error("the store answers {status} {code}: its clock and the one of this machine are too far apart")]
    Clock {
        /// The status.
        status: u16,
        /// The store's own name of the error.
        code: String,
    },
    /// The bucket is missing, elsewhere, or cannot do what it is asked for.
    #[error("the store answers {status} {code}: look at endpoint, region, bucket, style and retention")]
    Bucket {
        /// The status.
        status: u16,
        /// The store's own name of the error.
        code: String,
    },
    /// The store is too busy.
    #[error("the store answers {status} {code}: it is too busy")]
    Busy {
        /// The status.
        status: u16,
        /// The store's own name of the error.
        code: String,
    },
    /// The store answers something else.
    #[error("the store answers {status} {code}")]
    Other {
        /// The status.
        status: u16,
        /// The store's own name of the error.
        code: String,
    },
    /// The request cannot be signed: the region or the credentials have characters that no header can have.
    #[error("the request cannot be signed: look at the region and the credentials")]
    Unsigned,
}

impl S3Error {
    /// Reads an answer that is no success.
    pub(super) fn of(status: StatusCode, body: &[u8]) -> Self {
        let (code, status) = (code(body), status.as_u16());
        match code.as_str() {
            "AccessDenied"
            | "AllAccessDisabled"
            | "AccountProblem"
            | "ExpiredToken"
            | "InvalidAccessKeyId"
            | "InvalidToken"
            | "SignatureDoesNotMatch"
            | "TokenRefreshRequired" => Self::Denied { status, code },
            "RequestTimeTooSkewed" | "RequestExpired" => Self::Clock { status, code },
            "NoSuchBucket"
            | "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "InvalidBucketName"
            | "InvalidRequest"
            | "InvalidBucketState"
            | "ObjectLockConfigurationNotFoundError"
            | "MethodNotAllowed" => Self::Bucket { status, code },
            "SlowDown"
            | "ServiceUnavailable"
            | "RequestLimitExceeded"
            | "Throttling"
            | "ThrottlingException"
            | "ConditionalRequestConflict"
            | "OperationAborted" => Self::Busy { status, code },
            _ => match status {
                401 | 403 => Self::Denied { status, code },
                301 | 302 | 307 | 308 | 404 | 405 => Self::Bucket { status, code },
                429 | 503 => Self::Busy { status, code },
                _ => Self::Other { status, code },
            },
        }
    }
}

/// Returns what stands in the `Code` of an error, if it is a name.
fn code(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let found = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"))
        .map(|(code, _)| code.trim());
    let is_name =
        |code: &&str| code.len() <= MAX_CODE && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    found.filter(is_name).unwrap_or_default().to_owned()
}
