use std::process::Command;

use super::{Recipe, Settings, certificate, first_missing, program, server, write};
use crate::{
    place::{Place, second},
    tools_folder,
};

const SCRIPT: &str = include_str!("oidc.mjs");
const SCRIPT_NAME: &str = "oidc.mjs";

/// The folder of the packages, below the tools of the build folder.
const PACKAGES: &str = "oidc";

/// What the script reads besides its switches.
const OWN: [&str; 5] = [
    "NODE_OPTIONS",
    "REDIRECT_URIS",
    "POST_LOGOUT_REDIRECT_URIS",
    "BACKCHANNEL_LOGOUT_URI",
    "FRONTCHANNEL_LOGOUT_URI",
];

pub(crate) const OPENID_PROVIDER: Recipe = Recipe { missing, prepare, command, ready: "READY", stop: "TERM" };

fn missing() -> Option<&'static str> {
    let module = tools_folder().map(|tools| tools.join(PACKAGES).join("node_modules/oidc-provider"));
    let is_there = module.is_some_and(|folder| folder.is_dir());
    (!is_there).then_some("npm's oidc-provider").or_else(|| first_missing(&["node", "openssl", "setpriv"]))
}

fn prepare(place: &Place) -> Result<(), String> {
    certificate::make(place)?;
    certificate::make_client(place, "client", "client.axess.test")?;
    certificate::make_client(place, "other", "other.axess.test")?;
    write(place, SCRIPT_NAME, SCRIPT).map(drop)
}

fn command(place: &Place, settings: Settings) -> Result<Command, String> {
    let tools = tools_folder().ok_or("this program is in no build folder")?;
    let mut command = server(&program("node")?, None, settings)?;
    command.arg(SCRIPT_NAME).arg(tools.join(PACKAGES));
    command.args([place.port().to_string(), second(place.port()).to_string()]);
    // What the shell of somebody has set for this server is none of its business.
    for name in OWN {
        command.env_remove(name);
    }
    Ok(command)
}
