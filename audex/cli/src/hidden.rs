//! What the program is started as by itself: the keeper of a session, and what a command's SDK asks for credentials.

use crate::{
    config::Paths,
    deliver::process,
    exit::{Exit, with_causes},
    keeper::{Abandoned, Cause, Ended, Exit as ChildExit, KeeperOrder, KeptSession, StopReason, keep},
    key_store::{KeyStore, trail_keys},
    remote::{Logins, Served},
};
use audex_core::{
    audit::{LogTrail, TrailError},
    reconcile_held,
    session::{Ending, SessionFolder, SessionGuard, SessionId, SessionStatus},
};
use axess_clock::Clock;
use axess_rng::SecureRng;
use std::{
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

/// Does what a hidden command says; nothing where the arguments are no hidden command.
///
/// ```
/// use std::sync::Arc;
/// let (clock, rng) = (Arc::new(axess_clock::SystemClock), Arc::new(axess_rng::SystemRng));
/// assert!(audex_cli::hidden::start(&["tryaudex".into(), "run".into()], clock, rng).is_none());
/// ```
pub fn start(arguments: &[OsString], clock: Arc<dyn Clock>, rng: Arc<dyn SecureRng>) -> Option<ExitCode> {
    let [_, command, folder] = arguments else { return None };
    match command.to_str()? {
        KeeperOrder::SUBCOMMAND => {
            let folder = Path::new(folder);
            Some(keep(folder, Arc::clone(&clock), claim, |abandoned, claimed| {
                close(abandoned, claimed, clock, rng);
            }))
        }
        process::SUBCOMMAND => Some(match process::ask(Path::new(folder), &mut io::stdout().lock()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // The SDK shows this to whoever runs the command.
                let _ = writeln!(io::stderr(), "tryaudex: {}", with_causes(&error));
                ExitCode::from(Exit::Provider.code())
            }
        }),
        _ => None,
    }
}

/// A session whose record nobody else changes.
struct Claim {
    sessions: SessionFolder,
    guard: SessionGuard,
}

/// Takes hold of a session that its wrapper has let go of.
fn claim(session: &KeptSession) -> Option<Claim> {
    let sessions = SessionFolder::open(&session.data_dir).ok()?;
    let guard = sessions.take(session.session_id.parse().ok()?).ok()??;
    Some(Claim { sessions, guard })
}

/// Closes the record of a session whose wrapper was killed, and has its team server end it, where it is of one.
///
/// Where that does not work, as with a keyring that was locked meanwhile, the next command of ours does it: the record says
/// that the session is active, and nobody holds it.
fn close(abandoned: &Abandoned, claim: Claim, clock: Arc<dyn Clock>, rng: Arc<dyn SecureRng>) {
    let KeptSession { data_dir, audit_dir, .. } = &abandoned.session;
    let paths = Paths { data: data_dir.clone(), config: PathBuf::new(), runtime: None };
    let (now, id) = (clock.now(), claim.guard.id());
    let closed = || {
        // Read and never made: a log without its keys is nothing to go on with.
        let keys = trail_keys(&paths).map_err(TrailError::from)?;
        let trail = LogTrail::with_keys(audit_dir, keys, clock, rng)?;
        let known = Some(verdict(abandoned));
        let record = reconcile_held(&claim.sessions, &trail, claim.guard, known, now)?;
        trail.close()?;
        Ok::<_, Box<dyn std::error::Error>>(record.and_then(|record| record.target))
    };
    // With standard error closed there is nobody to tell.
    match closed() {
        Ok(target) => {
            if let Err(why) = end_at_server(data_dir, target.as_deref(), id) {
                let _ = writeln!(
                    io::stderr(),
                    "tryaudex: session {} is not ended at its server: {why}",
                    id.short()
                );
            }
        }
        Err(error) => {
            let error = with_causes(&*error);
            let _ = writeln!(
                io::stderr(),
                "tryaudex: the end of session {} is not recorded yet: {error}",
                id.short()
            );
        }
    }
}

/// Tells the team server that a session is of, as whoever is logged in to it from here.
fn end_at_server(data: &Path, target: Option<&str>, id: SessionId) -> Result<(), String> {
    if target.is_none() {
        return Ok(());
    }
    let logins: Vec<Logins> = KeyStore::ALL.iter().map(|store| Logins::new(*store, data)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(Served::abandon(&logins, target, id))
}

/// Says how a session ended whose wrapper cannot.
fn verdict(abandoned: &Abandoned) -> (SessionStatus, Ending) {
    let Some(Ended { exit, cause, .. }) = abandoned.ended else {
        let reason = Some("tryaudex was killed before the command began".to_owned());
        return (SessionStatus::Failed, Ending { reason, ..Ending::default() });
    };
    let (exit_code, signal) = match exit {
        ChildExit::Code(code) => (Some(code), None),
        ChildExit::Signal(signal) => (None, Some(signal)),
    };
    let (status, reason) = match cause {
        Cause::Own if abandoned.is_cut_short => {
            (SessionStatus::Failed, "tryaudex was killed, and the command was ended")
        }
        Cause::Own if exit.code() == 0 => {
            (SessionStatus::Completed, "tryaudex was killed after the command had ended")
        }
        Cause::Own => (SessionStatus::Failed, "tryaudex was killed after the command had ended"),
        Cause::Deadline => (SessionStatus::Expired, "the deadline passed, and tryaudex was killed"),
        Cause::Stopped(StopReason::Revoked) => {
            (SessionStatus::Revoked, "it was revoked, and tryaudex was killed")
        }
        Cause::Stopped(StopReason::Budget) => {
            (SessionStatus::BudgetExceeded, "the budget was exceeded, and tryaudex was killed")
        }
    };
    (status, Ending { exit_code, signal, reason: Some(reason.to_owned()), code: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_says_how_the_command_ended_and_that_its_wrapper_was_killed() {
        let of = |exit, cause, is_cut_short| {
            let session =
                KeptSession { session_id: String::new(), data_dir: "/".into(), audit_dir: "/".into() };
            let ended = Some(Ended { exit, cause, left: Vec::new() });
            let (status, ending) = verdict(&Abandoned { session, ended, is_cut_short });
            assert!(ending.reason.unwrap().contains("tryaudex was killed"));
            (status, ending.exit_code, ending.signal)
        };
        let (code, signal) = (ChildExit::Code, ChildExit::Signal);
        let stopped = |why| Cause::Stopped(why);
        assert_eq!(of(code(0), Cause::Own, false), (SessionStatus::Completed, Some(0), None));
        assert_eq!(of(code(3), Cause::Own, false), (SessionStatus::Failed, Some(3), None));
        assert_eq!(of(code(0), Cause::Own, true), (SessionStatus::Failed, Some(0), None));
        assert_eq!(of(signal(15), Cause::Own, true), (SessionStatus::Failed, None, Some(15)));
        assert_eq!(of(signal(9), Cause::Deadline, false), (SessionStatus::Expired, None, Some(9)));
        assert_eq!(of(signal(15), stopped(StopReason::Revoked), false).0, SessionStatus::Revoked);
        assert_eq!(of(signal(15), stopped(StopReason::Budget), false).0, SessionStatus::BudgetExceeded);
    }
}
