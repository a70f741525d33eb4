//! Verifies audit logs, makes their keys, and takes one tenant's chain out of them.
//!
//! Does not know about: how a log is written.
#![forbid(unsafe_code)]

use axess_audit::chain::{
    AuditKeys, AuditMacKey, AuditPublicKey, SignedCheckpoint, VerifyOptions, VerifyReport, extract_folder,
    verify_folder,
};
use axess_core::store::AuditScope;
use axess_rng::SystemRng;
use std::{
    error::Error,
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

const USAGE: &str = "\
axess-audit verify FOLDER --key KEY [--key KEY]... [--mac-key FILE]... [--checkpoint FILE]... [--chain ID] [--json]
    Verifies the log in FOLDER.
    --key         a public key of its checkpoints: a file, or the key itself
    --mac-key     a MAC key of its entries, in a file; covers also what no checkpoint attests yet
    --checkpoint  checkpoints kept elsewhere, one a line, in a file; the log must fulfil them
    --chain       looks at one chain only: a tenant's id, or `system`; needed for an extract
    --json        prints the whole report as JSON

axess-audit keygen FOLDER
    Creates the keys of a log in FOLDER, unless they are there, and prints the public one.

axess-audit extract FOLDER --chain ID --to FOLDER
    Copies one chain and its checkpoints into a new folder, which can be verified on its own with --chain ID.

Exit codes: 0 nothing is wrong (a half-written last line and entries that no checkpoint attests yet are no fault),
1 something is, and each finding was printed, 2 wrong use, or a file cannot be read.
";

/// No file of checkpoints kept elsewhere is longer, in bytes.
const MAX_CHECKPOINT_FILE: u64 = 64 * 1_024 * 1_024;

type Fault = Box<dyn Error>;

fn main() -> ExitCode {
    let mut text = String::new();
    let code = match run(std::env::args_os().skip(1).collect(), &mut text) {
        Ok(code) => code,
        Err(fault) => {
            let mut causes = String::new();
            let mut cause = fault.source();
            while let Some(inner) = cause {
                causes.push_str(&format!(": {inner}"));
                cause = inner.source();
            }
            // Nobody is left to be told when standard error is closed.
            let _ = writeln!(io::stderr(), "axess-audit: {fault}{causes}");
            2
        }
    };
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::from(code.max(2)),
    }
}

fn run(arguments: Vec<OsString>, out: &mut String) -> Result<u8, Fault> {
    let mut arguments = Arguments(arguments.into_iter());
    match arguments.0.next().as_deref().and_then(|command| command.to_str()) {
        Some("verify") => verify(arguments, out),
        Some("keygen") => keygen(arguments, out),
        Some("extract") => extract(arguments, out),
        Some("help" | "--help" | "-h") => {
            out.push_str(USAGE);
            Ok(0)
        }
        _ => Err(usage("expected one of: verify, keygen, extract")),
    }
}

fn usage(what: &str) -> Fault {
    format!("{what}\n\n{USAGE}").into()
}

struct Arguments(std::vec::IntoIter<OsString>);

impl Arguments {
    fn value(&mut self, option: &str) -> Result<OsString, Fault> {
        self.0.next().ok_or_else(|| usage(&format!("{option} needs a value")))
    }

    fn chain(&mut self, option: &str) -> Result<AuditScope, Fault> {
        let value = self.value(option)?;
        match value.to_str() {
            Some("system") => Ok(AuditScope::System),
            Some(id) => {
                Ok(AuditScope::Tenant(id.parse().map_err(|_| usage("--chain needs a UUID or `system`"))?))
            }
            None => Err(usage("--chain needs a UUID or `system`")),
        }
    }
}

/// Takes the folder; there is one, and it is no option.
fn set_folder(folder: &mut Option<PathBuf>, argument: OsString) -> Result<(), Fault> {
    if folder.is_some() || argument.to_string_lossy().starts_with('-') {
        return Err(usage(&format!("unexpected argument: {}", argument.to_string_lossy())));
    }
    *folder = Some(argument.into());
    Ok(())
}

fn verify(mut arguments: Arguments, out: &mut String) -> Result<u8, Fault> {
    let (mut folder, mut json, mut options) = (None, false, VerifyOptions::default());
    while let Some(argument) = arguments.0.next() {
        match argument.to_str() {
            Some("--key") => options.keys.push(public_key(&arguments.value("--key")?)?),
            Some("--mac-key") => {
                options.macs.push(AuditMacKey::from_file(Path::new(&arguments.value("--mac-key")?))?);
            }
            Some("--checkpoint") => {
                options.known.extend(checkpoints(Path::new(&arguments.value("--checkpoint")?))?);
            }
            Some("--chain") => options.only = Some(arguments.chain("--chain")?),
            Some("--json") => json = true,
            _ => set_folder(&mut folder, argument)?,
        }
    }
    let folder = folder.ok_or_else(|| usage("verify needs the folder of a log"))?;
    if options.keys.is_empty() {
        return Err(usage("verify needs at least one --key: without one nothing can be trusted"));
    }
    let report = verify_folder(&folder, &options)?;
    if json {
        out.push_str(&serde_json::to_string_pretty(&report)?);
        out.push('\n');
    } else {
        describe(&report, out);
    }
    Ok(if report.is_whole() { 0 } else { 1 })
}

