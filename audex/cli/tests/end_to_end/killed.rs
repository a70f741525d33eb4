//! What is left when a process is killed (SIGKILL), which nobody can prepare for: nothing that runs, nothing secret, and a
//! record of what happened.

use crate::home::{Home, processes, signal, wait_until};
use serde_json::Value;
use std::process::{Child, Stdio};

const READ: &str = "run --provider local --allow orders:Read";

/// A session whose command has started a process beside it, one that left its group and session, and waits.
struct Running {
    home: Home,
    wrapper: Child,
    /// What the command lines of all three have in common.
    mark: String,
}

impl Running {
    fn start(args: &str) -> Self {
        let home = Home::new();
        // Its last digits are nobody else's, and `sleep` takes them.
        let mark = format!("1000.{}{:04}", std::process::id(), home.path().as_os_str().len());
        let mark = format!("{mark}{}", u32::from(args.contains("file")));
        let line = format!("sleep {mark} & setsid -f sleep {mark} & echo $$ > shell; sleep {mark}; true");
        let wrapper = home.shell(args, &line).stdout(Stdio::null()).spawn().unwrap();
        let running = Self { home, wrapper, mark };
        wait_until("the command runs", || running.sleepers().len() == 3);
        running
    }

    fn sleepers(&self) -> Vec<u32> {
        let mut found = processes(&format!("sleep {}", self.mark));
        let is_sleep = |id: &u32| {
            std::fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim() == "sleep")
        };
        found.retain(is_sleep);
        found
    }

    fn shell(&self) -> u32 {
        std::fs::read_to_string(self.home.path().join("shell")).unwrap().trim().parse().unwrap()
    }

    /// The process between the wrapper and the command.
    fn keeper(&self) -> u32 {
        let parent = |id: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
        };
        let keeper = parent(&self.shell()).unwrap();
        assert_eq!(parent(&keeper), Some(self.wrapper.id()));
        keeper
    }

    /// Waits until nothing of the session is left.
    fn is_gone(&self) {
        wait_until("the command and what it started end", || self.sleepers().is_empty());
        wait_until("the private folder is removed", || self.home.leftovers().is_empty());
    }

    /// Waits until the record says how it ended.
    fn ended(&self) -> Value {
        wait_until("the record says so", || self.home.session()["status"] != "Active");
        self.home.session()
    }
}

#[test]
fn the_wrapper_is_killed() {
    for args in [READ.to_owned(), format!("{READ} --deliver file")] {
        let mut running = Running::start(&args);
        running.wrapper.kill().unwrap();
        running.wrapper.wait().unwrap();
        running.is_gone();
        let session = running.ended();
        assert_eq!(session["status"], "Failed", "{session:#}");
        assert!(session["ending"]["reason"].is_string(), "{session:#}");
        assert_eq!(running.home.events().last().map(String::as_str), Some("SessionEnded"));
        assert!(running.home.verify().status.success());
    }
}

#[test]
fn the_keeper_is_killed() {
    let mut running = Running::start(READ);
    signal("KILL", running.keeper());
    let status = running.wrapper.wait().unwrap();
    assert!(!status.success(), "{status}");
    running.is_gone();
    assert_eq!(running.ended()["status"], "Failed");
    assert!(running.home.verify().status.success());
}

/// Nobody is left to tidy up. Whoever comes next closes the session, and `clean` removes what it left.
#[test]
fn wrapper_and_keeper_are_killed() {
    let mut running = Running::start(&format!("{READ} --deliver file"));
    let keeper = running.keeper();
    signal("STOP", keeper);
    running.wrapper.kill().unwrap();
    running.wrapper.wait().unwrap();
    signal("KILL", keeper);
    // Those that left its session are beyond what the operating system ends by itself.
    for id in running.sleepers() {
        let _ = std::process::Command::new("kill").args(["-KILL", &id.to_string()]).status();
    }
    let output = running.home.shell(READ, "true").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let sessions = running.home.sessions();
    let mut statuses: Vec<&str> = sessions.iter().filter_map(|session| session["status"].as_str()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, ["Completed", "Failed"], "{sessions:#?}");
    let cleaned = running.home.tryaudex("clean").output().unwrap();
    assert!(cleaned.status.success(), "{cleaned:?}");
    running.is_gone();
    assert!(running.home.verify().status.success());
}

#[test]
fn the_command_is_killed() {
    let mut running = Running::start(READ);
    signal("KILL", running.shell());
    let status = running.wrapper.wait().unwrap();
    assert_eq!(status.code(), Some(128 + 9));
    running.is_gone();
    let session = running.ended();
    assert_eq!((&session["status"], &session["ending"]["signal"]), (&"Failed".into(), &9.into()));
}

/// The command ends well and leaves something behind, which would go on with the credential.
#[test]
fn what_the_command_leaves_behind_ends_with_it() {
    let home = Home::new();
    let mark = format!("2000.{}", std::process::id());
    let line = format!("setsid -f sleep {mark}; sleep {mark} & exit 0");
    let output = home.shell(READ, &line).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    wait_until("nothing is left", || processes(&format!("sleep {mark}")).is_empty());
    assert_eq!(home.session()["status"], "Completed");
}

/// It does not go when it is asked.
#[test]
fn a_command_that_will_not_end_is_ended_at_its_deadline() {
    let home = Home::new();
    let mark = format!("3000.{}", std::process::id());
    let line = format!("trap '' TERM INT HUP; sleep {mark}; sleep {mark}; sleep {mark}");
    let output = home.shell(&format!("{READ} --ttl 2s"), &line).output().unwrap();
    assert_eq!(output.status.code(), Some(83), "{output:?}");
    wait_until("nothing is left", || processes(&format!("sleep {mark}")).is_empty());
    assert_eq!(home.session()["status"], "Expired");
}
