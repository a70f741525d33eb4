//! The proof that the log is as it was written.

mod records;

use super::{folder, lines};
use crate::{
    commands::Invocation,
    config::Paths,
    exit::{Exit, Failure, Outcome, SUCCESS},
    key_store::{self, trail_keys},
    output::{Style, printable},
};
use axess_audit::chain::{
    AuditPublicKey, KeyError, SignedCheckpoint, VerifyError, VerifyOptions, VerifyReport, verify_folder,
};
use clap::Args;
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// No file of checkpoints kept elsewhere is longer, in bytes.
const MAX_CHECKPOINT_FILE: u64 = 64 * 1_024 * 1_024;

/// How many findings are shown; JSON has them all.
const MAX_SHOWN: usize = 50;

/// The arguments of `tryaudex audit verify`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "audit", "verify", "--checkpoint", "kept.jsonl"])?;
/// assert!(matches!(cli.command, Command::Audit(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Whoever can write the log and its keys can rewrite both: keep copies of checkpoint.pub and checkpoints.jsonl \
                        where they cannot, and verify against those. Exit code 85 means that something is wrong."
)]
pub struct VerifyArgs {
    /// Folder of the log [default: that of the configuration]
    #[arg(long, value_name = "FOLDER")]
    pub log: Option<PathBuf>,
    /// Public key of the log's checkpoints, in a file kept elsewhere (repeatable) [default: the log's own keys]
    #[arg(long, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Checkpoints kept elsewhere, one on each line, which the log has to fulfil (repeatable)
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Vec<PathBuf>,
}

pub(super) fn run(invocation: &Invocation, args: &VerifyArgs) -> Outcome {
    let paths = invocation.paths()?;
    let log = match &args.log {
        Some(log) => invocation.surroundings.absolute(log),
        None => folder(invocation)?,
    };
    let options = match options(args, &paths)? {
        Some(options) => options,
        None if has_log(&log) => {
            let message = format!(
                "the keys in {} are gone, and the log cannot be verified without",
                paths.keys().display()
            );
            return Err(
                Failure::new(Exit::Tampered, message).with_help("name a copy of checkpoint.pub: --key FILE")
            );
        }
        // Whoever names a folder expects a log there.
        None if args.log.is_some() => {
            let failure = Failure::new(Exit::LocalState, format!("{} holds no log", log.display()));
            return Err(failure.with_help("name the folder of audit.jsonl"));
        }
        None => return nothing(invocation),
    };
    let gone = |error: &VerifyError| matches!(error, VerifyError::NoLog { .. }) || !log.exists();
    // What the records say is read before the log: an event is there before a credential is.
    let records = match is_configured(invocation, args, &log) {
        true => records::in_folder(&paths.data)?,
        false => Vec::new(),
    };
    match verify_folder(&log, &options) {
        Ok(mut report) => {
            report.findings.extend(records::without_events(&log, &records)?);
            told(invocation, &log, &report)
        }
        Err(error) if gone(&error) => {
            // The keys are made with the log; where they are and it is not, somebody removed it.
            let failure = Failure::new(Exit::Tampered, format!("{} holds no log", log.display()));
            Err(failure.with_help("its keys are there, so there was one: restore it from a copy"))
        }
        Err(error) => Err(Failure::of(Exit::LocalState, &error)),
    }
}

/// Tells whether a log is the one that the session records go with.
fn is_configured(invocation: &Invocation, args: &VerifyArgs, log: &Path) -> bool {
    let same = |configured: PathBuf| match (configured.canonicalize(), log.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => configured == log,
    };
    args.log.is_none() || folder(invocation).is_ok_and(same)
}

