//! Twenty minutes with a provider that gives fifteen, on a clock that runs thirty times as fast: the command asks again and
//! again, gets a new credential in time, and is ended at its deadline.

use crate::{cloud, home::Home};
use axess_clock::{Clock, SystemClock};
use axess_peers::{AwsAccount, Kind, Server, find_program, skip};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// Lists once a minute, with whatever credential the endpoint has; prints the minute and the key.
const POLLS: &str = r#"
import boto3, time
began = time.time()
while True:
    s3 = boto3.Session().client("s3")
    s3.list_objects_v2(Bucket="alpha")
    print(round((time.time() - began) / 60), s3._request_signer._credentials.access_key, flush=True)
    time.sleep(60)
"#;

/// A clock that several programs share: it began at one moment for all of them, and goes while this lives.
struct FastClock {
    holder: Child,
    variables: Vec<(String, String)>,
}

impl FastClock {
    fn start() -> Self {
        let mut command = Command::new("faketime");
        command.args(["-f", "+0 x30", "sh", "-c", "env; date >/dev/null; echo; exec cat"]);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(holder.stdout.take().unwrap()).lines().map_while(Result::ok);
        let variables = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            let is_its = name.starts_with("FAKETIME") || name == "LD_PRELOAD";
            is_its.then(|| (name.to_owned(), value.to_owned()))
        });
        let variables = variables.collect();
        Self { holder, variables }
    }
}

impl Drop for FastClock {
    fn drop(&mut self) {
        // At the end of its input it goes, and takes the shared memory with it.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

#[test]
fn a_long_session_is_refreshed_and_then_stops() {
    let test = "audex-cli a_long_session_is_refreshed_and_then_stops";
    if find_program("faketime").is_none() {
        return skip(test, "faketime is missing (cargo xtask peers install)");
    }
    if let Some(reason) = Kind::MiniStack.missing() {
        return skip(test, &reason);
    }
    if AwsAccount::clients().is_none() {
        return skip(test, "boto3 is missing (cargo xtask peers install)");
    }
    let clock = FastClock::start();
    assert_eq!(clock.variables.len(), 3, "{:?}", clock.variables);
    let mut variables = clock.variables.clone();
    variables.push(("LONGEST_SESSION_SECONDS".to_owned(), "900".to_owned()));
    let server = Server::start_with_variables(Kind::MiniStack, variables).unwrap();
    let mut home: Home = cloud::home(&server.aws_account().unwrap());
    for (name, value) in &clock.variables {
        home.set(name, value);
    }
    std::fs::write(home.path().join("ask.py"), POLLS).unwrap();
    let args = format!("run {} --ttl 20m --deliver endpoint", cloud::LIST_ALPHA);
    let began = SystemClock.now();
    let output = home.shell(&args, "exec boto3").output().unwrap();
    assert_eq!(output.status.code(), Some(83), "{output:?}");
    let real = (SystemClock.now() - began).as_seconds_f64();
    assert!((30.0..180.0).contains(&real), "twenty minutes took {real} s");

    let text = String::from_utf8(output.stdout).unwrap();
    let polls: Vec<(u32, &str)> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(minute, key)| (minute.parse().unwrap(), key))
        .collect();
    let mut keys: Vec<&str> = polls.iter().map(|(_, key)| *key).collect();
    keys.dedup();
    assert!(polls.last().is_some_and(|(minute, _)| *minute >= 16), "{polls:?}");
    assert_eq!(keys.len(), 2, "{polls:?}");
    let session = home.session();
    assert_eq!(session["status"], "Expired", "{session:#}");
    assert_eq!(session["credentials"].as_array().map(Vec::len), Some(2), "{session:#}");
    let events = home.events();
    let refreshed = ["CredentialsRequested", "CredentialsIssued"];
    let expected = [&["SessionCreated", "CredentialsIssued"][..], &refreshed, &["SessionEnded"]].concat();
    assert_eq!(events, expected);
}
