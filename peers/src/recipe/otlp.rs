use std::process::Command;

use super::{Recipe, Settings, first_missing, server};
use crate::{
    place::{Place, second},
    programs::find_rotel,
};

pub(crate) const OTLP: Recipe = Recipe {
    missing: || find_rotel().is_none().then_some("rotel-agent").or_else(|| first_missing(&["setpriv"])),
    prepare: |_| Ok(()),
    command,
    ready: "Starting Rotel",
    stop: "TERM",
};

fn command(place: &Place, settings: Settings) -> Result<Command, String> {
    let program = find_rotel().ok_or("rotel-agent is missing")?;
    let mut command = server(&program, None, settings)?;
    command.args(["start", "--exporter", "blackhole", "--batch-timeout", "100ms"]);
    // What it received goes to its log, in full.
    command.args(["--debug-log", "traces", "--debug-log-verbosity", "detailed"]);
    command.args(["--otlp-http-endpoint", &format!("127.0.0.1:{}", place.port())]);
    command.args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{}", second(place.port()))]);
    Ok(command)
}
