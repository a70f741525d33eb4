//! Whoever goes, the session ends, and all of it.

use crate::{
    Test,
    rig::{Rig, code, is_alive, pid_of, send, stat, until},
};
use axess_clock::{Clock, SystemClock};
use nix::sys::signal::Signal;
use std::{os::unix::fs::PermissionsExt, process::Stdio};

pub(crate) const TESTS: &[Test] = &[
    ("endings::the_deadline_ends_a_command", the_deadline_ends_a_command),
    ("endings::the_deadline_kills_who_ignores_it", the_deadline_kills_who_ignores_it),
    ("endings::a_stopped_command_ends_at_the_deadline", a_stopped_command_ends_at_the_deadline),
    ("endings::the_wrappers_clock_counts_too", the_wrappers_clock_counts_too),
    ("endings::a_passed_deadline_starts_nothing", a_passed_deadline_starts_nothing),
    ("endings::the_first_reason_to_stop_counts", the_first_reason_to_stop_counts),
    ("endings::a_command_may_clean_up", a_command_may_clean_up),
    ("endings::a_killed_wrapper_takes_all_with_it", a_killed_wrapper_takes_all_with_it),
    ("endings::a_killed_group_of_the_wrapper_too", a_killed_group_of_the_wrapper_too),
    ("endings::a_killed_keeper_takes_all_with_it", a_killed_keeper_takes_all_with_it),
    ("endings::a_killed_keeper_leaves_older_children_alone", a_killed_keeper_leaves_older_children_alone),
    ("endings::a_stopped_keeper_holds_nobody_up", a_stopped_keeper_holds_nobody_up),
    ("endings::the_keeper_shrugs_off_signals", the_keeper_shrugs_off_signals),
    ("endings::a_killed_command_is_its_own_end", a_killed_command_is_its_own_end),
    ("endings::an_open_folder_is_refused", an_open_folder_is_refused),
    ("endings::a_keeper_that_is_none_is_trouble", a_keeper_that_is_none_is_trouble),
];

fn the_deadline_ends_a_command() {
    let rig = Rig::new().with("DEADLINE", 700);
    let before = SystemClock.now();
    assert_eq!(rig.bash("sleep 60 & sleep 60").status.code(), Some(83));
    let took = (SystemClock.now() - before).num_milliseconds();
    assert!((700..5_000).contains(&took), "{took} ms: without waiting for the grace");
    assert_eq!(rig.report(), "Ok(Ended { exit: Signal(15), cause: Deadline, left: [] })");
    rig.assert_clean();
}

fn the_deadline_kills_who_ignores_it() {
    let rig = Rig::new().with("DEADLINE", 500).with("GRACE", 400);
    let status = rig.bash("trap '' TERM INT HUP; while :; do sleep 60; done").status;
    assert_eq!(status.code(), Some(83));
    assert_eq!(rig.report(), "Ok(Ended { exit: Signal(9), cause: Deadline, left: [] })");
    rig.assert_clean();
}

fn a_stopped_command_ends_at_the_deadline() {
    let rig = Rig::new().with("DEADLINE", 800);
    assert_eq!(rig.bash("kill -STOP $$; sleep 60").status.code(), Some(83));
    assert_eq!(rig.report(), "Ok(Ended { exit: Signal(15), cause: Deadline, left: [] })");
    rig.assert_clean();
}

fn the_wrappers_clock_counts_too() {
    // Only the wrapper's clock jumps, by a day; the keeper's shows that there is half an hour left.
    let rig = Rig::new().with("DEADLINE", 1_800_000).with("CLOCK", 300);
    assert_eq!(rig.bash("sleep 60").status.code(), Some(83));
    rig.assert_clean();
}

fn a_passed_deadline_starts_nothing() {
    let rig = Rig::new().with("DEADLINE", 0);
    let proof = rig.data("ran");
    assert_eq!(rig.bash(&format!("touch {}", proof.display())).status.code(), Some(83));
    assert!(!proof.exists());
}

fn the_first_reason_to_stop_counts() {
    let rig = Rig::new().with("STOP_AFTER", 300);
    assert_eq!(rig.bash("sleep 60").status.code(), Some(88));
    assert_eq!(rig.report(), "Ok(Ended { exit: Signal(15), cause: Stopped(Revoked), left: [] })");
    rig.assert_clean();
}

fn a_command_may_clean_up() {
    let rig = Rig::new().with("STOP_AFTER", 500);
    let proof = rig.data("cleaned");
    let script = format!("trap 'sleep 0.5; touch {}; exit 3' TERM; sleep 60 & wait", proof.display());
    assert_eq!(rig.bash(&script).status.code(), Some(88));
    assert_eq!(rig.report(), "Ok(Ended { exit: Code(3), cause: Stopped(Revoked), left: [] })");
    assert!(proof.exists(), "what it does after TERM is waited for");
}

