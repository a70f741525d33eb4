use std::{fs, path::PathBuf, process::Command};

use super::{Recipe, Settings, certificate, first_missing, program, server, write};
use crate::place::{Place, second};

const TEMPLATE: &str = include_str!("syslog.conf");

/// Where Debian keeps rsyslog's modules: below the folder of the machine's kind, if any.
const MODULES: &str = "/usr/lib";
/// The module for TLS, which comes in a package of its own.
const TLS: &str = "rsyslog/lmnsd_ossl.so";

pub(crate) const SYSLOG: Recipe = Recipe {
    missing: || {
        first_missing(&["rsyslogd", "openssl", "setpriv"])
            .or_else(|| (!has_tls()).then_some("rsyslog's driver for OpenSSL"))
    },
    prepare,
    command,
    ready: "] start",
    stop: "TERM",
};

fn has_tls() -> bool {
    let kinds = fs::read_dir(MODULES).into_iter().flatten().flatten().map(|entry| entry.path());
    kinds.chain([PathBuf::from(MODULES)]).any(|folder| folder.join(TLS).is_file())
}

fn prepare(place: &Place) -> Result<(), String> {
    certificate::make(place)?;
    let text = TEMPLATE
        .replace("@FOLDER@", &place.folder().display().to_string())
        .replace("@PORT@", &place.port().to_string())
        .replace("@TLS@", &second(place.port()).to_string());
    write(place, "rsyslog.conf", &text).map(drop)
}

fn command(place: &Place, settings: Settings) -> Result<Command, String> {
    let mut command = server(&program("rsyslogd")?, None, settings)?;
    command.arg("-n").arg("-f").arg(place.folder().join("rsyslog.conf"));
    command.arg("-i").arg(place.folder().join("pid"));
    Ok(command)
}
