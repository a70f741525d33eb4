use super::site::{APPROVALS, Site};
use crate::home::{Home, processes, signal, wait_until};
use serde_json::Value;
use std::process::{Child, Stdio};

#[test]
fn a_command_runs_with_what_the_server_minted_and_its_end_is_told() {
    let site = Site::dev();
    let admin = site.admin();
    let home = site.machine(&admin);
    let token =
        home.printed("run --server --allow orders:Read=eu/* --ttl 5m --reason nightly", "echo $AUDEX_TOKEN");
    assert_eq!(token.split('.').count(), 3, "{token}");
    let session = home.session();
    assert_eq!(session["status"], "Completed", "{session}");
    // What was left of it when it arrived here.
    assert!(["5m", "4m59s", "4m58s"].contains(&session["ttl"].as_str().unwrap()), "{session}");
    assert_eq!(session["target"], format!("server:{}", site.url));
    let id = session["session_id"].as_str().unwrap();
    let there = admin.get(&format!("/sessions/{id}"));
    assert_eq!(
        (there["status"].as_str(), there["requester"].as_str()),
        (Some("revoked"), Some("admin@localhost")),
        "{there}"
    );
    assert_eq!(there["credentials"][0]["id"], session["credentials"][0]["id"]);
    // Services that only check signatures do not ask: that is said, and not called dead.
    assert_eq!(there["credentials"][0]["fate"]["state"], "alive");
    assert!(home.verify().status.success());
    assert!(!site.log().contains(&token), "a credential is in the log");
}

#[test]
fn the_server_decides_and_our_own_configuration_still_denies() {
    let site = Site::with("max_ttl = \"10m\"\n[policy]\ndeny = [\"orders:Delete\"]\n");
    let admin = site.admin();
    let home = site.machine(&admin);
    let run = |args: &str| {
        let output = home.shell(&format!("run --server {args}"), "true").output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (args, code, text) in [
        ("--allow orders:Delete", 80, "orders:Delete"),
        ("--allow orders:Read --ttl 1h", 80, "10m"),
        ("--allow orders:Read", 0, ""),
    ] {
        let (got, said) = run(args);
        assert_eq!(got, Some(code), "{args}: {said}");
        assert!(said.contains(text), "{args}: {said}");
    }
    std::fs::write(home.path().join(".config/audex/config.toml"), "[policy]\ndeny = [\"orders:Write\"]\n")
        .unwrap();
    let (code, said) = run("--allow orders:*");
    assert!(code == Some(80) && said.contains("your own configuration"), "{said}");
    let plan = home.tryaudex("--output json run --server --allow orders:Read --dry-run").output().unwrap();
    let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert_eq!(
        (plan["provider"].as_str(), plan["actions"][0].as_str()),
        (Some("local"), Some("orders:Read")),
        "{plan}"
    );
}

#[test]
fn a_limit_of_the_server_is_told_with_when_to_ask_again() {
    let rates = "[rate_limiting]\nenabled = true\n[[rate_limiting.rules]]\nidentity = \"*\"\nmax_requests = 2\nwindow = \"1h\"\n";
    let site = Site::with(rates);
    let home = site.machine(&site.admin());
    let run = || home.shell("run --server --allow orders:Read", "true").output().unwrap();
    assert!(run().status.success() && run().status.success());
    let limited = run();
    assert_eq!(limited.status.code(), Some(82), "{limited:?}");
    assert!(String::from_utf8_lossy(&limited.stderr).contains("ask again in 3"), "{limited:?}");
}

#[test]
fn a_session_is_revoked_from_here_at_the_server() {
    let site = Site::dev();
    let admin = site.admin();
    let home = site.machine(&admin);
    let mut child = home
        .shell("run --server --allow orders:Read", "echo begun; sleep 60")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the session is active", || {
        home.sessions().iter().any(|session| session["status"] == "Active")
    });
    let id = home.session()["session_id"].as_str().unwrap().to_owned();
    let revoked = home.tryaudex(&format!("revoke {id}")).output().unwrap();
    // The token works on where nobody asks about it, and the code says that.
    assert_eq!(revoked.status.code(), Some(1), "{revoked:?}");
    assert_eq!(child.wait().unwrap().code(), Some(88));
    assert_eq!(admin.get(&format!("/sessions/{id}"))["status"], "revoked");
}

#[test]
fn what_is_exported_works_on_and_is_revoked_later() {
    let site = Site::dev();
    let admin = site.admin();
    let home = site.machine(&admin);
    let output = home.tryaudex("--output json export --server --allow orders:Read").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let exported: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(exported["variables"]["AUDEX_TOKEN"].as_str().unwrap().starts_with("ey"));
    let id = home.session()["session_id"].as_str().unwrap().to_owned();
    assert_eq!(admin.get(&format!("/sessions/{id}"))["status"], "active");
    assert_eq!(home.tryaudex("revoke --all").output().unwrap().status.code(), Some(1));
    assert_eq!(admin.get(&format!("/sessions/{id}"))["status"], "revoked");
}

#[test]
fn the_session_of_a_wrapper_that_was_killed_is_ended_at_the_server_by_its_keeper() {
    let site = Site::with(APPROVALS);
    let admin = site.admin();
    let home = site.machine(&admin);
    let id = killed(&home);
    wait_until("the server knows", || admin.get(&format!("/sessions/{id}"))["status"] == "revoked");
    assert_eq!(admin.get(&format!("/sessions/{id}"))["reason"], "its wrapper was killed");
}

#[test]
fn the_session_of_a_wrapper_that_was_killed_while_its_server_was_away_can_still_be_revoked() {
    let site = Site::with(APPROVALS);
    let admin = site.admin();
    let home = site.machine(&admin);
    let mut child = begin(&home);
    let left = site.kill();
    let id = kill(&home, &mut child);
    let _site = Site::again(left);
    assert_eq!(admin.get(&format!("/sessions/{id}"))["status"], "active");
    assert_eq!(home.tryaudex(&format!("revoke {id}")).output().unwrap().status.code(), Some(1));
    assert_eq!(admin.get(&format!("/sessions/{id}"))["status"], "revoked");
}

fn begin(home: &Home) -> Child {
    let child = home.shell("run --server --allow orders:Read", "touch begun; sleep 60").spawn().unwrap();
    wait_until("the command runs", || home.path().join("begun").exists());
    child
}

/// Kills a wrapper, and waits until its keeper has closed the session, and ended; returns its id.
fn kill(home: &Home, child: &mut Child) -> String {
    let id = home.session()["session_id"].as_str().unwrap().to_owned();
    signal("KILL", child.id());
    child.wait().unwrap();
    wait_until("the keeper has closed the session", || home.session()["status"] != "Active");
    // Its folder has the name of the session.
    wait_until("the keeper has told the server, or given that up", || processes(&id).is_empty());
    id
}

fn killed(home: &Home) -> String {
    let mut child = begin(home);
    kill(home, &mut child)
}
