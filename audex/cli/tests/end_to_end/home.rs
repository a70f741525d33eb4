//! A home folder of its own, and the built program in it.

use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// How often, 20 ms apart, something that has to happen is looked for: a minute in all, since the machine may be busy.
const LOOKS: u32 = 3_000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Whose environment the program gets: nothing of the test's own but where programs are.
pub(crate) struct Home {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::with_config("")
    }

    /// Makes a home with this configuration.
    pub(crate) fn with_config(text: &str) -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        let config = home.path().join(".config/audex");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::write(config.join("config.toml"), text).unwrap();
        std::fs::create_dir(home.path().join("bin")).unwrap();
        home
    }

    /// Adds a variable to the environment that the program starts in.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of everything that the program keeps.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join(".local/share/audex")
    }

    /// Any program, in this home.
    pub(crate) fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap();
        command.env_clear().env("HOME", self.path()).env("LC_ALL", "C.UTF-8");
        command.env("PATH", format!("{}:{path}", self.path().join("bin").display()));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// The built program with its arguments, which are separated by spaces.
    pub(crate) fn tryaudex(&self, args: &str) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_tryaudex"));
        command.args(args.split_whitespace());
        command
    }

    /// The same, with a line for the shell as its command.
    pub(crate) fn shell(&self, args: &str, line: &str) -> Command {
        let mut command = self.tryaudex(args);
        command.args(["--", "sh", "-c", line]);
        command
    }

    /// Runs a line for the shell in a session, and returns what it prints.
    pub(crate) fn printed(&self, args: &str, line: &str) -> String {
        let output = self.shell(args, line).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The records of all sessions.
    pub(crate) fn sessions(&self) -> Vec<Value> {
        let entries = std::fs::read_dir(self.data().join("sessions")).into_iter().flatten().flatten();
        let files = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "json"));
        files.map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
    }

    /// The record of the only session.
    pub(crate) fn session(&self) -> Value {
        let mut sessions = self.sessions();
        assert_eq!(sessions.len(), 1, "{sessions:#?}");
        sessions.remove(0)
    }

    /// The types of the events in the log that is written now, in their order.
    pub(crate) fn events(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.data().join("audit/audit.jsonl")).unwrap_or_default();
        let known = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            let of = |value: &Value| value.get("event_type").and_then(Value::as_str).map(str::to_owned);
            of(&line).or_else(|| line.as_object()?.values().find_map(of))
        };
        text.lines().filter_map(known).collect()
    }

    /// Whether the log is as it was written; the output tells more.
    pub(crate) fn verify(&self) -> Output {
        self.tryaudex("audit verify").output().unwrap()
    }

    /// What is left of private folders.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.data().join("run")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }
}

/// Takes a free port for a program that is still to listen there. Nobody else is given it while this process lives: it is
/// bound, and nobody listens.
pub(crate) fn free_port() -> u16 {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    std::mem::forget(socket);
    port
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..LOOKS {
        if is_so() {
            return;
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    panic!("waited in vain: {what}");
}

/// The processes, by their ids, that have a text in their command line; ended ones have none.
pub(crate) fn processes(text: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has_text = |id: &u32| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(text)
    };
    ids.filter(has_text).filter(|id| *id != std::process::id()).collect()
}

/// Sends a signal, by its name.
pub(crate) fn signal(name: &str, id: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().unwrap();
    assert!(status.success(), "kill -{name} {id}");
}
