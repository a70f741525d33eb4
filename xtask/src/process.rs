//! Running other programs: every command is echoed before it runs and its output is never captured silently.

use std::{
    path::Path,
    process::{Command, Stdio},
};

pub(crate) use axess_peers::find_program;

use crate::Outcome;

/// The cargo that runs us, so a pinned toolchain stays pinned in what we start.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Runs a command with our own output streams and no input; fails with the command line when it does.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let line = shown(command);
    println!("$ {line}");
    let status =
        command.stdin(Stdio::null()).status().map_err(|error| format!("`{line}` did not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status})")) }
}

/// Runs a command and returns its standard output; standard error goes to the terminal.
pub(crate) fn output_of(command: &mut Command) -> Result<String, String> {
    let line = shown(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("`{line}` did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` failed ({})", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{line}` did not answer in UTF-8"))
}

/// True in continuous integration, where a missing tool or a skipped test is a failure.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let mut line = name.to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_in_the_error() {
        assert!(run(&mut Command::new("true")).is_ok());
        let error = run(Command::new("sh").args(["-c", "exit 7"])).unwrap_err();
        assert!(error.contains("sh -c exit 7") && error.contains('7'), "{error}");
        let error = output_of(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(error.contains("did not start"), "{error}");
    }

    #[test]
    fn output_is_returned() {
        assert_eq!(output_of(Command::new("echo").arg("hello")).unwrap(), "hello\n");
    }
}
