use axess_clock::{Clock, SystemClock};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use std::{fmt, time::Duration};
use tokio::sync::Mutex;

/// How old the keys may be before they are read again: an issuer that takes one back is believed that soon.
const MAX_AGE: TimeDelta = TimeDelta::minutes(5);
/// How far reads are apart that strangers can cause, with tokens that name a key nobody has.
const BETWEEN_READS: TimeDelta = TimeDelta::seconds(5);
const TIMEOUT: Duration = Duration::from_secs(5);

/// The public keys of the issuer, from a URL or a file.
pub(crate) struct Keys {
    source: String,
    client: reqwest::Client,
    cached: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    set: Option<JwkSet>,
    read_at: Option<DateTime<Utc>>,
}

/// Says that there are no keys, and so nothing can be decided.
#[derive(Debug)]
pub(crate) struct NoKeys;

impl Keys {
    pub(crate) fn new(source: String) -> Result<Self, reqwest::Error> {
        // The keys decide who gets in: they come from where the settings say, and from nowhere that this redirects to.
        let no_redirects = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(no_redirects).no_proxy().build()?;
        Ok(Self { source, client, cached: Mutex::default() })
    }

    /// Finds a key; looks again when there is none of that name, since the issuer may have a new one.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Jwk>, NoKeys> {
        let mut cached = self.cached.lock().await;
        let now = SystemClock.now();
        // A clock that was set back does not keep old keys for longer.
        let age = cached.read_at.map(|at| (now - at).abs());
        let found = cached.set.as_ref().and_then(|set| set.find(id)).cloned();
        let is_due = match (age, &found) {
            (None, _) => true,
            (Some(age), Some(_)) => age > MAX_AGE,
            (Some(age), None) => age > BETWEEN_READS,
        };
        if !is_due {
            return if cached.set.is_some() { Ok(found) } else { Err(NoKeys) };
        }
        cached.read_at = Some(now);
        // While the issuer cannot be asked, what it said last holds: its tokens are short-lived.
        if let Some(set) = self.read().await {
            cached.set = Some(set);
        }
        let set = cached.set.as_ref().ok_or(NoKeys)?;
        Ok(set.find(id).cloned())
    }

    async fn read(&self) -> Option<JwkSet> {
        let text = if self.source.starts_with("http") { self.fetch().await } else { self.open().await };
        let set = text.and_then(|text| serde_json::from_str(&text).map_err(Into::into));
        set.inspect_err(|error| tracing::error!(source = self.source, %error, "the keys cannot be read")).ok()
    }

    async fn fetch(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.client.get(&self.source).send().await?.error_for_status()?.text().await?)
    }

    async fn open(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let file = self.source.clone();
        Ok(tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await??)
    }
}

impl fmt::Display for NoKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the issuer's keys cannot be had")
    }
}
