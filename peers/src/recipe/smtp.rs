use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use super::{Recipe, Settings, first_missing, program, run, server, write};
use crate::{find_program, place::Place};

const SCRIPT: &str = include_str!("smtp.py");

/// Enough for `openssl req` not to read the machine's own configuration, which may add extensions.
const CONFIGURATION: &str = "[req]\ndistinguished_name = name\n[name]\n";

/// Long enough for any run of tests.
const DAYS: &str = "30";

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
    write(place, "openssl.cnf", CONFIGURATION)?;
    let authority = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"];
    certificate(place, "ca", "/CN=axess test authority", &authority, false)?;
    let leaf = [
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature",
        "extendedKeyUsage=serverAuth",
        "subjectAltName=IP:127.0.0.1,DNS:localhost",
    ];
    certificate(place, "server", "/CN=localhost", &leaf, true)
}

/// Makes `NAME.pem` with `NAME.key`, signed by itself or by the authority.
fn certificate(
    place: &Place,
    name: &str,
    subject: &str,
    extensions: &[&str],
    is_signed: bool,
) -> Result<(), String> {
    let mut command = Command::new(program("openssl")?);
    command.args(["req", "-x509", "-config", "openssl.cnf", "-nodes", "-newkey", "ec"]);
    command.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-days", DAYS, "-subj", subject]);
    command.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
    if is_signed {
        command.args(["-CA", "ca.pem", "-CAkey", "ca.key"]);
    }
    for extension in extensions {
        command.args(["-addext", extension]);
    }
    run(command.current_dir(place.folder()))
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
