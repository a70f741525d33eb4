//! Sending over SMTP: always encrypted, with a few tries, and without an address or a code in what is reported.

use axess::identity::EmailAddress;
use axum::http::Uri;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        Error,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};
use std::{fmt, time::Duration};

/// How long the server may take for one command.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The waits before another try, after a fault that may pass.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

type Server = AsyncSmtpTransport<Tokio1Executor>;

/// A mail server, and the address mails come from.
#[derive(Clone)]
pub(crate) struct Smtp {
    server: Server,
    from: Mailbox,
}

impl Smtp {
    pub(crate) fn new(server: Server, from: Mailbox) -> Self {
        Self { server, from }
    }

    /// Sends one mail. The fault says what the server did, not to whom.
    pub(super) async fn send(&self, to: &EmailAddress, subject: &str, body: String) -> Result<(), String> {
        let to: Mailbox = to.as_str().parse().map_err(|_| "the address cannot be written into a mail")?;
        let mail = Message::builder().from(self.from.clone()).to(to).subject(subject).message_id(None);
        let mail =
            mail.header(ContentType::TEXT_PLAIN).body(body).map_err(|_| "the mail cannot be written")?;
        let mut waits = WAITS.iter();
        loop {
            let Err(error) = self.server.send(mail.clone()).await else { return Ok(()) };
            match waits.next() {
                Some(wait) if !error.is_permanent() => tokio::time::sleep(*wait).await,
                _ => return Err(fault(&error)),
            }
        }
    }
}

impl fmt::Debug for Smtp {
    /// Leaves out the server, which knows its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Understands `smtp://` as STARTTLS and `smtps://` as TLS from the start; there is no third way. With `ca` no other
/// authority is trusted.
pub(crate) fn server(url: &str, ca: Option<Certificate>) -> Option<Server> {
    let address: Uri = url.parse().ok()?;
    let host = address.host().filter(|host| !host.is_empty())?.to_owned();
    if url.contains(['?', '#']) {
        return None;
    }
    let mut server = Server::from_url(&format!("{url}?tls=required")).ok()?.timeout(Some(TIMEOUT));
    if let Some(ca) = ca {
        let trust = TlsParameters::builder(host).certificate_store(CertificateStore::None);
        let trust = trust.add_root_certificate(ca).build_rustls().ok()?;
        let starttls = address.scheme_str() == Some("smtp");
        server = server.tls(if starttls { Tls::Required(trust) } else { Tls::Wrapper(trust) });
    }
    Some(server.build())
}

/// Reads the authorities a server's certificate may come from.
pub(crate) fn read_ca(path: &str) -> Option<Certificate> {
    let pem = std::fs::read(path).ok()?;
    // Without this, a file with something else in it would be an empty list.
    let any = pem.windows(27).any(|at| at == b"-----BEGIN CERTIFICATE-----");
    any.then(|| Certificate::from_pem(&pem).ok()).flatten()
}

/// Names a fault. The server's own words would repeat the recipient's address.
fn fault(error: &Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
        None => "no connection to the mail server, or none to trust".to_owned(),
    }
}
