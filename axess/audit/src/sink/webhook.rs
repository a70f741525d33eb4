mod answer;
mod signature;

pub use signature::{WebhookSignature, WebhookSignatureError};

use super::{
    EventSink, SinkError, SinkFuture, check_name,
    http::{self, HttpConfigError, Reach},
};
use crate::AuditRecord;
use answer::Answer;
use axess_clock::Clock;
use axess_identity::SigningKey;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Client, Url};
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};

/// How many keys may sign at a time: the one in use and the one that comes or goes.
pub const MAX_WEBHOOK_KEYS: usize = 2;
/// Says in front of what a key of a batch is the digest of.
const BATCH_DOMAIN: &[u8] = b"axess-audit-batch-v1\0";

/// The settings of a [`WebhookSink`].
///
/// ```
/// use axess_audit::sink::WebhookConfig;
/// use axess_identity::SigningKey;
/// let config = WebhookConfig::new("https://siem.example/axess", SigningKey::from([7; 32]));
/// assert_eq!(config.timeout.as_secs(), 30);
/// ```
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// The sink's name.
    pub name: String,
    /// Where to; `https:`, or `http:` to this machine.
    pub url: String,
    /// What signs; one, or two while keys are changed. Each makes a signature, and the receiver accepts any it knows.
    pub keys: Vec<SigningKey>,
    /// The most bytes of one request, unless a single event is larger.
    pub max_body: usize,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one request may take, with its answer.
    pub timeout: Duration,
    /// Certificate authorities as PEM, instead of the machine's.
    pub authorities: Option<Vec<u8>>,
}

/// Posts events to an HTTP receiver, signed.
///
/// One request carries `{"events":[...]}`: each event as the log's entry where there is a log, else as the event. Its
/// headers follow *Standard Webhooks* 1.0, for which verifiers exist in many languages:
///
/// - `webhook-id` and `Idempotency-Key`: the same text, a digest of the ids of the events. The same events have the same
///   key, however often they are sent.
/// - `webhook-timestamp`: seconds since 1970.
/// - `webhook-signature`: for each key `v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body`, separated by
///   spaces. [`WebhookSignature`] verifies one and shows how.
///
/// 2xx: delivered. 413: sent again in halves. 400, 406, 411, 414, 415, 422, 431: something in it is refused; the batch
/// is halved until the event is found, which is reported as [`SinkError::Refused`]. Everything else, a redirect, a
/// refused login and a wrong address among it, says nothing about the events: they stay, and are sent again later,
/// after `Retry-After` if the receiver gave one (at most an hour).
///
/// At least once: an answer that was lost, and a batch that was split, bring events again. A receiver that must not
/// take one twice looks at each `event_id`.
///
/// The address is the operator's. Where tenants choose it, the application has to see to it that it does not lead into
/// its own network: redirects are not followed and proxies of the environment are not used, but a name may resolve to
/// any address.
///
/// ```
/// use axess_audit::sink::{EventSink, WebhookConfig, WebhookSink};
/// use axess_clock::SystemClock;
/// use axess_identity::SigningKey;
/// use std::sync::Arc;
/// let config = WebhookConfig::new("https://siem.example/axess", SigningKey::from([7; 32]));
/// let sink = WebhookSink::new(config, Arc::new(SystemClock)).unwrap();
/// assert_eq!(sink.name(), "webhook");
/// let plain = WebhookConfig::new("http://siem.example/axess", SigningKey::from([7; 32]));
/// assert!(WebhookSink::new(plain, Arc::new(SystemClock)).is_err());
/// ```
#[derive(Debug)]
pub struct WebhookSink {
    config: WebhookConfig,
    url: Url,
    client: Client,
    clock: Arc<dyn Clock>,
}

/// What a receiver made of one request.
enum Outcome {
    Done,
    /// Something in it is not taken; why.
    Refused(String),
    Later(SinkError),
}

impl WebhookConfig {
    /// Makes settings with one key, the name `webhook`, 1 MiB a request and 30 seconds for it.
    #[must_use]
    pub fn new(url: impl Into<String>, key: SigningKey) -> Self {
        Self {
            name: "webhook".into(),
            url: url.into(),
            keys: vec![key],
            max_body: 1024 * 1024,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            authorities: None,
        }
    }
}

