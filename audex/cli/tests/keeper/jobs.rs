//! Job control in a terminal: a tmux server of its own, a real shell, real keys.

use crate::{
    Test,
    rig::{Rig, is_alive, stat, until},
};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use std::process::Command;

pub(crate) const TESTS: &[Test] = &[
    ("jobs::ctrl_c_reaches_the_command_once", ctrl_c_reaches_the_command_once),
    ("jobs::ctrl_z_and_fg", ctrl_z_and_fg),
    ("jobs::a_stopped_job_ends_at_the_deadline", a_stopped_job_ends_at_the_deadline),
    ("jobs::a_background_job_comes_to_the_foreground", a_background_job_comes_to_the_foreground),
    ("jobs::a_signal_to_the_wrapper_alone_is_forwarded", a_signal_to_the_wrapper_alone_is_forwarded),
    ("jobs::a_killed_job_leaves_no_daemon", a_killed_job_leaves_no_daemon),
    ("jobs::a_pager_behind_us_works", a_pager_behind_us_works),
    ("jobs::a_session_of_its_own_cannot_be_stopped", a_session_of_its_own_cannot_be_stopped),
    ("jobs::a_closed_terminal_hangs_up", a_closed_terminal_hangs_up),
];

/// A shell in a terminal, in which `$W` is the wrapper.
struct Terminal {
    rig: Rig,
    name: String,
}

impl Terminal {
    fn new(rig: Rig) -> Self {
        Self::running(rig, &["bash", "--norc", "-i"])
    }

