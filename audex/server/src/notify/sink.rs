use super::{
    Notice, NotifyFault,
    callback::CallbackKeys,
    destination::check_callback,
    draft::{Callback, Draft},
    mail::{self, Post},
    message::{Message, signature},
    post::{Failure, guarded, post, trusting},
    slack,
};
use crate::settings::{NotificationSettings, ServerSettings};
use axess::rng::SecureRng;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue};
use lettre::message::Mailbox;
use reqwest::{Client, Url};
use std::{fmt, sync::Arc};
use uuid::Uuid;
use zeroize::Zeroizing;

/// The shortest key that webhooks are signed with, in bytes.
const MIN_KEY: usize = 16;

/// The kind of the destinations that requesters choose.
const CALLBACK: &str = "callback";

/// Everybody who is told.
#[derive(Debug)]
pub(super) struct Sinks {
    console: String,
    is_dev: bool,
    guarded: Client,
    keys: CallbackKeys,
    configured: Vec<Arc<Sink>>,
}

/// Where a webhook is: whoever knows it may write there.
#[derive(Clone)]
struct Address(Url);

/// The key that webhooks are signed with.
#[derive(Clone)]
struct Key(Arc<Zeroizing<Vec<u8>>>);

/// One who is told.
#[derive(Debug)]
pub(super) struct Sink {
    destination: String,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Webhook { client: Client, url: Address, key: Option<Key> },
    Slack { client: Client, url: Address },
    Mail { post: Post, to: Mailbox },
}

impl Sinks {
    pub(super) fn new(settings: &ServerSettings, keys: CallbackKeys) -> Result<Self, NotifyFault> {
        let told = &settings.notifications;
        let client = |built: reqwest::Result<Client>| {
            built.map_err(|_| NotifyFault { key: "notifications", why: "TLS cannot be set up" })
        };
        let (open, key) = (client(trusting())?, key(told)?);
        let sink = |kind: &str, address: &str, way: Way| {
            Arc::new(Sink { destination: keys.destination(kind, address), way })
        };
        let mut configured = Vec::new();
        for url in urls("notifications.webhooks", &told.webhooks)? {
            let address = url.0.to_string();
            let way = Way::Webhook { client: open.clone(), url, key: key.clone() };
            configured.push(sink("webhook", &address, way));
        }
        for url in urls("notifications.slack", &told.slack)? {
            let address = url.0.to_string();
            configured.push(sink("slack", &address, Way::Slack { client: open.clone(), url }));
        }
        if let Some((post, recipients)) = mails(told)? {
            for to in recipients {
                let address = to.to_string();
                configured.push(sink("mail", &address, Way::Mail { post: post.clone(), to }));
            }
        }
        let (console, is_dev) = (settings.public_url.clone(), settings.is_dev);
        Ok(Self { console, is_dev, guarded: client(guarded(is_dev))?, keys, configured })
    }

    /// Returns everything that is wrong with the settings.
    pub(super) fn faults(told: &NotificationSettings) -> Vec<NotifyFault> {
        let faults = [
            urls("notifications.webhooks", &told.webhooks).err(),
            key(told).err(),
            urls("notifications.slack", &told.slack).err(),
            mails(told).err(),
        ];
        faults.into_iter().flatten().collect()
    }

    /// Returns what is to be told, under which id, and to which destination.
    pub(super) fn drafts(
        &self,
        notice: Notice<'_>,
        now: DateTime<Utc>,
        rng: &dyn SecureRng,
    ) -> Vec<(Uuid, String, Draft)> {
        let message = || Message::new(notice, &self.console, now, rng);
        let told = self.configured.iter().filter(|sink| sink.is_told(notice));
        let mut drafts: Vec<_> = told
            .map(|sink| {
                let message = message();
                (message.id, sink.destination.clone(), sink.draft(&message))
            })
            .collect();
        if let Notice::Decided(pending) = notice
            && let Some(url) = &pending.callback
            // The mode may have changed since it was asked for.
            && check_callback(url, self.is_dev).is_ok()
        {
            let message = message();
            let callback = Some(Callback { url: url.clone(), session_id: pending.session_id });
            let draft = Draft::new(&message, message.json.clone(), callback);
            // By requester, so that one whose receiver does not answer holds up nobody else.
            let destination = self.keys.destination(CALLBACK, &pending.requester.identity());
            drafts.push((message.id, destination, draft));
        }
        drafts
    }

