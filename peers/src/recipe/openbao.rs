use std::process::Command;

use super::{Recipe, Settings, first_missing, server, write};
use crate::{
    place::{Place, second},
    programs::find_openbao,
};

const TEMPLATE: &str = include_str!("openbao.hcl");

/// Where a durable one keeps its data. The election of one among one need not take long.
const RAFT: &str = "storage \"raft\" {\n  path = \"@FOLDER@/data\"\n  node_id = \"one\"\n  performance_multiplier = \"1\"\n}\n";
const MEMORY: &str = "storage \"inmem\" {}\n";

pub(crate) const OPENBAO: Recipe = Recipe {
    missing: || find_openbao().is_none().then_some("bao").or_else(|| first_missing(&["setpriv"])),
    prepare,
    command,
    ready: "OpenBao server started!",
    stop: "TERM",
};

fn prepare(place: &Place) -> Result<(), String> {
    let filled = |text: &str| {
        text.replace("@FOLDER@", &place.folder().display().to_string())
            .replace("@PORT@", &place.port().to_string())
            .replace("@CLUSTER@", &second(place.port()).to_string())
    };
    let data = place.folder().join("data");
    std::fs::create_dir(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    // 32 bytes that seal the data of tests.
    write(place, "key", "a key for tests, of thirty-two b")?;
    for (name, text) in [("bao.hcl", TEMPLATE), ("raft.hcl", RAFT), ("memory.hcl", MEMORY)] {
        write(place, name, &filled(text))?;
    }
    Ok(())
}

fn command(_: &Place, settings: Settings) -> Result<Command, String> {
    let program = find_openbao().ok_or("bao is missing")?;
    let mut command = server(&program, None, settings)?;
    let storage = if settings.is_durable { "raft.hcl" } else { "memory.hcl" };
    command.args(["server", "-config=bao.hcl", &format!("-config={storage}")]);
    Ok(command)
}