impl WebhookSink {
    /// Makes a sink; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`HttpConfigError`] for a setting that cannot be.
    pub fn new(config: WebhookConfig, clock: Arc<dyn Clock>) -> Result<Self, HttpConfigError> {
        check_name(&config.name).map_err(HttpConfigError::Setting)?;
        if config.keys.is_empty() || config.keys.len() > MAX_WEBHOOK_KEYS {
            return Err(HttpConfigError::Setting("a webhook has one key, or two while keys are changed"));
        }
        let url = http::parse(&config.url, false)?;
        let client = http::client(&Reach {
            url: &url,
            connect_timeout: config.connect_timeout,
            timeout: config.timeout,
            authorities: config.authorities.as_deref(),
            allows_plain: false,
        })?;
        Ok(Self { config, url, client, clock })
    }

    /// Sends parts of the batch from left to right, each split until it is taken or a single event.
    async fn send_all(&self, batch: &[AuditRecord]) -> Result<(), SinkError> {
        let mut rest: Vec<(usize, &[AuditRecord])> = self.parts(batch);
        rest.reverse();
        while let Some((first, part)) = rest.pop() {
            match self.send(part).await {
                Outcome::Done => {}
                Outcome::Later(error) => return Err(error),
                Outcome::Refused(reason) if part.len() <= 1 => {
                    return Err(SinkError::Refused { index: first, reason });
                }
                Outcome::Refused(_) => {
                    let half = part.len() / 2;
                    let (left, right) = part.split_at(half);
                    rest.push((first + half, right));
                    rest.push((first, left));
                }
            }
        }
        Ok(())
    }

    /// Cuts a batch into what fits into a request, with the place of each part.
    fn parts<'a>(&self, batch: &'a [AuditRecord]) -> Vec<(usize, &'a [AuditRecord])> {
        let mut parts = Vec::new();
        let (mut first, mut size) = (0, 0);
        for (index, record) in batch.iter().enumerate() {
            let more = record.body().len() + 1;
            if index > first && size + more > self.config.max_body {
                parts.push((first, batch.get(first..index).unwrap_or_default()));
                (first, size) = (index, 0);
            }
            size += more;
        }
        if first < batch.len() {
            parts.push((first, batch.get(first..).unwrap_or_default()));
        }
        parts
    }

    async fn send(&self, part: &[AuditRecord]) -> Outcome {
        let id = batch_id(part);
        let timestamp = self.clock.now().timestamp();
        let body = body(part);
        let signatures: Vec<String> = self
            .config
            .keys
            .iter()
            .map(|key| WebhookSignature { id: &id, timestamp, body: &body }.sign(key))
            .collect();
        let sent = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("idempotency-key", &id)
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures.join(" "))
            .body(body)
            .send()
            .await;
        let response = match sent {
            Ok(response) => response,
            // The address may hold a token.
            Err(error) => return Outcome::Later(SinkError::retry(error.without_url())),
        };
        let (status, after) = (response.status(), http::retry_after(&response, &*self.clock));
        http::read(response).await;
        match Answer::of(status) {
            Answer::Taken => Outcome::Done,
            Answer::Refused => Outcome::Refused(format!("the receiver answers {}", status.as_u16())),
            Answer::Later(error) => Outcome::Later(SinkError::Retry { source: Box::new(error), after }),
        }
    }
}

impl EventSink for WebhookSink {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a> {
        Box::pin(self.send_all(batch))
    }
}

/// Returns the key that the same events always have.
fn batch_id(part: &[AuditRecord]) -> String {
    let mut digest = Sha256::new_with_prefix(BATCH_DOMAIN);
    for record in part {
        digest.update(record.event_id().as_uuid().as_bytes());
    }
    URL_SAFE_NO_PAD.encode(digest.finalize())
}

fn body(part: &[AuditRecord]) -> Vec<u8> {
    let mut body = br#"{"events":["#.to_vec();
    for (index, record) in part.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(record.body());
    }
    body.extend_from_slice(b"]}");
    body
}
