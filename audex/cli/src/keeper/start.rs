//! Starting K, from W's side.

use super::{
    KeeperError, KeeperOrder,
    keep::{SOCKET, START_BOUND, TICK, is_peer},
    wire::Link,
};
use nix::unistd::Pid;
use std::{
    ffi::OsString,
    fs::File,
    os::{fd::AsRawFd, unix::process::CommandExt},
    path::Path,
    process::{Child, Command},
    time::Duration,
};
use tokio::{
    net::UnixListener,
    signal::unix::SignalKind,
    time::{sleep, timeout},
};

/// How long a keeper may take to leave.
pub(super) const PARTING_BOUND: Duration = Duration::from_secs(2);
/// How often a child is asked whether it is dead, where nothing tells.
pub(super) const ASKING: Duration = Duration::from_millis(2);
/// What K needs to find the keyring with the audit log's keys; K's environment holds nothing else.
const BUS: [&str; 2] = ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"];

pub(super) async fn start_keeper(order: &KeeperOrder, folder: &Path) -> Result<(Child, Link), KeeperError> {
    // With deaths of children ignored, as a caller may have it, nobody could be waited for.
    let _deaths =
        tokio::signal::unix::signal(SignalKind::child()).map_err(KeeperError::system("watch children"))?;
    let doing = "open its socket";
    let open = File::open(folder).map_err(KeeperError::system(doing))?;
    // Through the descriptor the path is short, whatever the folder is called.
    let path = format!("/proc/self/fd/{}/{SOCKET}", open.as_raw_fd());
    let listener = UnixListener::bind(path).map_err(KeeperError::system(doing))?;
    let mut process = Command::new(&order.program)
        .arg(KeeperOrder::SUBCOMMAND)
        .arg(folder)
        .env_clear()
        .envs(bus(&order.env))
        .process_group(0)
        .spawn()
        .map_err(KeeperError::system("start"))?;
    match timeout(START_BOUND, accept(&listener, &mut process)).await {
        Ok(Ok(link)) => Ok((process, link)),
        answer => {
            let _ = process.kill();
            bury(&mut process).await;
            let silent = || Err(KeeperError::NotKept("it does not answer".to_owned()));
            answer.unwrap_or_else(|_| silent()).map(|link| (process, link))
        }
    }
}

fn bus(env: &[(OsString, OsString)]) -> impl Iterator<Item = (&OsString, &OsString)> {
    let is_wanted = |name: &OsString| cfg!(feature = "keyring") && BUS.iter().any(|wanted| name == wanted);
    env.iter().filter(move |(name, _)| is_wanted(name)).map(|(name, value)| (name, value))
}

async fn accept(listener: &UnixListener, process: &mut Child) -> Result<Link, KeeperError> {
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.map_err(KeeperError::system("be accepted"))?;
                if is_peer(&stream, pid_of(process)).unwrap_or(false) {
                    return Ok(Link::new(stream));
                }
            }
            () = sleep(TICK) => if let Ok(Some(status)) = process.try_wait() {
                return Err(KeeperError::NotKept(format!("it ended at once, with {status}")));
            }
        }
    }
}

/// Waits for a process that is about to end.
pub(super) async fn bury(process: &mut Child) {
    let dead = async {
        while let Ok(None) = process.try_wait() {
            sleep(ASKING).await;
        }
    };
    // One that does not die stays behind; there is no third keeper.
    let _ = timeout(PARTING_BOUND, dead).await;
}

pub(super) fn pid_of(process: &Child) -> Pid {
    Pid::from_raw(i32::try_from(process.id()).unwrap_or(i32::MAX))
}
