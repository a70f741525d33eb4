//! The commands of the README, typed as they are there: only the port is another one.

use crate::{home::Home, phone, site::Site};
use axess_peers::skip;
use std::{path::Path, process::Command};

const README: &str = include_str!("../../README.md");
const ADDRESS: &str = "127.0.0.1:3002";

/// Returns each command with what its answer has to contain: the comment below it, if there is one.
fn commands() -> Vec<(&'static str, Option<&'static str>)> {
    let (_, rest) = README.split_once("```sh\n").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let lines: Vec<&str> = block.lines().collect();
    let below = |at: usize| lines.get(at + 1).and_then(|line| line.strip_prefix("# "));
    let typed = lines.iter().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    typed.map(|(at, line)| (*line, below(at))).collect()
}

fn typed(folder: &Path, command: &str, site: &Site) -> String {
    std::fs::write(folder.join("app.log"), site.log()).unwrap();
    let command = command.replace(&format!("http://{ADDRESS}"), &site.url(""));
    let mut shell = Command::new("sh");
    let output =
        shell.args(["-c", &command]).current_dir(folder).env("NO_PROXY", "127.0.0.1").output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_readme_is_right() {
    let test = "the_readme_is_right";
    if Command::new("curl").arg("--version").output().is_err() {
        return skip(test, "curl is not installed");
    }
    if !phone::is_there(test) {
        return;
    }
    let home = Home::new().without(&[
        "DATABASE_URL",
        "AUDIT_FILE",
        "SIGNING_KEY",
        "ENVELOPE_KEY",
        "SMTP_URL",
        "DEMO_ACCOUNTS",
        "TRIES_PER_MINUTE",
        "LOG_FORMAT",
    ]);
    // What is typed is found in the log a moment later.
    let (site, folder) = (home.with("LOG_FORMAT", "json").start(), tempfile::tempdir().unwrap());
    let (mut mails, commands) = (0, commands());
    assert!(commands.len() > 10);
    for (command, expected) in commands {
        if command.contains("app.log") {
            mails += 1;
            while site.events("a mail").len() < mails {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
        let answer = typed(folder.path(), command, &site);
        let expected = expected.unwrap_or_default();
        assert!(answer.contains(expected), "{command}\nanswered {answer}, not {expected}");
    }
}

#[test]
fn every_variable_is_explained() {
    let config = include_str!("../../src/config.rs");
    let explained: Vec<&str> = README.lines().filter(|line| line.starts_with("| `")).collect();
    let explained = explained.join("\n");
    let quoted = config.split('"').skip(1).step_by(2);
    let is_name =
        |text: &&str| text.len() > 3 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let names: Vec<&str> = quoted.filter(is_name).collect();
    assert!(names.len() >= 16, "{names:?}");
    for name in names {
        assert!(explained.contains(&format!("`{name}`")), "{name} is not in the README");
    }
}
