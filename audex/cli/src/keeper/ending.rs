use super::processes::{self, Process};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use std::{collections::HashSet, time::Duration};

/// How long `KILL` is repeated before what still lives is given up, and how often at least: with a storm of processes
/// on the machine, seconds may be only a few looks.
pub(super) const KILL_BOUND: Duration = Duration::from_secs(5);
const KILL_ROUNDS: u32 = 100;
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
        if tokio::time::timeout(self.grace, self.ask(&mut is_over)).await.is_ok() {
            return Vec::new();
        }
        if self.force(&mut is_over).await {
            return Vec::new();
        }
        let left = processes::descendants(self.root, self.since);
        left.iter().filter(|process| !process.is_dead()).map(|process| process.pid.as_raw()).collect()
    }

    /// Sends `TERM` and waits until none is left.
    ///
    /// What a process starts to clean up after itself is let be as long as it lives. What it leaves behind becomes a
    /// child of `root` and is told too.
    async fn ask(&self, is_over: &mut impl FnMut(&[Process]) -> bool) {
        let mut told = HashSet::new();
        let mut first = true;
        loop {
            let mut found = processes::descendants(self.root, self.since);
            if is_over(&found) {
                return;
            }
            found.retain(|one| {
                !one.is_dead() && (first || one.parent == self.root) && told.insert((one.pid, one.started))
            });
            // A stopped process follows a TERM only when it is continued.
            self.tell(&found, &[Signal::SIGTERM, Signal::SIGCONT]);
            first = false;
            tokio::time::sleep(BETWEEN_ROUNDS).await;
        }
    }

    /// Sends `KILL` until none is left; says whether that was reached.
    async fn force(&self, is_over: &mut impl FnMut(&[Process]) -> bool) -> bool {
        let mut rounds = 0;
        let by_time = self.kill(&mut rounds, u32::MAX, is_over);
        if let Ok(done) = tokio::time::timeout(KILL_BOUND, by_time).await {
            return done;
        }
        self.kill(&mut rounds, KILL_ROUNDS, is_over).await
    }

    async fn kill(&self, rounds: &mut u32, most: u32, is_over: &mut impl FnMut(&[Process]) -> bool) -> bool {
        let mut told = HashSet::new();
        while *rounds < most {
            let mut found = processes::descendants(self.root, self.since);
            if is_over(&found) {
                return true;
            }
            found.retain(|one| !one.is_dead());
            self.tell(&found, &[Signal::SIGKILL]);
            let known = told.len();
            told.extend(found.iter().map(|one| (one.pid, one.started)));
            *rounds += 1;
            // While somebody still forks, the next look must not be later than the next fork.
            tokio::time::sleep(if told.len() > known { Duration::ZERO } else { BETWEEN_ROUNDS }).await;
        }
        false
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
