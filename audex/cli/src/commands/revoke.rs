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
    /// Why, for the audit log; at most 512 characters
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<String>,
}

/// Reads a reason, which is kept for ever.
fn reason(text: &str) -> Result<String, String> {
    let is_good = text.chars().count() <= 512 && !text.chars().any(char::is_control);
    if is_good { Ok(text.to_owned()) } else { Err("write at most 512 characters, on one line".to_owned()) }
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
    let mut is_complete = true;
    super::runtime()?.block_on(async {
        // All are asked first, so that none goes on while another takes its time.
        for id in &ids {
            ask(invocation, &broker, *id, args.reason.as_deref());
        }
        for id in ids {
            match revoke(invocation, &broker, id, args.reason.as_deref()).await {
                Ok((record, revocation, has_ended)) => {
                    is_complete &= has_ended && revocation.is_complete();
                    revoked.push((record, revocation));
                }
                // The others are revoked all the same.
                Err(failure) => {
                    is_complete = false;
                    invocation.output.warn(format_args!("session {}: {failure}", id.short()));
                }
            }
        }
    });
    close(invocation, &broker);
    show(invocation, &revoked)?;
    Ok(if is_complete { SUCCESS } else { Exit::CheckFailed.code() })
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

/// Revokes one session, and says whether its command has ended as well.
async fn revoke(
    invocation: &Invocation,
    broker: &Broker,
    id: SessionId,
    reason: Option<&str>,
) -> Result<(SessionRecord, Revocation, bool), Failure> {
    let guard = let_go(broker, id).await?;
    let has_ended = guard.is_some();
    if !has_ended {
        invocation.output.warn(format_args!("the command of session {} has not ended yet", id.short()));
    }
    let who = invocation.requester();
    let (record, revocation) =
        broker.issuer.revoke(&who, id, reason, guard).await.map_err(|error| of_issue(&error))?;
    Ok((record, revocation, has_ended))
}

/// Asks whoever keeps a session to end it.
fn ask(invocation: &Invocation, broker: &Broker, id: SessionId, reason: Option<&str>) {
    let sessions = &broker.issuer.store.folder;
    if sessions.is_held(id)
        && let Err(error) = sessions.ask_to_end(id, reason.unwrap_or("it was revoked"))
    {
        invocation.output.warn(format_args!("session {} cannot be asked to end: {error}", id.short()));
    }
}

/// Takes hold of a session once whoever kept it has let go.
async fn let_go(broker: &Broker, id: SessionId) -> Result<Option<SessionGuard>, Failure> {
    for _ in 0..LOOKS.0 {
        if let Some(guard) = broker.issuer.store.folder.take(id).map_err(|error| of_sessions(&error))? {
            return Ok(Some(guard));
        }
        tokio::time::sleep(LOOKS.1).await;
    }
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
