use super::{NotifyFault, draft::Draft, message::Message, post::Failure};
use http::Uri;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use std::{fmt, fmt::Write, time::Duration};
use uuid::Uuid;

/// How long the server may take for one command.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A mail server, and the address that mails come from.
#[derive(Clone)]
pub(super) struct Post {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Post {
    /// Understands `smtp://` as STARTTLS and `smtps://` as TLS from the start; there is no third way.
    pub(super) fn new(url: &str, from: Option<&str>) -> Result<Self, NotifyFault> {
        let fault = NotifyFault {
            key: "notifications.smtp",
            why: "an address as in smtp://user:password@mail.example.com:587 is needed",
        };
        let address: Uri = url.parse().map_err(|_| fault)?;
        let is_known = matches!(address.scheme_str(), Some("smtp" | "smtps"));
        let has_host = address.host().is_some_and(|host| !host.is_empty());
        if !is_known || !has_host || url.contains(['?', '#']) {
            return Err(fault);
        }
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(&format!("{url}?tls=required"));
        let server = server.map_err(|_| fault)?.timeout(Some(TIMEOUT)).build();
        let key = "notifications.mail_from";
        let from = from.ok_or(NotifyFault { key, why: "the sender of mails is needed" })?;
        let from = from.parse().map_err(|_| NotifyFault { key, why: "it is no mail address" })?;
        Ok(Self { server, from })
    }

    /// Sends a mail once, to one person; its `Message-ID` is the same in every attempt.
    pub(super) async fn send(&self, to: &Mailbox, id: Uuid, draft: &Draft) -> Result<(), Failure> {
        let mail = lettre::Message::builder()
            .from(self.from.clone())
            .to(to.clone())
            .subject(&draft.subject)
            .message_id(Some(format!("<{id}@audex>")))
            .header(ContentType::TEXT_PLAIN)
            .body(draft.body.clone());
        let mail = mail.map_err(|_| Failure::permanent("the mail cannot be written"))?;
        match self.server.send(mail).await {
            Ok(_) => Ok(()),
            // The server's own words would repeat the recipient's address.
            Err(error) => Err(Failure {
                what: error.status().map_or_else(
                    || "no connection to the mail server, or none to trust".to_owned(),
                    |code| format!("the mail server answered {code}"),
                ),
                may_pass: !error.is_permanent(),
                wait: None,
            }),
        }
    }
}

/// Reads the address of somebody who gets mails.
pub(super) fn recipient(text: &str) -> Result<Mailbox, NotifyFault> {
    text.parse().map_err(|_| NotifyFault { key: "notifications.mail_to", why: "an entry is no mail address" })
}

/// Writes a message as a mail.
pub(super) fn text(message: &Message) -> String {
    let mut text = format!("{}\n\n", message.headline);
    for (name, fact) in &message.facts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}: {fact}");
    }
    let _ = write!(text, "\n{}\n\nThe link opens nothing by itself: sign in there to decide.\n", message.url);
    text
}

impl fmt::Debug for Post {
    /// Leaves out the server, which knows its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("from", &self.from).finish_non_exhaustive()
    }
}
