//! A chain whose steps ask a team server.

use super::{
    browser::Browser,
    site::{APPROVALS, Site, waits},
};
use crate::home::{Home, signal, wait_until};
use serde_json::Value;
use std::process::{Child, Output, Stdio};

/// Writes the steps, each a line for the shell and what it is allowed, beside what every one of them has.
fn write(home: &Home, steps: &[(&str, &str, &str)]) {
    let step = |(name, line, rest): &(&str, &str, &str)| {
        format!("[[steps]]\nname = \"{name}\"\ncommand = [\"sh\", \"-c\", '{line}']\n{rest}\n")
    };
    std::fs::write(home.path().join("steps.toml"), steps.iter().map(step).collect::<String>()).unwrap();
}

const READ: &str = "allow = [\"orders:Read\"]";
const DELETE: &str = "allow = [\"orders:Delete=eu/*\"]\nreason = \"cleaning\"";

fn chain(home: &Home, args: &str) -> Output {
    home.tryaudex(&format!("--output json chain steps.toml --server {args}")).output().unwrap()
}

fn begin(home: &Home) -> Child {
    let mut command = home.tryaudex("chain steps.toml --server");
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The sessions of a server, the first first: what was asked, where it stands and why.
fn there(admin: &Browser) -> Vec<(String, String, String)> {
    let sessions = admin.get("/sessions");
    let text = |session: &Value, name: &str| session[name].as_str().unwrap_or_default().to_owned();
    let items = sessions["items"].as_array().unwrap().iter().rev();
    items.map(|session| (text(session, "asked"), text(session, "status"), text(session, "reason"))).collect()
}

fn is_over(admin: &Browser) -> bool {
    there(admin).iter().all(|(_, status, _)| status == "revoked")
}

#[test]
fn each_step_has_a_session_that_the_server_began_and_that_ends_with_it() {
    let site = Site::dev();
    let admin = site.admin();
    let home = site.machine(&admin);
    let line = "echo $AUDEX_TOKEN >> tokens; test -n \"$AUDEX_TOKEN\"";
    write(&home, &[("read", line, READ), ("write", line, "allow = [\"orders:Write=eu/*\"]\nttl = \"2m\"")]);
    let output = chain(&home, "");
    assert!(output.status.success(), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = told["steps"].as_array().unwrap();
    assert_eq!((steps.len(), told["exit_code"].as_i64()), (2, Some(0)), "{told}");
    let (first, second) = (&steps[0]["session"], &steps[1]["session"]);
    assert_eq!((&first["entry_point"], &second["status"]), (&"chain".into(), &"Completed".into()), "{told}");
    assert_eq!(first["target"], format!("server:{}", site.url));
    assert_ne!(first["session_id"], second["session_id"]);
    let tokens = std::fs::read_to_string(home.path().join("tokens")).unwrap();
    let tokens: Vec<&str> = tokens.lines().collect();
    assert!(tokens.len() == 2 && tokens[0] != tokens[1], "{tokens:?}");
    let over = |asked: &str| (asked.to_owned(), "revoked".to_owned(), "its command ended".to_owned());
    assert_eq!(there(&admin), [over("orders:Read"), over("orders:Write=eu/*")]);
    assert!(home.verify().status.success());
}

#[test]
fn the_chain_ends_at_the_step_that_fails_unless_it_is_told_to_go_on() {
    let site = Site::dev();
    let admin = site.admin();
    let home = site.machine(&admin);
    write(&home, &[("one", "exit 3", READ), ("two", "touch second", READ)]);
    assert_eq!(chain(&home, "").status.code(), Some(3));
    assert!(!home.path().join("second").exists());
    assert_eq!(chain(&home, "--keep-going").status.code(), Some(3));
    assert!(home.path().join("second").exists());
    assert_eq!(there(&admin).len(), 3);
    assert!(is_over(&admin), "{:?}", there(&admin));
}

#[test]
fn no_step_is_run_when_the_server_or_our_own_configuration_would_refuse_one() {
    let site = Site::with("[policy]\ndeny = [\"orders:Purge*\"]\n");
    let admin = site.admin();
    let home = site.machine(&admin);
    let run = |allow: &str| {
        write(&home, &[("one", "touch first", READ), ("two", "true", allow)]);
        let output = chain(&home, "");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = run("allow = [\"orders:PurgeAll\"]");
    assert!(code == Some(80) && said.contains("step two"), "{said}");
    std::fs::write(home.path().join(".config/audex/config.toml"), "[policy]\ndeny = [\"orders:Write\"]\n")
        .unwrap();
    let (code, said) = run("allow = [\"orders:Write\"]");
    assert!(code == Some(80) && said.contains("step two: your own configuration"), "{said}");
    assert!(!home.path().join("first").exists() && there(&admin).is_empty());
}

#[test]
fn a_step_waits_for_whoever_has_to_agree_and_a_plan_says_so() {
    let site = Site::with(APPROVALS);
    let admin = site.admin();
    let bob = site.person(&admin, "bob@example.com", &["security"]);
    let (mine, his) = (site.machine(&admin), site.machine(&bob));
    write(&mine, &[("read", "touch first", READ), ("clean", "test -e first && touch second", DELETE)]);
    let planned = chain(&mine, "--dry-run");
    assert_eq!(planned.status.code(), Some(81), "{planned:?}");
    let plans: Value = serde_json::from_slice(&planned.stdout).unwrap();
    assert!(plans[0]["plan"]["approval"].is_null(), "{plans}");
    assert_eq!((&plans[1]["step"], &plans[1]["plan"]["approval"]["required"]), (&"clean".into(), &1.into()));
    assert!(there(&admin).is_empty() && admin.get("/approvals/pending")["items"][0].is_null());
    let child = begin(&mine);
    let waiting = waits(&admin);
    assert!(mine.path().join("first").exists(), "its turn came after the first");
    let id = waiting["session_id"].as_str().unwrap();
    assert_eq!(waiting["reason"], "cleaning");
    let approved =
        his.tryaudex(&format!("approve {id} --comment")).arg("for the migration").output().unwrap();
    assert!(approved.status.success(), "{approved:?}");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && mine.path().join("second").exists(), "{output:?}");
    assert!(is_over(&admin), "{:?}", there(&admin));
}

#[test]
fn ctrl_c_takes_back_what_waits_and_no_further_step_is_run() {
    let site = Site::with(APPROVALS);
    let admin = site.admin();
    let home = site.machine(&admin);
    write(&home, &[("read", "true", READ), ("clean", "touch second", DELETE), ("last", "touch third", READ)]);
    let child = begin(&home);
    waits(&admin);
    signal("INT", child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    wait_until("it does not wait any more", || admin.get("/approvals/pending")["items"][0].is_null());
    assert!(!home.path().join("second").exists() && !home.path().join("third").exists());
    assert_eq!((there(&admin).len(), is_over(&admin)), (1, true), "{:?}", there(&admin));
}

#[test]
fn a_chain_that_is_ended_or_killed_ends_what_was_begun_at_the_server() {
    let site = Site::dev();
    let admin = site.admin();
    for (name, code) in [("INT", Some(130)), ("KILL", None)] {
        let home = site.machine(&admin);
        write(
            &home,
            &[
                ("read", "true", READ),
                ("long", "touch begun; exec sleep 60", READ),
                ("last", "touch third", READ),
            ],
        );
        let mut child = begin(&home);
        wait_until("the second command runs", || home.path().join("begun").exists());
        let active = || there(&admin).iter().filter(|(_, status, _)| status == "active").count();
        assert_eq!(active(), 1, "only what runs: {:?}", there(&admin));
        signal(name, child.id());
        assert_eq!(child.wait().unwrap().code(), code, "{name}");
        wait_until("the server knows that it is over", || active() == 0);
        assert!(!home.path().join("third").exists());
    }
}
