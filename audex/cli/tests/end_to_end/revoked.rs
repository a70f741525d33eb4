//! Sessions that somebody ends early, and what is said about their credentials afterwards.

use crate::{
    cloud::{self, LIST_ALPHA},
    home::{Home, wait_until},
};
use axess_peers::{Kind, Server, skip};
use std::process::{Child, Output, Stdio};

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
    assert!(home.events().contains(&"SessionRevoked".to_owned()));
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

#[test]
fn a_budget_that_is_spent_ends_the_session() {
    let test = "audex-cli a_budget_that_is_spent_ends_the_session";
    if let Some(reason) = Kind::Moto.missing() {
        return skip(test, &reason);
    }
    let server = Server::start(Kind::Moto).unwrap();
    let account = server.aws_account().unwrap();
    let mut home = cloud::home(&account);
    let (id, secret) = account.admin();
    // Only who may read the accounting learns what was spent.
    home.set("AWS_ACCESS_KEY_ID", id);
    home.set("AWS_SECRET_ACCESS_KEY", secret);
    let config = home.path().join(".config/audex/config.toml");
    let written =
        std::fs::read_to_string(&config).unwrap().replace(&account.role("app"), &account.role("notrust"));
    std::fs::write(&config, format!("{written}[budget]\ncheck_every = \"1s\"\n")).unwrap();
    let seed = |dollars: &str| {
        let period = r#"{"Start": "2026-01-01", "End": "2026-01-02"}"#;
        let result = format!(
            r#"{{"results": [{{"ResultsByTime": [{{"TimePeriod": {period}, "Total": {{"UnblendedCost": {{"Amount": "{dollars}", "Unit": "USD"}}}}, "Groups": [], "Estimated": true}}], "DimensionValueAttributes": []}}]}}"#
        );
        let url = format!("{}/moto-api/static/ce/cost-and-usage-results", account.endpoint());
        let status = home
            .program("curl")
            .args(["-sf", "--noproxy", "*", "-o", "/dev/null", "--json", &result, &url])
            .status();
        assert!(status.unwrap().success());
    };
    // Each answer is given once: what was spent before, what is spent in between, and too much.
    ["10.00", "14.50", "16.00"].map(seed);
    let output = home.shell("run --allow s3:ListBucket --budget 5", "exec sleep 60").output().unwrap();
    assert_eq!(output.status.code(), Some(89), "{output:?}");
    assert_eq!(home.session()["status"], "BudgetExceeded");
    let events = home.events();
    assert!(
        events.contains(&"BudgetWarning".to_owned()) && events.contains(&"BudgetExceeded".to_owned()),
        "{events:?}"
    );
}
