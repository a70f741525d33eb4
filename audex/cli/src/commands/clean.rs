//! `tryaudex clean`: nothing is kept for longer than it is needed.

use super::{Invocation, Since, run::SessionArgs, runtime};
use crate::{
    compose::{aws, of_sessions, of_trail},
    config::{Paths, Settings},
    exit::{Exit, Failure, Outcome, SUCCESS},
    key_store::KeyStore,
    output::printable,
    private_folder::{FolderPlaces, leftover},
    strays,
};
use audex_core::{
    Fate, Reconciled, reconcile,
    session::{SessionFolder, SessionId, SessionRecord, SessionStoreError},
};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// How long counts of requests are kept at least: no window is longer.
const STATE_KEPT: TimeDelta = TimeDelta::days(32);

/// The arguments of `tryaudex clean`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "clean", "--older-than", "7d", "--dry-run"])?;
/// assert!(matches!(cli.command, Command::Clean(clean) if clean.dry_run));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Active sessions, and those whose credential still works at the provider, are never touched. The audit log \
                        loses whole segments only when audit.retention_days says so, and says so itself."
)]
pub struct CleanArgs {
    /// Remove records of sessions that ended before then: 7d, 2w, a date or a time of RFC 3339
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    pub older_than: Since,
    /// Remove old records that cannot be read as well
    #[arg(long)]
    pub unreadable: bool,
    /// Only say what would be removed
    #[arg(long)]
    pub dry_run: bool,
}

/// What was removed, or would be.
#[derive(Debug, Default, serde::Serialize)]
struct Removed {
    dry_run: bool,
    ended: Vec<SessionId>,
    records: Vec<SessionId>,
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
    audit_segments: u64,
    denials: Vec<String>,
}

pub(super) fn run(invocation: &Invocation, args: &CleanArgs) -> Outcome {
    let config = invocation.config()?;
    let paths = invocation.paths()?;
    let mut removed = Removed { dry_run: args.dry_run, ..Removed::default() };
    if paths.sessions().exists() {
        let sessions = SessionFolder::open(&paths.data).map_err(|error| of_sessions(&error))?;
        let log = config.settings.audit.folder(&paths);
        if !args.dry_run {
            trail(invocation, &config.settings, &log, &sessions, &mut removed)?;
        }
        denials(invocation, &config.settings, &sessions, &mut removed)?;
        let before = args.older_than.before(invocation.now());
        records(invocation, args, &sessions, before, &mut removed)?;
        folders(&paths, &mut removed)?;
        files(&paths, invocation.now(), &mut removed)?;
    }
    told(invocation, &removed)
}

/// Ends sessions whose process is gone, and what of the log is older than it is to be kept.
fn trail(
    invocation: &Invocation,
    settings: &Settings,
    log: &Path,
    sessions: &SessionFolder,
    removed: &mut Removed,
) -> Result<(), Failure> {
    let retention_days = settings.audit.retention_days;
    let is_idle = sessions.live().map_err(|error| of_sessions(&error))?.is_empty();
    if is_idle && (retention_days.is_none() || !log.join("log.json").exists()) {
        return Ok(());
    }
    let trail = KeyStore::open_trail(invocation, settings)?;
    let Reconciled { ended, errors } = reconcile(sessions, &trail, invocation.now())
        .map_err(|error| Failure::of(Exit::LocalState, &error))?;
    for (id, error) in errors {
        invocation.output.warn(format_args!("session {} cannot be closed: {error}", id.short()));
    }
    removed.ended = ended.iter().map(|one| one.session_id).collect();
    strays::end(&removed.ended);
    if let Some(days) = retention_days {
        let failed = |error| of_trail(&audex_core::audit::TrailError::Log(error));
        let before = invocation.now() - TimeDelta::days(i64::from(days));
        let segments = trail.log().segments().map_err(failed)?;
        let is_due = |until: Option<DateTime<Utc>>| until.is_some_and(|until| until < before);
        // Only from the beginning on: a segment behind one that is kept is kept.
        let due = segments.iter().take_while(|segment| !segment.active && is_due(segment.until)).last();
        if let Some(last) = due {
            removed.audit_segments = trail.log().retire(last.segment + 1).map_err(failed)?;
        }
    }
    trail.close().map_err(|error| of_trail(&error))
}

/// Removes the denials that revoked sessions left at AWS, once what they deny has expired.
///
/// Nobody is asked unless a record says that there is one.
fn denials(
    invocation: &Invocation,
    settings: &Settings,
    sessions: &SessionFolder,
    removed: &mut Removed,
) -> Result<(), Failure> {
    let (records, _) = sessions.recent(usize::MAX).map_err(|error| of_sessions(&error))?;
    let is_denied = |record: &&SessionRecord| {
        let is_expired = record.provider_expiry().is_some_and(|expiry| expiry <= invocation.now());
        is_expired && record.credentials.iter().any(|one| matches!(one.fate, Some(Fate::Denied { .. })))
    };
    let targets: BTreeSet<Option<String>> =
        records.iter().filter(is_denied).map(|record| record.target.clone()).collect();
    if targets.is_empty() || settings.aws.revoker_role_arn.is_none() {
        return Ok(());
    }
    if removed.dry_run {
        invocation.output.note("denials of revoked sessions at AWS are not looked for in a dry run");
        return Ok(());
    }
    let aws = aws(invocation, settings, &SessionArgs::default())?;
    let runtime = runtime()?;
    for target in targets {
        match runtime.block_on(aws.remove_expired_denies(target.as_deref())) {
            Ok(names) => {
                removed.denials.extend(names);
                for record in records.iter().filter(|record| record.target == target).filter(is_denied) {
                    settled(sessions, record.clone())?;
                }
            }
            // What is denied has expired: it does no harm, and is tried again.
            Err(error) => invocation.output.warn(format_args!("denials are left at AWS: {error}")),
        }
    }
    Ok(())
}

