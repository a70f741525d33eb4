use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use super::{Recipe, Settings, certificate, first_missing, server, write};
use crate::{find_program, place::Place};

const SCRIPT: &str = include_str!("smtp.py");

pub(crate) const SMTP: Recipe = Recipe {
    missing: || {
        let python = python().is_none().then_some("Python with aiosmtpd");
        python.or_else(|| first_missing(&["openssl", "setpriv"]))
    },
    prepare,
    command,
    ready: "READY",
    stop: "TERM",
};

fn prepare(place: &Place) -> Result<(), String> {
    let mails = place.folder().join("mails");
    std::fs::create_dir(&mails).map_err(|error| format!("{}: {error}", mails.display()))?;
    write(place, "smtp.py", SCRIPT)?;
    certificate::make(place)
}

fn command(place: &Place, settings: Settings) -> Result<Command, String> {
    let python = python().ok_or("Python with aiosmtpd is missing")?;
    let mut command = server(&python, None, settings)?;
    command.args(["smtp.py", &place.port().to_string()]);
    Ok(command)
}

/// Finds a Python that has aiosmtpd. The distribution's comes first, since its packages are for that one only.
fn python() -> Option<PathBuf> {
    let candidates = [Some(PathBuf::from("/usr/bin/python3")), find_program("python3")];
    candidates.into_iter().flatten().find(|python| {
        let mut command = Command::new(python);
        command.args(["-c", "import aiosmtpd"]).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    })
}