fn describe(report: &VerifyReport, out: &mut String) {
    let log = report.log.map_or_else(|| "unknown".to_owned(), |log| log.to_string());
    let mut lines = vec![
        format!("log {log}"),
        format!(
            "{} entries in {} chains, {} checkpoints",
            report.entries,
            report.chains.len(),
            report.checkpoints
        ),
        format!("attested: {}, not yet attested: {}", report.attested, report.unattested()),
        format!(
            "MACs: {}",
            if report.macs_checked { "checked" } else { "not checked, no --mac-key was given" }
        ),
    ];
    if report.only.is_some() {
        lines.push("only one chain was looked at".to_owned());
    }
    if report.erasures_due > 0 {
        lines.push(format!("erasures that are not carried out yet: {} entries", report.erasures_due));
    }
    if let Some(torn) = report.torn {
        lines.push(format!(
            "torn tail: {} bytes of an unfinished line at segment {}, line {} (no tampering)",
            torn.bytes, torn.segment, torn.line
        ));
    }
    lines.extend(report.findings.iter().map(ToString::to_string));
    if report.findings_left_out > 0 {
        lines.push(format!("and {} more findings", report.findings_left_out));
    }
    let tampered = report.findings.iter().any(|finding| finding.kind.is_tampering());
    lines.push(
        match (report.is_whole(), tampered) {
            (true, _) => "WHOLE",
            (false, true) => "TAMPERED",
            (false, false) => "UNATTESTED",
        }
        .to_owned(),
    );
    for line in lines {
        out.push_str(&line);
        out.push('\n');
    }
}

fn public_key(value: &OsString) -> Result<AuditPublicKey, Fault> {
    let path = Path::new(value);
    if path.exists() {
        return Ok(AuditPublicKey::from_file(path)?);
    }
    let key = value.to_str().and_then(|text| text.parse().ok());
    key.ok_or_else(|| format!("--key {}: neither a file nor a public key", path.display()).into())
}

fn checkpoints(path: &Path) -> Result<Vec<SignedCheckpoint>, Fault> {
    let at = |what: &dyn std::fmt::Display| format!("--checkpoint {}: {what}", path.display());
    let file = File::open(path).map_err(|error| at(&error))?;
    let mut text = String::new();
    let read = file.take(MAX_CHECKPOINT_FILE + 1).read_to_string(&mut text).map_err(|error| at(&error))?;
    if u64::try_from(read).is_ok_and(|read| read > MAX_CHECKPOINT_FILE) {
        return Err(at(&"the file is too long").into());
    }
    let mut known = Vec::new();
    let last = text.split('\n').count();
    for (number, line) in (1..).zip(text.split('\n')).filter(|(_, line)| !line.is_empty()) {
        match SignedCheckpoint::parse(line.as_bytes()) {
            Ok(signed) => known.push(signed),
            // A copy that was made while the log wrote it ends anywhere.
            Err(_) if number == last && !known.is_empty() => {}
            Err(error) => return Err(at(&format!("line {number}: {error}")).into()),
        }
    }
    Ok(known)
}

fn keygen(mut arguments: Arguments, out: &mut String) -> Result<u8, Fault> {
    let mut folder = None;
    for argument in arguments.0.by_ref() {
        set_folder(&mut folder, argument)?;
    }
    let folder = folder.ok_or_else(|| usage("keygen needs a folder"))?;
    let keys = AuditKeys::load_or_create(&folder, &SystemRng)?;
    out.push_str(&format!("{}\n", keys.signing.public_key()));
    Ok(0)
}

fn extract(mut arguments: Arguments, out: &mut String) -> Result<u8, Fault> {
    let (mut folder, mut chain, mut to) = (None, None, None);
    while let Some(argument) = arguments.0.next() {
        match argument.to_str() {
            Some("--chain") => chain = Some(arguments.chain("--chain")?),
            Some("--to") => to = Some(PathBuf::from(arguments.value("--to")?)),
            _ => set_folder(&mut folder, argument)?,
        }
    }
    let (Some(folder), Some(chain), Some(to)) = (folder, chain, to) else {
        return Err(usage("extract needs the folder of a log, --chain and --to"));
    };
    let entries = extract_folder(&folder, chain, &to)?;
    out.push_str(&format!("{entries} entries in {}\n", to.display()));
    Ok(0)
}
