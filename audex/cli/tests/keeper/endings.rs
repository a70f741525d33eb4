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
    ("endings::what_a_killed_wrapper_held_is_claimed_at_once", what_a_killed_wrapper_held_is_claimed_at_once),
    ("endings::what_is_known_of_the_end_outlives_the_wrapper", what_is_known_of_the_end_outlives_the_wrapper),
    ("endings::a_folder_that_is_hard_to_remove_goes", a_folder_that_is_hard_to_remove_goes),
    ("endings::a_killed_group_of_the_wrapper_too", a_killed_group_of_the_wrapper_too),
    ("endings::a_killed_keeper_takes_all_with_it", a_killed_keeper_takes_all_with_it),
    ("endings::a_killed_keeper_leaves_older_children_alone", a_killed_keeper_leaves_older_children_alone),
    ("endings::a_stopped_keeper_holds_nobody_up", a_stopped_keeper_holds_nobody_up),
    ("endings::the_keeper_shrugs_off_signals", the_keeper_shrugs_off_signals),
    ("endings::a_killed_command_is_its_own_end", a_killed_command_is_its_own_end),
    ("endings::an_open_folder_is_refused", an_open_folder_is_refused),
    ("endings::a_keeper_that_is_none_is_trouble", a_keeper_that_is_none_is_trouble),
    ("endings::a_keeper_that_does_not_follow_is_killed", a_keeper_that_does_not_follow_is_killed),
];

fn the_deadline_ends_a_command() {
    let rig = Rig::new().with("DEADLINE", 3_000).with("GRACE", 600_000);
    let before = SystemClock.now();
    let mut child = rig.spawn_bash("sleep 900 & sleep 900");
    // Long before the grace is over.
    assert_eq!(code(&mut child), 83);
    let took = (SystemClock.now() - before).num_milliseconds();
    assert!(took >= 3_000, "{took} ms");
    assert_eq!(rig.report(), "Ok(Ended { exit: Signal(15), cause: Deadline, left: [] })");
    rig.assert_clean();
}

fn the_deadline_kills_who_ignores_it() {
    let rig = Rig::new().with("LATE_WHEN", "up").with("GRACE", 400);
    let up = rig.data("up");
    let script = format!("trap '' TERM INT HUP; touch {}; while :; do sleep 60; done", up.display());
    assert_eq!(rig.bash(&script).status.code(), Some(83));
    assert_eq!(rig.report(), "Ok(Ended { exit: Signal(9), cause: Deadline, left: [] })");
    rig.assert_clean();
}

fn a_stopped_command_ends_at_the_deadline() {
    let rig = Rig::new().with("DEADLINE", 3_000);
    assert_eq!(rig.bash("kill -STOP $$; sleep 60").status.code(), Some(83));
    assert_eq!(rig.report(), "Ok(Ended { exit: Signal(15), cause: Deadline, left: [] })");
    rig.assert_clean();
}

fn the_wrappers_clock_counts_too() {
    // Only the wrapper's clock jumps, by a day; the keeper's shows that there is half an hour left.
    let rig = Rig::new().with("DEADLINE", 1_800_000).with("LATE_WHEN", "up");
    let script = format!("touch {}; sleep 60", rig.data("up").display());
    assert_eq!(rig.bash(&script).status.code(), Some(83));
    rig.assert_clean();
}

fn a_passed_deadline_starts_nothing() {
    let rig = Rig::new().with("DEADLINE", 0);
    let proof = rig.data("ran");
    assert_eq!(rig.bash(&format!("touch {}", proof.display())).status.code(), Some(83));
    assert!(!proof.exists());
}

fn the_first_reason_to_stop_counts() {
    let rig = Rig::new().with("STOP_WHEN", "up");
    let script = format!("touch {}; sleep 60", rig.data("up").display());
    assert_eq!(rig.bash(&script).status.code(), Some(88));
    assert_eq!(rig.report(), "Ok(Ended { exit: Signal(15), cause: Stopped(Revoked), left: [] })");
    rig.assert_clean();
}

fn a_command_may_clean_up() {
    let rig = Rig::new().with("STOP_WHEN", "up");
    let (up, proof) = (rig.data("up"), rig.data("cleaned"));
    let (up, cleaned) = (up.display(), proof.display());
    let script = format!("trap 'sleep 0.5; touch {cleaned}; exit 3' TERM; touch {up}; sleep 60 & wait");
    assert_eq!(rig.bash(&script).status.code(), Some(88));
    assert_eq!(rig.report(), "Ok(Ended { exit: Code(3), cause: Stopped(Revoked), left: [] })");
    assert!(proof.exists(), "what it does after TERM is waited for");
}

fn a_killed_wrapper_takes_all_with_it() {
    let rig = Rig::new();
    let mut child = rig.spawn_bash("sleep 60 & setsid sleep 60 & (setsid sleep 60 &) ; wait");
    let keeper = rig.keeper();
    until("three sleeps", || rig.sleepers("60") == 3);
    child.kill().unwrap();
    assert_eq!(code(&mut child), 128 + 9);
    until("the keeper's word", || rig.data("abandoned-one").exists());
    until("the keeper's end", || !is_alive(keeper));
    let word = std::fs::read_to_string(rig.data("abandoned-one")).unwrap();
    assert_eq!(word, "Some(Ended { exit: Signal(15), cause: Own, left: [] }), cut short");
    rig.assert_clean();
}

