use super::RichAuthnEvent;
use axess_events::AuditText;
use futures_util::FutureExt;
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};
use serde::{Deserialize, Serialize};
use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};
use tokio::{runtime::Handle, sync::oneshot};

/// The most tags of one event; further ones are cut.
pub const MAX_TAGS: usize = 16;
/// How many threads of enrichments that hang are waited for; while there are so many, events go without.
const MAX_HUNG: usize = 4;

/// What an enrichment returns, to be awaited.
///
/// ```
/// use axess_audit::analytics::{Enrichment, EnrichmentFuture};
/// let nothing: EnrichmentFuture<'static> = Box::pin(async { Enrichment::default() });
/// # drop(nothing);
/// ```
pub type EnrichmentFuture<'a> = Pin<Box<dyn Future<Output = Enrichment> + Send + 'a>>;

/// Adds what the deployment knows to an event.
///
/// A closure from an event to an [`Enrichment`] is one. It is asked once per event, on a thread of its own, for a limited time. It may
/// block, and may panic. When it takes too long, the other events of the same batch go without, and wait for nothing.
///
/// ```
/// use axess_audit::analytics::{Enrichment, EventEnrichment, RichAuthnEvent, Tag};
/// use std::sync::Arc;
/// let enrichment: Arc<dyn EventEnrichment> = Arc::new(|event: &RichAuthnEvent| {
///     let network = if event.client_ip.is_some_and(|ip| ip.is_loopback()) { "local" } else { "remote" };
///     Enrichment::default().with_tag("network", network)
/// });
/// # drop(enrichment);
/// assert_eq!(Enrichment::default().with_tag("a", "b").tags, [Tag { name: "a".into(), value: "b".into() }]);
/// ```
pub trait EventEnrichment: Send + Sync + 'static {
    /// Returns what is known about an event.
    fn enrich<'a>(&'a self, event: &'a RichAuthnEvent) -> EnrichmentFuture<'a>;
}

impl<F: Fn(&RichAuthnEvent) -> Enrichment + Send + Sync + 'static> EventEnrichment for F {
    fn enrich<'a>(&'a self, event: &'a RichAuthnEvent) -> EnrichmentFuture<'a> {
        Box::pin(async move { self(event) })
    }
}

/// What a deployment knows about an event beyond the event itself.
///
/// ```
/// use axess_audit::analytics::{DeviceTrust, Enrichment};
/// let known = Enrichment { device_trust: Some(DeviceTrust::Trusted), ..Enrichment::default() };
/// assert!(known.geo.is_none());
/// ```
#[derive(
    Debug, Clone, PartialEq, Default, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
pub struct Enrichment {
    /// How far the device is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_trust: Option<DeviceTrust>,
    /// Where the client's address is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geo: Option<GeoPoint>,
    /// Whose network that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn: Option<AutonomousSystem>,
    /// What the client says it is, taken apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<ClientSoftware>,
    /// Anything else; at most [`MAX_TAGS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// How far a device is trusted.
///
/// ```
/// use axess_audit::analytics::DeviceTrust;
/// assert_eq!(serde_json::to_value(DeviceTrust::Trusted).unwrap(), "trusted");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceTrust {
    /// Never seen.
    Unknown,
    /// Seen, not trusted.
    Known,
    /// Trusted.
    Trusted,
    /// Revoked.
    Revoked,
}

/// A place on the earth.
///
/// ```
/// use axess_audit::analytics::GeoPoint;
/// let oslo = GeoPoint { country: "NO".into(), city: Some("Oslo".into()), latitude: 59.9, longitude: 10.7 };
/// assert_eq!(oslo.country.as_str(), "NO");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct GeoPoint {
    /// The country, as its ISO 3166-1 alpha-2 code.
    pub country: AuditText,
    /// The city.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<AuditText>,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// A network on the Internet.
///
/// ```
/// use axess_audit::analytics::AutonomousSystem;
/// let system = AutonomousSystem { number: 64_496, organisation: "Example".into() };
/// assert_eq!(system.number, 64_496);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct AutonomousSystem {
    /// Its number.
    pub number: u32,
    /// Whose it is.
    pub organisation: AuditText,
}

/// What a client runs on.
///
/// ```
/// use axess_audit::analytics::ClientSoftware;
/// let software =
///     ClientSoftware { name: "Firefox".into(), version: "140".into(), system: "Linux".into(), is_bot: false };
/// assert!(!software.is_bot);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct ClientSoftware {
    /// The program.
    pub name: AuditText,
    /// Its version.
    pub version: AuditText,
    /// The operating system.
    pub system: AuditText,
    /// Whether it is a program that runs by itself.
    pub is_bot: bool,
}

