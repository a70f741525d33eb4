//! What a site is started with: a folder for its files, and its environment.

use crate::site::Site;
use axess_peers::{Kind, Mailbox, shared, skip};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};
use tempfile::TempDir;

/// Thirty-two bytes in hex, and others.
pub(crate) const KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";
pub(crate) const OTHER_KEY: &str = "2222222222222222222222222222222222222222222222222222222222222222";

pub(crate) struct Home {
    folder: Arc<TempDir>,
    variables: BTreeMap<&'static str, String>,
    pub(crate) mailbox: Option<Mailbox>,
}

impl Home {
    /// A database that is kept, the demo accounts, mails in the log, and no limit that a test meets by accident.
    pub(crate) fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let file = |name| folder.path().join(name).display().to_string();
        let variables = BTreeMap::from([
            ("BIND", "127.0.0.1:0".to_owned()),
            ("DATABASE_URL", format!("sqlite:{}", file("app.db"))),
            ("AUDIT_FILE", file("audit.jsonl")),
            ("SIGNING_KEY", KEY.to_owned()),
            ("ENVELOPE_KEY", OTHER_KEY.to_owned()),
            ("SMTP_URL", "log".to_owned()),
            ("DEMO_ACCOUNTS", "yes".to_owned()),
            ("TRIES_PER_MINUTE", "100000".to_owned()),
            ("LOG_FORMAT", "json".to_owned()),
            ("TMPDIR", folder.path().display().to_string()),
        ]);
        Self { folder, variables, mailbox: None }
    }

    /// The same with the mail server of all tests; nothing where there is none.
    pub(crate) fn with_mail_server(test: &str) -> Option<Self> {
        let (Some(urls), Some(mailbox)) = (shared(Kind::Smtp), Mailbox::shared()) else {
            skip(test, "no SMTP server");
            return None;
        };
        let home = Self::new()
            .with("SMTP_URL", &urls[0])
            .with("SMTP_CA", &mailbox.ca().display().to_string())
            .with("MAIL_FROM", "The application <app@example.com>");
        Some(Self { mailbox: Some(mailbox), ..home })
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.insert(name, value.to_owned());
        self
    }

    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.variables.retain(|name, _| !names.contains(name));
        self
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the events of one type in the audit trail.
    pub(crate) fn recorded(&self, event_type: &str) -> Vec<Value> {
        let trail = std::fs::read_to_string(self.file("audit.jsonl")).unwrap();
        let events = trail.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.filter(|event| event["event_type"] == event_type).collect()
    }

    /// Returns a mail address that no other test uses.
    pub(crate) fn address(&self, name: &str) -> String {
        let folder = self.folder.path().file_name().unwrap().to_str().unwrap();
        format!("{name}@{}.example.com", folder.trim_start_matches('.').to_lowercase())
    }

    /// Returns the program as it is started here.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_example-sqlite"));
        command.env_clear().envs(&self.variables).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    pub(crate) fn start(&self) -> Site {
        Site::start(self.command(), self.mailbox.clone(), Arc::clone(&self.folder))
    }
}
