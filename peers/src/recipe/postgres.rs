use std::process::Command;

use super::{Recipe, Settings, first_missing, give_to, program, run, server, write};
use crate::place::Place;

const USER: &str = "postgres";

pub(crate) const POSTGRES: Recipe = Recipe {
    missing: || first_missing(&["postgres", "initdb", "setpriv"]),
    prepare,
    command,
    ready: "database system is ready to accept connections",
    // Ends the sessions; SIGTERM would wait for them.
    stop: "INT",
};

fn prepare(place: &Place) -> Result<(), String> {
    let password = write(place, "password", "pgpass\n")?;
    give_to(USER, place)?;
    // Nothing here has to survive the machine, only the process; so nothing is flushed.
    let settings = Settings { is_durable: false, is_lasting: false };
    let mut command = server(&program("initdb")?, Some(USER), settings)?;
    command.args(["-U", USER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"]);
    command.arg("-D").arg(place.folder().join("data")).arg("--pwfile").arg(password);
    run(command.current_dir(place.folder()))
}

fn command(place: &Place, settings: Settings) -> Result<Command, String> {
    let mut command = server(&program("postgres")?, Some(USER), settings)?;
    command.arg("-D").arg(place.folder().join("data")).args(["-p", &place.port().to_string()]);
    // No socket file: its path would be too long where the temporary folder's is. Shared memory is a file, so that a
    // killed server leaves none of it outside its folder.
    let mut options = vec![
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "dynamic_shared_memory_type=mmap",
        "max_connections=200",
        "timezone=UTC",
        "log_timezone=UTC",
    ];
    if !settings.is_durable {
        options.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
    }
    for option in options {
        command.args(["-c", option]);
    }
    Ok(command)
}
