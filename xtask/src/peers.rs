//! `cargo xtask peers`: third-party programs the tests talk to, instead of doubles of ours.
//!
//! `install` brings in what is missing. `start` runs the servers on loopback, and records them in `peers.json` below the
//! build folder; `stop` ends what was recorded and nothing else. `cargo xtask test` starts servers of its own.

mod libraries;
mod nginx;
mod npm;
mod programs;
mod record;
mod servers;
mod wheels;

pub(crate) use programs::{can_install, install, install_packages};
pub(crate) use servers::start as start_servers;

use crate::{Outcome, workspace::Workspace};

pub(crate) fn run(args: &[String]) -> Outcome {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["install"] => install(),
        ["start"] => start(),
        ["start", "--upstream", port] => start_proxy(port),
        ["stop"] => record::stop(&folder()?, |_| true),
        ["status"] => status(),
        _ => Err("usage: cargo xtask peers install | start [--upstream PORT] | stop | status".to_owned()),
    }
}

/// Starts the servers that tests share, and prints what to tell a shell so that tests find them.
fn start() -> Outcome {
    let folder = folder()?;
    record::stop(&folder, |peer| peer.name != nginx::NAME)?;
    let servers = servers::start_lasting();
    if servers.is_empty() {
        return Err("no server could be started".to_owned());
    }
    for server in servers {
        for (name, value) in &server.variables {
            println!("export {name}='{value}'");
        }
        record::add(&folder, server)?;
    }
    Ok(())
}

fn start_proxy(upstream: &str) -> Outcome {
    let upstream: u16 = upstream
        .parse()
        .map_err(|_| format!("`{upstream}` is no port (give the port of the application on 127.0.0.1)"))?;
    let folder = folder()?;
    record::stop(&folder, |peer| peer.name == nginx::NAME)?;
    let peer = nginx::start(&folder, upstream)?;
    println!("{peer}, in front of 127.0.0.1:{upstream}");
    record::add(&folder, peer)
}

fn status() -> Outcome {
    programs::print_status();
    let peers = record::load(&folder()?)?;
    for peer in &peers {
        let state = if peer.is_running() { "running" } else { "gone" };
        println!("{peer}: {state}");
    }
    if peers.is_empty() {
        println!("no server was started");
    }
    Ok(())
}

fn folder() -> Result<std::path::PathBuf, String> {
    let folder = Workspace::load()?.target_directory.join("peers");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_call_says_how_to_call() {
        for args in [&["start", "--upstream"][..], &["start", "3000"], &["restart"], &[]] {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            assert!(run(&args).unwrap_err().contains("usage: "), "{args:?}");
        }
        let args = ["start", "--upstream", "http"].map(str::to_owned);
        assert!(run(&args).unwrap_err().contains("`http` is no port"));
    }
}
