//! A terminal of its own: a tmux server that nobody else talks to, with one window and a shell in it.

use crate::home::{Home, wait_until};
use std::process::{Command, Output};

pub(crate) struct Screen {
    home: Home,
}

impl Screen {
    /// Opens a terminal with an interactive bash; nothing where there is no tmux.
    pub(crate) fn open(test: &str) -> Option<Self> {
        for program in ["tmux", "bash"] {
            if axess_peers::find_program(program).is_none() {
                axess_peers::skip(&format!("audex-cli {test}"), &format!("{program} is missing"));
                return None;
            }
        }
        let mut home = Home::new();
        home.set("TERM", "screen");
        home.set("TRYAUDEX", env!("CARGO_BIN_EXE_tryaudex"));
        let screen = Self { home };
        screen.tmux(&["new-session", "-d", "-x", "200", "-y", "50", "bash --norc --noprofile -i"]);
        screen.shows("bash");
        screen.types("PS1='$ '; clear");
        screen.shows("$");
        Some(screen)
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// Types a line.
    pub(crate) fn types(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.presses("Enter");
    }

    /// Presses a key by its name: `C-c`, `C-z`, `Enter`.
    pub(crate) fn presses(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Waits until a line of the screen begins with a text, where the terminal's own echo of keys does not count.
    pub(crate) fn shows(&self, text: &str) {
        let has = || self.text().lines().any(|line| line.trim_start_matches("^C").starts_with(text));
        wait_until(&format!("the screen shows `{text}`"), has);
    }

    /// What is on the screen.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p"]).stdout).into_owned()
    }

    fn tmux(&self, args: &[&str]) -> Output {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        output
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.program("tmux");
        command.arg("-f").arg("/dev/null").arg("-S").arg(self.home.path().join("tmux")).args(args);
        command
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What the person in front of it would have seen.
            eprintln!("{}", self.text());
        }
        // Its own server, by its own socket.
        let _ = self.command(&["kill-server"]).output();
    }
}
