//! A running program: where it listens, what it logs and mails, and how it ends.

use axess_peers::Mailbox;
use serde_json::Value;
use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

/// How often, 20 ms apart, something that has to happen is looked for: half a minute in all.
const LOOKS: u32 = 1_500;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

pub(crate) struct Site {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    base: String,
    mailbox: Option<Mailbox>,
    /// Kept for as long as the program uses it.
    _folder: Arc<TempDir>,
    /// How many mails to each address were read.
    read: Mutex<HashMap<String, usize>>,
}

impl Site {
    /// Starts the program and waits until it listens.
    pub(crate) fn start(mut command: Command, mailbox: Option<Mailbox>, folder: Arc<TempDir>) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (log, lines) =
            (Arc::new(Mutex::new(Vec::new())), BufReader::new(child.stderr.take().unwrap()).lines());
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line))
        });
        let mut site =
            Self { child, log, base: String::new(), mailbox, _folder: folder, read: Mutex::default() };
        let address = site.soon("the program listens", |site| {
            assert_eq!(site.child.try_wait().unwrap(), None, "it ended: {}", site.log());
            site.events("listening").first().map(|event| event["address"].as_str().unwrap().to_owned())
        });
        site.base = format!("http://{address}");
        site
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Returns the fields of every event with this message.
    pub(crate) fn events(&self, message: &str) -> Vec<Value> {
        let lines = self.log.lock().unwrap();
        let events = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.map(|event| event["fields"].clone()).filter(|fields| fields["message"] == message).collect()
    }

    /// Waits for the next mail to an address that was not read before, and returns its text.
    pub(crate) fn mail_to(&mut self, address: &str) -> String {
        let at = self.read.lock().unwrap().get(address).copied().unwrap_or_default();
        let mail =
            self.soon(&format!("mail {at} to {address}"), |site| site.mails_to(address).get(at).cloned());
        self.read.lock().unwrap().insert(address.to_owned(), at + 1);
        mail
    }

    /// Waits for the next mail and returns the code in it.
    pub(crate) fn code_to(&mut self, address: &str) -> String {
        let mail = self.mail_to(address);
        let (_, code) = mail.split_once("Code: ").unwrap_or_else(|| panic!("no code in {mail}"));
        code.split_whitespace().next().unwrap().to_owned()
    }

    pub(crate) fn mails_to(&self, address: &str) -> Vec<String> {
        match &self.mailbox {
            Some(mailbox) => mailbox.mails_to(address).unwrap().into_iter().map(|mail| mail.data).collect(),
            None => {
                let mails = self.events("a mail").into_iter().filter(|mail| mail["to"] == address);
                mails.map(|mail| mail["body"].as_str().unwrap().to_owned()).collect()
            }
        }
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end of the program.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.soon("the program ends", |site| site.child.try_wait().unwrap())
    }

    /// Ends the program as a service manager does.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        let status = self.ended();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Waits for something.
    pub(crate) fn soon<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        for _ in 0..LOOKS {
            if let Some(found) = look(self) {
                return found;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        panic!("waited in vain: {what}\n{}", self.log());
    }
}

impl Drop for Site {
    /// Ends the program the hard way (SIGKILL): nothing in it can tidy up.
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
