//! The checks, in the order they are told.

use super::{Check, State, trail};
use crate::{
    commands::{Invocation, run::SessionArgs},
    compose,
    config::{Config, Paths, Settings},
    exit::{Exit, Failure, with_causes},
    key_store::KeyStore,
    private_folder::{FolderPlaces, leftover},
};
use audex_core::session::{EntryPoint, SessionFolder};
use nix::{
    sys::statvfs::{FsFlags, statvfs},
    unistd::{AccessFlags, access},
};
use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// With less room than this, in bytes, nothing can be relied on to be recorded.
const MIN_ROOM: u64 = 16 << 20;

/// With less room than this, in bytes, a warning is given.
const LOW_ROOM: u64 = 256 << 20;

/// How many session records are looked at, the newest first.
const RECORDS: usize = 100;

pub(super) fn all(invocation: &Invocation, online: bool) -> Vec<Check> {
    let (settings, config) = configuration(invocation);
    let mut found = vec![config];
    let paths = match invocation.paths() {
        Ok(paths) => paths,
        Err(failure) => {
            found.push(Check::failed("folders", failure));
            return found;
        }
    };
    let log = settings.audit.folder(&paths);
    found.extend(folders(invocation.surroundings.uid, &paths, &log));
    found.push(room(&paths.data));
    found.push(trail::check(&log, &paths, &settings));
    found.extend(issuer(invocation, &settings, &paths));
    found.push(sessions(invocation, &paths));
    found.extend(private(&paths));
    if online {
        found.push(provider(invocation, &settings));
    }
    found
}

/// Checks the configuration; what it would come to without its faults is not known, so that the rest goes by the defaults.
fn configuration(invocation: &Invocation) -> (Settings, Check) {
    match Config::load(&invocation.surroundings, invocation.global.config.as_deref()) {
        Err(error) => (Settings::default(), Check::failed("config", error.into())),
        Ok(config) => {
            let file = config.file.as_ref().map_or_else(
                || "there is no file; the defaults are used".to_owned(),
                |file| format!("{} is sound", file.display()),
            );
            let check = match config.warnings.as_slice() {
                [] => Check::new("config", State::Good, file),
                warnings => Check::new("config", State::Warning, warnings.join("\n")),
            };
            (config.settings, check)
        }
    }
}

/// Checks that what holds evidence and secrets is ours alone.
fn folders(uid: u32, paths: &Paths, log: &Path) -> Vec<Check> {
    let all =
        [paths.data.clone(), paths.sessions(), log.to_owned(), paths.keys(), paths.issuer(), paths.state()];
    let mut found: Vec<Check> = all.iter().filter_map(|path| folder(uid, path)).collect();
    if found.is_empty() {
        let is_there = paths.data.exists();
        let what = if is_there { "are ours alone" } else { "are made at the first run" };
        found.push(Check::new("folders", State::Good, format!("those in {} {what}", paths.data.display())));
    }
    found
}

