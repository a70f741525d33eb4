use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{Process, place::Place};

/// Describes a server that outlives the program that started it, so that a later one can end it and no other.
///
/// ```no_run
/// use axess_peers::{Kind, Recorded, Server};
///
/// let recorded: Recorded = Server::start_lasting(Kind::Postgres)?;
/// // Any number of programs later:
/// recorded.stop()?;
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// What it is, for messages.
    pub name: String,
    /// Where it listens; a URL for each node.
    pub urls: Vec<String>,
    /// The environment variables that tests find it by.
    pub variables: BTreeMap<String, String>,
    /// The processes that serve.
    pub processes: Vec<Process>,
}

impl Recorded {
    /// Returns true while every process that was recorded runs.
    pub fn is_running(&self) -> bool {
        self.processes.iter().all(|process| process.is_running())
    }

    /// Ends the processes that still run, and removes the folders of servers that ended.
    ///
    /// # Errors
    ///
    /// A message when a process does not end.
    pub fn stop(&self) -> Result<(), String> {
        self.processes.iter().try_for_each(|process| process.kill())?;
        // Not by name: once it ended, its port and folder may be somebody else's.
        Place::sweep();
        Ok(())
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pids: Vec<String> = self.processes.iter().map(|process| process.pid().to_string()).collect();
        write!(f, "{} on {}, pid {}", self.name, self.urls.join(","), pids.join(", "))
    }
}
