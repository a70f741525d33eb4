//! `tryaudex chain`: several commands, each with a session of its own.

mod here;
mod there;
mod walk;

use super::{Invocation, run::SessionArgs, served::TeamArgs};
use crate::{
    args::RequestArgs,
    exit::{Exit, Failure, Outcome},
    keeper::Signals,
};
use audex_core::{Ttl, session::Delivery};
use audex_policy::Provider;
use clap::Args;
use serde::Deserialize;
use std::{
    ffi::OsString,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// The largest file of steps, in bytes.
const MAX_FILE: u64 = 256 * 1_024;

/// How many steps a chain may have.
const MAX_STEPS: usize = 100;

/// The arguments of `tryaudex chain`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "chain", "deploy.toml", "--keep-going"])?;
/// assert!(matches!(cli.command, Command::Chain(chain) if chain.keep_going));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "FILE holds a table [[steps]] for each step: name, command = [\"aws\", \"s3\", \"ls\"], and what it asks \
                        for: allow, resource, profile, provider, ttl, role_arn, reason. What a step leaves out is as on the command \
                        line. All steps are checked before the first is run. The chain ends at the first step that fails, with its \
                        exit code. With --server each step asks for itself, when its turn comes, and waits for whoever has to agree."
)]
pub struct ChainArgs {
    /// File of the steps, in TOML
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Go on after a step that failed; the exit code is that of the first that did
    #[arg(long)]
    pub keep_going: bool,
    /// What a step that names nothing asks for.
    #[command(flatten)]
    pub request: RequestArgs,
    /// The session of a step that says nothing about it.
    #[command(flatten)]
    pub session: SessionArgs,
    /// Who decides.
    #[command(flatten)]
    pub team: TeamArgs,
}

/// The file of a chain.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Steps {
    steps: Vec<Step>,
}

/// One step as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    name: Option<String>,
    command: Vec<String>,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    resource: Vec<String>,
    #[serde(default)]
    profile: Vec<String>,
    provider: Option<Provider>,
    ttl: Option<Ttl>,
    role_arn: Option<String>,
    audience: Option<String>,
    deliver: Option<Delivery>,
    reason: Option<String>,
}

/// One step, with what it leaves out.
struct Whole {
    name: String,
    asked: RequestArgs,
    session: SessionArgs,
    delivery: Delivery,
    reason: Option<String>,
    words: Vec<OsString>,
}

/// Runs it.
pub(super) fn run(invocation: &Invocation, args: ChainArgs) -> Outcome {
    let signals = Signals::hold().map_err(|error| Failure::of(Exit::Bug, &error))?;
    let config = invocation.config()?;
    let remote = args.team.remote(invocation, &config.settings)?;
    let steps = read(&args.file)?.into_iter().enumerate();
    let steps = steps.map(|(index, step)| whole(&args, index, step)).collect::<Result<Vec<_>, _>>()?;
    match remote {
        Some(remote) => there::run(invocation, &config, &args, steps, &remote, &signals),
        None => here::run(invocation, &config, &args, steps, &signals),
    }
}

fn read(path: &Path) -> Result<Vec<Step>, Failure> {
    let fails = |why: String| {
        Failure::new(Exit::Usage, format!("cannot use {}: {why}", path.display()))
            .with_help("a step is a table [[steps]] with command = [\"aws\", \"s3\", \"ls\"] and allow = [\"s3:ListBucket\"]")
    };
    // Opening a pipe would wait for its other end.
    if !path.is_dir() && path.exists() && !path.is_file() {
        return Err(fails("it is no regular file".to_owned()));
    }
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text));
    read.map_err(|error| fails(error.to_string()))?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_FILE {
        return Err(fails(format!("it is larger than {MAX_FILE} bytes")));
    }
    let Steps { steps } = toml::from_str(&text).map_err(|error| fails(error.to_string()))?;
    match steps.len() {
        0 => Err(fails("it has no steps".to_owned())),
        1..=MAX_STEPS => Ok(steps),
        count => Err(fails(format!("it has {count} steps, and {MAX_STEPS} is the most"))),
    }
}

/// Puts what a step leaves out beside what it says.
fn whole(args: &ChainArgs, index: usize, step: Step) -> Result<Whole, Failure> {
    let name = step.name.unwrap_or_else(|| (index + 1).to_string());
    let says_what = !step.allow.is_empty() || !step.profile.is_empty();
    let asked = RequestArgs {
        allow: if says_what { step.allow } else { args.request.allow.clone() },
        profile: if says_what { step.profile } else { args.request.profile.clone() },
        resource: if step.resource.is_empty() { args.request.resource.clone() } else { step.resource },
        provider: step.provider.or(args.request.provider),
    };
    let session = SessionArgs {
        ttl: step.ttl.or(args.session.ttl),
        role_arn: step.role_arn.or_else(|| args.session.role_arn.clone()),
        audience: step.audience.or_else(|| args.session.audience.clone()),
        ..args.session.clone()
    };
    if step.command.first().is_none_or(String::is_empty) {
        return Err(named(Failure::new(Exit::Usage, "there is no command to run"), &name));
    }
    let words = step.command.into_iter().map(OsString::from).collect();
    let reason = step.reason.or_else(|| args.team.reason.clone());
    Ok(Whole { name, asked, session, delivery: step.deliver.unwrap_or_default(), reason, words })
}

/// Says which step a failure is of.
fn named(failure: Failure, step: &str) -> Failure {
    Failure { message: format!("step {step}: {}", failure.message), ..failure }
}
