use std::process::Command;

use super::{Recipe, Settings, first_missing, program, server, write};
use crate::{place::Place, tools_folder};

const SCRIPT: &str = include_str!("aws.py");
const SCRIPT_NAME: &str = "aws.py";

pub(crate) const MINISTACK: Recipe = Recipe {
    missing: || missing(&["ministack/ministack", "ministack/hypercorn"], "Python with ministack"),
    prepare,
    command: |place, settings| command("ministack", place, settings),
    ready: "READY",
    stop: "TERM",
};

pub(crate) const MOTO: Recipe = Recipe {
    missing: || missing(&["moto/moto", "moto/flask"], "Python with moto"),
    prepare,
    command: |place, settings| command("moto", place, settings),
    ready: "READY",
    stop: "TERM",
};

fn missing(packages: &[&str], name: &'static str) -> Option<&'static str> {
    let is_there = tools_folder().is_some_and(|tools| packages.iter().all(|one| tools.join(one).is_dir()));
    (!is_there).then_some(name).or_else(|| first_missing(&["python3", "setpriv"]))
}

fn prepare(place: &Place) -> Result<(), String> {
    write(place, SCRIPT_NAME, SCRIPT).map(drop)
}

/// Starts the script, which serves with the packages in the folder of that name.
fn command(name: &str, place: &Place, settings: Settings) -> Result<Command, String> {
    let tools = tools_folder().ok_or("this program is in no build folder")?;
    let mut command = server(&program("python3")?, None, settings)?;
    command.args(["-B", SCRIPT_NAME, name, &place.port().to_string()]);
    // Whatever the machine is logged in to is none of their business.
    for (variable, _) in std::env::vars_os() {
        if variable.to_str().is_some_and(|name| name.starts_with("AWS_") || name.starts_with("MOTO_")) {
            command.env_remove(variable);
        }
    }
    command.env("PYTHONPATH", tools.join(name)).env("HOME", place.folder());
    Ok(command)
}
