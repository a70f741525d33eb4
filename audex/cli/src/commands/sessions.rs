//! `tryaudex sessions`: which sessions there were, and what became of one.

mod show;

use super::{Ago, Invocation, Since};
use crate::{
    compose::of_sessions,
    exit::{Exit, Failure, Outcome, SUCCESS},
    output::{Table, shortened},
};
use audex_core::session::{
    SessionFolder, SessionId, SessionRecord, SessionStatus, SessionStoreError, Unreadable,
};
use chrono::{DateTime, Utc};
use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};

/// The arguments of `tryaudex sessions`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "sessions", "--status", "active", "-n", "5"])?;
/// assert!(matches!(cli.command, Command::Sessions(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SessionsArgs {
    /// What to do; without one, sessions are listed.
    #[command(subcommand)]
    pub command: Option<SessionsCommand>,
    /// Which sessions are listed.
    #[command(flatten)]
    pub list: ListArgs,
}

/// What there is to do with sessions.
///
/// ```
/// use audex_cli::commands::sessions::SessionsCommand;
/// let show = SessionsCommand::Show { session: "a1b2c3d4".into() };
/// assert!(format!("{show:?}").contains("a1b2"));
/// ```
#[derive(Debug, Clone, Subcommand)]
pub enum SessionsCommand {
    /// List sessions, newest first
    List(ListArgs),
    /// Show everything that is known of a session
    Show {
        /// Session, by its id or the first characters of it (at least 4)
        #[arg(value_name = "SESSION")]
        session: String,
    },
}

/// Which sessions are listed.
///
/// ```
/// let list = audex_cli::commands::sessions::ListArgs { status: None, number: 20, since: None, all: false };
/// assert_eq!(list.number, 20);
/// ```
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Only those with this status
    #[arg(long, short, value_name = "STATUS", value_parser = status(), ignore_case = true)]
    pub status: Option<SessionStatus>,
    /// How many at most
    #[arg(short, long, value_name = "N", default_value_t = 20)]
    pub number: usize,
    /// Only those that began since then: 90s, 15m, 1h, 7d, 2w, a date or a time of RFC 3339
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Since>,
    /// As many as there are
    #[arg(long, conflicts_with = "number")]
    pub all: bool,
}

fn status() -> impl TypedValueParser<Value = SessionStatus> {
    let names = SessionStatus::ALL.map(SessionStatus::name);
    PossibleValuesParser::new(names).try_map(|text| {
        let known = SessionStatus::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(&text));
        known.ok_or("no such status")
    })
}

pub(super) fn run(invocation: &Invocation, args: &SessionsArgs) -> Outcome {
    match &args.command {
        None => list(invocation, &args.list),
        Some(SessionsCommand::List(args)) => list(invocation, args),
        Some(SessionsCommand::Show { session }) => show::show(invocation, session),
    }
}

/// Opens the records; none where no session was ever begun, so that nothing is made by looking.
pub(super) fn folder(invocation: &Invocation) -> Result<Option<SessionFolder>, Failure> {
    let paths = invocation.paths()?;
    match paths.sessions().symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => SessionFolder::open(&paths.data).map(Some).map_err(|error| of_sessions(&error)),
    }
}

/// Finds the session that a person names; none where there is no such record.
///
/// # Errors
///
/// What they could mean, where that is several.
pub(super) fn find(folder: Option<&SessionFolder>, name: &str) -> Result<Option<SessionId>, Failure> {
    let Some(folder) = folder else { return Ok(None) };
    match folder.find(name) {
        Ok(id) => Ok(Some(id)),
        Err(SessionStoreError::Unknown(_)) => Ok(None),
        Err(SessionStoreError::Ambiguous { prefix, candidates }) => {
            let of = |id: &SessionId| match folder.load(*id) {
                Ok(record) => {
                    let asked = shortened(&record.asked, 40);
                    format!("{id}, {} at {}: {asked}", record.status, time(record.created_at))
                }
                Err(_) => id.to_string(),
            };
            let error = SessionStoreError::Ambiguous { prefix, candidates: candidates.clone() };
            let failure = Failure::of(Exit::Usage, &error);
            Err(candidates.iter().take(10).map(of).fold(failure, Failure::with_help))
        }
        Err(error) => Err(of_sessions(&error)),
    }
}

fn list(invocation: &Invocation, args: &ListArgs) -> Outcome {
    let (records, unreadable) = match folder(invocation)? {
        Some(folder) => found(&folder, args, invocation.now())?,
        None => Default::default(),
    };
    for (path, why) in unreadable.0.iter().take(5) {
        invocation.output.warn(format_args!("{}: {why}", path.display()));
    }
    if unreadable.0.len() > 5 {
        invocation.output.warn(format_args!("{} more records cannot be read", unreadable.0.len() - 5));
    }
    if invocation.output.is_json() {
        let sessions = serde_json::json!({ "sessions": records, "unreadable": unreadable.0.len() });
        invocation.output.json(&sessions)?;
        return Ok(SUCCESS);
    }
    if records.is_empty() {
        invocation.output.note("no sessions");
        return Ok(SUCCESS);
    }
    let now = invocation.now();
    let mut table = Table::new([
        ("ID", 8),
        ("STATUS", 14),
        ("BEGAN", 8),
        ("TTL", 8),
        ("PROVIDER", 8),
        ("GRANTED", 36),
        ("COMMAND", 36),
    ]);
    for record in &records {
        table.row([
            record.session_id.short(),
            record.status.to_string(),
            Ago(now - record.created_at).to_string(),
            record.ttl.to_string(),
            record.provider.to_string(),
            record.grant.allow().to_string(),
            record.command.join(" "),
        ]);
    }
    invocation.output.print(table)?;
    Ok(SUCCESS)
}

/// Reads only as many records as it takes to find enough that fit.
fn found(
    folder: &SessionFolder,
    args: &ListArgs,
    now: DateTime<Utc>,
) -> Result<(Vec<SessionRecord>, Unreadable), Failure> {
    let most = if args.all { usize::MAX } else { args.number };
    let since = args.since.map(|since| since.before(now));
    let fits = |record: &SessionRecord| {
        args.status.is_none_or(|status| record.status == status)
            && since.is_none_or(|since| record.created_at >= since)
    };
    if args.status == Some(SessionStatus::Active) {
        let mut active = folder.active().map_err(|error| of_sessions(&error))?;
        active.retain(fits);
        active.sort_by_key(|record| std::cmp::Reverse(record.created_at));
        active.truncate(most);
        return Ok((active, Unreadable::default()));
    }
    let is_filtered = args.status.is_some() || since.is_some();
    let mut asked = if is_filtered { most.saturating_mul(4).max(100) } else { most };
    loop {
        let (records, unreadable) = folder.recent(asked).map_err(|error| of_sessions(&error))?;
        let is_everything = records.len() + unreadable.0.len() < asked;
        let mut records: Vec<SessionRecord> = records.into_iter().filter(fits).collect();
        if records.len() >= most || is_everything || !is_filtered {
            records.truncate(most);
            return Ok((records, unreadable));
        }
        asked = asked.saturating_mul(8);
    }
}

/// Returns a time as it is shown.
pub(super) fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%SZ").to_string()
}
