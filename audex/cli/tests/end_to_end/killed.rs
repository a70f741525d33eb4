//! What is left when a process is killed (SIGKILL), which nobody can prepare for: nothing that runs, nothing secret, and a
//! record of what happened.

use crate::home::{Home, processes, signal, wait_until};
use serde_json::Value;
use std::{
    os::unix::fs::PermissionsExt,
    process::{Child, Stdio},
};

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
        let ending = &session["ending"];
        assert_eq!(ending["signal"], 15, "{session:#}");
        assert_eq!(ending["reason"], "tryaudex was killed, and the command was ended", "{session:#}");
        assert_eq!(running.home.events().last().map(String::as_str), Some("SessionEnded"));
        assert!(running.home.verify().status.success());
    }
}

/// The command has its grace, in which somebody else comes by: with these records, and with others of the same login.
#[test]
fn nobody_closes_a_session_while_its_command_lives() {
    let runtime = tempfile::tempdir().unwrap();
    std::fs::set_permissions(runtime.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let in_runtime = |mut home: Home| {
        home.set("XDG_RUNTIME_DIR", runtime.path().to_str().unwrap());
        home
    };
    let (home, other) = (in_runtime(Home::new()), in_runtime(Home::new()));
    let mark = format!("4000.{}", std::process::id());
    let line = format!("trap '' TERM; echo > ready; while :; do sleep {mark} & wait; done");
    let mut wrapper =
        home.shell(&format!("{READ} --deliver file"), &line).stdout(Stdio::null()).spawn().unwrap();
    wait_until("the command runs", || home.path().join("ready").exists());
    let folders = || std::fs::read_dir(runtime.path().join("audex")).unwrap().count();
    let come_by = |home: &Home| {
        let cleaned = home.tryaudex("clean").output().unwrap();
        assert!(cleaned.status.success(), "{cleaned:?}");
        assert_eq!(folders(), 1, "somebody's credential was taken away");
    };
    for args in [READ, "clean"] {
        let output = if args == READ { other.shell(READ, "true") } else { other.tryaudex(args) }.output();
        assert!(output.unwrap().status.success());
        assert_eq!(folders(), 1, "{args}: somebody's credential was taken away");
    }
    wrapper.kill().unwrap();
    wrapper.wait().unwrap();
    come_by(&other);
    come_by(&home);
    assert!(!processes(&mark).is_empty(), "the command has its grace");
    assert_eq!(home.session()["status"], "Active");
    assert!(!home.events().contains(&"SessionEnded".to_owned()));

    wait_until("the record says so", || home.session()["status"] != "Active");
    assert!(processes(&mark).is_empty());
    let session = home.session();
    assert_eq!(
        (&session["status"], &session["ending"]["signal"]),
        (&"Failed".into(), &9.into()),
        "{session:#}"
    );
    assert_eq!(home.events().iter().filter(|event| *event == "SessionEnded").count(), 1);
    assert_eq!(folders(), 0);
}

/// The command had ended, which the wrapper could not write down any more.
#[test]
fn what_the_keeper_knows_is_recorded() {
    for (code, status) in [(0, "Completed"), (7, "Failed")] {
        let home = Home::new();
        let line = format!(
            "echo $PPID > keeper; mv keeper ready; while ! test -e go; do sleep 0.05; done; exit {code}"
        );
        let mut wrapper = home.shell(READ, &line).stdout(Stdio::null()).spawn().unwrap();
        wait_until("the command runs", || home.path().join("ready").exists());
        let keeper = std::fs::read_to_string(home.path().join("ready")).unwrap().trim().parse().unwrap();
        signal("STOP", keeper);
        std::fs::write(home.path().join("go"), "").unwrap();
        wait_until("the command ends", || processes("test -e go").iter().all(|id| *id == wrapper.id()));
        wrapper.kill().unwrap();
        wrapper.wait().unwrap();
        signal("CONT", keeper);
        wait_until("the record says so", || home.session()["status"] != "Active");
        let session = home.session();
        let ending = &session["ending"];
        assert_eq!((&session["status"], &ending["exit_code"]), (&status.into(), &code.into()), "{session:#}");
        assert_eq!(ending["reason"], "tryaudex was killed after the command had ended", "{session:#}");
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
