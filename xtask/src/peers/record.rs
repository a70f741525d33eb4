//! Which servers we started, so that we end those and no others.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{Outcome, process};

/// How often, 50 ms apart, a server is looked at while it starts or ends: five seconds in all.
pub(super) const LOOKS: u32 = 100;
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// One server we started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) pid: u32,
    /// When the kernel started the process, in clock ticks since boot: a reused pid has another value.
    pub(super) started: u64,
}

impl Peer {
    /// Describes a process that runs now.
    pub(super) fn of(name: &str, port: u16, pid: u32) -> Result<Self, String> {
        let (_, started) = running(pid).ok_or_else(|| format!("{name} ended right after it started"))?;
        Ok(Self { name: name.to_owned(), port, pid, started })
    }

    /// True while the very process that was recorded runs.
    pub(super) fn is_running(&self) -> bool {
        running(self.pid).is_some_and(|(name, started)| name == self.name && started == self.started)
    }

    fn stop(&self) -> Outcome {
        if !self.is_running() {
            return Ok(());
        }
        process::run(Command::new("sh").args(["-c", &format!("kill -TERM {}", self.pid)]))?;
        for _ in 0..LOOKS {
            if !self.is_running() {
                return Ok(());
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        Err(format!("{self} does not end (look at it, then: kill {})", self.pid))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on 127.0.0.1:{}, pid {}", self.name, self.port, self.pid)
    }
}

/// Writes the list of servers.
pub(super) fn save(folder: &Path, peers: &[Peer]) -> Outcome {
    let json = serde_json::to_string_pretty(peers).map_err(|error| error.to_string())?;
    std::fs::write(file(folder), json).map_err(|error| format!("{}: {error}", file(folder).display()))
}

/// Reads the list of servers; none when nothing was started.
pub(super) fn load(folder: &Path) -> Result<Vec<Peer>, String> {
    let file = file(folder);
    if !file.exists() {
        return Ok(Vec::new());
    }
    let json = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&json).map_err(|error| format!("{}: {error} (delete it)", file.display()))
}

/// Ends every recorded server that still runs, and forgets them.
pub(super) fn stop_all(folder: &Path) -> Outcome {
    for peer in load(folder)? {
        peer.stop()?;
    }
    save(folder, &[])
}

fn file(folder: &Path) -> PathBuf {
    folder.join("peers.json")
}

/// Returns a live process's name and start time, from `/proc/PID/stat`: `pid (name) state ... starttime ...`.
fn running(pid: u32) -> Option<(String, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (before, after) = stat.rsplit_once(") ")?;
    let (_, name) = before.split_once(" (")?;
    let mut fields = after.split_whitespace();
    // Field 3 is the state; a zombie has ended. Field 22 is the start time.
    if fields.next()? == "Z" {
        return None;
    }
    let started = fields.nth(18)?.parse().ok()?;
    Some((name.to_owned(), started))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_recorded_process_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let peer = Peer::of("sleep", 1, child.id()).unwrap();
        let renamed = Peer { name: "nginx".into(), ..peer.clone() };
        let reused = Peer { started: peer.started + 1, ..peer.clone() };
        save(folder.path(), &[renamed, reused]).unwrap();
        stop_all(folder.path()).unwrap();
        assert!(peer.is_running(), "another program or another start of the same pid was ended");

        save(folder.path(), std::slice::from_ref(&peer)).unwrap();
        stop_all(folder.path()).unwrap();
        assert!(!peer.is_running());
        assert_eq!(load(folder.path()).unwrap(), []);
        child.wait().unwrap();
    }

    #[test]
    fn a_list_that_cannot_be_read_says_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(file(folder.path()), "{").unwrap();
        assert!(load(folder.path()).unwrap_err().contains("peers.json"));
    }
}
