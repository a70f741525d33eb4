//! `cargo xtask peers`: third-party programs the tests talk to, instead of doubles of ours.
//!
//! `install` brings in what is missing. `start` runs the servers on loopback under the build folder, and records
//! them in `peers.json`; `stop` ends what was recorded and nothing else.

mod nginx;
mod programs;
mod record;

pub(crate) use programs::{can_install, install, install_packages};

use crate::{Outcome, workspace::Workspace};

pub(crate) fn run(args: &[String]) -> Outcome {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["install"] => install(),
        ["start", "--upstream", port] => start(port),
        ["stop"] => record::stop_all(&folder()?),
        ["status"] => status(),
        _ => Err("usage: cargo xtask peers install | start --upstream PORT | stop | status".to_owned()),
    }
}

fn start(upstream: &str) -> Outcome {
    let upstream: u16 = upstream
        .parse()
        .map_err(|_| format!("`{upstream}` is no port (give the port of the application on 127.0.0.1)"))?;
    let folder = folder()?;
    record::stop_all(&folder)?;
    let peer = nginx::start(&folder, upstream)?;
    println!("{peer}, in front of 127.0.0.1:{upstream}");
    record::save(&folder, &[peer])
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
        for args in [&["start"][..], &["start", "--upstream"], &["restart"], &[]] {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            assert!(run(&args).unwrap_err().contains("usage: "), "{args:?}");
        }
        let args = ["start", "--upstream", "http"].map(str::to_owned);
        assert!(run(&args).unwrap_err().contains("`http` is no port"));
    }
}
