//! A session around a command: issue, deliver, run, refresh, end.
//!
//! 1. The credential is issued; Ctrl-C still means "no".
//! 2. A private folder is made, and the credential is put where the command will look.
//! 3. The keeper runs the command with an environment that holds nothing but that.
//! 4. Four times a second it is looked at what is due: a successor of the credential, a revocation, the budget.
//! 5. The command has ended, by itself or not: delivery stops, the folder goes, the end is recorded.

mod delivered;
mod watch;

use crate::{
    commands::Invocation,
    compose::{Broker, of_issue},
    exit::{Exit, Failure},
    keeper::{Cause, Ended, Exit as ChildExit, Keeper, KeeperError, KeeperOrder, Signals, StopReason},
    private_folder::PrivateFolder,
};
use audex_core::{
    IssueRequest, Lease, reconcile_one,
    session::{Ending, SessionId, SessionRecord, SessionStatus},
};
use delivered::Delivered;
use std::{ffi::OsString, sync::Arc, time::Duration};
use watch::Watch;

/// How a session around a command ended.
///
/// ```
/// fn is_fine(finished: &audex_cli::session::Finished) -> bool {
///     finished.code == 0
/// }
/// ```
#[derive(Debug)]
pub struct Finished {
    /// The session's record; absent when there was no session, or its end could not be recorded.
    pub record: Option<SessionRecord>,
    /// The code to leave with.
    pub code: u8,
    /// Whether the user gave up before there was a command.
    pub is_interrupted: bool,
}

/// What runs in a session.
///
/// ```
/// use audex_cli::session::SessionCommand;
/// let check_budget_every = std::time::Duration::from_secs(300);
/// let command = SessionCommand { session_id: None, words: vec!["true".into()], check_budget_every };
/// assert_eq!(command.words.len(), 1);
/// ```
#[derive(Debug, Clone)]
pub struct SessionCommand {
    /// The session, where a team server began it; else it gets an id of its own.
    pub session_id: Option<SessionId>,
    /// The program and its arguments.
    pub words: Vec<OsString>,
    /// How often the provider's accounting is asked, where there is a budget.
    pub check_budget_every: Duration,
}

/// Runs a command in a session of its own.
///
/// # Errors
///
/// Why the command did not run, or why its end could not be recorded. A command that failed is no error.
pub async fn run_command(
    invocation: &Invocation,
    broker: &Broker,
    signals: &Signals,
    request: &IssueRequest,
    command: SessionCommand,
) -> Result<Finished, Failure> {
    let session_id = command.session_id.unwrap_or_else(|| SessionId::generate(&*invocation.rng));
    let lease = tokio::select! {
        lease = broker.issuer.issue_as(session_id, request, None) => lease.map_err(|error| of_issue(&error))?,
        signal = signals.interruption() => return interrupted(broker, invocation, signal),
    };
    if let Some(reason) = broker.issuer.store.folder.asked_to_end(lease.session_id()) {
        let ending = Ending { reason: Some(reason), ..Ending::default() };
        let ended = broker.issuer.end(lease, SessionStatus::Revoked, ending).await;
        let record = ended.map_err(|error| of_issue(&error))?;
        return Ok(Finished { record: Some(record), code: Exit::Revoked.code(), is_interrupted: false });
    }
    announce(invocation, &lease);
    let started = start(invocation, broker, signals, &lease, command.words).await;
    let (mut keeper, delivered, folder) = match started {
        Ok(started) => started,
        Err(failure) => {
            let ending = Ending { reason: Some(failure.message.clone()), ..Ending::default() };
            if let Err(error) = broker.issuer.end(lease, SessionStatus::Failed, ending).await {
                invocation.output.warn(format_args!("the end of the session is not recorded yet: {error}"));
            }
            return Err(failure);
        }
    };
    let mut watch = Watch::new(invocation, broker, &lease, command.check_budget_every);
    let mut lease = lease;
    let ended = watch.until_the_end(&mut keeper, &mut lease, &delivered, &folder).await;
    delivered.stop();
    let finished = finish(invocation, broker, lease, ended, watch.reason()).await;
    // The folder goes whatever became of the record, and whoever of the two still can removes it.
    let parted = keeper.finish().await;
    if let (Err(_), Err(error)) = (parted, folder.remove()) {
        invocation.output.warn(format_args!("the session's private folder is left: {error}"));
    }
    finished
}

/// Puts right what an issue that was given up on the way left.
pub(crate) fn interrupted(
    broker: &Broker,
    invocation: &Invocation,
    signal: Result<i32, KeeperError>,
) -> Result<Finished, Failure> {
    for id in broker.issuer.store.folder.live().unwrap_or_default() {
        // What others hold is theirs; ours was let go of when the issue was dropped.
        let _ = reconcile_one(&broker.issuer.store.folder, &*broker.trail, id, invocation.now());
    }
    Ok(Finished { record: None, code: given_up(invocation, signal)?, is_interrupted: true })
}

/// Returns the code to leave with after the user gave up.
pub(crate) fn given_up(invocation: &Invocation, signal: Result<i32, KeeperError>) -> Result<u8, Failure> {
    let signal = signal.map_err(|error| Failure::of(Exit::LocalState, &error))?;
    invocation.output.note("interrupted before the command began");
    Ok(u8::try_from(128 + signal).unwrap_or(u8::MAX))
}

