use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::place::second;

/// The variable that names the folder of the shared syslog server.
pub(crate) const SHARED: &str = "AXESS_TEST_SYSLOG_FOLDER";

/// Reads what a syslog server received, and knows where else it listens.
///
/// ```no_run
/// use axess_peers::{Kind, Server};
///
/// let server = Server::start(Kind::Syslog)?;
/// let inbox = server.syslog_inbox().ok_or("no syslog server")?;
/// println!("TLS on port {}, trust {}", inbox.tls_port(), inbox.ca().display());
/// assert!(inbox.messages()?.is_empty());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone)]
pub struct SyslogInbox {
    folder: PathBuf,
}

impl SyslogInbox {
    /// Returns the inbox of the syslog server that `cargo xtask test` started.
    ///
    /// Other tests send to it too: look for messages by something that is yours alone.
    pub fn shared() -> Option<Self> {
        std::env::var_os(SHARED).map(|folder| Self::in_folder(Path::new(&folder)))
    }

    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Returns the port on 127.0.0.1 for UDP and TCP.
    pub fn port(&self) -> u16 {
        // The folder of a server has the name of its port.
        self.folder.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or_default()
    }

    /// Returns the port on 127.0.0.1 for TLS.
    pub fn tls_port(&self) -> u16 {
        second(self.port())
    }

    /// Returns the datagram socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// Returns the PEM file of the certificate authority that signed the server's certificate.
    ///
    /// The certificate is for `127.0.0.1` and `localhost`.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Returns the messages of the inputs above, in the order in which they were written down.
    ///
    /// # Errors
    ///
    /// A message when the file cannot be read.
    pub fn messages(&self) -> Result<Vec<SyslogMessage>, String> {
        let file = self.folder.join("messages");
        let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        if !file.exists() {
            return Ok(Vec::new());
        }
        let bytes = fs::read(&file).map_err(|error| fault(&error))?;
        // The last line may be half written.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines = bytes.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n');
        lines
            .filter(|line| !line.is_empty())
            // Anything may be sent to it, and then it stands there.
            .map(|line| serde_json::from_str(&String::from_utf8_lossy(line)).map_err(|error| fault(&error)))
            .collect()
    }
}

/// One message as the syslog server understood it (RFC 5424, section 6).
///
/// ```
/// use axess_peers::SyslogMessage;
///
/// let line = r#"{"input": "tcp", "priority": "110", "version": "1", "time": "2026-01-01T00:00:00Z", "host": "h",
///     "app": "a", "process": "1", "id": "Login", "data": "-", "text": "hello"}"#;
/// let message: SyslogMessage = serde_json::from_str(line)?;
/// assert_eq!(message.id, "Login");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SyslogMessage {
    /// How it came: `udp`, `tcp`, `tls` or `imuxsock`, which is the socket.
    pub input: String,
    /// Eight times the facility plus the severity.
    pub priority: String,
    /// 1; 0 for what is not in the format of the RFC.
    pub version: String,
    /// When the sender says it happened.
    pub time: String,
    /// The sender's name.
    pub host: String,
    /// The sender's program.
    pub app: String,
    /// The sender's process.
    pub process: String,
    /// What kind of message it is.
    pub id: String,
    /// The structured data, with brackets and escapes.
    pub data: String,
    /// The rest, with the mark of UTF-8 (U+FEFF) if one was sent.
    pub text: String,
}