fn folder(uid: u32, path: &PathBuf) -> Option<Check> {
    let shown = path.display();
    let is_secret = path.ends_with("keys") || path.ends_with("issuer");
    let wrong = |message: String| Some(Check::new("folders", State::Wrong, message));
    // Of a link, what it points at counts.
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_ok() => {
            wrong(format!("{shown} is a link to nothing"))
                .map(|check| check.with_help("put back what it points at, or remove the link"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => wrong(format!("{shown} cannot be looked at: {error}")),
        Ok(found) if !found.is_dir() => wrong(format!("{shown} is not a folder")),
        Ok(found) if found.uid() != uid && found.uid() != 0 => {
            wrong(format!("{shown} belongs to user {}", found.uid()))
        }
        Ok(found) if found.mode() & 0o022 != 0 => {
            wrong(format!("{shown} can be written by others (mode {:03o})", found.mode() & 0o777))
                .map(|check| check.with_help(format!("run: chmod 700 {shown}")))
        }
        Ok(found) if found.mode() & 0o055 != 0 && is_secret => {
            wrong(format!("{shown} can be entered by others (mode {:03o})", found.mode() & 0o777))
                .map(|check| check.with_help(format!("run: chmod 700 {shown}")))
        }
        Ok(_) if access(path, AccessFlags::W_OK | AccessFlags::X_OK).is_err() => {
            wrong(format!("{shown} cannot be written by us"))
                .map(|check| check.with_help(format!("run: chmod 700 {shown}")))
        }
        Ok(_) => None,
    }
}

/// Checks that there is room to record what happens, for without it nothing is issued.
fn room(data: &Path) -> Check {
    let Some(place) = data.ancestors().find(|path| path.exists()) else {
        return Check::new("disk", State::Wrong, format!("{} is nowhere", data.display()));
    };
    let found = match statvfs(place) {
        Ok(found) => found,
        Err(errno) => return Check::new("disk", State::Wrong, format!("{}: {errno}", place.display())),
    };
    if found.flags().contains(FsFlags::ST_RDONLY) {
        let message = format!("{} is on a disk that cannot be written", place.display());
        return Check::new("disk", State::Wrong, message)
            .with_help("set XDG_DATA_HOME to a folder that can be");
    }
    let free = found.blocks_available().saturating_mul(found.fragment_size());
    let state = match free {
        ..MIN_ROOM => State::Wrong,
        MIN_ROOM..LOW_ROOM => State::Warning,
        _ => State::Good,
    };
    // Some file systems have no fixed number of files and report none.
    if found.files() > 0 && found.files_available() == 0 {
        return Check::new("disk", State::Wrong, format!("{} has room for no more files", place.display()));
    }
    Check::new("disk", state, format!("{} MiB are free", free >> 20))
}

/// Checks that no session that is over left its folder: it may hold a credential.
fn private(paths: &Paths) -> Option<Check> {
    let places = FolderPlaces::new(paths.runtime.clone(), paths.data.clone());
    let left = match leftover(&places) {
        Ok(left) => left,
        Err(error) => return Some(Check::new("leftovers", State::Wrong, with_causes(&error))),
    };
    let first = left.first()?.path().display();
    let message = format!("{} folders of sessions that are over may hold credentials: {first}", left.len());
    let check = Check::new("leftovers", State::Wrong, message);
    Some(check.with_help("the next run removes them, and so does: tryaudex clean"))
}

/// Opens the local issuer as a run does, where there is one, and makes none.
fn issuer(invocation: &Invocation, settings: &Settings, paths: &Paths) -> Option<Check> {
    let has = |name: &str| fs::symlink_metadata(paths.issuer().join(name)).is_ok();
    let mut settings = settings.clone();
    match (has("keys.keyring"), has("keys.json")) {
        (false, false) => return None,
        // Keys in files are not moved for a look.
        (false, true) => settings.key_store = KeyStore::File,
        (true, _) => {}
    }
    let opened = compose::local(invocation, &settings).and_then(|provider| {
        crate::commands::runtime()?.block_on(provider.jwks()).map_err(|error| {
            let failure = Failure::of(Exit::LocalState, &error);
            error.hints.into_iter().fold(failure, Failure::with_help)
        })
    });
    let folder = paths.issuer();
    Some(match opened {
        Ok(_) => Check::new("issuer", State::Good, format!("the keys in {} can be used", folder.display())),
        Err(failure) => Check::failed("issuer", failure).with_help(format!(
            "keys that are lost cannot be had again: move {} away, and the next run makes new ones",
            folder.display()
        )),
    })
}

/// Checks for records that cannot be read, and for sessions whose process is gone.
fn sessions(invocation: &Invocation, paths: &Paths) -> Check {
    if !paths.sessions().exists() {
        return Check::new("sessions", State::Good, "there were none yet");
    }
    let look = || -> Result<(usize, Vec<String>, usize), audex_core::session::SessionStoreError> {
        let folder = SessionFolder::open(&paths.data)?;
        let (_, unreadable) = folder.recent(RECORDS)?;
        let (mut abandoned, mut active) = (Vec::new(), 0);
        for record in folder.active()? {
            let lasts = record.entry_point == EntryPoint::Export && invocation.now() < record.deadline;
            // Whoever keeps a session holds it; the system lets go when they die.
            if lasts || folder.take(record.session_id)?.is_none() {
                active += 1;
            } else {
                abandoned.push(record.session_id.short());
            }
        }
        Ok((active, abandoned, unreadable.0.len()))
    };
    match look() {
        Err(error) => Check::failed("sessions", compose::of_sessions(&error)),
        Ok((_, abandoned, _)) if !abandoned.is_empty() => {
            let names = abandoned.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
            let message = format!("{} active sessions have no process any more: {names}", abandoned.len());
            Check::new("sessions", State::Warning, message)
                .with_help("the next run ends them, and so does: tryaudex clean")
        }
        Ok((_, _, unreadable)) if unreadable > 0 => {
            let message = format!("{unreadable} of the newest {RECORDS} records cannot be read");
            Check::new("sessions", State::Warning, message).with_help("which: tryaudex sessions")
        }
        Ok((active, _, _)) => Check::new("sessions", State::Good, format!("{active} active")),
    }
}

/// Asks the provider.
fn provider(invocation: &Invocation, settings: &Settings) -> Check {
    let name = settings.provider();
    let provider = match compose::provider(invocation, settings, &SessionArgs::default(), name) {
        Ok(provider) => provider,
        Err(failure) => return Check::failed("provider", failure),
    };
    let runtime = match crate::commands::runtime() {
        Ok(runtime) => runtime,
        Err(failure) => return Check::failed("provider", failure),
    };
    match runtime.block_on(provider.check()) {
        Ok(health) => {
            let identity = health.identity.as_deref().unwrap_or("somebody it does not name");
            let state = if health.notes.is_empty() { State::Good } else { State::Warning };
            let message = format!("{name} answers, and knows us as {identity}");
            health.notes.into_iter().fold(Check::new("provider", state, message), Check::with_help)
        }
        Err(error) => {
            let message = format!("{name}: {}", with_causes(&error));
            error.hints.into_iter().fold(Check::new("provider", State::Wrong, message), Check::with_help)
        }
    }
}
