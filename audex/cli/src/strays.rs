//! Processes of sessions that nobody keeps any more: what is left when wrapper and keeper were both killed.

use audex_core::session::SessionId;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getpid},
};
use std::{fs, thread, time::Duration};

/// How often it is looked whether they have ended, and how long apart. The first half they have for ending by themselves.
const LOOKS: (u32, Duration) = (40, Duration::from_millis(50));

/// Ends every process of this user that began in one of these sessions, and returns how many would not end.
///
/// They are known by the session's private folder, which is in the environment of its command and of all that inherited
/// it. What cleared its environment is not found.
pub(crate) fn end(sessions: &[SessionId]) -> usize {
    let marks: Vec<String> = sessions.iter().map(|session| format!("/{session}/")).collect();
    let mut left = if marks.is_empty() { Vec::new() } else { find(&marks) };
    for look in 0..LOOKS.0 {
        if left.is_empty() {
            break;
        }
        let signal = if look < LOOKS.0 / 2 { Signal::SIGTERM } else { Signal::SIGKILL };
        for pid in &left {
            // One that is gone meanwhile has ended.
            let _ = kill(*pid, signal);
            let _ = kill(*pid, Signal::SIGCONT);
        }
        thread::sleep(LOOKS.1);
        left = find(&marks);
    }
    left.len()
}

fn find(marks: &[String]) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).map(Pid::from_raw);
    pids.filter(|pid| *pid != getpid()).filter(|pid| is_of(*pid, marks)).collect()
}

fn is_of(pid: Pid, marks: &[String]) -> bool {
    // Others' environments cannot be read, and those of the dead are empty.
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    marks.iter().any(|mark| memchr::memmem::find(&environment, mark.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_rng::SystemRng;
    use std::process::{Command, Stdio};

    #[test]
    fn what_carries_the_mark_ends_and_nothing_else() {
        let (ours, other) = (SessionId::generate(&SystemRng), SessionId::generate(&SystemRng));
        let stubborn = |session: SessionId| {
            let mut command = Command::new("sh");
            command.args(["-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]);
            command.env("AWS_CONFIG_FILE", format!("/run/user/1000/audex/{session}/empty"));
            command.stdout(Stdio::piped()).spawn().unwrap()
        };
        let (mut ended, mut kept) = (stubborn(ours), stubborn(other));
        for child in [&mut ended, &mut kept] {
            let mut ready = [0; 6];
            std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        }
        let reaper = thread::spawn(move || ended.wait().unwrap());
        assert_eq!(end(&[ours]), 0);
        assert!(reaper.join().unwrap().code().is_none(), "it was killed");
        assert!(kept.try_wait().unwrap().is_none());
        end(&[other]);
        kept.wait().unwrap();
    }
}
