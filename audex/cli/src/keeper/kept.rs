use super::{Exit, ending::Ending, processes};
use nix::{
    errno::Errno,
    sys::{
        signal::{self, Signal},
        wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid},
    },
    unistd::Pid,
};
use std::{process::Child, time::Duration};

/// The command, as K has it: a child among the orphans that K inherits from it.
pub(super) struct Kept {
    child: Child,
    pid: Pid,
    shares_group: bool,
    exit: Option<Exit>,
}

impl Kept {
    pub(super) fn new(child: Child, shares_group: bool) -> Self {
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
        Self { child, pid, shares_group, exit: None }
    }

    pub(super) const fn pid(&self) -> Pid {
        self.pid
    }

    pub(super) const fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// Buries every dead child; says whether none is left. A reaper of orphans without children has no descendants.
    pub(super) fn bury(&mut self) -> bool {
        loop {
            // The command is waited for by id and in the standard library: only that knows real-time signals.
            if self.exit.is_none() {
                self.exit = self.child.try_wait().ok().flatten().map(Exit::of);
            }
            if self.exit.is_some() {
                return bury_all();
            }
            let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
            match waitid(Id::All, look) {
                Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) => {
                    if pid != self.pid {
                        let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
                    }
                }
                Err(Errno::EINTR) => {}
                // Killed by a real-time signal, for which there is no name: the next turn buries it if it is the command.
                Err(Errno::EINVAL) => {
                    let unnamed = processes::descendants(Pid::this(), 0);
                    for dead in unnamed.iter().filter(|one| one.is_dead() && one.parent == Pid::this()) {
                        if dead.pid != self.pid {
                            let _ = waitpid(dead.pid, Some(WaitPidFlag::WNOHANG));
                        }
                    }
                    self.exit = self.child.try_wait().ok().flatten().map(Exit::of);
                    if self.exit.is_none() {
                        return false;
                    }
                }
                Ok(_) | Err(_) => return false,
            }
        }
    }

    /// Says whether the command stopped or was continued since the last call.
    pub(super) fn change(&self) -> Option<Change> {
        if self.exit.is_some() {
            return None;
        }
        let look = WaitPidFlag::WSTOPPED | WaitPidFlag::WCONTINUED | WaitPidFlag::WNOHANG;
        match waitid(Id::Pid(self.pid), look) {
            Ok(WaitStatus::Stopped(..)) => Some(Change::Stopped),
            Ok(WaitStatus::Continued(_)) => Some(Change::Continued),
            _ => None,
        }
    }

    /// Passes a signal on: to the command, or to its group if it is its own. In a shared one W is a member.
    pub(super) fn forward(&self, signal: i32) {
        let Ok(signal) = Signal::try_from(signal) else { return };
        if self.exit.is_some() {
            return; // the number may be somebody else's by now
        }
        // Not being allowed to is what the sender would have been told too.
        let _ = if self.shares_group {
            signal::kill(self.pid, signal)
        } else {
            signal::killpg(self.pid, signal).or_else(|_| signal::kill(self.pid, signal))
        };
    }

    /// Ends the command and all that descends from it; returns the ids of what is left.
    pub(super) async fn end(&mut self, grace: Duration) -> Vec<i32> {
        if self.bury() {
            return Vec::new();
        }
        let group = Some(self.pid).filter(|_| !self.shares_group);
        let ending = Ending { root: Pid::this(), since: 0, group, grace };
        let mut left = ending.run(|_| self.bury()).await;
        if self.exit.is_none() && !left.contains(&self.pid.as_raw()) {
            left.push(self.pid.as_raw());
        }
        left
    }
}

/// What happened to a command that goes on living.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Stopped,
    Continued,
}

fn bury_all() -> bool {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return false,
            Err(Errno::ECHILD) => return true,
            // A status without a name (EINVAL) is buried all the same.
            Ok(_) | Err(_) => {}
        }
    }
}
