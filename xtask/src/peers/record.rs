//! Which servers we started, so that we end those and no others.

use std::path::{Path, PathBuf};

use axess_peers::Recorded;

use crate::Outcome;

/// Adds a server to the list.
pub(super) fn add(folder: &Path, peer: Recorded) -> Outcome {
    let mut peers = load(folder)?;
    peers.push(peer);
    save(folder, &peers)
}

/// Reads the list of servers; none when nothing was started.
pub(super) fn load(folder: &Path) -> Result<Vec<Recorded>, String> {
    let file = file(folder);
    if !file.exists() {
        return Ok(Vec::new());
    }
    let json = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&json).map_err(|error| format!("{}: {error} (delete it)", file.display()))
}

/// Ends those recorded servers that the filter names and that still run, and forgets them.
pub(super) fn stop(folder: &Path, is_meant: impl Fn(&Recorded) -> bool) -> Outcome {
    let (meant, others): (Vec<_>, Vec<_>) = load(folder)?.into_iter().partition(is_meant);
    meant.iter().try_for_each(Recorded::stop)?;
    save(folder, &others)
}

fn save(folder: &Path, peers: &[Recorded]) -> Outcome {
    let json = serde_json::to_string_pretty(peers).map_err(|error| error.to_string())?;
    std::fs::write(file(folder), json).map_err(|error| format!("{}: {error}", file(folder).display()))
}

fn file(folder: &Path) -> PathBuf {
    folder.join("peers.json")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, process::Command};

    use axess_peers::Process;

    use super::*;

    fn recorded(name: &str, process: Process) -> Recorded {
        Recorded {
            name: name.to_owned(),
            urls: Vec::new(),
            variables: BTreeMap::new(),
            processes: vec![process],
        }
    }

    #[test]
    fn only_the_servers_that_are_meant_are_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let ours = recorded("ours", Process::of(child.id()).unwrap());
        add(folder.path(), ours.clone()).unwrap();
        add(folder.path(), recorded("another", Process::of(std::process::id()).unwrap())).unwrap();

        stop(folder.path(), |peer| peer.name == "a third").unwrap();
        assert!(ours.is_running());
        stop(folder.path(), |peer| peer.name == "ours").unwrap();
        assert!(!ours.is_running());
        let left = load(folder.path()).unwrap();
        assert_eq!(left.iter().map(|peer| peer.name.as_str()).collect::<Vec<_>>(), ["another"]);
        child.wait().unwrap();
    }

    #[test]
    fn a_list_that_cannot_be_read_says_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(file(folder.path()), "{").unwrap();
        assert!(load(folder.path()).unwrap_err().contains("peers.json"));
    }
}