/// Returns what is trusted; none where there are no keys.
fn options(args: &VerifyArgs, paths: &Paths) -> Result<Option<VerifyOptions>, Failure> {
    let unusable = |error: KeyError| {
        let exit =
            if matches!(error, KeyError::Io { .. } | KeyError::Exposed { .. } | KeyError::Keyring { .. }) {
                Exit::LocalState
            } else {
                Exit::Tampered
            };
        key_store::help(&error).into_iter().fold(Failure::of(exit, &error), Failure::with_help)
    };
    let mut options = VerifyOptions::default();
    for path in &args.checkpoint {
        options.known.extend(checkpoints(path)?);
    }
    if !args.key.is_empty() {
        for path in &args.key {
            options.keys.push(AuditPublicKey::from_file(path).map_err(unusable)?);
        }
        // The MACs cover also what no checkpoint attests yet, where we have their keys.
        options.macs = trail_keys(paths).map(|keys| keys.macs().cloned().collect()).unwrap_or_default();
        return Ok(Some(options));
    }
    let has_any =
        ["mac.key", "signing.key", "checkpoint.pub"].iter().any(|name| paths.keys().join(name).exists());
    if !has_any {
        return Ok(None);
    }
    let keys = trail_keys(paths).map_err(unusable)?;
    options.keys = vec![keys.signing.public_key()];
    options.macs = keys.macs().cloned().collect();
    Ok(Some(options))
}

/// Tells whether there are entries. A log without any is there before its keys are.
fn has_log(folder: &Path) -> bool {
    let has_entry = |path: &PathBuf| {
        lines::Forward::open(path).and_then(|mut lines| lines.next()).map_or(true, |line| line.is_some())
    };
    lines::segments(folder).map_or(true, |segments| segments.iter().any(has_entry))
}

fn nothing(invocation: &Invocation) -> Outcome {
    if invocation.output.is_json() {
        invocation.output.json(&serde_json::json!({ "whole": true, "entries": 0, "findings": [] }))?;
    } else {
        invocation.output.line("nothing was recorded yet")?;
    }
    Ok(SUCCESS)
}

fn checkpoints(path: &Path) -> Result<Vec<SignedCheckpoint>, Failure> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_CHECKPOINT_FILE + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let failed = |why: String| {
        Failure::new(Exit::Usage, format!("cannot read checkpoints of {}: {why}", path.display()))
    };
    let bytes = read().map_err(|error| failed(error.to_string()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_CHECKPOINT_FILE) {
        return Err(failed(format!("it is larger than {MAX_CHECKPOINT_FILE} bytes")));
    }
    let lines =
        bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    let parse = |(index, line): (usize, &[u8])| {
        SignedCheckpoint::parse(line).map_err(|error| failed(format!("line {}: {error}", index + 1)))
    };
    lines.map(parse).collect()
}

fn told(invocation: &Invocation, log: &Path, report: &VerifyReport) -> Outcome {
    let code = if report.is_whole() { SUCCESS } else { Exit::Tampered.code() };
    let output = &invocation.output;
    if output.is_json() {
        let mut value = serde_json::to_value(report).map_err(|error| Failure::of(Exit::Bug, &error))?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("whole".to_owned(), report.is_whole().into());
        }
        output.json(&value)?;
        return Ok(code);
    }
    let place = printable(&log.display().to_string());
    if report.is_whole() {
        let verdict = Style::Good.paint("whole");
        output.line(format_args!(
            "{verdict}: {} events in {place}, {} attested by {} checkpoints",
            report.entries, report.attested, report.checkpoints
        ))?;
        if let Some(torn) = report.torn {
            output.note(format_args!(
                "segment {}, line {}: a write was cut off; the next one repairs it",
                torn.segment, torn.line
            ));
        }
        return Ok(code);
    }
    let verdict = Style::Error.paint("not as it was written");
    output.line(format_args!("{verdict}: {place}"))?;
    for finding in report.findings.iter().take(MAX_SHOWN) {
        let file = finding.segment.map_or(String::new(), |segment| format!("{segment:012}.jsonl: "));
        output.line(format_args!("  {file}{}", printable(&finding.to_string())))?;
    }
    let more = u64::try_from(report.findings.len().saturating_sub(MAX_SHOWN)).unwrap_or(0)
        + report.findings_left_out;
    if more > 0 {
        output.line(format_args!("  and {more} more"))?;
    }
    Ok(code)
}