/// Says what was granted, and until when.
fn announce(invocation: &Invocation, lease: &Lease) {
    let (record, plan) = (lease.record(), lease.plan());
    for cut in &plan.cuts {
        invocation.output.warn(format_args!("narrowed: {cut}"));
    }
    let time = |time: chrono::DateTime<chrono::Utc>| time.format("%H:%M:%SZ").to_string();
    let expiry = lease.credential().expires_at();
    let until = if expiry > record.deadline {
        format!(
            "ends at {}; the provider accepts the credential until {}",
            time(record.deadline),
            time(expiry)
        )
    } else {
        format!("ends at {}", time(record.deadline))
    };
    let what = plan.grant.allow();
    invocation.output.note(format_args!(
        "session {} ({}): {what}; {until}",
        record.session_id.short(),
        record.ttl
    ));
}

async fn start(
    invocation: &Invocation,
    broker: &Broker,
    signals: &Signals,
    lease: &Lease,
    words: Vec<OsString>,
) -> Result<(Keeper, Delivered, PrivateFolder), Failure> {
    let in_folder = |error| Failure::of(Exit::LocalState, &error);
    let folder = PrivateFolder::create(&broker.folders, lease.session_id()).map_err(in_folder)?;
    let delivered = Delivered::start(invocation, lease, &folder).await?;
    let env = delivered.environment(invocation, &folder)?;
    let order = KeeperOrder {
        command: words,
        env,
        deadline: lease.record().deadline,
        grace: KeeperOrder::DEFAULT_GRACE,
        private_folder: folder.path().to_owned(),
        session_id: lease.session_id().to_string(),
        data_dir: invocation.paths()?.data,
        audit_dir: broker.trail.log().path().to_owned(),
        program: KeeperOrder::THIS_PROGRAM.into(),
    };
    let keeper = Keeper::start(order, Arc::clone(&invocation.clock), signals).await;
    Ok((keeper.map_err(|error| of_keeper(&error))?, delivered, folder))
}

fn of_keeper(error: &KeeperError) -> Failure {
    let exit = match error {
        KeeperError::NotFound { .. } => Exit::NotFound,
        KeeperError::NotExecutable { .. } => Exit::NotExecutable,
        KeeperError::DeadlinePassed => Exit::DeadlinePassed,
        KeeperError::TooLarge { .. } => Exit::Usage,
        _ => Exit::LocalState,
    };
    Failure::of(exit, error)
}

/// Records how it ended.
async fn finish(
    invocation: &Invocation,
    broker: &Broker,
    lease: Lease,
    ended: Result<Ended, KeeperError>,
    reason: Option<String>,
) -> Result<Finished, Failure> {
    let (status, code, mut ending) = match &ended {
        Ok(ended) => verdict(ended),
        Err(error) => {
            let reason = Some(error.to_string());
            (SessionStatus::Failed, Exit::LocalState.code(), Ending { reason, ..Ending::default() })
        }
    };
    ending.reason = reason.or(ending.reason);
    if let Ok(Ended { left, .. }) = &ended
        && !left.is_empty()
    {
        invocation
            .output
            .warn(format_args!("these processes could not be ended and still hold the credential: {left:?}"));
    }
    if let Some(reason) = ending.reason.as_ref().filter(|_| status != SessionStatus::Completed) {
        invocation.output.note(format_args!(
            "session {} {}: {reason}",
            lease.session_id().short(),
            lower(status)
        ));
    }
    let record = broker.issuer.end(lease, status, ending).await.map_err(|error| of_issue(&error));
    match (ended, record) {
        (Ok(_), Ok(record)) => Ok(Finished { record: Some(record), code, is_interrupted: false }),
        (Err(error), _) => Err(of_keeper(&error)),
        // The command ran: its code is what the caller asked for. That its end is not recorded is said, and put right later.
        (Ok(_), Err(failure)) => {
            invocation.output.warn(format_args!("the end of the session is not recorded yet: {failure}"));
            Ok(Finished { record: None, code, is_interrupted: false })
        }
    }
}

fn verdict(ended: &Ended) -> (SessionStatus, u8, Ending) {
    let (exit_code, signal) = match ended.exit {
        ChildExit::Code(code) => (Some(code), None),
        ChildExit::Signal(signal) => (None, Some(signal)),
    };
    let ending =
        |reason: Option<&str>| Ending { exit_code, signal, reason: reason.map(str::to_owned), code: None };
    match ended.cause {
        Cause::Own => {
            let code = u8::try_from(ended.exit.code()).unwrap_or(u8::MAX);
            let status = if code == 0 { SessionStatus::Completed } else { SessionStatus::Failed };
            (status, code, ending(None))
        }
        Cause::Deadline => {
            (SessionStatus::Expired, Exit::DeadlinePassed.code(), ending(Some("the deadline passed")))
        }
        Cause::Stopped(StopReason::Revoked) => {
            (SessionStatus::Revoked, Exit::Revoked.code(), ending(Some("it was revoked")))
        }
        Cause::Stopped(StopReason::Budget) => (
            SessionStatus::BudgetExceeded,
            Exit::BudgetExceeded.code(),
            ending(Some("the budget was exceeded")),
        ),
    }
}

fn lower(status: SessionStatus) -> &'static str {
    match status {
        SessionStatus::Active => "is active",
        SessionStatus::Completed => "completed",
        SessionStatus::Failed => "failed",
        SessionStatus::Expired => "expired",
        SessionStatus::Revoked => "was revoked",
        SessionStatus::BudgetExceeded => "went over its budget",
    }
}
