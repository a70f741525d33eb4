//! The audit log and its keys: a run that cannot write to them is refused.

use super::{Check, State};
use crate::{
    commands::audit,
    config::{Paths, Settings},
    exit::{Exit, Failure},
    key_store::{self, KeyStore},
};
use axess_audit::chain::{
    AuditKeys, Checkpoint, Entry, KeyError, SignedCheckpoint, VerifyOptions, VerifyReport, verify_folder,
};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    ops::ControlFlow,
    path::Path,
};

/// A log of fewer bytes is verified as a whole; of a longer one, the end is.
const WHOLE: u64 = 16 << 20;

/// How many entries of a long log are looked at, from its end.
const LOOKED_AT: usize = 100;

/// How much is read of the end of its checkpoints, in bytes.
const CHECKPOINTS: u64 = 16 << 10;

const HELP: &str = "run: tryaudex audit verify";

/// Checks that the log can be written on: its keys are there, and nothing is missing.
pub(super) fn check(log: &Path, paths: &Paths, settings: &Settings) -> Check {
    let bytes = match segments(log) {
        Ok(bytes) => bytes,
        Err(error) => return damaged(log, format!("{} cannot be read: {error}", log.display())),
    };
    let has_keys = paths.keys().join("checkpoint.pub").exists();
    // The log is begun before its keys are made, and the public one is made last: whoever was killed then is no matter.
    if bytes.is_none() && !has_keys {
        return Check::new("audit", State::Good, "nothing was recorded yet");
    }
    let lock = log.join("lock");
    if fs::symlink_metadata(&lock).is_ok_and(|found| !found.is_file()) {
        let message = format!("{} is not a file, so nothing can be recorded", lock.display());
        return Check::new("audit", State::Wrong, message)
            .with_help("move it away: the next run makes the file");
    }
    let keys = match keys(settings, paths) {
        Ok(keys) => keys,
        Err(error) => return without_keys(&error, log, paths),
    };
    if bytes.is_none() && !log.join("log.json").exists() {
        let message = format!("{} holds no log, and its keys are there", log.display());
        return damaged(log, message);
    }
    let found = if bytes.unwrap_or(0) < WHOLE { whole(log, &keys) } else { end(log, &keys) };
    match found {
        Ok((state, message)) => Check::new("audit", state, message),
        Err(broken) => damaged(log, broken),
    }
}

fn damaged(log: &Path, broken: String) -> Check {
    Check::new("audit", State::Wrong, broken).with_help(HELP).with_help(format!(
        "nothing is issued on a log that lost something: restore {} from a copy, or move it and its keys away as evidence",
        log.display()
    ))
}

/// Reads the keys from where a run does, and makes none.
fn keys(settings: &Settings, paths: &Paths) -> Result<AuditKeys, KeyError> {
    match settings.key_store {
        KeyStore::File => AuditKeys::load(&paths.keys()),
        #[cfg(feature = "keyring")]
        KeyStore::Keyring => key_store::trail_keys(paths),
    }
}

fn without_keys(error: &KeyError, log: &Path, paths: &Paths) -> Check {
    let check = Check::failed("audit", Failure::of(Exit::LocalState, error));
    match (key_store::help(error), error) {
        (Some(help), _) => check.with_help(help),
        (None, KeyError::Exposed { .. }) => check,
        (None, _) => check.with_help(format!(
            "restore the keys in {} from a copy; without one, move them and {} away: the next run begins a new log",
            paths.keys().display(),
            log.display()
        )),
    }
}

/// Returns how many bytes the segments have together; none without any.
///
/// # Errors
///
/// One is missing or empty, too.
fn segments(log: &Path) -> io::Result<Option<u64>> {
    let entries = match fs::read_dir(log) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let (mut found, mut bytes) = (Vec::new(), 0_u64);
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".jsonl"));
        let Some(number) = digits.filter(|digits| digits.len() == 12).and_then(|digits| digits.parse().ok())
        else {
            continue;
        };
        let length = entry.metadata()?.len();
        found.push((number, length));
        bytes = bytes.saturating_add(length);
    }
    found.sort_unstable();
    // The last one may be empty: whoever began it was killed.
    let fault = found.windows(2).find_map(|pair: &[(u64, u64)]| match pair {
        [(one, 0), _] => Some(format!("{one:012}.jsonl is empty")),
        [(one, _), (next, _)] if one + 1 != *next => Some(format!("{:012}.jsonl is gone", one + 1)),
        _ => None,
    });
    match fault {
        Some(fault) => Err(io::Error::other(fault)),
        None => Ok((!found.is_empty()).then_some(bytes)),
    }
}