fn a_killed_wrapper_takes_all_with_it() {
    let rig = Rig::new();
    let mut child = rig.spawn_bash("sleep 60 & setsid sleep 60 & (setsid sleep 60 &) ; wait");
    let keeper = rig.keeper();
    until("three sleeps", || rig.alive().len() >= 5);
    child.kill().unwrap();
    assert_eq!(code(&mut child), 128 + 9);
    until("the keeper's word", || rig.data("abandoned-one").exists());
    until("the keeper's end", || !is_alive(keeper));
    let word = std::fs::read_to_string(rig.data("abandoned-one")).unwrap();
    assert_eq!(word, "Some(Ended { exit: Signal(15), cause: Own, left: [] })");
    rig.assert_clean();
}

fn a_killed_group_of_the_wrapper_too() {
    use std::os::unix::process::CommandExt;
    let rig = Rig::new();
    let mut child = rig.command(&["sleep", "60"]).process_group(0).spawn().unwrap();
    rig.pid();
    nix::sys::signal::killpg(pid_of(&child), Signal::SIGKILL).unwrap();
    assert_eq!(code(&mut child), 128 + 9);
    until("the keeper's word", || rig.data("abandoned-one").exists());
    rig.assert_clean();
}

fn a_killed_keeper_takes_all_with_it() {
    let rig = Rig::new().with("GRACE", 300);
    let script =
        "trap '' TERM; sleep 60 & (setsid bash -c 'trap \"\" TERM; sleep 60; sleep 61' &) ; sleep 60";
    let mut child = rig.spawn_bash(script);
    let keeper = rig.keeper();
    until("all of them", || rig.alive().len() >= 5);
    send(keeper, Signal::SIGKILL);
    assert_eq!(code(&mut child), 70);
    assert!(rig.report().contains("was killed, and everything it kept was ended"), "{}", rig.report());
    rig.assert_clean();
}

fn a_killed_keeper_leaves_older_children_alone() {
    let rig = Rig::new();
    let older = rig.data("older");
    let this = std::env::current_exe().unwrap();
    // The wrapper inherits a child that is not the session's.
    let line = format!(
        "sleep 61 & echo $! >{}; sleep 0.1; exec '{}' __wrapper sleep 60",
        older.display(),
        this.display()
    );
    let mut child = std::process::Command::new("bash")
        .args(["-c", &line])
        .envs(rig.words())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let command = rig.pid();
    send(rig.keeper(), Signal::SIGKILL);
    assert_eq!(code(&mut child), 70);
    assert!(!is_alive(command));
    assert!(is_alive(rig.number("older")), "the sleep of somebody else lives");
    send(rig.number("older"), Signal::SIGKILL);
}

fn a_stopped_keeper_holds_nobody_up() {
    let rig = Rig::new().with("DEADLINE", 800).with("GRACE", 100);
    let mut child = rig.spawn_bash("sleep 60");
    send(rig.keeper(), Signal::SIGSTOP);
    assert_eq!(code(&mut child), 70);
    rig.assert_clean();
}

fn the_keeper_shrugs_off_signals() {
    let rig = Rig::new();
    let mut child = rig.spawn_bash("sleep 1; exit 5");
    let keeper = rig.keeper();
    for signal in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGALRM,
        Signal::SIGPIPE,
        Signal::SIGTSTP,
        Signal::SIGTTOU,
    ] {
        send(keeper, signal);
    }
    assert_ne!(stat(keeper, 0).as_deref(), Some("T"));
    assert_eq!(code(&mut child), 5);
    rig.assert_clean();
}

fn a_killed_command_is_its_own_end() {
    let rig = Rig::new();
    let mut child = rig.spawn_bash("sleep 60 & sleep 60 & wait");
    until("both sleeps", || rig.alive().len() >= 4);
    send(rig.pid(), Signal::SIGKILL);
    assert_eq!(code(&mut child), 128 + 9);
    assert_eq!(rig.report(), "Ok(Ended { exit: Signal(9), cause: Own, left: [] })");
    rig.assert_clean();
}

fn an_open_folder_is_refused() {
    let rig = Rig::new();
    std::fs::set_permissions(rig.folder(), PermissionsExt::from_mode(0o750)).unwrap();
    assert_eq!(rig.bash("true").status.code(), Some(70));
    assert!(rig.report().contains("mode 0700"), "{}", rig.report());
    assert!(rig.folder().exists(), "what is not ours is not removed");
}

fn a_keeper_that_is_none_is_trouble() {
    for program in ["/no/such/program", "/bin/true", "/bin/cat"] {
        let rig = Rig::new().with("PROGRAM", program);
        assert_eq!(rig.bash("true").status.code(), Some(70), "{program}");
        assert!(rig.report().starts_with("the process that keeps the session"), "{}", rig.report());
    }
}
