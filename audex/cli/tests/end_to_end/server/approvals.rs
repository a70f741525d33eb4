use super::{
    browser::Browser,
    site::{APPROVALS, Site, waits},
};
use crate::home::{Home, signal, wait_until};
use serde_json::Value;
use std::process::{Child, Output, Stdio};

const RUN: &str = "run --server --allow orders:Delete=eu/* --reason cleaning";

/// A site with a requester, in a browser and at a machine, and with an approver at another machine.
fn people() -> (Site, Browser, Home, Home) {
    people_of(APPROVALS)
}

fn people_of(config: &str) -> (Site, Browser, Home, Home) {
    let site = Site::with(config);
    let admin = site.admin();
    let bob = site.person(&admin, "bob@example.com", &["security"]);
    let (mine, his) = (site.machine(&admin), site.machine(&bob));
    (site, admin, mine, his)
}

fn begin(home: &Home, args: &str) -> Child {
    let mut command = home.shell(args, "test -n \"$AUDEX_TOKEN\" && echo done");
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn decide(home: &Home, verb: &str, id: &str) -> Output {
    let mut command = home.tryaudex(&format!("{verb} {id} --comment"));
    command.arg("for the migration").output().unwrap()
}

#[test]
fn a_command_waits_until_somebody_else_agrees() {
    let (_site, admin, mine, his) = people();
    let child = begin(&mine, RUN);
    let id = waits(&admin)["session_id"].as_str().unwrap().to_owned();
    let own = decide(&mine, "approve", &id);
    assert_eq!(own.status.code(), Some(80), "nobody approves their own: {own:?}");
    let listed = his.tryaudex("--output json approve").output().unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["requests"][0]["session_id"], id.as_str());
    let short: String = id.chars().take(8).collect();
    let approved = decide(&his, "approve", &short);
    let said = String::from_utf8_lossy(&approved.stdout).into_owned();
    assert!(approved.status.success(), "{approved:?}");
    assert!(
        said.contains("admin@localhost") && said.contains("cleaning") && said.contains("digest"),
        "{said}"
    );
    // Nobody named a role or a lifetime: what the rules gave is shown.
    assert!(said.contains("lifetime   15m") && !said.contains("target     (none)"), "{said}");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("1 approval by security") && told.contains("/console/requests/"), "{told}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n");
    assert_eq!(mine.session()["session_id"], id.as_str());
    let again = decide(&his, "deny", &id);
    assert_eq!(again.status.code(), Some(80), "it is decided: {again:?}");
}

#[test]
fn what_is_approved_from_a_machine_is_signed_with_the_key_that_its_login_registered() {
    let (_site, admin, mine, his) = people_of(&format!("{APPROVALS}require_signature = true\n"));
    let left = begin(&mine, &format!("{RUN} --no-wait")).wait_with_output().unwrap();
    assert_eq!(left.status.code(), Some(81), "{left:?}");
    let id = waits(&admin)["session_id"].as_str().unwrap().to_owned();
    let approved = decide(&his, "approve", &id);
    assert!(approved.status.success(), "{approved:?}");
    assert!(String::from_utf8_lossy(&approved.stdout).contains("approved (signed)"), "{approved:?}");
    let stands = admin.get(&format!("/approvals/{id}"));
    assert_eq!(
        (&stands["status"], &stands["votes"][0]["signed"]),
        (&"approved".into(), &true.into()),
        "{stands}"
    );
    // Without the key, the same is refused.
    assert!(begin(&mine, &format!("{RUN} --no-wait")).wait_with_output().is_ok());
    let other = waits(&admin)["session_id"].as_str().unwrap().to_owned();
    let servers = his.data().join("servers");
    let folder = std::fs::read_dir(servers).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(folder.join("approval.key")).unwrap();
    let unsigned = decide(&his, "approve", &other);
    assert_eq!(unsigned.status.code(), Some(80), "{unsigned:?}");
}

#[test]
fn a_refusal_ends_the_wait_with_its_reason() {
    let (_site, admin, mine, his) = people();
    let child = begin(&mine, RUN);
    let id = waits(&admin)["session_id"].as_str().unwrap().to_owned();
    assert!(decide(&his, "deny", &id).status.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(80), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("bob@example.com (security) denied: for the migration"), "{told}");
    assert!(mine.sessions().is_empty());
}

#[test]
fn a_request_that_is_not_waited_for_is_taken_up_later() {
    let (_site, admin, mine, his) = people();
    let left = begin(&mine, &format!("--output json {RUN} --no-wait")).wait_with_output().unwrap();
    assert_eq!(left.status.code(), Some(81), "{left:?}");
    let id = waits(&admin)["session_id"].as_str().unwrap().to_owned();
    let told: Value = serde_json::from_slice(&left.stdout).unwrap();
    assert!(told["error"]["message"].as_str().unwrap().contains(&id), "{told}");
    let early = begin(&mine, &format!("run --server --request {id} --wait 1s")).wait_with_output().unwrap();
    assert_eq!(early.status.code(), Some(81), "{early:?}");
    let take_up =
        || begin(&mine, &format!("run --server --request {id} --no-wait")).wait_with_output().unwrap();
    assert_eq!(take_up().status.code(), Some(81), "nobody decided yet");
    assert!(decide(&his, "approve", &id).status.success());
    let output = take_up();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n", "{output:?}");
}

#[test]
fn ctrl_c_takes_the_request_back() {
    let (_site, admin, mine, his) = people();
    let child = begin(&mine, RUN);
    let id = waits(&admin)["session_id"].as_str().unwrap().to_owned();
    signal("INT", child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    wait_until("it does not wait any more", || admin.get("/approvals/pending")["items"][0].is_null());
    let late = decide(&his, "approve", &id);
    assert!(!late.status.success(), "{late:?}");
}

#[test]
fn a_server_that_is_killed_while_somebody_waits_goes_on_where_it_was() {
    let (site, admin, mine, his) = people();
    let child = begin(&mine, RUN);
    let id = waits(&admin)["session_id"].as_str().unwrap().to_owned();
    let left = site.kill();
    let away = mine.shell("run --server --allow orders:Read", "true").output().unwrap();
    assert_eq!(away.status.code(), Some(84), "{away:?}");
    assert!(String::from_utf8_lossy(&away.stderr).contains("cannot be reached"), "{away:?}");
    let site = Site::again(left);
    assert!(site.link.is_none(), "somebody administers");
    let approved = decide(&his, "approve", &id);
    assert!(approved.status.success(), "{approved:?}\n{}", site.log());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}\n{}", site.log());
    let sessions = admin.get("/sessions");
    assert_eq!(
        (mine.sessions().len(), sessions["items"].as_array().map(Vec::len)),
        (1, Some(1)),
        "{sessions}"
    );
}
