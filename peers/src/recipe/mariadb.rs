use std::process::Command;

use super::{Recipe, Settings, first_missing, give_to, program, run, server, write};
use crate::place::Place;

const USER: &str = "mysql";

/// The default is 96 MB, which has to be written at each first start.
const LOG_FILE_SIZE: &str = "--innodb-log-file-size=16M";

const ACCOUNTS: &str = "FLUSH PRIVILEGES;
CREATE DATABASE axess CHARACTER SET utf8mb4;
ALTER USER root@'127.0.0.1' IDENTIFIED BY 'rootpass';
ALTER USER root@localhost IDENTIFIED BY 'rootpass';
";

pub(crate) const MARIADB: Recipe = Recipe {
    missing: || first_missing(&["mariadbd", "mariadb-install-db", "setpriv"]),
    prepare,
    command,
    ready: "ready for connections",
    stop: "TERM",
};

fn prepare(place: &Place) -> Result<(), String> {
    let accounts = write(place, "accounts.sql", ACCOUNTS)?;
    give_to(USER, place)?;
    let settings = Settings { is_durable: false, is_lasting: false };
    let mut command = server(&program("mariadb-install-db")?, Some(USER), settings)?;
    command.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
    command.arg(option("--datadir=", place, "data")).arg(format!("--extra-file={}", accounts.display()));
    command.arg(tmpdir(place));
    run(command.args([LOG_FILE_SIZE, "--innodb-flush-method=nosync"]).current_dir(place.folder()))
}

fn command(place: &Place, settings: Settings) -> Result<Command, String> {
    let mut command = server(&program("mariadbd")?, Some(USER), settings)?;
    command.args(["--no-defaults", "--bind-address=127.0.0.1", &format!("--port={}", place.port())]);
    command.arg(option("--datadir=", place, "data"));
    command.arg(tmpdir(place));
    command.arg(option("--socket=", place, "s")).arg(option("--pid-file=", place, "pid"));
    command.args([
        LOG_FILE_SIZE,
        "--innodb-buffer-pool-size=64M",
        "--skip-name-resolve",
        "--character-set-server=utf8mb4",
        "--default-time-zone=+00:00",
        "--max-connections=300",
    ]);
    command.args(if settings.is_durable {
        &["--innodb-flush-log-at-trx-commit=1"][..]
    } else {
        &["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--skip-innodb-doublewrite"]
    });
    Ok(command)
}

/// A server that starts deletes the temporary tables it finds: in a shared folder, also those of its neighbours.
fn tmpdir(place: &Place) -> String {
    format!("--tmpdir={}", place.folder().display())
}

fn option(name: &str, place: &Place, file: &str) -> String {
    format!("{name}{}", place.folder().join(file).display())
}