    /// Tells whether something can be sent to a destination.
    pub(super) fn knows(&self, destination: &str) -> bool {
        destination.split('-').next() == Some(CALLBACK) || self.configured(destination).is_some()
    }

    /// Finds who is told; nobody, where that is not allowed any more.
    pub(super) fn find(&self, destination: &str, draft: &Draft) -> Option<Arc<Sink>> {
        let Some(Callback { url, session_id }) = &draft.callback else {
            return self.configured(destination).cloned();
        };
        check_callback(url, self.is_dev).ok()?;
        let key = Some(Key(Arc::new(Zeroizing::new(self.keys.key(*session_id).into_bytes()))));
        let way = Way::Webhook { client: self.guarded.clone(), url: Address(Url::parse(url).ok()?), key };
        Some(Arc::new(Sink { destination: destination.to_owned(), way }))
    }

    /// Returns the keys of callbacks.
    pub(super) const fn keys(&self) -> &CallbackKeys {
        &self.keys
    }

    fn configured(&self, destination: &str) -> Option<&Arc<Sink>> {
        self.configured.iter().find(|sink| sink.destination == destination)
    }
}

fn key(told: &NotificationSettings) -> Result<Option<Key>, NotifyFault> {
    let key = told.webhook_key.as_ref().map(|key| Key(Arc::new(Zeroizing::new(key.clone().into_bytes()))));
    let is_short = key.as_ref().is_some_and(|key| key.0.len() < MIN_KEY);
    if is_short || (key.is_none() && !told.webhooks.is_empty()) {
        let why = "a key of 16 bytes or more is needed: webhooks are signed with it";
        return Err(NotifyFault { key: "notifications.webhook_key", why });
    }
    Ok(key)
}

fn mails(told: &NotificationSettings) -> Result<Option<(Post, Vec<Mailbox>)>, NotifyFault> {
    match &told.smtp {
        Some(url) => {
            let to: Result<Vec<Mailbox>, _> = told.mail_to.iter().map(|to| mail::recipient(to)).collect();
            Ok(Some((Post::new(url, told.mail_from.as_deref())?, to?)))
        }
        None if told.mail_to.is_empty() => Ok(None),
        None => Err(NotifyFault { key: "notifications.smtp", why: "mails need a mail server" }),
    }
}

fn urls(key: &'static str, list: &[String]) -> Result<Vec<Address>, NotifyFault> {
    let why = "an address as in https://example.com/path is needed";
    let read = |text: &String| {
        let url =
            Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
        url.map(Address).ok_or(NotifyFault { key, why })
    };
    list.iter().map(read).collect()
}

impl Sink {
    /// Tells whether they are told of this: no mail tells of a decision.
    const fn is_told(&self, notice: Notice<'_>) -> bool {
        matches!(notice, Notice::Asked(_)) || !matches!(self.way, Way::Mail { .. })
    }

    /// Writes a message in the form that they read.
    fn draft(&self, message: &Message) -> Draft {
        let body = match &self.way {
            Way::Webhook { .. } => message.json.clone(),
            Way::Slack { .. } => slack::body(message),
            Way::Mail { .. } => mail::text(message),
        };
        Draft::new(message, body, None)
    }

    /// Sends once.
    pub(super) async fn attempt(&self, id: Uuid, draft: &Draft, now: DateTime<Utc>) -> Result<(), Failure> {
        match &self.way {
            Way::Webhook { client, url, key } => {
                let headers = webhook_headers(id, &draft.body, key.as_ref(), now.timestamp());
                post(client, &url.0, headers, draft.body.clone()).await
            }
            Way::Slack { client, url } => post(client, &url.0, HeaderMap::new(), draft.body.clone()).await,
            Way::Mail { post, to } => post.send(to, id, draft).await,
        }
    }
}

fn webhook_headers(id: Uuid, body: &str, key: Option<&Key>, seconds: i64) -> HeaderMap {
    let signed = key.map(|key| ("x-audex-signature", signature(&key.0, seconds, body.as_bytes())));
    let plain = [("x-audex-id", id.to_string()), ("x-audex-timestamp", seconds.to_string())];
    let headers = plain.into_iter().chain(signed);
    let header = |(name, value): (&'static str, String)| {
        Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?))
    };
    headers.filter_map(header).collect()
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address([redacted])")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}
