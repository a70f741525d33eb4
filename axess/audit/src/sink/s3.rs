mod error;
mod object;
mod request;

pub use error::S3Error;

use super::{
    BROKEN_LINE, EventSink, SinkError, SinkFuture, check_name, first_broken_line,
    http::{self, HttpConfigError, Reach},
};
use crate::AuditRecord;
use axess_clock::Clock;
use object::Object;
use reqwest::{Client, Url};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use zeroize::Zeroizing;

/// The most bytes of a prefix.
const MAX_PREFIX: usize = 512;

/// How a bucket is named in a request.
///
/// ```
/// use axess_audit::sink::S3Style;
/// assert_ne!(S3Style::Path, S3Style::VirtualHost);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3Style {
    /// `https://endpoint/bucket/key`, which most stores other than Amazon's expect.
    Path,
    /// `https://bucket.endpoint/key`, which Amazon expects.
    VirtualHost,
}

/// How firmly an object is kept.
///
/// ```
/// use axess_audit::sink::S3LockMode;
/// assert_ne!(S3LockMode::Governance, S3LockMode::Compliance);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3LockMode {
    /// Those with a special permission can end it.
    Governance,
    /// Nobody can end it.
    Compliance,
}

/// How long the store refuses to delete or overwrite an object (Object Lock; the bucket must have it).
///
/// ```
/// use axess_audit::sink::{S3LockMode, S3Retention};
/// let retention = S3Retention { mode: S3LockMode::Compliance, keep: std::time::Duration::from_secs(86_400 * 365) };
/// assert_eq!(retention.keep.as_secs(), 31_536_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct S3Retention {
    /// How firmly.
    pub mode: S3LockMode,
    /// From when it is written.
    pub keep: Duration,
}

/// Who writes to a store.
///
/// ```
/// use axess_audit::sink::S3Credentials;
/// let credentials = S3Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
/// assert_eq!(format!("{credentials:?}"), "S3Credentials { access_key: \"AKIDEXAMPLE\", .. }");
/// ```
#[derive(Clone)]
pub struct S3Credentials {
    access_key: String,
    secret_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
}

/// The settings of an [`S3Sink`].
///
/// ```
/// use axess_audit::sink::{S3Config, S3Credentials};
/// let config = S3Config::new("https://s3.eu-central-1.amazonaws.com", "eu-central-1", "audit", S3Credentials::new("a", "b"));
/// assert_eq!(config.prefix, "audit");
/// ```
#[derive(Debug, Clone)]
pub struct S3Config {
    /// The sink's name.
    pub name: String,
    /// Where the store is, without the bucket; `https:`, or `http:` to this machine.
    pub endpoint: String,
    /// Allows `http:` to other machines, too: for a store in a network that is safe by other means.
    pub allows_plain_http: bool,
    /// The region that signatures are for; many stores take `us-east-1`.
    pub region: String,
    /// The bucket, which must be there.
    pub bucket: String,
    /// How the bucket is named in a request.
    pub style: S3Style,
    /// What the names of all objects begin with, without a slash at either end.
    pub prefix: String,
    /// Who writes; see [`S3Sink::set_credentials`].
    pub credentials: S3Credentials,
    /// How long the store must keep an object, if it is told to.
    pub retention: Option<S3Retention>,
    /// Never overwrites an object, not even with itself (`If-None-Match: *`).
    pub writes_once: bool,
    /// The most bytes of one object, unless a single event is larger.
    pub max_object: usize,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one request may take, with its answer.
    pub timeout: Duration,
    /// Certificate authorities as PEM, instead of the machine's.
    pub authorities: Option<Vec<u8>>,
}

/// Writes events as objects to a store with the API of Amazon S3.
///
/// A batch becomes one object for each chain in it (more if it is too large), JSONL as the log has it:
/// `prefix/<chain>/<yyyy>/<mm>/<dd>/<first sequence>-<last sequence>-<digest>.jsonl`. The chain is a tenant's id or
/// `system`, the day that of the first event, a sequence has 20 digits, and the digest is the first half of the
/// content's SHA-256 in hexadecimal. Without a log the ids of the first and the last event stand for the sequences. The
/// same batch has the same name, so that it overwrites itself when it is sent again. A batch that is cut otherwise the
/// second time makes a second object: whoever reads them takes each sequence once.
///
/// Requests are signed (AWS Signature Version 4) over all headers and the content, and carry `x-amz-checksum-sha256`,
/// which the store compares with what arrived.
///
/// No answer of a store makes an event a dead letter: what is wrong is wrong with credentials, bucket or network, so
/// the events stay and [`S3Error`] says what an operator can do. An event that is not one line is refused.
///
/// ```
/// use axess_audit::sink::{EventSink, S3Config, S3Credentials, S3Sink};
/// use axess_clock::SystemClock;
/// use std::sync::Arc;
/// let credentials = S3Credentials::new("AKIDEXAMPLE", "secret");
/// let config = S3Config::new("https://minio.example:9000", "us-east-1", "audit", credentials);
/// let sink = S3Sink::new(config, Arc::new(SystemClock)).unwrap();
/// assert_eq!(sink.name(), "s3");
/// sink.set_credentials(S3Credentials::new("ASIAEXAMPLE", "secret").with_session_token("token"));
/// ```
#[derive(Debug)]
pub struct S3Sink {
    config: S3Config,
    bucket_url: Url,
    client: Client,
    credentials: RwLock<S3Credentials>,
    clock: Arc<dyn Clock>,
}

