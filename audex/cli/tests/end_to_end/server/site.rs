//! `tryaudex server` in a home of its own, and people with accounts there.

use super::browser::Browser;
use crate::home::{Home, free_port, wait_until};
use serde_json::{Value, json};
use std::{
    fs::Permissions,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

/// What asks for approval, and for how long it waits.
pub(super) const APPROVALS: &str = "[approvals]\nenabled = true\nrequired_approvals = 1\napprover_roles = [\"security\"]\n\
                                    sensitive_actions = [\"*:Delete*\"]\n";

/// A running server.
pub(super) struct Site {
    pub(super) home: Home,
    pub(super) url: String,
    /// The link of the first administrator, where there was one.
    pub(super) link: Option<String>,
    /// Whether it recovers an account.
    pub(super) recovers: bool,
    pub(super) child: Child,
    arguments: String,
    /// What it wrote to standard error.
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    _stdout: BufReader<ChildStdout>,
}

impl Site {
    /// Starts one that needs no configuration.
    pub(super) fn dev() -> Self {
        Self::start(Home::new(), "server --dev")
    }

    /// Starts one with this configuration.
    pub(super) fn with(config: &str) -> Self {
        Self::at(|_, _| config.to_owned())
    }

    /// Starts one with a configuration that depends on its address and its home.
    pub(super) fn at(config: impl FnOnce(&str, &Home) -> String) -> Self {
        let (home, port) = (Home::new(), free_port());
        let config = config(&format!("http://127.0.0.1:{port}"), &home);
        let issuer = "[server]\nissuer_listen = \"127.0.0.1:0\"\n";
        let file = home.path().join("server-config.toml");
        std::fs::write(&file, format!("{issuer}{config}")).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        Self::on(home, port, "--config server-config.toml server")
    }

    /// Starts one in a home.
    pub(super) fn start(home: Home, arguments: &str) -> Self {
        Self::on(home, free_port(), arguments)
    }

    fn on(home: Home, port: u16, arguments: &str) -> Self {
        // Kept for the restart: the address is the same then.
        let arguments = format!("{arguments} --listen 127.0.0.1:{port}");
        let running = serve(&home, &arguments);
        running.into_site(home, arguments)
    }

    /// Ends it without a warning, and starts it again on what it left.
    pub(super) fn kill_and_restart(self) -> Self {
        let (home, arguments) = self.kill();
        serve(&home, &arguments).into_site(home, arguments)
    }

    /// Ends it without a warning; returns what starts it again.
    pub(super) fn kill(mut self) -> (Home, String) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let home = std::mem::replace(&mut self.home, Home::new());
        (home, self.arguments.clone())
    }

    /// Starts it again.
    pub(super) fn again((home, arguments): (Home, String)) -> Self {
        serve(&home, &arguments).into_site(home, arguments)
    }

    /// Ends it in good order; returns the code and what it wrote to standard error.
    pub(super) fn stop(mut self) -> (Option<i32>, String) {
        crate::home::signal("TERM", self.child.id());
        let status = self.child.wait().unwrap();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        (status.code(), self.log())
    }

    pub(super) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Enrols the first administrator, as a browser would.
    pub(super) fn admin(&self) -> Browser {
        let mut browser = Browser::new(&self.url);
        browser.enrol(self.link.as_ref().unwrap());
        browser
    }

    /// Has the administrator add somebody, who enrols.
    pub(super) fn person(&self, admin: &Browser, email: &str, roles: &[&str]) -> Browser {
        let added = admin.post("/people", &json!({ "email": email, "roles": roles }));
        let link = link_in(&added).unwrap_or_else(|| panic!("no link in {added}"));
        let mut browser = Browser::new(&self.url);
        browser.enrol(&link);
        browser
    }

    /// A machine of somebody who is logged in from there.
    pub(super) fn machine(&self, browser: &Browser) -> Home {
        let mut home = Home::new();
        home.set("AUDEX_SERVER", &self.url);
        let output = log_in(&home, browser);
        assert!(output.status.success(), "{output:?}\n{}", self.log());
        home
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Logs in from a machine: the browser confirms the code that the program shows.
pub(super) fn log_in(home: &Home, browser: &Browser) -> Output {
    log_in_with(home, browser, "--output json login")
}

/// The same, with these arguments.
pub(super) fn log_in_with(home: &Home, browser: &Browser, arguments: &str) -> Output {
    let mut command = home.tryaudex(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let code = line.trim().rsplit(' ').next().unwrap().to_owned();
    browser.confirm(&code);
    let mut rest = Vec::new();
    stderr.read_to_end(&mut rest).unwrap();
    let mut output = child.wait_with_output().unwrap();
    output.stderr = [line.as_bytes(), &rest].concat();
    output
}

fn link_in(added: &Value) -> Option<String> {
    match added {
        Value::String(text) if text.contains("/enrol/") => Some(text.clone()),
        Value::Object(members) => members.values().find_map(link_in),
        _ => None,
    }
}

struct Running {
    child: Child,
    first: Value,
    log: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    fn into_site(self, home: Home, arguments: String) -> Site {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Site {
            url: text(&self.first["url"]).unwrap(),
            link: text(&self.first["first_admin"]["link"]),
            recovers: self.first["first_admin"]["recovers"] == true,
            home,
            child: self.child,
            arguments,
            log: self.log,
            reader: Some(self.reader),
            _stdout: self.stdout,
        }
    }
}

fn serve(home: &Home, arguments: &str) -> Running {
    let mut command: Command = home.tryaudex(&format!("--output json {arguments}"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let log = Arc::new(Mutex::new(String::new()));
    let (mut stderr, written) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
    let reader = std::thread::spawn(move || {
        let mut line = String::new();
        while stderr.read_line(&mut line).is_ok_and(|read| read > 0) {
            written.lock().unwrap().push_str(&line);
            line.clear();
        }
    });
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    let first = serde_json::from_str(&first)
        .unwrap_or_else(|_| panic!("it does not start: {first}{}", log.lock().unwrap()));
    Running { child, first, log, reader, stdout }
}

/// Waits until a request stands on the server as it should, as its approver sees it.
pub(super) fn waits(browser: &Browser) -> Value {
    let mut found = Value::Null;
    wait_until("a request waits", || {
        found = browser.get("/approvals/pending")["items"][0].clone();
        found.is_object()
    });
    found
}
