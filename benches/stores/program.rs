//! The two programs that take turns, seen from the one that compares them.

use crate::turns::{Fault, Verb};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

/// A running program that has prepared its store.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it and waits until its store is prepared. What it complains about goes to the terminal.
    pub(crate) fn start(name: &'static str, file: &Path, args: &[&str]) -> Result<Self, Fault> {
        let mut child = Command::new(file)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", file.display()))?;
        let orders = child.stdin.take().ok_or("no way to give orders")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no way to hear answers")?);
        let mut program = Self { name, child, orders, answers };
        match program.answer()?.as_str() {
            "ready" => Ok(program),
            other => Err(format!("{name} answered `{other}` instead of `ready`").into()),
        }
    }

    /// Has it do something `count` times, and returns how long it says that this took.
    pub(crate) fn turn(&mut self, verb: Verb, callers: usize, count: usize) -> Result<Duration, Fault> {
        writeln!(self.orders, "{} {callers} {count}", verb.name())?;
        let answer = self.answer()?;
        let nanos = answer.parse().map_err(|_| format!("{} answered `{answer}`", self.name))?;
        Ok(Duration::from_nanos(nanos))
    }

    fn answer(&mut self) -> Result<String, Fault> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(format!("{} ended ({})", self.name, self.child.wait()?).into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It waits for orders or is in the middle of one; nobody needs what it kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