impl S3Credentials {
    /// Makes credentials that last.
    #[must_use]
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            access_key: access_key.into(),
            secret_key: Zeroizing::new(secret_key.into()),
            session_token: None,
        }
    }

    /// Adds the token that temporary credentials come with.
    #[must_use]
    pub fn with_session_token(mut self, token: impl Into<String>) -> Self {
        self.session_token = Some(Zeroizing::new(token.into()));
        self
    }
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

impl S3Config {
    /// Makes settings with the name `s3`, path style, the prefix `audit`, 8 MiB an object and a minute for it.
    #[must_use]
    pub fn new(
        endpoint: impl Into<String>,
        region: impl Into<String>,
        bucket: impl Into<String>,
        credentials: S3Credentials,
    ) -> Self {
        Self {
            name: "s3".into(),
            endpoint: endpoint.into(),
            allows_plain_http: false,
            region: region.into(),
            bucket: bucket.into(),
            style: S3Style::Path,
            prefix: "audit".into(),
            credentials,
            retention: None,
            writes_once: false,
            max_object: 8 * 1024 * 1024,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(60),
            authorities: None,
        }
    }

    /// Returns the URL that keys are appended to.
    fn bucket_url(&self) -> Result<Url, HttpConfigError> {
        let mut url = http::parse(&self.endpoint, self.allows_plain_http)?;
        if url.query().is_some() || url.path() != "/" {
            return Err(HttpConfigError::Setting("the endpoint has no path and no query"));
        }
        let is_fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        if !(3..=63).contains(&self.bucket.len())
            || !self.bucket.bytes().all(is_fine)
            || self.bucket.contains("..")
        {
            return Err(HttpConfigError::Setting("the name of a bucket has 3 to 63 of a-z, 0-9, . and -"));
        }
        match self.style {
            S3Style::Path => url.set_path(&format!("/{}/", self.bucket)),
            S3Style::VirtualHost => {
                if self.bucket.contains('.') {
                    return Err(HttpConfigError::Setting(
                        "a bucket with a dot in its name needs the path style",
                    ));
                }
                let host = format!("{}.{}", self.bucket, url.host_str().unwrap_or_default());
                url.set_host(Some(&host)).map_err(|_| HttpConfigError::Address)?;
            }
        }
        Ok(url)
    }

    fn check_prefix(&self) -> Result<(), HttpConfigError> {
        let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(char::is_control);
        let is_fine = self.prefix.is_empty() || self.prefix.split('/').all(is_part);
        if !is_fine || self.prefix.len() > MAX_PREFIX {
            return Err(HttpConfigError::Setting(
                "a prefix has at most 512 bytes, and parts that are not empty, . or .. between slashes",
            ));
        }
        Ok(())
    }
}

impl S3Sink {
    /// Makes a sink; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`HttpConfigError`] for a setting that cannot be.
    pub fn new(config: S3Config, clock: Arc<dyn Clock>) -> Result<Self, HttpConfigError> {
        check_name(&config.name).map_err(HttpConfigError::Setting)?;
        config.check_prefix()?;
        let bucket_url = config.bucket_url()?;
        let client = http::client(&Reach {
            url: &bucket_url,
            connect_timeout: config.connect_timeout,
            timeout: config.timeout,
            authorities: config.authorities.as_deref(),
            allows_plain: config.allows_plain_http,
        })?;
        let credentials = RwLock::new(config.credentials.clone());
        Ok(Self { config, bucket_url, client, credentials, clock })
    }

    /// Replaces the credentials, from the next request on: temporary ones have to be renewed before they expire.
    pub fn set_credentials(&self, credentials: S3Credentials) {
        *self.credentials.write().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    fn credentials(&self) -> S3Credentials {
        self.credentials.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn put_all(&self, batch: &[AuditRecord]) -> Result<(), SinkError> {
        let broken = first_broken_line(batch);
        let whole = batch.get(..broken.unwrap_or(batch.len())).unwrap_or_default();
        for object in Object::all_of(whole, &self.config.prefix, self.config.max_object) {
            self.put(object).await?;
        }
        broken.map_or(Ok(()), |index| Err(SinkError::Refused { index, reason: BROKEN_LINE.into() }))
    }
}

impl EventSink for S3Sink {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a> {
        Box::pin(self.put_all(batch))
    }
}

#[cfg(test)]
mod tests;
