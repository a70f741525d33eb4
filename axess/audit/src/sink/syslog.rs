mod connection;
mod message;
mod severity;

pub use connection::{SyslogTls, SyslogTransport};
pub use severity::{SyslogFacility, SyslogSeverity};

use super::{EventSink, SinkError, SinkFuture, check_name};
use crate::AuditRecord;
use connection::{Connection, Target};
use message::Format;
use std::{io, time::Duration};
use tokio::{sync::Mutex, time::timeout};

/// The most bytes that fit into a datagram of UDP over IPv4.
const MAX_DATAGRAM: usize = 65_507;
/// The most bytes of a message that is worth sending.
const MAX_MESSAGE: usize = 1024 * 1024;
/// Below this a receiver must take every message over UDP (RFC 5426, section 3.2).
const MIN_MESSAGE: usize = 480;

/// The settings of a [`SyslogSink`].
///
/// ```
/// use axess_audit::sink::{SyslogConfig, SyslogTransport};
/// let config = SyslogConfig::new(SyslogTransport::Tcp("syslog.example:601".into()), "app-1.example");
/// assert_eq!(config.app_name, "axess");
/// ```
#[derive(Debug, Clone)]
pub struct SyslogConfig {
    /// The sink's name.
    pub name: String,
    /// Where to, and how.
    pub transport: SyslogTransport,
    /// Which part of a system the messages are of.
    pub facility: SyslogFacility,
    /// How bad an event is.
    pub severity: fn(&AuditRecord) -> SyslogSeverity,
    /// This machine's name in messages; at most 255 of printable ASCII.
    pub host_name: String,
    /// The program's name in messages; at most 48 of printable ASCII.
    pub app_name: String,
    /// Whose names the structured data use: the private enterprise number that IANA gave the operator. The default is
    /// the one that RFC 5612 sets aside for examples.
    pub enterprise: u32,
    /// The most bytes of a message; a larger event is refused, never cut. Receivers have limits of their own, some as
    /// low as 2 or 8 KiB, and cut silently.
    pub max_message: usize,
    /// How long connecting, and sending a batch, may take.
    pub timeout: Duration,
}

/// Why a [`SyslogSink`] cannot be made.
///
/// ```
/// use axess_audit::sink::SyslogConfigError;
/// assert_eq!(SyslogConfigError::Certificates.to_string(), "the certificates or their key cannot be used");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyslogConfigError {
    /// What is wrong with a setting.
    #[error("{0}")]
    Setting(&'static str),
    /// The certificate authorities, or the certificate and key of this side, cannot be used.
    #[error("the certificates or their key cannot be used")]
    Certificates,
}

/// Sends events to a syslog server as RFC 5424 has them.
///
/// The name of an event is the `MSGID`, cut to 32; its id, name, tenant, actor, request, trace and address are
/// structured data (`[axess@32473 event="..." type="..."]`), and the text is the log's entry where there is a log, else
/// the event: JSON in UTF-8 behind its mark (U+FEFF). No control character gets into a message: in the text one becomes
/// a space between values and `\u....` inside them, which says the same in JSON; everywhere else it becomes `?`.
///
/// - UDP (RFC 5426): a datagram for each event. Any may be lost.
/// - TCP (RFC 6587, section 3.4.1: each message behind its length) and TLS (RFC 5425, checked against the authorities
///   given): a connection that is made again when it breaks, and looked at before each batch.
/// - Unix: the datagram socket of the machine's own server, such as `/dev/log`.
///
/// Syslog has no answers: `Ok` means that the network took the batch. What was under way when a server died is lost;
/// after an error the whole batch is sent again, and the structured data's `event` tells the second from the first.
///
/// ```
/// use axess_audit::sink::{EventSink, SyslogConfig, SyslogSink, SyslogTransport};
/// let config = SyslogConfig::new(SyslogTransport::Unix("/dev/log".into()), "app-1.example");
/// assert_eq!(SyslogSink::new(config).unwrap().name(), "syslog");
/// let forged = SyslogConfig::new(SyslogTransport::Unix("/dev/log".into()), "app 1\n");
/// assert!(SyslogSink::new(forged).is_err());
/// ```
#[derive(Debug)]
pub struct SyslogSink {
    name: String,
    format: Format,
    target: Target,
    timeout: Duration,
    connection: Mutex<Option<Connection>>,
}

impl SyslogConfig {
    /// Makes settings with the name `syslog`, the facility for audits and ten seconds.
    ///
    /// A message has at most 8 KiB as a datagram and 256 KiB in a stream.
    #[must_use]
    pub fn new(transport: SyslogTransport, host_name: impl Into<String>) -> Self {
        let max_message = if transport.is_stream() { 256 * 1024 } else { 8 * 1024 };
        Self {
            name: "syslog".into(),
            transport,
            facility: SyslogFacility::LogAudit,
            severity: SyslogSeverity::of,
            host_name: host_name.into(),
            app_name: "axess".into(),
            enterprise: 32_473,
            max_message,
            timeout: Duration::from_secs(10),
        }
    }

    fn check(&self) -> Result<(), SyslogConfigError> {
        check_name(&self.name).map_err(SyslogConfigError::Setting)?;
        let is_word = |text: &str, max: usize| {
            (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !is_word(&self.host_name, 255) || !is_word(&self.app_name, 48) {
            return Err(SyslogConfigError::Setting(
                "host name (255) and app name (48) are printable ASCII without spaces",
            ));
        }
        let max = if self.transport.is_stream() { MAX_MESSAGE } else { MAX_DATAGRAM };
        if !(MIN_MESSAGE..=max).contains(&self.max_message) {
            return Err(SyslogConfigError::Setting(
                "a message has at least 480 bytes, at most 65 507 as a datagram and 1 MiB in a stream",
            ));
        }
        Ok(())
    }
}

impl SyslogSink {
    /// Makes a sink; it connects when the first batch comes.
    ///
    /// # Errors
    ///
    /// [`SyslogConfigError`] for a setting that cannot be.
    pub fn new(config: SyslogConfig) -> Result<Self, SyslogConfigError> {
        config.check()?;
        Ok(Self {
            format: Format::new(&config),
            target: Target::new(&config.transport)?,
            name: config.name,
            timeout: config.timeout,
            connection: Mutex::new(None),
        })
    }

    async fn send_all(&self, batch: &[AuditRecord]) -> Result<(), SinkError> {
        let mut messages = Vec::with_capacity(batch.len());
        let mut refused = None;
        for (index, record) in batch.iter().enumerate() {
            match self.format.message(record) {
                Ok(message) => messages.push(message),
                Err(reason) => {
                    refused = Some(SinkError::Refused { index, reason });
                    break;
                }
            }
        }
        self.send(&messages).await.map_err(SinkError::retry)?;
        refused.map_or(Ok(()), Err)
    }

    async fn send(&self, messages: &[Vec<u8>]) -> io::Result<()> {
        let mut place = self.connection.lock().await;
        if messages.is_empty() {
            return Ok(());
        }
        // Taken out: whatever ends this future early, a connection with half a message in it is not used again.
        let open = match place.take() {
            Some(connection) => connection.if_open().await,
            None => None,
        };
        let mut connection = match open {
            Some(connection) => connection,
            None => timeout(self.timeout, self.target.connect()).await.map_err(|_| late("connecting"))??,
        };
        timeout(self.timeout, connection.send(messages)).await.map_err(|_| late("sending"))??;
        *place = Some(connection);
        Ok(())
    }
}

impl EventSink for SyslogSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a> {
        Box::pin(self.send_all(batch))
    }
}

fn late(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} took too long"))
}
