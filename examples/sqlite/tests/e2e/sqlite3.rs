//! The database seen by another program.

use crate::home::Home;
use axess_peers::skip;
use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
};

/// Tells whether there is one; says so where not.
pub(crate) fn is_there(test: &str) -> bool {
    let there = Command::new("sqlite3").arg("--version").output().is_ok();
    if !there {
        skip(test, "sqlite3 is not installed");
    }
    there
}

/// Returns what a query answers.
pub(crate) fn answer(home: &Home, query: &str) -> String {
    let output = Command::new("sqlite3").arg(home.file("app.db")).arg(query).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Holds the lock that every writer needs, until it is let go.
pub(crate) struct Lock {
    child: Child,
    input: ChildStdin,
}

impl Lock {
    pub(crate) fn take(home: &Home) -> Self {
        let mut command = Command::new("sqlite3");
        let piped = command.arg(home.file("app.db")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"BEGIN IMMEDIATE; SELECT 'held';\n").unwrap();
        let mut held = [0; 5];
        child.stdout.as_mut().unwrap().read_exact(&mut held).unwrap();
        assert_eq!(&held, b"held\n");
        Self { child, input }
    }

    pub(crate) fn let_go(mut self) {
        drop(self.input);
        self.child.wait().unwrap();
    }
}
