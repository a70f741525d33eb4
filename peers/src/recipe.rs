//! How each kind of server is prepared and started.

mod aws;
mod certificate;
mod mariadb;
mod oidc;
mod openbao;
mod otlp;
mod postgres;
mod prometheus;
pub(crate) mod redis;
mod s3;
mod saml;
mod smtp;
mod syslog;

pub(crate) use aws::{MINISTACK, MOTO};
pub(crate) use mariadb::MARIADB;
pub(crate) use oidc::OPENID_PROVIDER;
pub(crate) use openbao::OPENBAO;
pub(crate) use otlp::OTLP;
pub(crate) use postgres::POSTGRES;
pub(crate) use prometheus::PROMETHEUS;
pub(crate) use redis::{REDIS, REDIS_CLUSTER, VALKEY, VALKEY_CLUSTER};
pub(crate) use s3::S3;
pub(crate) use saml::{SAML_IDP, SIMPLE_SAML_PHP};
pub(crate) use smtp::SMTP;
pub(crate) use syslog::SYSLOG;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{find_program, place, place::Place};

/// How careful and how long a server is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Keeps what it acknowledged when it is killed.
    pub(crate) is_durable: bool,
    /// Goes on when we end.
    pub(crate) is_lasting: bool,
}

/// What differs between kinds.
pub(crate) struct Recipe {
    /// Names a program that is not there.
    pub(crate) missing: fn() -> Option<&'static str>,
    /// Fills the empty folder.
    pub(crate) prepare: fn(&Place) -> Result<(), String>,
    /// Returns the command that serves, in the foreground, with its log on standard output or error.
    pub(crate) command: fn(&Place, Settings) -> Result<Command, String>,
    /// What the log says once connections are accepted.
    pub(crate) ready: &'static str,
    /// The signal for an orderly end that does not wait for clients.
    pub(crate) stop: &'static str,
}

/// Finds a program that has to be there.
fn program(name: &str) -> Result<PathBuf, String> {
    find_program(name).ok_or_else(|| format!("{name} is missing"))
}

/// Returns the first of several programs that is not there.
fn first_missing(names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| find_program(name).is_none())
}

/// Returns a command that runs as another user where we are root, because databases refuse to be root, and that the
/// kernel kills when we die unless it is to last.
fn server(program: &Path, user: Option<&str>, settings: Settings) -> Result<Command, String> {
    let user = user.filter(|_| is_root());
    if user.is_none() && settings.is_lasting {
        return Ok(Command::new(program));
    }
    // One program for both: changing the user takes the wish to be killed away again. It replaces itself, so that its
    // process is the server's.
    let mut command = Command::new(self::program("setpriv")?);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--init-groups"]);
    }
    if !settings.is_lasting {
        command.args(["--pdeathsig", "KILL"]);
    }
    command.arg(program);
    Ok(command)
}

/// Gives the folder to the user that [`server`] runs as.
fn give_to(user: &str, place: &Place) -> Result<(), String> {
    if !is_root() {
        return Ok(());
    }
    run(Command::new("chown").args(["-R", &format!("{user}:{user}")]).arg(place.folder()))
}

/// Runs a command to its end; what it printed goes into the message when it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{name} did not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let (printed, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{name} failed ({})\n{printed}{errors}", output.status))
}

fn write(place: &Place, name: &str, text: &str) -> Result<PathBuf, String> {
    let file = place.folder().join(name);
    std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(file)
}

fn is_root() -> bool {
    place::user_id().is_ok_and(|user| user == 0)
}