fn what_a_killed_wrapper_held_is_claimed_at_once() {
    // It was running, or in the grace that the deadline left it.
    for (is_late, word) in [
        (false, "Some(Ended { exit: Signal(9), cause: Own, left: [] }), cut short"),
        (true, "Some(Ended { exit: Signal(9), cause: Deadline, left: [] })"),
    ] {
        let rig = Rig::new().with("GRACE", 6_000);
        let rig = if is_late { rig.with("LATE_WHEN", "ready") } else { rig };
        let (ready, told) = (rig.data("ready"), rig.data("told"));
        let script = format!(
            "trap 'touch {}' TERM; touch {}; while :; do sleep 0.1; done",
            told.display(),
            ready.display()
        );
        let mut child = rig.spawn_bash(&script);
        let command = rig.pid();
        until("the trap", || ready.exists());
        if is_late {
            until("the deadline", || told.exists());
        }
        assert!(!rig.data("claimed").exists(), "the wrapper lives");
        child.kill().unwrap();
        assert_eq!(code(&mut child), 128 + 9);
        until("the claim", || rig.data("claimed").exists());
        assert!(is_alive(command) && rig.folder().exists(), "the command has its grace");
        until("the keeper's word", || rig.data("abandoned-one").exists());
        assert_eq!(std::fs::read_to_string(rig.data("abandoned-one")).unwrap(), word);
        rig.assert_clean();
    }
}

fn what_is_known_of_the_end_outlives_the_wrapper() {
    let rig = Rig::new();
    let mut child = rig.spawn_bash(&format!("{}; exit 3", rig.until_made("go")));
    let (keeper, command) = (rig.keeper(), rig.pid());
    // The keeper sees the end of both at once.
    send(keeper, Signal::SIGSTOP);
    rig.make("go");
    until("the command's end", || !is_alive(command));
    child.kill().unwrap();
    send(keeper, Signal::SIGCONT);
    assert_eq!(code(&mut child), 128 + 9);
    until("the keeper's word", || rig.data("abandoned-one").exists());
    let word = std::fs::read_to_string(rig.data("abandoned-one")).unwrap();
    assert_eq!(word, "Some(Ended { exit: Code(3), cause: Own, left: [] })");
    rig.assert_clean();
}

fn a_folder_that_is_hard_to_remove_goes() {
    // Even root may not enter then.
    let powers = "-dac_override,-dac_read_search";
    let setpriv = ["setpriv", "--bounding-set", powers];
    let is_root = nix::unistd::geteuid().is_root();
    let prefix = if is_root { setpriv.as_slice() } else { &[] };
    for is_killed in [true, false] {
        let rig = Rig::new();
        let secret = rig.folder().join("token");
        let closed = rig.folder().join("aa");
        let (done, closed) = (rig.data("done"), closed.display());
        let script = format!(
            "echo secret >{}; mkdir -p {closed}/y; touch {closed}/y/z; chmod 0 {closed}; touch {}; {}",
            secret.display(),
            done.display(),
            if is_killed { "sleep 60" } else { "true" }
        );
        let mut child = rig.behind(prefix, &["bash", "-c", &script]).stdin(Stdio::null()).spawn().unwrap();
        until("the closed folder", || done.exists());
        if is_killed {
            child.kill().unwrap();
            assert_eq!(code(&mut child), 128 + 9);
            until("the keeper's word", || rig.data("abandoned-one").exists());
        } else {
            assert_eq!(code(&mut child), 0);
        }
        assert!(!secret.exists(), "the secret is left");
        rig.assert_clean();
    }
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
    until("all of them", || rig.sleepers("60") == 3);
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
    let rig = Rig::new().with("LATE_WHEN", "late").with("GRACE", 100);
    let mut child = rig.spawn_bash("sleep 60");
    send(rig.keeper(), Signal::SIGSTOP);
    rig.make("late");
    assert_eq!(code(&mut child), 70);
    rig.assert_clean();
}

fn the_keeper_shrugs_off_signals() {
    let rig = Rig::new();
    let mut child = rig.spawn_bash(&format!("{}; exit 5", rig.until_made("go")));
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
    rig.make("go");
    assert_eq!(code(&mut child), 5);
    rig.assert_clean();
}

fn a_killed_command_is_its_own_end() {
    let rig = Rig::new();
    let mut child = rig.spawn_bash("sleep 60 & sleep 60 & wait");
    until("both sleeps", || rig.sleepers("60") == 2);
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

fn a_keeper_that_does_not_follow_is_killed() {
    let rig = Rig::new();
    let program = rig.data("stranger");
    let this = std::env::current_exe().unwrap();
    let (mark, this) = (rig.home().display(), this.display());
    let script = format!(
        "#!/bin/sh\nexport PATH=/usr/bin:/bin RIG={mark}\nexec '{this}' {} \"$2\"\n",
        crate::role::STRANGER
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
    let rig = rig.with("PROGRAM", program.display());
    assert_eq!(rig.bash("true").status.code(), Some(70));
    assert!(rig.report().contains("it spoke out of turn"), "{}", rig.report());
    rig.assert_clean();
}
