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
    println!("results: {}", workspace.target_directory.join("axess-bench").display());
    Ok(())
}
