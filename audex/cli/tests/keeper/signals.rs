//! Signals without a terminal: what the wrapper gets, the command's group gets.

use crate::{
    Test,
    rig::{Rig, code, pid_of, send, stat, text, until},
};
use nix::sys::signal::Signal;
use std::{io::Read, process::Stdio};

pub(crate) const TESTS: &[Test] = &[
    ("signals::each_is_forwarded_once", each_is_forwarded_once),
    ("signals::a_deadly_one_is_the_commands_death", a_deadly_one_is_the_commands_death),
    ("signals::the_wrapper_waits_for_a_command_that_goes_on", the_wrapper_waits_for_a_command_that_goes_on),
    ("signals::the_group_gets_them", the_group_gets_them),
    ("signals::timeout_reaches_the_command", timeout_reaches_the_command),
    ("signals::nohup_survives_a_hangup", nohup_survives_a_hangup),
    ("signals::stop_and_continue_go_through", stop_and_continue_go_through),
];

/// Without a terminal, whatever the tests were started from.
const ALONE: &[&str] = &["setsid", "--wait"];

fn each_is_forwarded_once() {
    let rig = Rig::new();
    let script = r"
import signal, sys, time
count = 0
def seen(number, frame):
    global count
    count += 1
    print(number, flush=True)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH):
    signal.signal(number, seen)
print('ready', flush=True)
while count < 7: time.sleep(0.05)
time.sleep(0.3)
sys.exit(count)
";
    let mut child =
        rig.behind(&["setsid"], &["python3", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut ready = [0; 6];
    stdout.read_exact(&mut ready).unwrap();
    let wrapper = wrapper_of(&rig);
    let sent = [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGWINCH,
    ];
    // Each after the one before has been seen: two that wait are not handled in their order.
    for signal in sent {
        send(wrapper, signal);
        let expected = format!("{}\n", signal as i32);
        let mut seen = vec![0; expected.len()];
        stdout.read_exact(&mut seen).unwrap();
        assert_eq!(text(&seen), expected.trim());
    }
    assert_eq!(code(&mut child), 7);
    let mut more = String::new();
    stdout.read_to_string(&mut more).unwrap();
    assert_eq!(more, "");
}

fn a_deadly_one_is_the_commands_death() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1] {
        let rig = Rig::new();
        let mut child = rig.behind(ALONE, &["sleep", "60"]).spawn().unwrap();
        rig.pid();
        send(wrapper_of(&rig), signal);
        assert_eq!(code(&mut child), 128 + signal as i32);
        rig.assert_clean();
    }
}

fn the_wrapper_waits_for_a_command_that_goes_on() {
    let rig = Rig::new();
    let ready = rig.data("ready");
    let script = format!("trap 'sleep 0.7; exit 9' INT; touch {}; sleep 60 & wait", ready.display());
    let mut child = rig.behind(ALONE, &["bash", "-c", &script]).spawn().unwrap();
    until("the trap", || ready.exists());
    send(wrapper_of(&rig), Signal::SIGINT);
    assert_eq!(code(&mut child), 9);
    rig.assert_clean();
}

fn the_group_gets_them() {
    let rig = Rig::new();
    let ready = rig.data("ready");
    // The shell waits for a foreground child and would look at the signal only after its end.
    let script = format!("trap 'exit 9' TERM; touch {}; sleep 60", ready.display());
    let mut child = rig.behind(ALONE, &["bash", "-c", &script]).spawn().unwrap();
    until("the sleep", || ready.exists() && rig.sleepers("60") == 1);
    send(wrapper_of(&rig), Signal::SIGTERM);
    assert_eq!(code(&mut child), 9);
}

fn timeout_reaches_the_command() {
    let rig = Rig::new();
    let script = "trap 'echo INT; exit 3' INT; sleep 60 & wait";
    let output = rig.behind(&["timeout", "-s", "INT", "4"], &["bash", "-c", script]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(124), "INT"));
    assert!(rig.report().contains("Code(3)"), "{}", rig.report());
    rig.assert_clean();

    let rig = Rig::new();
    let line = ["timeout", "--foreground", "--preserve-status", "-s", "INT", "4"];
    assert_eq!(rig.behind(&line, &["bash", "-c", script]).output().unwrap().status.code(), Some(3));
    rig.assert_clean();
}

fn nohup_survives_a_hangup() {
    let rig = Rig::new();
    let script = format!("{}; exit 8", rig.until_made("go"));
    let mut child = rig.behind(&["nohup"], &["bash", "-c", &script]).stdout(Stdio::null()).spawn().unwrap();
    let command = rig.pid();
    send(pid_of(&child), Signal::SIGHUP);
    send(command, Signal::SIGHUP);
    send(rig.keeper(), Signal::SIGHUP);
    rig.make("go");
    assert_eq!(code(&mut child), 8);
    rig.assert_clean();
}

fn stop_and_continue_go_through() {
    let rig = Rig::new();
    let mut child = rig.behind(ALONE, &["sleep", "600"]).spawn().unwrap();
    let command = rig.pid();
    let wrapper = wrapper_of(&rig);
    let is = |pid, state: &str| stat(pid, 0).as_deref() == Some(state);
    // A session without a terminal is orphaned for the kernel only if nobody outside could continue it.
    send(wrapper, Signal::SIGTSTP);
    until("both stop", || is(command, "T") && is(wrapper, "T"));
    send(wrapper, Signal::SIGCONT);
    until("both go on", || is(command, "S") && is(wrapper, "S"));
    // A command that somebody else stops does not stop the wrapper, which has a group of its own.
    send(command, Signal::SIGSTOP);
    until("it stops", || is(command, "T"));
    std::thread::sleep(std::time::Duration::from_millis(400));
    assert!(!is(wrapper, "T"));
    send(command, Signal::SIGCONT);
    until("it goes on", || is(command, "S"));
    send(command, Signal::SIGTERM);
    assert_eq!(code(&mut child), 128 + 15);
    rig.assert_clean();
}

fn wrapper_of(rig: &Rig) -> nix::unistd::Pid {
    nix::unistd::Pid::from_raw(stat(rig.keeper(), 1).unwrap().parse().unwrap())
}