/// A label with a value.
///
/// ```
/// use axess_audit::analytics::Tag;
/// assert_eq!(Tag { name: "plan".into(), value: "gold".into() }.value.as_str(), "gold");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct Tag {
    /// The label.
    pub name: AuditText,
    /// The value.
    pub value: AuditText,
}

impl Enrichment {
    /// Adds a tag, while there is room.
    #[must_use]
    pub fn with_tag(mut self, name: &str, value: &str) -> Self {
        self.tags.push(Tag { name: name.into(), value: value.into() });
        self.bounded()
    }

    pub(super) fn bounded(mut self) -> Self {
        self.tags.truncate(MAX_TAGS);
        self
    }
}

/// Asks an enrichment, on a thread that can be left behind when it hangs.
pub(super) struct Enricher {
    enrichment: Arc<dyn EventEnrichment>,
    limit: Duration,
    /// Where the thread at work takes questions from; `None` when there is none.
    thread: Mutex<Option<mpsc::Sender<Question>>>,
    alive: Arc<AtomicUsize>,
}

struct Question {
    event: Arc<RichAuthnEvent>,
    runtime: Handle,
    answer: oneshot::Sender<Result<Enrichment, Unanswered>>,
}

/// Why nothing is known about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// The enrichment took too long, or others of it hang: it will hardly know the next event's answer sooner.
    Slow,
    /// It panicked at this event.
    Panicked,
}

impl Enricher {
    pub(super) fn new(enrichment: Arc<dyn EventEnrichment>, limit: Duration) -> Self {
        Self { enrichment, limit, thread: Mutex::default(), alive: Arc::default() }
    }

    /// Returns what is known about an event.
    pub(super) async fn ask(&self, event: &Arc<RichAuthnEvent>) -> Result<Enrichment, Unanswered> {
        let (answer, answered) = oneshot::channel();
        let question = Question { event: Arc::clone(event), runtime: Handle::current(), answer };
        self.send(question).ok_or(Unanswered::Slow)?;
        match tokio::time::timeout(self.limit, answered).await {
            Ok(answer) => answer.unwrap_or(Err(Unanswered::Panicked)).map(Enrichment::bounded),
            Err(_) => {
                tracing::warn!(event_id = %event.event_id, "the enrichment of an event took too long");
                // The thread ends when its question does; the next one gets another.
                self.lock().take();
                Err(Unanswered::Slow)
            }
        }
    }

    fn send(&self, question: Question) -> Option<()> {
        let mut sender = self.lock();
        let question = match sender.as_ref() {
            Some(thread) => match thread.send(question) {
                Ok(()) => return Some(()),
                Err(mpsc::SendError(question)) => question,
            },
            None => question,
        };
        if self.alive.load(Ordering::Acquire) > MAX_HUNG {
            return None;
        }
        let (questions, received) = mpsc::channel();
        let (enrichment, limit, alive) = (Arc::clone(&self.enrichment), self.limit, Arc::clone(&self.alive));
        let named = thread::Builder::new().name("axess-enrichment".to_owned());
        alive.fetch_add(1, Ordering::AcqRel);
        let spawned = named.spawn(move || {
            for question in received {
                answer(&*enrichment, question, limit);
            }
            alive.fetch_sub(1, Ordering::AcqRel);
        });
        if spawned.is_err() {
            self.alive.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        questions.send(question).ok()?;
        *sender = Some(questions);
        Some(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<mpsc::Sender<Question>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(enrichment: &dyn EventEnrichment, question: Question, limit: Duration) {
    let Question { event, runtime, answer } = question;
    // What waits is ended by the limit, and the thread goes on; what blocks keeps the thread.
    let asked = AssertUnwindSafe(async { tokio::time::timeout(limit, enrichment.enrich(&event)).await });
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(asked.catch_unwind())));
    let known = match outcome {
        Ok(Ok(Ok(known))) => Ok(known),
        Ok(Ok(Err(_))) => Err(Unanswered::Slow),
        Ok(Err(_)) | Err(_) => {
            tracing::warn!(event_id = %event.event_id, "the enrichment of an event panicked");
            Err(Unanswered::Panicked)
        }
    };
    // Nobody waits any more when it took too long.
    drop(answer.send(known));
}
