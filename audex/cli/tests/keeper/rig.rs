//! Runs a wrapper in folders of its own and looks at what is left of it.

use crate::role;
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use std::{
    ffi::OsStr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

/// How long anything may take before the test is given up: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(10);

/// The folders of one session, and a name that all its processes carry in their environment.
pub(crate) struct Rig {
    home: tempfile::TempDir,
    settings: Vec<(String, String)>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("data")).unwrap();
        let rig = Self { home, settings: Vec::new() };
        std::fs::create_dir(rig.folder()).unwrap();
        for folder in [rig.home(), &rig.folder()] {
            std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700)).unwrap();
        }
        rig
    }

    /// Says something to the wrapper: DEADLINE and GRACE (in milliseconds), PROGRAM, or the file of the data folder that
    /// tells it to stop the command (STOP_WHEN), or that its clock is a day on (LATE_WHEN).
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((format!("{}{name}", role::PREFIX), value.to_string()));
        self
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn folder(&self) -> PathBuf {
        // It is named after a session, as only such are removed.
        self.home().join("01890a5d-ac96-774b-bcce-b302099a8057")
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.home().join("data").join(name)
    }

    /// Builds `prefix wrapper command`.
    pub(crate) fn behind(&self, prefix: &[&str], command: &[impl AsRef<OsStr>]) -> Command {
        let this = std::env::current_exe().unwrap();
        let mut line = match prefix.split_first() {
            Some((first, rest)) => {
                let mut line = Command::new(first);
                line.args(rest).arg(this);
                line
            }
            None => Command::new(this),
        };
        line.arg(role::WRAPPER).args(command).env("RIG", self.home()).envs(self.words());
        line
    }

    pub(crate) fn command(&self, command: &[impl AsRef<OsStr>]) -> Command {
        self.behind(&[], command)
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, command: &[impl AsRef<OsStr>]) -> Output {
        self.command(command).stdin(Stdio::null()).output().unwrap()
    }

    pub(crate) fn bash(&self, script: &str) -> Output {
        self.run(&["bash", "-c", script])
    }

    pub(crate) fn spawn_bash(&self, script: &str) -> Child {
        self.command(&["bash", "-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
    }

    /// The environment that makes this program the wrapper of this rig.
    pub(crate) fn words(&self) -> Vec<(String, String)> {
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        let mut words = self.settings.clone();
        words.push((format!("{}FOLDER", role::PREFIX), path(self.folder())));
        words.push((format!("{}DATA", role::PREFIX), path(self.home().join("data"))));
        words
    }

    pub(crate) fn report(&self) -> String {
        std::fs::read_to_string(self.data("report")).unwrap_or_default()
    }

    /// Makes a file of the data folder.
    pub(crate) fn make(&self, file: &str) {
        std::fs::write(self.data(file), "").unwrap();
    }

    /// A line for a shell, which waits until the data folder has a file.
    pub(crate) fn until_made(&self, file: &str) -> String {
        format!("until [ -e {} ]; do sleep 0.05; done", self.data(file).display())
    }

    /// The command's id, as soon as there is one.
    pub(crate) fn pid(&self) -> Pid {
        self.number("pid")
    }

    /// The number in a file of the data folder, as soon as there is one.
    pub(crate) fn number(&self, file: &str) -> Pid {
        let read = || std::fs::read_to_string(self.data(file)).ok()?.trim().parse().ok();
        Pid::from_raw(until_some(&format!("a number in {file}"), read))
    }

    /// The keeper's id.
    pub(crate) fn keeper(&self) -> Pid {
        Pid::from_raw(stat(self.pid(), 1).unwrap().parse().unwrap())
    }

    /// Lists the living processes whose environment names this rig. Zombies and keepers have none.
    pub(crate) fn alive(&self) -> Vec<String> {
        let mark = [b"RIG=", self.home().as_os_str().as_encoded_bytes()].concat();
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let of_rig = entries.filter(|entry| {
            let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            environ.split(|byte| *byte == 0).any(|word| word == mark)
        });
        of_rig.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }

    /// How many of them are such a `sleep` already: between its fork and its exec, a child of a shell may lose a TERM.
    pub(crate) fn sleepers(&self, seconds: &str) -> usize {
        let line = |id: &String| std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        self.alive().iter().filter(|id| line(id) == format!("sleep\0{seconds}\0")).count()
    }

    /// Asserts that nothing is left: no process, no private folder.
    pub(crate) fn assert_clean(&self) {
        assert_eq!(self.alive(), [""; 0], "processes are left");
        assert!(!self.folder().exists(), "the private folder is left");
    }
}

/// A field of `/proc/<pid>/stat` after the name: 0 state, 1 parent, 2 group, 3 session.
pub(crate) fn stat(pid: Pid, field: usize) -> Option<String> {
    let row = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    row.rsplit_once(')')?.1.split_whitespace().nth(field).map(str::to_owned)
}

pub(crate) fn is_alive(pid: Pid) -> bool {
    stat(pid, 0).is_some_and(|state| state != "Z")
}

pub(crate) fn send(pid: Pid, signal: Signal) {
    signal::kill(pid, signal).unwrap();
}

pub(crate) fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}

pub(crate) fn until(what: &str, check: impl Fn() -> bool) {
    until_some(what, || check().then_some(()));
}

pub(crate) fn until_some<T>(what: &str, check: impl Fn() -> Option<T>) -> T {
    let mut waited = Duration::ZERO;
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(waited < PATIENCE, "waited in vain for: {what}");
        std::thread::sleep(STEP);
        waited += STEP;
    }
}

/// Waits for a child without hanging for ever; returns what a shell would call its exit code.
pub(crate) fn code(child: &mut Child) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    let mut waited = Duration::ZERO;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
        }
        if waited >= PATIENCE {
            let _ = child.kill();
            panic!("the wrapper does not end");
        }
        std::thread::sleep(STEP);
        waited += STEP;
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}