    fn running(rig: Rig, command: &[&str]) -> Self {
        let name = format!("keeper-{}", rig.home().file_name().unwrap().to_str().unwrap());
        let this = std::env::current_exe().unwrap();
        let script = rig.home().join("w");
        std::fs::write(&script, format!("#!/bin/sh\nexec '{}' __wrapper \"$@\"\n", this.display())).unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let terminal = Self { rig, name };
        let mut start = terminal.tmux();
        start.args(["-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "40"]);
        for (name, value) in terminal.rig.words() {
            start.args(["-e", &format!("{name}={value}")]);
        }
        start.args([
            "-e",
            &format!("W={}", script.display()),
            "-e",
            &format!("RIG={}", terminal.rig.home().display()),
        ]);
        start.args(["-e", "PS1=READY> "]).args(command).env_remove("TMUX");
        assert!(start.status().unwrap().success());
        terminal
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.args(["-L", &self.name]);
        tmux
    }

    fn keys(&self, keys: &[&str]) {
        assert!(self.tmux().arg("send-keys").args(keys).status().unwrap().success());
    }

    fn line(&self, line: &str) {
        self.keys(&["-l", line]);
        self.keys(&["Enter"]);
    }

    fn screen(&self) -> String {
        let output = self.tmux().args(["capture-pane", "-p", "-S", "-200"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn shows(&self, text: &str) {
        let found = || self.screen().contains(text);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| until(text, found)));
        assert!(result.is_ok(), "{text:?} is not on the screen:\n{}", self.screen());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").output();
        let user = nix::unistd::geteuid();
        let folder = std::env::var("TMUX_TMPDIR").unwrap_or("/tmp".to_owned());
        let _ = std::fs::remove_file(format!("{folder}/tmux-{user}/{}", self.name));
    }
}

/// Counts signals where the kernel delivers them: two that come shortly after each other are one for a Python handler.
const COUNTING: &str = r"
import os, signal, sys, time
reader, writer = os.pipe()
os.set_blocking(writer, False)
signal.set_wakeup_fd(writer)
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: None)
print('UP', flush=True)
seen = list(os.read(reader, 1))
time.sleep(0.5)
os.set_blocking(reader, False)
try: seen += list(os.read(reader, 100))
except BlockingIOError: pass
print('SEEN', seen, flush=True)
sys.exit(len(seen))
";

fn counting(rig: &Rig) -> String {
    let file = rig.home().join("counting.py");
    std::fs::write(&file, COUNTING).unwrap();
    format!("$W python3 {}; echo CODE $?", file.display())
}

fn ctrl_c_reaches_the_command_once() {
    let rig = Rig::new();
    let line = counting(&rig);
    let terminal = Terminal::new(rig);
    terminal.line(&line);
    terminal.shows("UP");
    terminal.keys(&["C-c"]);
    terminal.shows("SEEN [2]");
    terminal.shows("CODE 1");
    until("the end", || !terminal.rig.folder().exists());
}

fn ctrl_z_and_fg() {
    let terminal = Terminal::new(Rig::new());
    terminal.line("$W bash -c 'echo UP; read word; echo GOT $word; exit 5'; echo CODE $?");
    terminal.shows("\nUP");
    terminal.keys(&["C-z"]);
    terminal.shows("Stopped");
    assert_eq!(stat(terminal.rig.pid(), 0).as_deref(), Some("T"));
    terminal.line("echo SHELL $((40 + 2))");
    terminal.shows("SHELL 42");
    terminal.line("fg; echo CODE $?");
    until("it goes on", || stat(terminal.rig.pid(), 0).as_deref() == Some("S"));
    terminal.line("hello");
    terminal.shows("GOT hello");
    terminal.shows("CODE 5");
    terminal.line("exit");
    until("the end", || !terminal.rig.folder().exists());
}

fn a_stopped_job_ends_at_the_deadline() {
    let terminal = Terminal::new(Rig::new().with("DEADLINE", 8_000));
    terminal.line("$W sleep 60");
    let command = terminal.rig.pid();
    terminal.keys(&["C-z"]);
    terminal.shows("Stopped");
    until("the deadline", || !is_alive(command) && !terminal.rig.report().is_empty());
    assert_eq!(terminal.rig.report(), "Ok(Ended { exit: Signal(15), cause: Deadline, left: [] })");
    terminal.line("");
    terminal.shows("Exit 83");
}

fn a_background_job_comes_to_the_foreground() {
    let terminal = Terminal::new(Rig::new());
    // Stopping for the terminal stops the wrapper as well, which has to have said the command's id by then.
    terminal.line("$W bash -c 'sleep 0.5; read word; echo GOT $word; exit 6' &");
    until("it waits for the terminal", || stat(terminal.rig.pid(), 0).as_deref() == Some("T"));
    terminal.line("fg; echo CODE $?");
    until("it goes on", || stat(terminal.rig.pid(), 0).as_deref() == Some("S"));
    terminal.line("there");
    terminal.shows("GOT there");
    terminal.shows("CODE 6");
}

fn a_signal_to_the_wrapper_alone_is_forwarded() {
    let rig = Rig::new();
    let line = counting(&rig);
    let terminal = Terminal::new(rig);
    terminal.line(&line);
    terminal.shows("UP");
    let wrapper = stat(terminal.rig.keeper(), 1).unwrap().parse().unwrap();
    signal::kill(Pid::from_raw(wrapper), Signal::SIGINT).unwrap();
    terminal.shows("SEEN [2]");
    terminal.shows("CODE 1");
}

fn a_killed_job_leaves_no_daemon() {
    let terminal = Terminal::new(Rig::new());
    terminal.line("$W bash -c 'setsid sleep 61 & echo UP; sleep 60'");
    terminal.shows("\nUP");
    let command = terminal.rig.pid();
    terminal.keys(&["C-z"]);
    terminal.shows("Stopped");
    terminal.line("kill -9 %1");
    until("the keeper's word", || terminal.rig.data("abandoned-one").exists());
    assert!(!is_alive(command) && !terminal.rig.folder().exists());
    until("only the shell", || terminal.rig.alive().len() == 1);
}

fn a_pager_behind_us_works() {
    let terminal = Terminal::new(Rig::new());
    terminal.line("$W seq 1 5000 | less");
    terminal.shows("\n39\n:");
    terminal.keys(&["G"]);
    terminal.shows("\n5000\n(END)");
    terminal.keys(&["q"]);
    terminal.line("echo CODE ${PIPESTATUS[0]}");
    terminal.shows("CODE 0");
}

fn a_session_of_its_own_cannot_be_stopped() {
    // No shell could continue it, as in a container: Ctrl-Z does nothing, as without us.
    let terminal = Terminal::running(
        Rig::new(),
        &["sh", "-c", "exec $W \"$@\"", "x", "bash", "-c", "echo UP; sleep 3; echo AFTER; sleep 60"],
    );
    terminal.shows("UP");
    terminal.keys(&["C-z"]);
    terminal.shows("AFTER");
}

fn a_closed_terminal_hangs_up() {
    let terminal = Terminal::new(Rig::new());
    terminal.line("$W bash -c 'echo UP; sleep 60'");
    terminal.shows("\nUP");
    let command = terminal.rig.pid();
    assert!(terminal.tmux().arg("kill-server").status().unwrap().success());
    until("the hangup", || !is_alive(command) && !terminal.rig.folder().exists());
    until("nobody", || terminal.rig.alive().is_empty());
}