/// Verifies all of it.
fn whole(log: &Path, keys: &AuditKeys) -> Result<(State, String), String> {
    let options = VerifyOptions {
        keys: vec![keys.signing.public_key()],
        macs: keys.macs().cloned().collect(),
        ..VerifyOptions::default()
    };
    let report: VerifyReport =
        verify_folder(log, &options).map_err(|error| crate::exit::with_causes(&error))?;
    if let Some(finding) = report.findings.iter().find(|finding| finding.kind.is_tampering()) {
        return Err(format!("the log is not as it was written: {finding}"));
    }
    // What was signed once is in this file.
    if log.join("heads").exists() && !log.join("checkpoints.jsonl").exists() {
        return Err(format!("{} is gone", log.join("checkpoints.jsonl").display()));
    }
    match report.findings.first() {
        // So it is until the first session ends.
        Some(finding) => Ok((State::Warning, finding.to_string())),
        None => Ok((State::Good, format!("all {} entries are as they were written", report.entries))),
    }
}

/// Verifies that the newest entries follow one on the other, and reach as far as was signed last.
fn end(log: &Path, keys: &AuditKeys) -> Result<(State, String), String> {
    // Those before the entries: what is signed meanwhile is of entries that are there by then.
    let signed = last_signed(log, keys)
        .map_err(|error| format!("{} cannot be read: {error}", log.join("checkpoints.jsonl").display()))?;
    let (mut seen, mut broken, mut newest) = (0_usize, None, None);
    let mut below = None;
    let walked = audit::walk_back(log, |line| {
        seen += 1;
        match Entry::parse(line) {
            Ok(entry) => {
                let (scope, link) = (entry.scope(), entry.link());
                let follows = below.is_none_or(|(other, prev)| other != scope || prev == link.hash);
                if !follows {
                    broken = Some(format!("the entry after {} does not follow on it", entry.seq()));
                }
                below = Some((scope, entry.prev()));
                if let Some(promised) = signed.filter(|signed| signed.scope == Some(scope)) {
                    newest.get_or_insert(link.seq);
                    if promised.seq == link.seq && promised.hash != link.hash {
                        broken = Some(format!("the entry {} is not the one that was signed", link.seq));
                    }
                }
            }
            Err(error) => broken = Some(format!("a line near the end is no entry: {error}")),
        }
        if broken.is_some() || seen >= LOOKED_AT { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    walked.map_err(|error| format!("{} cannot be read: {error}", log.display()))?;
    if let Some(broken) = broken {
        return Err(broken);
    }
    match (signed, newest) {
        (None, _) => Err("nothing that was signed attests the log".to_owned()),
        (Some(promised), Some(newest)) if newest < promised.seq => {
            Err(format!("the log ends at entry {newest}, and {} were signed", promised.seq))
        }
        _ => Ok((State::Good, format!("the newest {seen} entries are as they were written"))),
    }
}

/// Returns what was signed last of a chain.
fn last_signed(log: &Path, keys: &AuditKeys) -> io::Result<Option<Checkpoint>> {
    let mut file = File::open(log.join("checkpoints.jsonl"))?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(CHECKPOINTS)))?;
    let mut bytes = Vec::new();
    file.take(CHECKPOINTS).read_to_end(&mut bytes)?;
    let trusted = [keys.signing.public_key()];
    let signed = |line: &[u8]| {
        let signed = SignedCheckpoint::parse(line).ok().filter(|signed| signed.verify(&trusted))?;
        Some(signed.checkpoint).filter(|checkpoint| checkpoint.scope.is_some())
    };
    Ok(bytes.rsplit(|byte| *byte == b'\n').find_map(signed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use audex_core::{
        Requester,
        audit::{BrokerEvent, LogTrail, Trail},
        session::SessionId,
    };
    use axess_clock::MockClock;
    use axess_rng::MockRng;
    use std::sync::Arc;

    /// The end alone shows what is missing from it.
    #[test]
    fn a_long_log_that_was_cut_is_found_at_its_end() {
        let data = tempfile::tempdir().unwrap();
        let (log, keys) = (data.path().join("audit"), data.path().join("keys"));
        let (clock, rng) = (Arc::new(MockClock::default()), Arc::new(MockRng::new(1)));
        let trail = LogTrail::open(&log, &keys, clock, rng.clone()).unwrap();
        for _ in 0..5 {
            let session_id = SessionId::generate(&*rng);
            let event =
                BrokerEvent::CredentialsFailed { session_id, access_key_id: None, reason: "no".to_owned() };
            trail.record(&Requester::LocalUser { uid: 1, name: None }, event).unwrap();
        }
        trail.close().unwrap();
        let keys = AuditKeys::load(&keys).unwrap();
        assert_eq!(end(&log, &keys).unwrap().0, State::Good);
        let path = log.join("000000000001.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let (last, kept) = lines.split_last().unwrap();
        fs::write(&path, kept.concat()).unwrap();
        assert!(end(&log, &keys).unwrap_err().contains("ends at entry 4, and 5 were signed"));
        fs::write(&path, [&kept[..3].concat(), *last].concat()).unwrap();
        assert!(end(&log, &keys).is_err(), "one in between");
        fs::write(&path, &text).unwrap();
        fs::write(log.join("checkpoints.jsonl"), "").unwrap();
        assert!(end(&log, &keys).is_err());
        fs::write(log.join("000000000003.jsonl"), "x").unwrap();
        assert!(segments(&log).unwrap_err().to_string().contains("000000000002.jsonl is gone"));
    }
}
