//! Tells people that a request waits, and requesters how it was decided: webhooks, Slack, mail, callbacks.
//!
//! A notification carries no authority: its link leads to the console, where one signs in. None delays a request, or fails
//! one because of who is told.
//!
//! 1. Whom to tell what is written down, sealed, in the transaction of the change that it tells of.
//! 2. It is sent at once, and after failures that may pass a few times more, by whichever server holds it.
//! 3. It is deleted when it was taken. So a server that is killed loses none, and a receiver may get one twice: it has the
//!    same id then.
//! 4. What cannot be delivered is given up, and of more than 256 for one destination the oldest is dropped, both with a line
//!    in the log.

mod callback;
mod destination;
mod draft;
mod mail;
mod message;
mod post;
mod queue;
mod sink;
mod slack;
#[cfg(test)]
mod tests;

pub use destination::{CallbackFault, check_callback};
pub use draft::NoticeSeal;
pub use message::signature;

use crate::{
    model::PendingRequest,
    settings::ServerSettings,
    store::{NewNotice, Store},
};
use audex_core::session::SessionId;
use axess::clock::Clock;
use callback::CallbackKeys;
use chrono::TimeDelta;
use draft::Draft;
use queue::{Courier, Queue};
use sink::Sinks;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// How long something is worth telling, where it could not be.
const WORTH: TimeDelta = TimeDelta::hours(24);

/// Writes notifications down, and sends them in the background.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use audex_server::{handover::HandoverSeal, notify::{NoticeSeal, Notifier}, settings::ServerSettings, store::Store};
/// use axess::{clock::SystemClock, rng::SystemRng};
/// use std::{sync::Arc, time::Duration};
///
/// # let data = tempfile::tempdir().unwrap();
/// let settings = ServerSettings::new(data.path());
/// let seal = HandoverSeal::new([7; 32], Arc::new(SystemRng)).unwrap();
/// let store = Store::open(&settings, seal, Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap();
/// let seal = NoticeSeal::new([8; 32], Arc::new(SystemRng)).unwrap();
/// let notifier = Notifier::new(&settings, [9; 32], seal, store, Arc::new(SystemClock)).unwrap();
/// notifier.close(Duration::from_secs(1)).await;
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct Notifier {
    sinks: Arc<Sinks>,
    seal: NoticeSeal,
    queue: Queue,
    clock: Arc<dyn Clock>,
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
    /// Reads the settings, and begins to send what is written down.
    ///
    /// The keys of callbacks are derived from `callback_secret`. Call it within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`NotifyFault`].
    pub fn new(
        settings: &ServerSettings,
        callback_secret: [u8; 32],
        seal: NoticeSeal,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NotifyFault> {
        let sinks = Arc::new(Sinks::new(settings, CallbackKeys(callback_secret))?);
        let (to, sealed, now) = (Arc::clone(&sinks), seal.clone(), Arc::clone(&clock));
        let queue = Queue::start(Courier { sinks: to, seal: sealed, store, clock: now });
        Ok(Self { sinks, seal, queue, clock })
    }

    /// Returns everything that is wrong with the settings; with none, [`new`](Self::new) takes them.
    ///
    /// Nobody is asked and nothing is sent.
    pub fn check(settings: &ServerSettings) -> Vec<NotifyFault> {
        Sinks::faults(&settings.notifications)
    }

    /// Returns whom to tell what: to be written with the change that it tells of.
    pub fn notices(&self, notice: Notice<'_>) -> Vec<NewNotice> {
        let now = self.clock.now();
        let until = match notice {
            Notice::Asked(pending) => pending.approval.expires_at().min(now + WORTH),
            Notice::Decided(_) => now + WORTH,
        };
        let sealed = |(id, destination, draft): (Uuid, String, Draft)| {
            let sealed = self.seal.seal(id, &destination, &draft)?;
            Some(NewNotice { id, destination, created_at: now, until, sealed })
        };
        self.sinks.drafts(notice, now, self.seal.rng()).into_iter().filter_map(sealed).collect()
    }

    /// Says that something was written down.
    pub fn wake(&self) {
        self.queue.wake();
    }

    /// Returns the key that the callback of one request is signed with: its requester is told it, and nobody else.
    ///
    /// The key of the operator's webhooks signs nothing that goes to an address a requester chose.
    pub fn callback_key(&self, id: SessionId) -> String {
        self.sinks.keys().key(id)
    }

    /// Sends what is due, and waits until it was taken or not, for as long as this at most.
    ///
    /// Nothing is sent any more after that. What is left is sent after the next start.
    pub async fn close(&self, within: Duration) {
        self.queue.close(within).await;
    }
}
