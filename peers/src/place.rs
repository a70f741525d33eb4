//! Where a server lives: a port and a folder named after it, reserved by a lock that the kernel lifts with our process.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpStream},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The ports of servers. They lie below the ports that Linux gives to outgoing connections (32768 and up), which could
/// otherwise take the port of a server that is down for a moment.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 2_500;

/// How far the second port of a server is from its first. Redis fixes this for the talk between nodes.
const BUS: u16 = 10_000;

/// What a server leaves outside its folder: the name of the file that lists it, one path a line.
pub(crate) const LITTER: &str = "litter";

/// A port with its folder, and further ports without. Dropping it removes the folder.
#[derive(Debug)]
pub(crate) struct Place {
    port: u16,
    folder: PathBuf,
    _lock: File,
    others: Vec<(u16, File)>,
}

impl Place {
    /// Reserves free ports and makes an empty folder for the first.
    pub(crate) fn claim(ports: usize) -> Result<Self, String> {
        let base = base().map_err(|error| format!("no folder for servers: {error}"))?;
        // Processes that start together begin at different ports.
        let offset = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap_or(0);
        let mut candidates = (0..PORTS).map(|step| FIRST_PORT + (offset + step) % PORTS);
        let none =
            || format!("no port is free from {FIRST_PORT} on, or {} cannot be written", base.display());
        let mut place = candidates.find_map(|port| Self::claim_port(&base, port)).ok_or_else(none)?;
        while place.others.len() + 1 < ports {
            let other = candidates.find_map(|port| Some((port, lock(&base, port)?))).ok_or_else(none)?;
            place.others.push(other);
        }
        Ok(place)
    }

    /// Removes folders whose owner ended without doing so, because it was killed.
    pub(crate) fn sweep() {
        let Ok(base) = base() else { return };
        let entries = fs::read_dir(&base).into_iter().flatten().flatten();
        for name in entries.map(|entry| entry.file_name()) {
            if let Some(port) = name.to_str().and_then(|name| name.parse().ok()) {
                drop(Self::claim_port(&base, port));
            }
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the further ports.
    pub(crate) fn others(&self) -> impl Iterator<Item = u16> + '_ {
        self.others.iter().map(|(port, _)| *port)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps the folder: its server goes on without us.
    pub(crate) fn leave(mut self) {
        self.folder = PathBuf::new();
    }

    fn claim_port(base: &Path, port: u16) -> Option<Self> {
        let lock = lock(base, port)?;
        let folder = base.join(port.to_string());
        discard(&folder);
        fs::create_dir(&folder).ok()?;
        Some(Self { port, folder, _lock: lock, others: Vec::new() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.folder.as_os_str().is_empty() {
            discard(&self.folder);
        }
    }
}

/// Reserves a port and its second port.
fn lock(base: &Path, port: u16) -> Option<File> {
    let lock = File::create(base.join(format!("{port}.lock"))).ok()?;
    lock.try_lock().ok()?;
    // Asked by connecting: a socket of ours that listens would, for a moment, live on in a program that another
    // thread is starting, and the server would find its port taken.
    let is_free = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err();
    (is_free(port) && is_free(second(port))).then_some(lock)
}

/// Returns the second port that comes with a port.
pub(crate) const fn second(port: u16) -> u16 {
    // Ports begin at 20 000, so this does not wrap.
    port.saturating_add(BUS)
}

/// Removes a server's folder, what it lists as its litter, and the block of shared memory that a killed PostgreSQL leaves in the kernel.
fn discard(folder: &Path) {
    let shared = fs::read_to_string(folder.join("data/postmaster.pid")).ok();
    // Line 7 is the key and the id of the block.
    let line = shared.as_deref().and_then(|text| text.lines().nth(6));
    if let Some(id) = line.and_then(|line| line.split_whitespace().nth(1)) {
        let mut command = Command::new("ipcrm");
        command.args(["-m", id]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // An orderly end has removed it already.
        let _ = command.status();
    }
    let litter = fs::read_to_string(folder.join(LITTER)).unwrap_or_default();
    litter.lines().for_each(|path| drop(fs::remove_file(path)));
    let _ = fs::remove_dir_all(folder);
}

/// Returns the user id we run as.
pub(crate) fn user_id() -> io::Result<u32> {
    Ok(fs::metadata("/proc/self")?.uid())
}

/// Returns the folder above all places of this user. It is in the system's temporary folder, because the users that
/// databases run as cannot enter somebody's home.
fn base() -> io::Result<PathBuf> {
    let user = user_id()?;
    let base = std::env::temp_dir().join(format!("axess-peers-{user}"));
    match fs::create_dir(&base) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(&base)?;
    if !found.is_dir() || found.uid() != user {
        return Err(io::Error::other(format!("{} is not a folder of ours", base.display())));
    }
    fs::set_permissions(&base, fs::Permissions::from_mode(0o755))?;
    Ok(base)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::process::wait_until;

    #[test]
    fn a_place_is_nobody_elses_until_it_is_dropped() {
        let place = Place::claim(3).unwrap();
        fs::write(place.folder().join("a"), "").unwrap();
        let (port, folder) = (place.port(), place.folder().to_owned());
        Place::sweep();
        assert!(folder.join("a").is_file(), "a place in use was swept");
        let base = base().unwrap();
        assert!(Place::claim_port(&base, port).is_none());
        let others: Vec<u16> = place.others().collect();
        assert!(others.len() == 2 && !others.contains(&port) && others[0] != others[1]);
        assert!(others.iter().all(|other| lock(&base, *other).is_none()), "a further port was given away");
        let litter = base.join(format!("{port}.litter"));
        fs::write(&litter, "").unwrap();
        fs::write(place.folder().join(LITTER), litter.to_str().unwrap()).unwrap();
        drop(place);
        assert!(!litter.exists());
        assert!(!folder.join("a").exists());

        // What is left behind is swept once nothing listens any more.
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        fs::create_dir_all(folder.join("a")).unwrap();
        Place::sweep();
        assert!(folder.join("a").exists(), "the folder of a running server was swept");
        drop(listener);
        // A program that another test is starting may hold our sockets and locks for a moment.
        let swept = wait_until(|| {
            Place::sweep();
            !folder.join("a").exists()
        });
        assert!(swept.is_ok());
    }
}
