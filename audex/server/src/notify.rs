//! Tells people that a request waits, and requesters how it was decided: webhooks, Slack, mail, callbacks.
//!
//! A notification carries no authority: its link leads to the console, where one signs in. None delays or fails a request:
//! what cannot be queued is dropped, and what cannot be delivered is given up, both with a line in the log.

mod callback;
mod destination;
mod mail;
mod message;
mod post;
mod queue;
mod sink;
mod slack;
#[cfg(test)]
mod tests;

pub use destination::{CallbackFault, check_callback};
pub use message::signature;

use crate::{model::PendingRequest, settings::ServerSettings};
use audex_core::session::SessionId;
use axess::{clock::Clock, rng::SecureRng};
use callback::CallbackKeys;
use message::Message;
use queue::Queue;
use sink::{Sink, Sinks};
use std::{sync::Arc, time::Duration};

/// How many deliveries may be under way, those that wait for another try included.
const MOST: u32 = 256;

/// Sends notifications, in the background.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), audex_server::notify::NotifyFault> {
/// use audex_server::{notify::Notifier, settings::ServerSettings};
/// use axess::{clock::SystemClock, rng::SystemRng};
/// use std::{sync::Arc, time::Duration};
///
/// let settings = ServerSettings::new("/var/lib/audex");
/// let notifier = Notifier::new(&settings, [7; 32], Arc::new(SystemClock), Arc::new(SystemRng))?;
/// notifier.close(Duration::from_secs(1)).await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Notifier {
    sinks: Arc<Sinks>,
    queue: Queue,
    /// Apart from the others, so that receivers of requesters who do not answer hold up nobody else.
    callbacks: Queue,
    /// What the keys of callbacks are derived from.
    callback_keys: CallbackKeys,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
}

/// What there is to tell.
///
/// ```
/// use audex_server::notify::Notice;
/// fn who(notice: Notice<'_>) -> String {
///     match notice {
///         Notice::Asked(pending) | Notice::Decided(pending) => pending.requester.identity(),
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Notice<'a> {
    /// A request waits for approval: everybody that is configured is told.
    Asked(&'a PendingRequest),
    /// A request was approved, denied, taken back or has lapsed: webhooks, Slack and the requester's callback are told.
    Decided(&'a PendingRequest),
}

/// Says which setting cannot be used.
///
/// Nothing of the setting is in it: it may hold a secret.
///
/// ```
/// use audex_server::notify::NotifyFault;
/// let fault = NotifyFault { key: "notifications.smtp", why: "an address as in smtp://user:password@host:587 is needed" };
/// assert!(fault.to_string().starts_with("notifications.smtp: "));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct NotifyFault {
    /// Which key.
    pub key: &'static str,
    /// What is wrong, or needed.
    pub why: &'static str,
}

impl Notifier {
    /// Reads the settings.
    ///
    /// The keys of callbacks are derived from `callback_secret`.
    ///
    /// Call it within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`NotifyFault`].
    pub fn new(
        settings: &ServerSettings,
        callback_secret: [u8; 32],
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Self, NotifyFault> {
        let sinks = Arc::new(Sinks::new(settings)?);
        let callback_keys = CallbackKeys(callback_secret);
        Ok(Self { sinks, queue: Queue::new(MOST), callbacks: Queue::new(MOST), callback_keys, clock, rng })
    }

    /// Returns everything that is wrong with the settings; with none, [`new`](Self::new) takes them.
    ///
    /// Nobody is asked and nothing is sent.
    pub fn check(settings: &ServerSettings) -> Vec<NotifyFault> {
        Sinks::faults(&settings.notifications)
    }

    /// Tells, later.
    ///
    /// It returns at once and never fails.
    pub fn tell(&self, notice: Notice<'_>) {
        let (configured, callback) = (self.sinks.configured(notice), self.callback(notice));
        if configured.is_empty() && callback.is_none() {
            return;
        }
        let message = Arc::new(Message::new(notice, self.sinks.console(), self.clock.now(), &*self.rng));
        for sink in configured {
            self.send(&self.queue, sink, message.clone());
        }
        if let Some(sink) = callback {
            self.send(&self.callbacks, sink, message);
        }
    }

    /// Returns the key that the callback of one request is signed with: its requester is told it, and nobody else.
    ///
    /// The key of the operator's webhooks signs nothing that goes to an address a requester chose.
    pub fn callback_key(&self, id: SessionId) -> String {
        self.callback_keys.key(id)
    }

    /// Waits until what is queued was sent or given up, for as long as this at most.
    ///
    /// Nothing is sent any more after that.
    pub async fn close(&self, within: Duration) {
        tokio::join!(self.queue.close(within), self.callbacks.close(within));
    }

    fn callback(&self, notice: Notice<'_>) -> Option<Sink> {
        let Notice::Decided(pending) = notice else { return None };
        self.sinks.callback(pending, self.callback_key(pending.session_id))
    }

    fn send(&self, queue: &Queue, sink: Sink, message: Arc<Message>) {
        let name = sink.name();
        if !queue.push(sink.deliver(message, self.clock.clone())) {
            tracing::warn!(sink = name, "a notification was dropped: too many are under way");
        }
    }
}
