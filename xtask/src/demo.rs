//! `cargo xtask demo`: the example applications and the broker, and what to type to see them work.

mod server;
mod tours;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tokio::signal::unix::{SignalKind, signal};

use crate::{Outcome, process, workspace::Workspace};
use server::Server;
use tours::{EXAMPLES, Example, Step};

/// How often the examples are looked at while they serve.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &[String]) -> Outcome {
    let check = match args {
        [] => false,
        [only] if only == "--check" => true,
        _ => {
            let unknown = args.join(" ");
            return Err(format!("`{unknown}` is not understood (cargo xtask demo [--check])"));
        }
    };
    for example in &EXAMPLES {
        server::port_is_free(example.address())?;
    }
    let workspace = Workspace::load()?;
    build(&workspace)?;
    // The programs are named relative to this folder in what is printed, so that it can be typed as it is.
    let folder = workspace.target_directory.join("demo");
    fresh(&folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime for the demo: {error}"))?;
    runtime.block_on(until_interrupted(show(&folder, check), check))
}

/// Builds with the features of the whole workspace, so that nothing is built twice after a test run.
fn build(workspace: &Workspace) -> Outcome {
    let mut command = Command::new(process::cargo());
    command.args(["build", "--workspace", "--all-features"]).current_dir(&workspace.workspace_root);
    process::run(command.args(EXAMPLES.iter().flat_map(|example| ["--bin", example.program])))
}

/// Empties the folder that cookies, secrets and codes of a tour go to.
fn fresh(folder: &Path) -> Outcome {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Runs the demo until it ends or somebody asks it to (Ctrl-C, SIGTERM). Either way its programs end with it, because
/// `demo` owns them. That is how a demo ends well, but a check that did not get to its end has failed.
async fn until_interrupted(demo: impl Future<Output = Outcome>, check: bool) -> Outcome {
    let listen = |kind| signal(kind).map_err(|error| format!("signals cannot be received: {error}"));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    tokio::select! {
        biased;
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        outcome = demo => return outcome,
    }
    println!("\nThe examples are stopped.");
    if check { Err("interrupted".to_owned()) } else { Ok(()) }
}

async fn show(folder: &Path, check: bool) -> Outcome {
    let mut servers = Vec::new();
    // One after the other: the team server takes another port for its keys where the issuer has the usual one.
    for example in &EXAMPLES {
        let mut server = Server::start(example, folder)?;
        server.wait_until_it_listens().await?;
        servers.push(server);
    }
    println!("\n{}", instructions(folder));
    if check {
        for example in &EXAMPLES {
            take(example, folder).await?;
        }
        return Ok(());
    }
    println!("Ctrl-C ends them all.");
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        servers.iter_mut().try_for_each(Server::still_runs)?;
    }
}

/// Says what to type.
fn instructions(folder: &Path) -> String {
    let mut text = format!("In another terminal:\n\ncd {}\n", folder.display());
    for (name, value) in variables(folder) {
        text.push_str(&format!("export {name}={}\n", value.display()));
    }
    for example in &EXAMPLES {
        text.push_str(&format!("\n## {} on http://{}\n\n", example.program, example.address()));
        for Step { about, command, .. } in example.steps {
            text.push_str(&format!("# {about}\n{command}\n\n"));
        }
    }
    text
}

/// What has the broker keep everything in the folder of the tour, and read no configuration but one there.
fn variables(folder: &Path) -> [(&'static str, PathBuf); 2] {
    ["XDG_DATA_HOME", "XDG_CONFIG_HOME"].map(|name| (name, folder.to_owned()))
}

/// Types each command of a tour and compares the answer with what the step promises.
async fn take(example: &Example, folder: &Path) -> Outcome {
    for step in example.steps {
        let answer = typed(step.command, folder).await?;
        if let Some(fault) = fault_of(step, &answer) {
            return Err(fault);
        }
        println!("as described: {}", step.about);
    }
    println!("demo: {} answers of {}, all as described", example.steps.len(), example.program);
    Ok(())
}

async fn typed(command: &str, folder: &Path) -> Result<String, String> {
    let mut shell = tokio::process::Command::new("sh");
    // A proxy of the environment is not asked for what listens here.
    shell
        .args(["-c", command])
        .current_dir(folder)
        .envs(variables(folder))
        .env("NO_PROXY", "127.0.0.1")
        .kill_on_drop(true);
    let output = shell.output().await.map_err(|error| format!("`sh` did not start: {error}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{command}` failed ({})\n{errors}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{command}` did not answer in UTF-8"))
}

fn fault_of(step: &Step, answer: &str) -> Option<String> {
    let missing = step.answers.iter().find(|expected| !answer.contains(**expected))?;
    Some(format!("{}: `{missing}` is missing from the answer to\n{}\n\n{answer}", step.about, step.command))
}

#[cfg(test)]
mod tests;
