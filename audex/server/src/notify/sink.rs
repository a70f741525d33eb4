use super::{
    Notice, NotifyFault,
    destination::check_callback,
    mail::{self, Post},
    message::{Message, signature},
    post::{Failure, guarded, post, trusting},
    slack,
};
use crate::{
    model::PendingRequest,
    settings::{NotificationSettings, ServerSettings},
};
use axess::clock::Clock;
use http::{HeaderMap, HeaderName, HeaderValue};
use lettre::message::Mailbox;
use reqwest::{Client, Url};
use std::{fmt, sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// The waits before another attempt, after a failure that may pass.
const WAITS: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(3), Duration::from_secs(20), Duration::from_secs(120)];

/// The shortest key that webhooks are signed with, in bytes.
const MIN_KEY: usize = 16;

/// Everybody who is told.
#[derive(Debug)]
pub(super) struct Sinks {
    console: String,
    is_dev: bool,
    open: Client,
    guarded: Client,
    key: Option<Key>,
    webhooks: Vec<Address>,
    slack: Vec<Address>,
    mail: Option<(Post, Vec<Mailbox>)>,
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
    name: &'static str,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Webhook { client: Client, url: Address, key: Option<Key> },
    Slack { client: Client, url: Address },
    Mail { post: Post, to: Mailbox },
}

impl Sinks {
    pub(super) fn new(settings: &ServerSettings) -> Result<Self, NotifyFault> {
        let told = &settings.notifications;
        let client = |built: reqwest::Result<Client>| {
            built.map_err(|_| NotifyFault { key: "notifications", why: "TLS cannot be set up" })
        };
        Ok(Self {
            console: settings.public_url.clone(),
            is_dev: settings.is_dev,
            open: client(trusting())?,
            guarded: client(guarded(settings.is_dev))?,
            key: key(told)?,
            webhooks: urls("notifications.webhooks", &told.webhooks)?,
            slack: urls("notifications.slack", &told.slack)?,
            mail: mails(told)?,
        })
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

    /// Returns where the console is.
    pub(super) fn console(&self) -> &str {
        &self.console
    }

    /// Returns whom the operator wants to be told.
    pub(super) fn configured(&self, notice: Notice<'_>) -> Vec<Sink> {
        let webhooks = self.webhooks.iter().map(|url| {
            let way = Way::Webhook { client: self.open.clone(), url: url.clone(), key: self.key.clone() };
            Sink { name: "webhook", way }
        });
        let slack = self.slack.iter().map(|url| Sink {
            name: "slack",
            way: Way::Slack { client: self.open.clone(), url: url.clone() },
        });
        let mails = self.mail.iter().filter(|_| matches!(notice, Notice::Asked(_))).flat_map(|(post, to)| {
            let way = |to: &Mailbox| Way::Mail { post: post.clone(), to: to.clone() };
            to.iter().map(move |to| Sink { name: "mail", way: way(to) })
        });
        webhooks.chain(slack).chain(mails).collect()
    }

    /// Returns where the requester wants to be told of a decision, signed with `key`.
    pub(super) fn callback(&self, pending: &PendingRequest, key: String) -> Option<Sink> {
        let address = pending.callback.as_deref()?;
        // The mode may have changed since it was asked for.
        check_callback(address, self.is_dev).ok()?;
        let url = Address(Url::parse(address).ok()?);
        let key = Some(Key(Arc::new(Zeroizing::new(key.into_bytes()))));
        let way = Way::Webhook { client: self.guarded.clone(), url, key };
        Some(Sink { name: "callback", way })
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
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Tries until it works, a failure is for good, or there were enough.
    pub(super) async fn deliver(self, message: Arc<Message>, clock: Arc<dyn Clock>) {
        let mut waits = WAITS.into_iter();
        while let Err(failure) = self.attempt(&message, &*clock).await {
            let (sink, id, what) = (self.name, message.id, failure.what.as_str());
            match waits.next().filter(|_| failure.may_pass) {
                Some(wait) => {
                    tracing::debug!(sink, %id, what, "a notification is tried again");
                    tokio::time::sleep(failure.wait.unwrap_or(wait)).await;
                }
                None => {
                    tracing::warn!(sink, %id, what, "a notification was given up");
                    return;
                }
            }
        }
    }

    async fn attempt(&self, message: &Message, clock: &dyn Clock) -> Result<(), Failure> {
        match &self.way {
            Way::Webhook { client, url, key } => {
                let headers = webhook_headers(message, key.as_ref(), clock.now().timestamp());
                post(client, &url.0, headers, message.json.clone()).await
            }
            Way::Slack { client, url } => post(client, &url.0, HeaderMap::new(), slack::body(message)).await,
            Way::Mail { post, to } => post.send(to, message).await,
        }
    }
}

fn webhook_headers(message: &Message, key: Option<&Key>, seconds: i64) -> HeaderMap {
    let signed = key.map(|key| ("x-audex-signature", signature(&key.0, seconds, &message.json)));
    let plain = [("x-audex-id", message.id.to_string()), ("x-audex-timestamp", seconds.to_string())];
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
