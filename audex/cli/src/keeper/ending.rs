use super::processes::{self, Process};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use std::{collections::HashSet, time::Duration};

/// How long `KILL` is repeated before what still lives is given up.
pub(super) const KILL_BOUND: Duration = Duration::from_secs(5);
/// How long to wait between two looks at the process table.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(10);

/// Names what has to end: everything below `root`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    pub(super) root: Pid,
    /// Children of `root` that began before this tick are none of ours.
    pub(super) since: u64,
    /// The group of the command, if it has one of its own.
    pub(super) group: Option<Pid>,
    pub(super) grace: Duration,
}

impl Ending {
    /// Ends everything and returns the ids of what could not be ended.
    ///
    /// `is_over` gets each list of descendants, zombies included, buries those it may, and says whether that was all.
    pub(super) async fn run(&self, mut is_over: impl FnMut(&[Process]) -> bool) -> Vec<i32> {
        let politely = self.rounds(&[Signal::SIGTERM, Signal::SIGCONT], false, &mut is_over);
        if tokio::time::timeout(self.grace, politely).await.is_ok() {
            return Vec::new();
        }
        let by_force = self.rounds(&[Signal::SIGKILL], true, &mut is_over);
        if tokio::time::timeout(KILL_BOUND, by_force).await.is_ok() {
            return Vec::new();
        }
        let left = processes::descendants(self.root, self.since);
        left.iter().filter(|process| !process.is_dead()).map(|process| process.pid.as_raw()).collect()
    }

    /// Signals every descendant that was not there the round before, until none is left; `again` also those that were.
    async fn rounds(&self, signals: &[Signal], again: bool, is_over: &mut impl FnMut(&[Process]) -> bool) {
        let mut told = HashSet::new();
        loop {
            let mut found = processes::descendants(self.root, self.since);
            if is_over(&found) {
                return;
            }
            let known = told.len();
            found.retain(|one| !one.is_dead() && (told.insert((one.pid, one.started)) || again));
            self.tell(&found, signals);
            if again && told.len() > known {
                // Somebody still forks: the next look must not be later than the next fork.
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(BETWEEN_ROUNDS).await;
            }
        }
    }

    fn tell(&self, processes: &[Process], signals: &[Signal]) {
        for signal in signals {
            // A group as a whole first: the kernel does that in one step, which no fork escapes. It is signalled only
            // while a descendant is in it, because only then is the number certain to be that of our group.
            if let Some(group) = self.group.filter(|group| processes.iter().any(|one| one.group == *group)) {
                let _ = signal::killpg(group, *signal);
            }
            for process in processes.iter().filter(|one| Some(one.group) != self.group) {
                // It may be gone, or somebody else's; the next round sees.
                let _ = signal::kill(process.pid, *signal);
            }
        }
    }
}
