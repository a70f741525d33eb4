//! What the real AWS SDK for Python and the real AWS CLI make of each delivery, in a hostile environment.

use crate::stage::{Home, Served, credential, uid};
use audex_cli::{
    deliver::{Variables, env, file, process},
    environment::{EmptyPlaces, for_child},
};
use audex_policy::Provider;
use axess_clock::{Clock, MockClock, SystemClock};
use axess_peers::{AwsAccount, find_program, skip};
use chrono::TimeDelta;
use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{ChildStdin, ChildStdout, Command, Output, Stdio},
};

/// Prints which credentials the SDK finds, once for each line it is sent.
const FIND: &str = "
import sys, botocore.session
session = botocore.session.Session()
found = session.get_credentials()
for line in sys.stdin:
    if found is None:
        print('nothing', session.get_config_variable('region'), flush=True)
    else:
        keys = found.get_frozen_credentials()
        print(found.method, keys.access_key, keys.secret_key, keys.token, session.get_config_variable('region'), flush=True)
";
/// Has the CLI say which credentials it has.
const LIST: [&str; 4] = ["-m", "awscli", "configure", "list"];
/// Has the CLI sign a request, which goes nowhere.
const SIGN: [&str; 6] =
    ["-m", "awscli", "sts", "get-caller-identity", "--endpoint-url", "http://127.0.0.1:1"];

/// The clock of the machine: SDKs compare with theirs.
fn now() -> MockClock {
    MockClock::new(SystemClock.now())
}

