//! Descendants that try to outlive the session.

use crate::{
    Test,
    rig::{Rig, code, text, until},
};
use std::process::Stdio;

pub(crate) const TESTS: &[Test] = &[
    ("daemons::what_the_command_leaves_is_ended", what_the_command_leaves_is_ended),
    ("daemons::a_daemon_of_two_forks_is_found", a_daemon_of_two_forks_is_found),
    ("daemons::a_stubborn_daemon_is_killed", a_stubborn_daemon_is_killed),
    ("daemons::a_fork_storm_is_ended", a_fork_storm_is_ended),
    ("daemons::a_chain_that_forks_and_exits_is_ended", a_chain_that_forks_and_exits_is_ended),
    ("daemons::orphans_are_buried_while_the_command_runs", orphans_are_buried_while_the_command_runs),
];

/// Forks twice, opens a session, ignores everything and never ends.
const DAEMON: &str = r"
import os, signal, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
for one in (signal.SIGHUP, signal.SIGINT) + ((signal.SIGTERM,) if sys.argv[1] == 'stubborn' else ()):
    signal.signal(one, signal.SIG_IGN)
open(sys.argv[2] + '~', 'w').write(str(os.getpid()))
os.rename(sys.argv[2] + '~', sys.argv[2])
time.sleep(60)
";

fn what_the_command_leaves_is_ended() {
    let rig = Rig::new().with("GRACE", 600_000);
    let script = format!(
        "sleep 900 >/dev/null 2>&1 & setsid sleep 900 >/dev/null 2>&1 & {}; exit 4",
        rig.until_made("go")
    );
    let mut child = rig.spawn_bash(&script);
    until("both sleeps", || rig.sleepers("900") == 2);
    rig.make("go");
    // Long before the grace is over: a TERM is enough.
    assert_eq!(code(&mut child), 4);
    rig.assert_clean();
}

fn a_daemon_of_two_forks_is_found() {
    let rig = Rig::new();
    let file = rig.data("daemon");
    let script = format!(
        "python3 -c \"$DAEMON\" polite {0}; until [ -s {0} ]; do sleep 0.05; done; exit 6",
        file.display()
    );
    let status = rig.command(&["bash", "-c", &script]).env("DAEMON", DAEMON).stdin(Stdio::null()).status();
    assert_eq!(status.unwrap().code(), Some(6));
    rig.number("daemon");
    rig.assert_clean();
}

fn a_stubborn_daemon_is_killed() {
    let rig = Rig::new().with("LATE_WHEN", "daemon").with("GRACE", 300);
    let file = rig.data("daemon");
    let script =
        format!("trap '' TERM; python3 -c \"$DAEMON\" stubborn {}; sleep 60; sleep 60", file.display());
    let status = rig.command(&["bash", "-c", &script]).env("DAEMON", DAEMON).stdin(Stdio::null()).status();
    assert_eq!(status.unwrap().code(), Some(83));
    rig.number("daemon");
    rig.assert_clean();
}

fn a_fork_storm_is_ended() {
    let rig = Rig::new().with("LATE_WHEN", "storm").with("GRACE", 200);
    // Each ignores TERM and forks as fast as it can, some into sessions of their own; the limit keeps the machine alive for others.
    let storm = r"
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
end = time.time() + 60
most = len(os.listdir('/proc')) + 100
forks = 0
while time.time() < end:
    if len(os.listdir('/proc')) < most:
        forks += 1
        if os.fork() == 0 and os.getpid() % 2: os.setsid()
        if forks == 4: open(sys.argv[1], 'w')
    time.sleep(0.02)
";
    let status = rig.run(&["python3", "-c", storm, rig.data("storm").to_str().unwrap()]).status;
    assert_eq!(status.code(), Some(83));
    assert_eq!(rig.report(), "Ok(Ended { exit: Signal(9), cause: Deadline, left: [] })");
    rig.assert_clean();
}

fn a_chain_that_forks_and_exits_is_ended() {
    let rig = Rig::new().with("LATE_WHEN", "chain").with("GRACE", 100);
    // Only one process at a time lives, and never for long; each is an orphan in a session of its own.
    let chain = r"
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork():
    time.sleep(60)
end = time.time() + 60
links = 0
while time.time() < end:
    if os.fork(): os._exit(0)
    os.setsid()
    links += 1
    if links == 20: open(sys.argv[1], 'w')
    time.sleep(0.002)
";
    let status = rig.run(&["python3", "-c", chain, rig.data("chain").to_str().unwrap()]).status;
    assert_eq!(status.code(), Some(83));
    assert_eq!(rig.report(), "Ok(Ended { exit: Signal(9), cause: Deadline, left: [] })");
    rig.assert_clean();
}

fn orphans_are_buried_while_the_command_runs() {
    let rig = Rig::new();
    // Real-time signals too: they have no name, and must not stop the burials.
    let script = "for i in 1 2 3 4 5; do (bash -c 'sleep 0.1; kill -40 $$' & bash -c 'sleep 0.1' &); done; \
                  for i in {1..200}; do sleep 0.1; [ $(ps -o stat= --ppid $PPID | grep -c .) = 1 ] && break; done; \
                  ps -o stat= --ppid $PPID | grep -c Z; ps -o stat= --ppid $PPID | grep -c .";
    let mut child = rig.spawn_bash(script);
    until("the end", || child_is_over(&rig));
    let mut output = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut output).unwrap();
    assert_eq!(code(&mut child), 0);
    assert_eq!(text(output.as_bytes()), "0\n1", "no zombies, and one child: the command");
}

fn child_is_over(rig: &Rig) -> bool {
    !rig.report().is_empty()
}
