//! Sessions that somebody ends early, and what is said about their credentials afterwards.

use crate::{
    cloud::{self, LIST_ALPHA},
    home::{Home, wait_until},
};
use axess_peers::{Kind, Server};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Child, Output, Stdio},
};

/// Keeps what it got against all advice, and waits.
const KEEPS: &str =
    "env | grep -E '^(AWS_(ACCESS|SECRET|SESSION)|AUDEX_TOKEN)' > kept; touch ready; exec sleep 600";

fn begin(home: &Home, args: &str) -> Child {
    let child = home.shell(args, KEEPS).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the command runs", || home.path().join("ready").exists());
    child
}

fn revoke(home: &Home) -> Output {
    let id = home.session()["session_id"].as_str().unwrap()[..8].to_owned();
    home.tryaudex(&format!("revoke {id} --reason tested")).output().unwrap()
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

#[test]
fn a_revoked_session_ends_and_the_truth_about_its_token_is_told() {
    let home = Home::new();
    let child = begin(&home, "run --provider local --allow orders:Read");
    let revoked = revoke(&home);
    // A service that never asks goes on taking the token: nothing is called dead that is not.
    assert_eq!(revoked.status.code(), Some(1), "{revoked:?}");
    let expires = home.session()["credentials"][0]["expires_at"].as_str().unwrap().to_owned();
    assert!(text(&revoked).contains(&expires[11..19]), "{expires} is not in {revoked:?}");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(88), "{output:?}");
    assert_eq!(home.session()["status"], "Revoked");
    let mut events = home.events();
    // Who revokes and who keeps the session write at the same time.
    events[2..].sort_unstable();
    assert_eq!(events, ["SessionCreated", "CredentialsIssued", "SessionEnded", "SessionRevoked"]);
    assert!(home.verify().status.success());
}

#[test]
fn a_revoked_session_of_aws_is_denied_everything_and_others_are_not() {
    let test = "a_revoked_session_of_aws_is_denied_everything_and_others_are_not";
    if cloud::shared(test).is_none() {
        return;
    }
    // Revocation changes the role.
    let server = Server::start(Kind::MiniStack).unwrap();
    let account = server.aws_account().unwrap();
    let home = cloud::home(&account);
    let config = home.path().join(".config/audex/config.toml");
    let written = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{written}revoker_role_arn = \"{}\"\n", account.role("revoker")))
        .unwrap();

    let child = begin(&home, &format!("run {LIST_ALPHA}"));
    let list = || {
        let line = "set -a; . ./kept; aws s3api list-objects-v2 --bucket alpha --query 'Contents[0].Key' --output text 2>&1";
        let output = home.program("sh").args(["-c", line]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(list().trim(), "k");
    let revoked = revoke(&home);
    assert_eq!(revoked.status.code(), Some(0), "{revoked:?}");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(88));
    let denied = list();
    assert!(denied.contains("AccessDenied"), "a copy still works: {denied}");
    // The session after it is another one.
    assert_eq!(home.printed(&format!("run {LIST_ALPHA}"), "boto3 list:alpha"), "list:alpha k\nby env");
    assert!(home.verify().status.success());
}

/// An accounting that knows of more and more. Moto has one too, and gives the same answer to the same question for ever.
fn accounting(amounts: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let last = amounts.iter().cycle().skip(amounts.len() - 1).step_by(amounts.len());
        for (stream, amount) in listener.incoming().zip(amounts.iter().chain(last)) {
            let mut reader = BufReader::new(stream.unwrap());
            let mut length = 0;
            for line in reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    length = value.parse().unwrap();
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let total = format!(r#"{{"UnblendedCost": {{"Amount": "{amount}", "Unit": "USD"}}}}"#);
            let body =
                format!(r#"{{"ResultsByTime": [{{"Total": {total}, "Groups": [], "Estimated": true}}]}}"#);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: close";
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

#[test]
fn a_budget_that_is_spent_ends_the_session() {
    let Some(account) = cloud::shared("a_budget_that_is_spent_ends_the_session") else { return };
    let mut home = cloud::home(&account);
    let role = account.role("app");
    let config =
        format!("[aws]\nrole_arn = \"{role}\"\nregion = \"us-east-1\"\n[budget]\ncheck_every = \"1s\"\n");
    std::fs::write(home.path().join(".config/audex/config.toml"), config).unwrap();
    // What was spent before does not count; then four fifths are, and then too much.
    home.set("AWS_ENDPOINT_URL_COST_EXPLORER", &accounting(&["10.00", "14.50", "16.00"]));
    let output = home.shell("run --allow s3:ListBucket --budget 5", "exec sleep 60").output().unwrap();
    assert_eq!(output.status.code(), Some(89), "{output:?}");
    assert_eq!(home.session()["status"], "BudgetExceeded");
    let events = home.events();
    for event in ["BudgetWarning", "BudgetExceeded"] {
        assert!(events.iter().any(|found| found == event), "{event} in {events:?}");
    }
}
