//! `tryaudex revoke`: the end of sessions before their time.

use super::{
    Invocation,
    run::{SessionArgs, close},
};
use crate::{
    compose::{Broker, of_issue, of_sessions},
    exit::{Exit, Failure, Outcome, SUCCESS},
};
use audex_core::{
    Fate, Revocation,
    session::{SessionFolder, SessionGuard, SessionId, SessionRecord},
};
use audex_policy::Provider;
use clap::Args;
use serde_json::json;
use std::time::Duration;

/// How often, and how long apart, it is looked whether a session let go. A command has five seconds to end by itself.
const LOOKS: (u32, Duration) = (50, Duration::from_millis(200));

/// The arguments of `tryaudex revoke`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "revoke", "a1b2c3d4", "--reason", "laptop lost"])?;
/// assert!(matches!(cli.command, Command::Revoke(revoke) if revoke.sessions == ["a1b2c3d4"]));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "For each credential it is said whether it is dead, denied everything, or works on, until when and why. The \
                        exit code is 0 only when nothing works on."
)]
pub struct RevokeArgs {
    /// Sessions, by their ids or the first characters of them (at least 4)
    #[arg(value_name = "SESSION", required_unless_present = "all")]
    pub sessions: Vec<String>,
    /// Every session that is active, and every ended one whose credential has not expired
    #[arg(long, conflicts_with = "sessions")]
    pub all: bool,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Runs it.
pub(super) fn run(invocation: &Invocation, args: RevokeArgs) -> Outcome {
    let config = invocation.config()?;
    let sessions = SessionFolder::open(&invocation.paths()?.data).map_err(|error| of_sessions(&error))?;
    let ids = chosen(invocation, &sessions, &args)?;
    let mut wanted: Vec<Provider> =
        ids.iter().filter_map(|id| Some(sessions.load(*id).ok()?.provider)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let broker = Broker::open(invocation, &config, &SessionArgs::default(), &wanted)?;
    let mut revoked = Vec::new();
    let outcome = super::runtime()?.block_on(async {
        for id in ids {
            revoked.push(revoke(invocation, &broker, id, args.reason.as_deref()).await?);
        }
        Ok(())
    });
    close(invocation, &broker);
    show(invocation, &revoked)?;
    outcome.map(|()| {
        if revoked.iter().all(|(_, revocation)| revocation.is_complete()) {
            SUCCESS
        } else {
            Exit::CheckFailed.code()
        }
    })
}

fn chosen(
    invocation: &Invocation,
    sessions: &SessionFolder,
    args: &RevokeArgs,
) -> Result<Vec<SessionId>, Failure> {
    if !args.all {
        let found = args.sessions.iter().map(|prefix| sessions.find(prefix));
        return found.collect::<Result<_, _>>().map_err(|error| of_sessions(&error));
    }
    let now = invocation.now();
    let (records, unreadable) = sessions.recent(usize::MAX).map_err(|error| of_sessions(&error))?;
    for (path, why) in unreadable.0 {
        invocation.output.warn(format_args!("{} is passed over: {why}", path.display()));
    }
    let works = |record: &SessionRecord| record.provider_expiry().is_some_and(|expiry| now < expiry);
    Ok(records
        .iter()
        .filter(|record| !record.status.is_over() || works(record))
        .map(|record| record.session_id)
        .collect())
}

async fn revoke(
    invocation: &Invocation,
    broker: &Broker,
    id: SessionId,
    reason: Option<&str>,
) -> Result<(SessionRecord, Revocation), Failure> {
    let guard = let_go(invocation, broker, id, reason).await?;
    let who = invocation.requester();
    broker.issuer.revoke(&who, id, reason, guard).await.map_err(|error| of_issue(&error))
}

/// Has whoever keeps the session end it, and takes hold of it then.
async fn let_go(
    invocation: &Invocation,
    broker: &Broker,
    id: SessionId,
    reason: Option<&str>,
) -> Result<Option<SessionGuard>, Failure> {
    let sessions = &broker.issuer.sessions;
    let take = || sessions.take(id).map_err(|error| of_sessions(&error));
    if let Some(guard) = take()? {
        return Ok(Some(guard));
    }
    sessions.ask_to_end(id, reason.unwrap_or("it was revoked")).map_err(|error| of_sessions(&error))?;
    for _ in 0..LOOKS.0 {
        tokio::time::sleep(LOOKS.1).await;
        if let Some(guard) = take()? {
            return Ok(Some(guard));
        }
    }
    invocation.output.warn(format_args!("the command of session {} has not ended yet", id.short()));
    Ok(None)
}

fn show(invocation: &Invocation, revoked: &[(SessionRecord, Revocation)]) -> Result<(), Failure> {
    let output = &invocation.output;
    if output.is_json() {
        let rows = revoked.iter().map(|(record, revocation)| {
            let fates = revocation.fates.iter().map(|(id, fate)| json!({ "credential": id, "outcome": fate }));
            json!({ "session_id": record.session_id, "status": record.status, "credentials": fates.collect::<Vec<_>>() })
        });
        return output.json(&rows.collect::<Vec<_>>());
    }
    for (record, revocation) in revoked {
        output.line(format_args!("session {} ({})", record.session_id.short(), record.status))?;
        for (id, fate) in &revocation.fates {
            match fate {
                Fate::Dead => output.line(format_args!("  {id}: dead now"))?,
                Fate::Denied { by } => output.line(format_args!(
                    "  {id}: denied everything by {by}; it may take the provider some minutes to say so everywhere"
                ))?,
                Fate::AliveUntil { until, why } => {
                    output.line(format_args!("  {id}: WORKS UNTIL {}: {why}", until.format("%Y-%m-%dT%H:%M:%SZ")))?;
                }
            }
        }
    }
    Ok(())
}
