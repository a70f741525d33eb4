//! A certificate for loopback, and the authority that signed it.

use std::process::Command;

use super::{program, run, write};
use crate::place::Place;

/// Enough for `openssl req` not to read the machine's own configuration, which may add extensions.
const CONFIGURATION: &str = "[req]\ndistinguished_name = name\n[name]\n";

/// Long enough for any run of tests.
const DAYS: &str = "30";

/// Makes `ca.pem`, and `server.pem` for `127.0.0.1` and `localhost` with `server.key`.
pub(super) fn make(place: &Place) -> Result<(), String> {
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

/// Makes `NAME.pem` and `NAME.key` for a client with a DNS name; needs what [`make`] made.
pub(super) fn make_client(place: &Place, name: &str, dns: &str) -> Result<(), String> {
    let alternative = format!("subjectAltName=DNS:{dns}");
    let leaf = [
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature",
        "extendedKeyUsage=clientAuth",
        &alternative,
    ];
    certificate(place, name, &format!("/CN={name}"), &leaf, true)
}

/// Makes `NAME.pem` with `NAME.key`: RSA, signed by itself, for messages rather than connections.
pub(super) fn make_rsa(place: &Place, name: &str) -> Result<(), String> {
    write(place, "openssl.cnf", CONFIGURATION)?;
    let mut command = Command::new(program("openssl")?);
    command.args(["req", "-x509", "-config", "openssl.cnf", "-nodes", "-newkey", "rsa:2048", "-days", DAYS]);
    command.args(["-subj", &format!("/CN={name}")]);
    command.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
    run(command.current_dir(place.folder()))
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
