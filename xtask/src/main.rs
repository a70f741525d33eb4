//! `cargo xtask`: checks, tests, demonstrates and measures the workspace.
//!
//! Does not know about: any library crate of the workspace but `axess-peers`. It reads their files and runs cargo.
//!
//! One command, one file. A command is a function from its arguments to success or one message for the person at
//! the terminal.
#![forbid(unsafe_code)]

mod bench;
mod ci;
mod demo;
mod peers;
mod process;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

/// What a command answers: nothing, or the message to print before leaving with status 1.
type Outcome = Result<(), String>;

/// One subcommand of `cargo xtask`.
struct Command {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Outcome,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        usage: "",
        about: "install and start the peers, then run every test and doctest",
        run: test::run,
    },
    Command {
        name: "demo",
        usage: "[--check]",
        about: "start the examples and say what to type (--check types it and compares the answers)",
        run: demo::run,
    },
    Command {
        name: "tidy",
        usage: "",
        about: "check the house rules that the compiler cannot",
        run: tidy::run,
    },
    Command {
        name: "peers",
        usage: "install | start [--upstream PORT] | stop | status",
        about: "the third-party programs and servers the tests talk to",
        run: peers::run,
    },
    Command {
        name: "bench",
        usage: "[NAME [--rounds N]]",
        about: "measure what a request, a stored session, a decision, a record, a command, the server and an ID token cost",
        run: bench::run,
    },
    Command {
        name: "ci",
        usage: "[STEP ...]",
        about: "everything that must pass before a change lands, or only some steps of it",
        run: ci::run,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.split_first() {
        Some((name, rest)) if !matches!(name.as_str(), "help" | "--help" | "-h") => dispatch(name, rest),
        _ => {
            println!("{}", usage());
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(name: &str, args: &[String]) -> Outcome {
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(args),
        None => Err(format!("there is no command `{name}`\n\n{}", usage())),
    }
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask COMMAND\n");
    for Command { name, usage, about, .. } in COMMANDS {
        text.push_str(&format!("\n  {name:<6} {about}"));
        if !usage.is_empty() {
            text.push_str(&format!("\n         cargo xtask {name} {usage}"));
        }
    }
    text
}

/// Refuses arguments where a command takes none.
fn no_arguments(command: &str, args: &[String]) -> Outcome {
    match args.first() {
        None => Ok(()),
        Some(first) => Err(format!("`cargo xtask {command}` takes no arguments, got `{first}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_names_the_known_ones() {
        let message = dispatch("tidi", &[]).unwrap_err();
        assert!(message.contains("`tidi`"));
        for command in COMMANDS {
            assert!(message.contains(&format!("\n  {}", command.name)), "{message}");
        }
    }

    #[test]
    fn a_stray_argument_is_refused() {
        assert!(no_arguments("tidy", &[]).is_ok());
        assert!(no_arguments("tidy", &["--fix".into()]).unwrap_err().contains("--fix"));
    }
}
