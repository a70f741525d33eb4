//! `cargo xtask demo`: an example application, and what to type to see it work.

mod examples;

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{Outcome, process, workspace::Workspace};
use examples::{Example, MINIMAL, Step, TWO_FACTOR};

/// Where the examples listen.
const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 3000);
/// How often, 100 ms apart, the port is tried while the example starts: thirty seconds in all.
const LOOKS: u32 = 300;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &[String]) -> Outcome {
    let (mut example, mut check) = (&MINIMAL, false);
    for arg in args {
        match arg.as_str() {
            "--two-factor" => example = &TWO_FACTOR,
            "--check" => check = true,
            other => {
                return Err(format!(
                    "`{other}` is unknown (cargo xtask demo [--two-factor] [--check])"
                ));
            }
        }
    }
    port_is_free(ADDRESS)?;
    let workspace = Workspace::load()?;
    let program = build(&workspace, example)?;
    let folder = workspace.target_directory.join("demo");
    fresh(&folder)?;
    let mut server = Server::start(&program, &folder)?;
    server.wait_until_it_listens()?;
    println!(
        "\n{} listens on http://{ADDRESS}. In another terminal:\n",
        example.package
    );
    for step in example.steps {
        println!("# {}\n{}\n", step.about, step.command);
    }
    if check {
        return check_all(example.steps, &folder);
    }
    println!("Ctrl-C ends it.");
    server.wait()
}

fn port_is_free(address: SocketAddr) -> Outcome {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "{address} is taken ({error}); end what listens there (`ss -ltnp` shows it) and try again"
        )),
    }
}

/// Builds with the features of the whole workspace, so that nothing is built twice after a test run.
fn build(workspace: &Workspace, example: &Example) -> Result<std::path::PathBuf, String> {
    process::run(
        Command::new(process::cargo())
            .args(["build", "--workspace", "--all-features", "--bin", example.package])
            .current_dir(&workspace.workspace_root),
    )?;
    Ok(workspace.target_directory.join("debug").join(example.package))
}

/// Empties the folder that the cookies of the printed commands go to when they are checked.
fn fresh(folder: &Path) -> Outcome {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// The running example; it ends with us.
struct Server(Child);

impl Server {
    fn start(program: &Path, folder: &Path) -> Result<Self, String> {
        println!("$ {}", program.display());
        Command::new(program)
            .current_dir(folder)
            .stdin(Stdio::null())
            .spawn()
            .map(Self)
            .map_err(|error| format!("{} did not start: {error}", program.display()))
    }

    fn wait_until_it_listens(&mut self) -> Outcome {
        for _ in 0..LOOKS {
            if let Ok(Some(status)) = self.0.try_wait() {
                return Err(format!(
                    "the example ended before it listened on {ADDRESS} ({status})"
                ));
            }
            if TcpStream::connect(ADDRESS).is_ok() {
                return Ok(());
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        Err(format!("the example does not listen on {ADDRESS}"))
    }

    fn wait(&mut self) -> Outcome {
        match self.0.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("the example ended ({status})")),
            Err(error) => Err(format!("the example cannot be waited for: {error}")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Types each command and compares the answer with what the step promises.
fn check_all(steps: &[Step], folder: &Path) -> Outcome {
    for step in steps {
        let answer = process::output_of(Command::new("sh").args(["-c", step.command]).current_dir(folder))?;
        if let Some(fault) = fault_of(step, &answer) {
            return Err(fault);
        }
        println!("as described: {}", step.about);
    }
    println!("demo: {} answers, all as described", steps.len());
    Ok(())
}

fn fault_of(step: &Step, answer: &str) -> Option<String> {
    let missing = step
        .answers
        .iter()
        .find(|expected| !answer.contains(**expected))?;
    Some(format!(
        "{}: `{missing}` is missing from the answer to\n{}\n\n{answer}",
        step.about, step.command
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tour_asks_only_the_example() {
        for step in MINIMAL.steps.iter().chain(TWO_FACTOR.steps) {
            let url = format!(" http://{ADDRESS}/");
            assert_eq!(step.command.matches("://").count(), 1, "{}", step.command);
            assert!(
                step.command.starts_with("curl -si ") && step.command.contains(&url),
                "{}",
                step.command
            );
            assert!(!step.answers.is_empty(), "{} proves nothing", step.about);
        }
    }

    #[test]
    fn a_taken_port_is_said_clearly() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(
            port_is_free(address)
                .unwrap_err()
                .contains(&format!("{address} is taken"))
        );
        let any = SocketAddr::new(address.ip(), 0);
        assert!(port_is_free(any).is_ok());
    }

    #[test]
    fn an_answer_is_held_against_its_promise() {
        let step = Step {
            about: "log in",
            command: "curl",
            answers: &["HTTP/1.1 200", "welcome"],
        };
        assert_eq!(fault_of(&step, "HTTP/1.1 200 OK\n\nwelcome"), None);
        assert!(
            fault_of(&step, "HTTP/1.1 401 Unauthorized")
                .unwrap()
                .contains("`HTTP/1.1 200` is missing")
        );
        let folder = tempfile::tempdir().unwrap();
        let echo = |command, answers| {
            check_all(
                &[Step {
                    about: "a",
                    command,
                    answers,
                }],
                folder.path(),
            )
        };
        assert!(echo("echo 'welcome'", &["welcome"]).is_ok());
        assert!(echo("echo 'go away'", &["welcome"]).is_err());
        assert!(echo("exit 1", &[]).is_err());
    }
}
