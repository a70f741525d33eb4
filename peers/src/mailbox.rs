use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// The variable that names the folder of the shared SMTP server.
pub(crate) const SHARED: &str = "AXESS_TEST_SMTP_FOLDER";

/// Reads what an SMTP server accepted, and knows the certificate authority to trust.
///
/// The server offers STARTTLS and refuses mail before it and before AUTH (PLAIN or LOGIN; the URL has user and
/// password). Recipients that begin with `bounce@` are refused with 550, with `tempfail@` with 451.
///
/// ```no_run
/// use axess_peers::{Kind, Server};
///
/// let server = Server::start(Kind::Smtp)?;
/// let mailbox = server.mailbox().ok_or("no SMTP server")?;
/// println!("trust {} for mail to {}", mailbox.ca().display(), server.url());
/// assert!(mailbox.mails_to("alice@example.com")?.is_empty());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mailbox {
    folder: PathBuf,
}

impl Mailbox {
    /// Returns the mailbox of the SMTP server that `cargo xtask test` started.
    ///
    /// Other tests send to it too: use a recipient of your own and [`Mailbox::mails_to`].
    pub fn shared() -> Option<Self> {
        std::env::var_os(SHARED).map(|folder| Self::in_folder(Path::new(&folder)))
    }

    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Returns the PEM file of the certificate authority that signed the server's certificate.
    ///
    /// The certificate is for `127.0.0.1` and `localhost`.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Returns the accepted mails, oldest first.
    ///
    /// # Errors
    ///
    /// A message when a file cannot be read.
    pub fn mails(&self) -> Result<Vec<Mail>, String> {
        let folder = self.folder.join("mails");
        let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
        let entries = fs::read_dir(&folder).map_err(|error| fault(&error))?.flatten();
        // A mail that is being written has another ending. Names are numbers with leading zeros.
        let is_whole = |file: &PathBuf| file.extension().is_some_and(|ending| ending == "json");
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_whole).collect();
        files.sort();
        let read = |file: &PathBuf| {
            let text = fs::read_to_string(file).map_err(|error| fault(&error))?;
            serde_json::from_str(&text).map_err(|error| fault(&error))
        };
        files.iter().map(read).collect()
    }

    /// Returns the accepted mails that have this recipient in their envelope, oldest first.
    ///
    /// # Errors
    ///
    /// As [`Mailbox::mails`].
    pub fn mails_to(&self, address: &str) -> Result<Vec<Mail>, String> {
        let mut mails = self.mails()?;
        mails.retain(|mail| mail.to.iter().any(|to| to == address));
        Ok(mails)
    }
}

/// One mail as the SMTP server accepted it.
///
/// ```
/// use axess_peers::Mail;
///
/// let mail = Mail { from: "app@example.com".into(), to: vec!["a@example.com".into()], data: "Subject: hi\r\n".into() };
/// assert!(mail.data.starts_with("Subject: hi"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mail {
    /// The sender of the envelope (`MAIL FROM`).
    pub from: String,
    /// The recipients of the envelope (`RCPT TO`) that were accepted.
    pub to: Vec<String>,
    /// Headers and body as they were sent, with CRLF between lines.
    pub data: String,
}
