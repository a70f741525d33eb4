//! `--check-config`: everything that can be known to be wrong without asking anybody.

use super::keys;
use crate::{
    commands::Invocation,
    config::{ConfigFault, ServerConfig, refuse_shared},
    exit::{Exit, Failure, Outcome, SUCCESS, with_causes},
};
use audex_server::{
    access::Access,
    settings::{AuditBackend, ServerSettings},
};
use nix::unistd::{AccessFlags, access};
use serde_json::json;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Names every fault: those of the configuration itself, and those of what it names.
pub(super) fn run(
    invocation: &Invocation,
    config: &ServerConfig,
    of_flags: &[ConfigFault],
    read: &[ConfigFault],
) -> Outcome {
    let settings = &config.server;
    let mut faults: Vec<String> = read.iter().map(ToString::to_string).collect();
    folders(invocation.surroundings.uid, settings, &mut faults);
    files(config, &mut faults);
    secrets(settings, &mut faults);
    if let Some(folder) = &settings.policies
        && let Err(error) = Access::test_policies(folder)
    {
        faults.push(format!("authorization.policies: {}", with_causes(&error)));
    }
    if let Err(failure) = super::new_runtime().and_then(|runtime| super::traces(&runtime, config).map(drop)) {
        faults.push(format!("telemetry.otlp_endpoint: {}", failure.message));
    }
    if let Err(failure) = super::compose::aws(invocation, &config.broker, &super::SessionArgs::default()) {
        faults.push(failure.message);
    }
    if faults.is_empty() && !of_flags.is_empty() {
        return Err(super::wrong_flags(of_flags));
    }
    if !faults.is_empty() {
        faults.extend(of_flags.iter().map(ToString::to_string));
        let place = config
            .file
            .as_ref()
            .map_or_else(|| "the configuration".to_owned(), |file| file.display().to_string());
        return Err(Failure::new(Exit::Config, format!("{place} cannot be used\n{}", faults.join("\n"))));
    }
    for warning in &config.warnings {
        invocation.output.warn(warning);
    }
    if invocation.output.is_json() {
        invocation.output.json(&json!({ "file": config.file, "warnings": config.warnings, "faults": [] }))?;
    } else {
        let file = config
            .file
            .as_ref()
            .map_or_else(|| "no file: the defaults".to_owned(), |file| file.display().to_string());
        invocation.output.line(format_args!("{file}: no fault"))?;
    }
    Ok(SUCCESS)
}

/// Checks the folders that are written: of our own, and such that they can be made.
fn folders(uid: u32, settings: &ServerSettings, faults: &mut Vec<String>) {
    let mut folders =
        vec![("server.data", settings.data.clone()), ("server.data", keys::folder(&settings.data))];
    folders.push(("audit.path", settings.audit_folder()));
    if let AuditBackend::Sqlite { path } = &settings.audit.backend {
        folders.extend(path.parent().map(|folder| ("audit.path", folder.to_owned())));
    }
    let database = settings.database.as_deref().and_then(|url| url.strip_prefix("sqlite:"));
    folders.extend(database.and_then(|path| Some(("database.url", Path::new(path).parent()?.to_owned()))));
    folders.dedup();
    for (key, folder) in folders {
        if let Err(failure) = refuse_shared(&folder, uid) {
            let help = failure.help.iter().map(|help| format!(" ({help})")).collect::<String>();
            faults.push(format!("{key}: {}{help}", failure.message));
        }
        // What is not there yet is made in what is.
        let there =
            folder.ancestors().find(|above| above.exists()).map_or_else(|| PathBuf::from("/"), PathBuf::from);
        if !there.is_dir() {
            faults.push(format!("{key}: {} is no folder", there.display()));
        } else if let Err(error) = access(&there, AccessFlags::W_OK | AccessFlags::X_OK) {
            faults.push(format!("{key}: {} cannot be written: {}", there.display(), error.desc()));
        }
    }
}

/// Checks that the files can be read that the configuration names.
fn files(config: &ServerConfig, faults: &mut Vec<String>) {
    let jwks = config
        .server
        .workload_issuers
        .iter()
        .map(|issuer| ("workload.issuers.jwks", Path::new(&issuer.jwks)));
    let token = config.broker.aws.web_identity_token_file.iter();
    let token = token.map(|path| ("aws.web_identity_token_file", path.as_path()));
    for (key, path) in jwks.filter(|(_, path)| path.is_absolute()).chain(token) {
        if let Err(error) = fs::File::open(path) {
            faults.push(format!("{key}: cannot read {}: {error}", path.display()));
        }
    }
}

/// Checks that nobody else reads the keys that are there. Those of single sign-on are the configuration's.
fn secrets(settings: &ServerSettings, faults: &mut Vec<String>) {
    let folder = keys::folder(&settings.data);
    let files = [keys::secret_file(&settings.data), folder.join("mac.key"), folder.join("signing.key")];
    for file in files {
        let Ok(found) = fs::metadata(&file) else { continue };
        if found.mode() & 0o077 != 0 {
            let shown = file.display();
            faults.push(format!("server.data: {shown} can be used by others (run: chmod go-rwx {shown})"));
        }
    }
}
