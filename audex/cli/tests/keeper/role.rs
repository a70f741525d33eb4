//! What this program is when it is not the tests.

use audex_cli::keeper::{
    self, Cause, Ended, Keeper, KeeperError, KeeperOrder, KeptSession, Signals, StopReason,
};
use axess_clock::{Clock, MockClock, SystemClock};
use std::{
    ffi::{OsStr, OsString},
    io::Write,
    os::unix::{ffi::OsStrExt, net::UnixStream, process::CommandExt},
    path::Path,
    process::{Command, ExitCode},
    sync::Arc,
    time::Duration,
};

/// The word that makes this program a wrapper.
pub(crate) const WRAPPER: &str = "__wrapper";
/// The word that makes this program a keeper that does not follow.
pub(crate) const STRANGER: &str = "__stranger";
/// What is said to the wrapper begins with this, and does not reach the command.
pub(crate) const PREFIX: &str = "KEEPER_TEST_";

/// K, as the product calls it.
pub(crate) fn keeper(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let folder = arguments.next().unwrap();
    // The keyring is found through these, where the program is built with it.
    let is_bus = |name: &OsStr| name == "DBUS_SESSION_BUS_ADDRESS" || name == "XDG_RUNTIME_DIR";
    let others = std::env::vars_os().filter(|(name, _)| !(cfg!(feature = "keyring") && is_bus(name)));
    assert_eq!(others.count(), 0, "the keeper's own environment is empty");
    let claim = |session: &KeptSession| {
        std::fs::write(session.data_dir.join("claimed"), "").unwrap();
        Some(())
    };
    keeper::keep(Path::new(&folder), Arc::new(SystemClock), claim, |abandoned, ()| {
        let KeptSession { session_id, data_dir, .. } = &abandoned.session;
        let mut word = format!("{:?}", abandoned.ended);
        if abandoned.is_cut_short {
            word.push_str(", cut short");
        }
        std::fs::write(data_dir.join(format!("abandoned-{session_id}")), word).unwrap();
    })
}

/// A keeper that answers out of turn, goes on without its wrapper, and has started something already.
pub(crate) fn stranger(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let folder = arguments.next().unwrap();
    let mut link = UnixStream::connect(Path::new(&folder).join("keeper")).unwrap();
    let mut sleep = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
    let word = br#""Stopped""#;
    link.write_all(&u32::try_from(word.len()).unwrap().to_be_bytes()).unwrap();
    link.write_all(word).unwrap();
    sleep.wait().unwrap();
    ExitCode::SUCCESS
}

/// W: what `run` does, without credentials.
pub(crate) fn wrapper(command: Vec<OsString>) -> ExitCode {
    let signals = Signals::hold().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (code, report) = runtime.block_on(session(command, signals));
    std::fs::write(folder("DATA").join("report"), report).unwrap();
    ExitCode::from(u8::try_from(code).unwrap())
}

async fn session(command: Vec<OsString>, signals: Signals) -> (i32, String) {
    let mock = MockClock::new(SystemClock.now());
    let clock: Arc<dyn Clock> =
        if said("LATE_WHEN").is_some() { Arc::new(mock.clone()) } else { Arc::new(SystemClock) };
    let order = order(command, &*clock);
    let mut keeper = match Keeper::start(order, Arc::clone(&clock), &signals).await {
        Ok(keeper) => keeper,
        Err(error) => return (code_of(&error), format!("{error}")),
    };
    std::fs::write(folder("DATA").join("pid"), keeper.pid().to_string()).unwrap();
    let mut stop = std::pin::pin!(there_is("STOP_WHEN"));
    let mut jump = std::pin::pin!(there_is("LATE_WHEN"));
    let mut jumped = false;
    let mut stopped = false;
    let ended = loop {
        tokio::select! {
            ended = keeper.wait() => break ended,
            () = &mut stop, if !stopped => {
                stopped = true;
                keeper.stop(StopReason::Revoked);
                keeper.stop(StopReason::Budget);
            }
            () = &mut jump, if !jumped => {
                jumped = true;
                mock.advance(Duration::from_secs(86_400));
            }
        }
    };
    let answer = match &ended {
        Ok(Ended { cause: Cause::Own, exit, .. }) => (exit.code(), format!("{ended:?}")),
        Ok(Ended { cause: Cause::Deadline, .. }) => (83, format!("{ended:?}")),
        Ok(Ended { cause: Cause::Stopped(_), .. }) => (88, format!("{ended:?}")),
        Err(error) => (code_of(error), format!("{error}")),
    };
    keeper.finish().await.unwrap();
    answer
}

fn order(command: Vec<OsString>, clock: &dyn Clock) -> KeeperOrder {
    let is_ours = |name: &OsStr| name.as_bytes().starts_with(PREFIX.as_bytes());
    KeeperOrder {
        command,
        env: std::env::vars_os().filter(|(name, _)| !is_ours(name)).collect(),
        deadline: clock.now() + millis("DEADLINE", 60_000),
        grace: millis("GRACE", 5_000),
        private_folder: folder("FOLDER"),
        session_id: "one".to_owned(),
        data_dir: folder("DATA"),
        audit_dir: folder("DATA"),
        program: said("PROGRAM").unwrap_or(KeeperOrder::THIS_PROGRAM.into()).into(),
    }
}

fn code_of(error: &KeeperError) -> i32 {
    match error {
        KeeperError::NotFound { .. } => 127,
        KeeperError::NotExecutable { .. } => 126,
        KeeperError::DeadlinePassed => 83,
        _ => 70,
    }
}

/// Waits until the data folder has the file that was said, and for ever if none was.
async fn there_is(name: &str) {
    let Some(file) = said(name) else { return std::future::pending().await };
    let file = folder("DATA").join(file);
    while !file.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn said(name: &str) -> Option<OsString> {
    std::env::var_os(format!("{PREFIX}{name}"))
}

fn folder(name: &str) -> std::path::PathBuf {
    said(name).unwrap().into()
}

fn millis(name: &str, default: u64) -> Duration {
    Duration::from_millis(said(name).map_or(default, |value| value.to_str().unwrap().parse().unwrap()))
}
