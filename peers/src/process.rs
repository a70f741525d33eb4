//! Processes by their id and start time, and the signals they get.

use std::{
    fs, io,
    process::{Child, Command, Stdio},
    sync::{LazyLock, mpsc},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// How often, [`BETWEEN_LOOKS`] apart, something is looked at before it is given up: a minute in all, since a database
/// may have to recover while every core is busy.
pub(crate) const LOOKS: u32 = 3_000;
pub(crate) const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Identifies one process for good: an id that is used again comes with another start time.
///
/// ```
/// use axess_peers::Process;
///
/// let mut child = std::process::Command::new("sleep").arg("60").spawn()?;
/// let process = Process::of(child.id()).ok_or("it does not run")?;
/// process.kill()?;
/// assert!(!process.is_running());
/// # child.wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pid: u32,
    /// In clock ticks since boot.
    started: u64,
}

impl Process {
    /// Describes a process that runs now.
    pub fn of(pid: u32) -> Option<Self> {
        stat(pid).map(|(_, started)| Self { pid, started })
    }

    /// Returns the process id.
    pub const fn pid(self) -> u32 {
        self.pid
    }

    /// Returns true while this very process runs; one that ended and was not waited for does not.
    pub fn is_running(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Ends this process and what it started, and waits until they are gone.
    ///
    /// They end at once and without a chance to clean up (SIGKILL).
    ///
    /// # Errors
    ///
    /// A message when a process is still there after a minute.
    pub fn kill(self) -> Result<(), String> {
        let tree = self.freeze();
        signal("KILL", &tree);
        wait_until(|| !tree.iter().any(|process| process.is_running()))
            .map_err(|()| format!("process {} does not end", self.pid))
    }

    /// Stops this process and what it started from running (SIGSTOP), and returns them all.
    pub(crate) fn freeze(self) -> Vec<Self> {
        // A frozen process starts nothing: once it is frozen, the list of what it started is complete.
        signal("STOP", &[self]);
        let tree = self.tree();
        signal("STOP", &tree);
        tree
    }

    /// Lets what [`Process::freeze`] stopped go on.
    pub(crate) fn thaw(self) {
        signal("CONT", &self.tree());
    }

    /// Returns this process and what it started, down to the last grandchild.
    pub(crate) fn tree(self) -> Vec<Self> {
        let all: Vec<(u32, Self)> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let pid = entry.file_name().to_str()?.parse().ok()?;
                let (parent, started) = stat(pid)?;
                Some((parent, Self { pid, started }))
            })
            .collect();
        let mut tree: Vec<Self> =
            all.iter().map(|(_, process)| *process).filter(|one| *one == self).collect();
        let mut generation = tree.clone();
        while !generation.is_empty() {
            let is_child = |parent: u32| generation.iter().any(|process| process.pid == parent);
            generation =
                all.iter().filter(|(parent, _)| is_child(*parent)).map(|(_, child)| *child).collect();
            tree.extend(&generation);
        }
        tree
    }
}

/// Sends a signal, by name, to those processes that still run.
pub(crate) fn signal(name: &str, processes: &[Process]) {
    let pids: Vec<String> =
        processes.iter().filter(|one| one.is_running()).map(|one| one.pid.to_string()).collect();
    if pids.is_empty() {
        return;
    }
    // The shell's own `kill`: the program of that name is not on every machine. One that just ended is no failure.
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("kill -{name} {}", pids.join(" "))]);
    let _ = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Looks again and again until the answer is yes.
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) -> Result<(), ()> {
    for _ in 0..LOOKS {
        if is_so() {
            return Ok(());
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Err(())
}

/// Starts a program from a thread that lives as long as we do.
///
/// The kernel counts the thread that started a child as the parent whose death ends the child (`PR_SET_PDEATHSIG`), and
/// threads of tests and of runtimes come and go.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    type Job = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<mpsc::Sender<Job>> = LazyLock::new(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in jobs {
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (sender, answer) = mpsc::channel();
    let gone = |_| io::Error::other("the thread that starts programs is gone");
    SPAWNER.send((command, sender)).map_err(|_| gone(mpsc::RecvError))?;
    answer.recv().map_err(gone)?
}

/// Returns a live process's parent and start time, from `/proc/PID/stat`: `pid (name) state parent ... starttime ...`.
fn stat(pid: u32) -> Option<(u32, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = text.rsplit_once(") ")?;
    let mut fields = after.split_whitespace();
    // Field 3 is the state; a zombie has ended. Field 4 is the parent, field 22 the start time.
    if fields.next()? == "Z" {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some((parent, started))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_id_is_another_process() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::of(child.id()).unwrap();
        let reused = Process { started: process.started + 1, ..process };
        assert!(!reused.is_running());
        reused.kill().unwrap();
        assert!(process.is_running(), "another start of the same id was ended");
        process.kill().unwrap();
        assert!(!process.is_running());
        child.wait().unwrap();
    }

    #[test]
    fn grandchildren_end_too() {
        let mut child = Command::new("sh").args(["-c", "(sleep 61; true) & wait"]).spawn().unwrap();
        let process = Process::of(child.id()).unwrap();
        wait_until(|| process.tree().len() == 3).unwrap();
        let tree = process.tree();
        process.kill().unwrap();
        assert!(!tree.iter().any(|process| process.is_running()));
        child.wait().unwrap();
    }

    #[test]
    fn the_thread_that_asked_may_end() {
        let start = || {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", "sleep", "60"]);
            spawn(command).unwrap()
        };
        let mut child = std::thread::spawn(start).join().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
