//! What the README and the guide tell people to type, typed.
#![cfg(test)]

use axess_peers::{AwsAccount, Kind, Server, skip};
use clap::Parser;
use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

const GUIDE: &str = include_str!("../../../../docs/tryaudex.md");
const README: &str = include_str!("../../../../README.md");

/// How the README starts the program from a checkout.
const FROM_CHECKOUT: &str = "cargo run -q -p audex-cli --";

/// What somebody has who follows the guide with AWS: a role of that name and something to read.
const ACCOUNT: &str = r#"
aws iam create-role --role-name dev --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
"Principal":{"AWS":"arn:aws:iam::123456789012:user/broker"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}'
aws iam put-role-policy --role-name dev --policy-name all --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
"Action":"s3:*","Resource":"*"}]}'
aws s3api create-bucket --bucket logs
echo hello > today
aws s3 cp today s3://logs/2026/today
"#;

/// Returns the blocks of one language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// Turns commands into a script that stops at the first that does not do what the document says.
///
/// A comment `# 80: ...` after a command says that it ends with 80.
fn script(commands: &str) -> String {
    let mut script = String::from("set -u\n");
    for line in commands.lines().filter(|line| !line.trim().is_empty()) {
        let (command, comment) = line.split_once("   # ").unwrap_or((line, "0:"));
        let code = comment.split(':').next().and_then(|code| code.parse::<u8>().ok()).unwrap_or(0);
        let _ = writeln!(
            script,
            "{command}\nrc=$?; [ $rc = {code} ] || {{ echo \"ended with $rc: {}\" >&2; exit 99; }}",
            command.replace(['"', '$', '`', '\\'], " ")
        );
    }
    script
}

fn run(home: &Path, script: &str, variables: &[(&str, &str)]) {
    let path = format!("{}:{}", home.join("bin").display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-c", script])
        .current_dir(home)
        .env_clear()
        .envs([("HOME", home.to_str().unwrap()), ("PATH", &path), ("LC_ALL", "C.UTF-8")])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n--- wrote\n{out}\n--- and\n{err}");
}

fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_tryaudex"), home.path().join("bin/tryaudex")).unwrap();
    for block in blocks(GUIDE, "toml") {
        if let Some(name) = block.lines().next().and_then(|line| line.strip_prefix("# ")) {
            fs::write(home.path().join(name), block).unwrap();
        }
    }
    home
}

#[test]
fn the_commands_of_the_readme() {
    let lines: Vec<&str> = blocks(README, "console")
        .into_iter()
        .flat_map(str::lines)
        .filter(|line| line.starts_with(FROM_CHECKOUT))
        .collect();
    assert!(lines.len() >= 4, "{lines:?}");
    let commands = lines.join("\n").replace(FROM_CHECKOUT, "tryaudex");
    run(home().path(), &script(&commands), &[]);
}

#[test]
fn the_commands_of_the_guide() {
    let Some(clients) = AwsAccount::clients() else {
        return skip(
            "audex-cli the_commands_of_the_guide",
            "the AWS CLI is missing (cargo xtask peers install)",
        );
    };
    let server = match Server::start(Kind::MiniStack) {
        Ok(server) => server,
        Err(why) => return skip("audex-cli the_commands_of_the_guide", &why),
    };
    let account = server.aws_account().unwrap();
    let home = home();
    let aws = home.path().join("bin/aws");
    let text = format!("#!/bin/sh\nPYTHONPATH='{}' exec python3 -B -m awscli \"$@\"\n", clients.display());
    fs::write(&aws, text).unwrap();
    fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
    let with = |(id, secret): (&'static str, &'static str), script: &str| {
        let variables = [
            ("AWS_ACCESS_KEY_ID", id),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_ENDPOINT_URL", account.endpoint()),
            ("AWS_REGION", AwsAccount::REGION),
            ("AWS_DEFAULT_REGION", AwsAccount::REGION),
        ];
        run(home.path(), script, &variables);
    };
    with(account.admin(), &format!("set -e\n{ACCOUNT}"));
    // One shell for all of it, as somebody who reads on has.
    with(account.broker(), &script(&blocks(GUIDE, "console").concat()));
}

#[test]
fn the_configuration_of_the_guide_is_one() {
    let home = home();
    let text = blocks(GUIDE, "toml").into_iter().find(|block| block.contains("[policy]")).unwrap();
    fs::create_dir_all(home.path().join(".config/audex")).unwrap();
    fs::write(home.path().join(".config/audex/config.toml"), text).unwrap();
    let profile = "tryaudex run --profile logs --dry-run";
    run(home.path(), &script(&format!("tryaudex config check\n{profile}\n")), &[]);
}

/// What needs a person at a browser is not typed here; it is typed right all the same.
#[test]
fn the_commands_with_a_browser_are_commands() {
    let lines: Vec<&str> = blocks(GUIDE, "sh").into_iter().flat_map(str::lines).collect();
    let ours: Vec<&&str> = lines.iter().filter(|line| line.starts_with("tryaudex")).collect();
    assert!(ours.len() >= 10, "{lines:?}");
    for line in ours {
        let words = format!("printf '%s\\0' {}", line.split(" < ").next().unwrap());
        let words = Command::new("bash").args(["-c", &words]).output().unwrap().stdout;
        let words = String::from_utf8(words).unwrap();
        let read = audex_cli::args::Cli::try_parse_from(words.trim_end_matches('\0').split('\0'));
        assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
    }
}

/// What the image starts with is a command, too.
#[test]
fn the_image_starts_the_server() {
    let text = include_str!("../../../../deploy/Containerfile");
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let words = |name| {
        let list = line(name).trim_matches([' ', '[', ']']);
        list.split(", ").map(|word| word.trim_matches('"').to_owned()).collect::<Vec<_>>()
    };
    let read = audex_cli::args::Cli::try_parse_from([words("ENTRYPOINT"), words("CMD")].concat()).unwrap();
    assert!(matches!(read.command, audex_cli::args::Command::Server(_)));
    assert_eq!(read.global.config.unwrap().to_str(), Some("/etc/audex/server-config.toml"));
}

#[test]
fn every_command_is_in_the_guide() {
    let output = Command::new(env!("CARGO_BIN_EXE_tryaudex")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let listed = help.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() >= 16, "{commands:?}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        assert!(
            GUIDE.contains(&format!("tryaudex {command}")),
            "the guide does not mention `tryaudex {command}`"
        );
    }
}
