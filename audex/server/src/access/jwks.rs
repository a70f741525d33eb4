//! The published keys of one issuer, from a file or an address.
//!
//! They are read when they are first needed, again when they are old or a token names a key that is not among them, and
//! never more often than [`BETWEEN_READS`]: strangers cause no more reads than that. While they cannot be read, the last good
//! ones hold for [`KEEP`].

use super::{OpenAccessError, jwt};
use crate::settings::WorkloadIssuer;
use axess::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use http::Uri;
use std::{
    io::Read,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::Mutex;

/// How old keys may get before they are read again: an issuer that takes one back is believed that soon.
const MAX_AGE: TimeDelta = TimeDelta::minutes(5);
/// How far reads are apart at least.
const BETWEEN_READS: TimeDelta = TimeDelta::seconds(10);
/// How long the last good keys hold while there are no newer ones.
const KEEP: TimeDelta = TimeDelta::hours(24);
/// How long a read may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest set of keys, in bytes.
const MAX_BYTES: usize = 256 * 1_024;

/// Says that there are no keys, and so nothing can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the keys of the issuer cannot be had")]
pub(super) struct NoKeys;

pub(super) struct Jwks {
    source: Source,
    clock: Arc<dyn Clock>,
    cached: RwLock<Cached>,
    reading: Mutex<()>,
}

enum Source {
    Address(reqwest::Client, String),
    File(PathBuf),
}

#[derive(Default, Clone)]
struct Cached {
    keys: Option<Arc<Vec<jwt::PublicKey>>>,
    /// When they were read, and when that was last tried.
    read_at: Option<DateTime<Utc>>,
    tried_at: Option<DateTime<Utc>>,
}

impl Jwks {
    pub(super) fn new(issuer: &WorkloadIssuer, clock: Arc<dyn Clock>) -> Result<Self, OpenAccessError> {
        let refuse = || OpenAccessError::Workload { issuer: issuer.issuer.clone() };
        let source = if issuer.jwks.contains("://") {
            let address: Uri = issuer.jwks.parse().map_err(|_| refuse())?;
            let host = address.host().unwrap_or_default().trim_matches(['[', ']']);
            let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
            let is_safe = match address.scheme_str() {
                Some("https") => true,
                Some("http") => is_here,
                _ => false,
            };
            if !is_safe || address.authority().is_none_or(|authority| authority.as_str().contains('@')) {
                return Err(refuse());
            }
            // The keys decide who gets in: they come from where the settings say, and from nowhere this redirects to.
            let client = reqwest::Client::builder()
                .timeout(TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .map_err(|_| refuse())?;
            Source::Address(client, issuer.jwks.clone())
        } else {
            Source::File(PathBuf::from(&issuer.jwks))
        };
        Ok(Self { source, clock, cached: RwLock::default(), reading: Mutex::new(()) })
    }

    /// Finds a key by its name.
    pub(super) async fn find(&self, id: &str) -> Result<Option<jwt::PublicKey>, NoKeys> {
        let seen = self.seen();
        if let Some(found) = seen.find(id) {
            if seen.is_young(self.clock.now()) {
                return Ok(Some(found));
            }
            // One reads; the others go on with what there is.
            if let Ok(_turn) = self.reading.try_lock() {
                self.read_if_due().await;
            }
            return self.seen().usable(self.clock.now()).map(|cached| cached.find(id));
        }
        {
            let _turn = self.reading.lock().await;
            // Somebody else may have read them meanwhile.
            if self.seen().find(id).is_none() {
                self.read_if_due().await;
            }
        }
        self.seen().usable(self.clock.now()).map(|cached| cached.find(id))
    }

    fn seen(&self) -> Cached {
        self.cached.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read_if_due(&self) {
        let now = self.clock.now();
        // A clock that was set back does not keep old keys for longer.
        if self.seen().tried_at.is_some_and(|at| (now - at).abs() < BETWEEN_READS) {
            return;
        }
        let text = match &self.source {
            Source::Address(client, address) => fetch(client, address).await,
            Source::File(path) => open(path.clone()).await,
        };
        let keys =
            text.and_then(|text| jwt::read_keys(&text).ok_or_else(|| "it is no set of keys".to_owned()));
        let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
        cached.tried_at = Some(now);
        match keys {
            Ok(keys) => {
                cached.keys = Some(Arc::new(keys));
                cached.read_at = Some(now);
            }
            Err(error) => {
                tracing::error!(source = self.source.name(), error, "keys of workloads cannot be read")
            }
        }
    }
}

impl Cached {
    fn find(&self, id: &str) -> Option<jwt::PublicKey> {
        self.keys.as_ref()?.iter().find(|key| key.id() == id).cloned()
    }

    fn is_young(&self, now: DateTime<Utc>) -> bool {
        self.read_at.is_some_and(|at| (now - at).abs() <= MAX_AGE)
    }

    fn usable(self, now: DateTime<Utc>) -> Result<Self, NoKeys> {
        if self.read_at.is_some_and(|at| (now - at).abs() <= KEEP) { Ok(self) } else { Err(NoKeys) }
    }
}

impl Source {
    fn name(&self) -> String {
        match self {
            Self::Address(_, address) => address.clone(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

async fn fetch(client: &reqwest::Client, address: &str) -> Result<Vec<u8>, String> {
    let said = |error: reqwest::Error| error.without_url().to_string();
    let mut response =
        client.get(address).send().await.and_then(reqwest::Response::error_for_status).map_err(said)?;
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(said)? {
        if text.len() + chunk.len() > MAX_BYTES {
            return Err(format!("it has more than {MAX_BYTES} bytes"));
        }
        text.extend_from_slice(&chunk);
    }
    if response.status() != http::StatusCode::OK {
        return Err(format!("it answered {}", response.status()));
    }
    Ok(text)
}

async fn open(path: PathBuf) -> Result<Vec<u8>, String> {
    let read = tokio::task::spawn_blocking(move || {
        let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        let mut text = Vec::new();
        std::fs::File::open(path)?.take(most + 1).read_to_end(&mut text)?;
        Ok::<_, std::io::Error>(text)
    });
    match read.await {
        Ok(Ok(text)) if text.len() > MAX_BYTES => Err(format!("it has more than {MAX_BYTES} bytes")),
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
