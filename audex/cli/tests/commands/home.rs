//! A home folder for one test, and the program in it with nothing else in its environment.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tryaudex");

/// What the program answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

#[derive(Debug)]
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join(".local/share/audex")
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.path().join(".config/audex/config.toml")
    }

    /// Writes the configuration.
    pub(crate) fn configure(&self, text: &str) -> &Self {
        let path = self.config_file();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env_clear().env("HOME", self.path()).env("PATH", "/usr/bin:/bin");
        command.current_dir(self.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        answer(&mut self.command(arguments))
    }

    /// Runs it with `--output json`, and reads the one document of its answer.
    pub(crate) fn json(&self, arguments: &[&str]) -> (i32, serde_json::Value) {
        let answer = self.run(&[&["--output", "json"], arguments].concat());
        let value = serde_json::from_str(&answer.out).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
        (answer.code, value)
    }

    /// Runs it with something on standard input.
    pub(crate) fn told(&self, arguments: &[&str], input: &str) -> Answer {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        read(child.wait_with_output().unwrap())
    }

    /// Runs a session of the local issuer that does nothing, and returns its id.
    pub(crate) fn session(&self) -> String {
        let answer = self.run(&["run", "--provider", "local", "--allow", "orders:Read=eu/*", "--", "true"]);
        assert_eq!(answer.code, 0, "{answer:?}");
        let (_, sessions) = self.json(&["sessions", "-n", "1"]);
        sessions["sessions"][0]["session_id"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn answer(command: &mut Command) -> Answer {
    read(command.output().unwrap())
}

fn read(output: Output) -> Answer {
    Answer {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
