//! `cargo xtask bench`: what a request costs.

use std::process::Command;

use crate::{Outcome, process, workspace::Workspace};

pub(crate) fn run(args: &[String]) -> Outcome {
    let workspace = Workspace::load()?;
    process::run(
        Command::new(process::cargo())
            .args(["bench", "-p", "axess-benches", "--bench", "request"])
            .args(args)
            .current_dir(&workspace.workspace_root),
    )?;
    let results = workspace.target_directory.join("criterion");
    println!("results, and what the next run is compared with: {}", results.display());
    Ok(())
}
