//! A running program with a folder of policies that the test may edit.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
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
    policies: Policies,
}

/// A copy of the policies.
pub(crate) struct Policies(TempDir);

impl Policies {
    pub(crate) fn copied() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/policies")).unwrap() {
            let file = file.unwrap().path();
            fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
        }
        Self(folder)
    }

    /// Replaces a text that is there exactly once. The file is never half written.
    pub(crate) fn replace(&self, file: &str, old: &str, new: &str) {
        let path: PathBuf = self.0.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(old).count(), 1, "{old} in {file}");
        let written = self.0.path().join(".next");
        fs::write(&written, text.replace(old, new)).unwrap();
        fs::rename(written, path).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_example-authz"));
        let variables = [
            ("BIND", "127.0.0.1:0".as_ref()),
            ("TRUSTED_PROXIES", "127.0.0.1".as_ref()),
            ("POLICIES", self.path()),
        ];
        command.env_clear().envs(variables).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Starts the program where it has to end by itself.
    pub(crate) fn refused(&self) -> Output {
        self.command().output().unwrap()
    }
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::with(Policies::copied())
    }

    /// Starts the program and waits until it listens.
    pub(crate) fn with(policies: Policies) -> Self {
        let mut child = policies.command().spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line));
        });
        let mut site = Self { child, log, base: String::new(), policies };
        let line = site.logged("listening address=");
        let (_, address) = line.rsplit_once("address=").unwrap();
        site.base = format!("http://{address}");
        site
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Has the policies read again.
    pub(crate) fn hang_up(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "HUP", &pid]).status().unwrap().success());
    }

    /// Waits for a line of the log.
    pub(crate) fn logged(&mut self, text: &str) -> String {
        for _ in 0..LOOKS {
            if let Some(line) = self.lines(text).into_iter().next() {
                return line;
            }
            assert_eq!(self.child.try_wait().unwrap(), None, "it ended: {}", self.log());
            std::thread::sleep(BETWEEN_LOOKS);
        }
        panic!("waited in vain for {text}\n{}", self.log());
    }

    /// Returns the lines of the log that contain a text.
    pub(crate) fn lines(&self, text: &str) -> Vec<String> {
        self.log.lock().unwrap().iter().filter(|line| line.contains(text)).cloned().collect()
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }
}

impl Drop for Site {
    /// Ends the program as Ctrl-C does, so that it takes its database along.
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-s", "INT", &pid]).status();
        for _ in 0..LOOKS {
            if asked.as_ref().is_ok_and(|status| status.success())
                && matches!(self.child.try_wait(), Ok(None))
            {
                std::thread::sleep(BETWEEN_LOOKS);
            }
        }
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