/// An environment full of credentials, and a home folder with keys in every place that programs read by default.
fn hostile(home: &Path) -> Vec<(OsString, OsString)> {
    let aws = home.join(".aws");
    fs::create_dir(&aws).unwrap();
    let keys = "aws_access_key_id = AKEXAMPLEAMBIENT0\naws_secret_access_key = ambient\n";
    fs::write(aws.join("credentials"), format!("[default]\n{keys}[other]\n{keys}")).unwrap();
    fs::write(aws.join("config"), format!("[default]\nregion = us-west-1\n{keys}")).unwrap();
    fs::write(home.join(".boto"), format!("[Credentials]\n{keys}")).unwrap();
    [
        ("HOME", home.to_str().unwrap()),
        ("PATH", &std::env::var("PATH").unwrap()),
        ("AWS_PROFILE", "other"),
        ("AWS_ACCESS_KEY_ID", "AKEXAMPLEAMBIENT0"),
        ("AWS_SECRET_ACCESS_KEY", "ambient"),
        ("AWS_SESSION_TOKEN", "ambient"),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ambient"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/dev/null"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/ambient"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "ambient"),
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("http_proxy", "http://127.0.0.1:1"),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .to_vec()
}

/// Python with the SDK, in a session.
struct Python {
    program: PathBuf,
    modules: PathBuf,
}

impl Python {
    /// Finds it, or skips the test.
    fn find(test: &str) -> Option<Self> {
        let found = find_program("python3").zip(AwsAccount::clients());
        if found.is_none() {
            skip(&format!("deliver sdk::{test}"), "python3, boto3 or awscli is missing");
        }
        found.map(|(program, modules)| Self { program, modules })
    }

    /// Starts it with what was granted.
    fn command(&self, session: &Home, granted: &Variables, arguments: &[&str]) -> Command {
        let home = session.data.path().join("home");
        let _ = fs::remove_dir_all(&home);
        fs::create_dir(&home).unwrap();
        let empty = EmptyPlaces::create(&session.folder).unwrap();
        let environment = for_child(hostile(&home), &empty).granted(granted);
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().envs(environment.into_variables());
        command.env("PYTHONPATH", &self.modules).current_dir(home).stdin(Stdio::null());
        command
    }

    fn conversation(&self, session: &Home, granted: &Variables) -> Conversation {
        let mut command = self.command(session, granted, &["-c", FIND]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Conversation { child, stdin, stdout }
    }
}

/// A process that is asked several times which credentials it has.
struct Conversation {
    child: std::process::Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Conversation {
    fn ask(&mut self) -> String {
        self.stdin.write_all(b"\n").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Asks without holding up the runtime.
    async fn ask_aside(mut self) -> (Self, String) {
        let asked = tokio::task::spawn_blocking(move || {
            let line = self.ask();
            (self, line)
        });
        asked.await.unwrap()
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn found(method: &str, mark: &str) -> String {
    format!("{method} AKEXAMPLEKEYID0{mark} secret-{mark} session-{mark} eu-central-1")
}

#[test]
fn an_sdk_finds_nothing_that_was_not_granted() {
    let Some(python) = Python::find("an_sdk_finds_nothing_that_was_not_granted") else { return };
    let session = Home::new();
    let granted = env::variables(&credential(Provider::Local, &now(), "1"));
    assert_eq!(python.conversation(&session, &granted).ask(), "nothing None");

    let cli = python.command(&session, &granted, &SIGN).output().unwrap();
    let said = String::from_utf8_lossy(&cli.stderr);
    assert!(!cli.status.success() && said.contains("You must specify a region"), "{cli:?}");
    let mut cli = python.command(&session, &granted, &SIGN);
    let cli = cli.env("AWS_DEFAULT_REGION", "eu-central-1").output().unwrap();
    assert!(String::from_utf8_lossy(&cli.stderr).contains("Unable to locate credentials"), "{cli:?}");
}

#[test]
fn an_sdk_finds_what_is_in_variables() {
    let Some(python) = Python::find("an_sdk_finds_what_is_in_variables") else { return };
    let session = Home::new();
    let granted = env::variables(&credential(Provider::Aws, &now(), "1"));
    assert_eq!(python.conversation(&session, &granted).ask(), found("env", "1"));
}

#[test]
fn an_sdk_finds_what_is_in_a_file() {
    let Some(python) = Python::find("an_sdk_finds_what_is_in_a_file") else { return };
    let session = Home::new();
    let granted = file::write(&session.folder, &credential(Provider::Aws, &now(), "1")).unwrap();
    assert_eq!(python.conversation(&session, &granted).ask(), found("shared-credentials-file", "1"));
    file::write(&session.folder, &credential(Provider::Aws, &now(), "2")).unwrap();
    assert_eq!(python.conversation(&session, &granted).ask(), found("shared-credentials-file", "2"));
}

#[tokio::test]
async fn an_sdk_asks_the_endpoint_and_sees_each_refresh() {
    let Some(python) = Python::find("an_sdk_asks_the_endpoint_and_sees_each_refresh") else { return };
    let served = Served::start(Provider::Aws, uid(), now()).await;
    let granted = served.endpoint.variables();
    let (conversation, line) = python.conversation(&served.home, &granted).ask_aside().await;
    assert_eq!(line, found("container-role", "1"));
    served.minted.send_replace(Some(credential(Provider::Aws, &served.clock, "2")));
    let (conversation, line) = conversation.ask_aside().await;
    assert_eq!(line, found("container-role", "2"));

    // The file with the token is read anew each time, so a token may change under a process that runs.
    let file = granted.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").unwrap();
    let token = fs::read_to_string(file).unwrap();
    fs::write(file, "wrong").unwrap();
    served.minted.send_replace(Some(credential(Provider::Aws, &served.clock, "3")));
    let (conversation, line) = conversation.ask_aside().await;
    assert_eq!(line, found("container-role", "2"), "what it had still works");
    fs::write(file, token).unwrap();
    let (_, line) = conversation.ask_aside().await;
    assert_eq!(line, found("container-role", "3"));
}

#[tokio::test]
async fn an_sdk_asks_our_program_and_sees_each_refresh() {
    let Some(python) = Python::find("an_sdk_asks_our_program_and_sees_each_refresh") else { return };
    let served = Served::start(Provider::Aws, uid(), now()).await;
    let (folder, program) = (&served.home.folder, Path::new(env!("CARGO_BIN_EXE_tryaudex")));
    let first = credential(Provider::Aws, &served.clock, "1");
    let granted = process::configure(folder, program, served.endpoint.address(), &first).unwrap();
    let (conversation, line) = python.conversation(&served.home, &granted).ask_aside().await;
    assert_eq!(line, found("custom-process", "1"));
    served.minted.send_replace(Some(credential(Provider::Aws, &served.clock, "2")));
    let (_, line) = conversation.ask_aside().await;
    assert_eq!(line, found("custom-process", "2"));

    served.minted.send_replace(None);
    let cli = output(python.command(&served.home, &granted, &SIGN)).await;
    let said = String::from_utf8_lossy(&cli.stderr);
    assert!(!cli.status.success() && said.contains("the tryaudex session is over"), "{cli:?}");
}

#[tokio::test]
async fn the_cli_asks_the_endpoint_and_shows_why_it_refuses() {
    let Some(python) = Python::find("the_cli_asks_the_endpoint_and_shows_why_it_refuses") else { return };
    let served = Served::start(Provider::Aws, uid(), now()).await;
    let granted = served.endpoint.variables();
    let cli = output(python.command(&served.home, &granted, &LIST)).await;
    let said = String::from_utf8_lossy(&cli.stdout);
    assert!(said.contains("ID01   container-role") && said.contains("eu-central-1"), "{cli:?}");

    served.clock.jump(TimeDelta::hours(1));
    let cli = output(python.command(&served.home, &granted, &SIGN)).await;
    let said = String::from_utf8_lossy(&cli.stderr);
    assert!(!cli.status.success() && said.contains("the tryaudex session is over"), "{cli:?}");
}