/// Notes that what was denied is dead, so that nobody asks for its denial again.
fn settled(sessions: &SessionFolder, mut record: SessionRecord) -> Result<(), Failure> {
    let Some(guard) = sessions.take(record.session_id).map_err(|error| of_sessions(&error))? else {
        return Ok(());
    };
    for credential in &mut record.credentials {
        credential.fate = Some(Fate::Dead);
    }
    sessions.save(&guard, &record).and_then(|()| sessions.release(guard)).map_err(|error| of_sessions(&error))
}

fn records(
    invocation: &Invocation,
    args: &CleanArgs,
    sessions: &SessionFolder,
    before: DateTime<Utc>,
    removed: &mut Removed,
) -> Result<(), Failure> {
    let mut unreadable = 0_usize;
    for id in sessions.names().map_err(|error| of_sessions(&error))? {
        let is_due = match sessions.load(id) {
            Ok(record) => {
                let ended = record.ended_at.unwrap_or(record.deadline);
                let works_on = record.provider_expiry().is_some_and(|expiry| invocation.now() < expiry);
                // It is the only pointer to a denial that is still there.
                let is_denied =
                    record.credentials.iter().any(|one| matches!(one.fate, Some(Fate::Denied { .. })));
                record.status.is_over() && ended < before && !works_on && !is_denied
            }
            Err(SessionStoreError::Unknown(_)) => false,
            Err(_) => {
                let is_old = is_older(&sessions.path().join(format!("{id}.json")), before);
                unreadable += usize::from(is_old && !args.unreadable);
                is_old && args.unreadable
            }
        };
        if is_due && (args.dry_run || sessions.remove(id).map_err(|error| of_sessions(&error))?) {
            removed.records.push(id);
        }
    }
    if unreadable > 0 {
        invocation.output.warn(format_args!(
            "{unreadable} old records cannot be read and are left; --unreadable removes them"
        ));
    }
    Ok(())
}

/// Removes private folders of sessions that nobody keeps.
fn folders(paths: &Paths, removed: &mut Removed) -> Result<(), Failure> {
    let places = FolderPlaces::new(paths.runtime.clone(), paths.data.clone());
    let unusable = |error| Failure::of(Exit::LocalState, &error);
    for folder in leftover(&places).map_err(unusable)? {
        removed.folders.push(folder.path().to_owned());
        if !removed.dry_run {
            folder.remove().map_err(unusable)?;
        }
    }
    Ok(())
}

/// Removes counts that no window reaches back to, and what a crash left of a record that was being written.
fn files(paths: &Paths, now: DateTime<Utc>, removed: &mut Removed) -> Result<(), Failure> {
    let is_count = |name: &str| name.starts_with("rate-");
    let is_rest = |name: &str| name.starts_with('.') && name.ends_with(".tmp");
    for (folder, fits, kept) in [
        (paths.state(), &is_count as &dyn Fn(&str) -> bool, STATE_KEPT),
        (paths.sessions(), &is_rest, TimeDelta::days(1)),
    ] {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries.map_err(|error| unusable(&folder, &error))?,
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let is_ours = entry.file_name().to_str().is_some_and(fits) && path.is_file();
            if !is_ours || !is_older(&path, now - kept) {
                continue;
            }
            if !removed.dry_run {
                fs::remove_file(&path).map_err(|error| unusable(&path, &error))?;
            }
            removed.files.push(path);
        }
    }
    Ok(())
}

fn is_older(path: &Path, before: DateTime<Utc>) -> bool {
    let changed = fs::metadata(path).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|changed| DateTime::<Utc>::from(changed) < before)
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::LocalState, format!("cannot clean {}: {error}", path.display()))
}

fn told(invocation: &Invocation, removed: &Removed) -> Outcome {
    let output = &invocation.output;
    if output.is_json() {
        output.json(removed)?;
        return Ok(SUCCESS);
    }
    for path in removed.folders.iter().chain(&removed.files) {
        output.line(printable(&path.display().to_string()))?;
    }
    let done = if removed.dry_run { "would be removed" } else { "removed" };
    let Removed { ended, records, folders, files, audit_segments, denials, .. } = removed;
    if !ended.is_empty() {
        output.line(format_args!("{} sessions whose process was gone ended", ended.len()))?;
    }
    for denial in denials {
        output.line(format_args!("the denial {} at AWS removed", printable(denial)))?;
    }
    output.line(format_args!(
        "{} records, {} folders, {} files, {audit_segments} audit segments {done}",
        records.len(),
        folders.len(),
        files.len()
    ))?;
    Ok(SUCCESS)
}
