//! `tryaudex chain`: several commands, each with a session of its own.

use super::{
    Invocation,
    aside::Aside,
    dry_run,
    run::{SessionArgs, close},
};
use crate::{
    args::RequestArgs,
    compose::{Broker, of_issue},
    config::Config,
    exit::{Exit, Failure, Outcome, SUCCESS},
    keeper::Signals,
    session::{Finished, SessionCommand, run_command},
};
use audex_core::{
    IssueRequest, Ttl,
    session::{Delivery, EntryPoint},
};
use audex_policy::Provider;
use clap::Args;
use serde::Deserialize;
use serde_json::json;
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
                        for: allow, resource, profile, provider, ttl, role_arn. What a step leaves out is as on the command \
                        line. All steps are checked before the first is run. The chain ends at the first step that fails, with its \
                        exit code."
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
}

/// One step that was checked.
struct Checked {
    name: String,
    request: IssueRequest,
    words: Vec<OsString>,
}

/// Runs it.
pub(super) fn run(invocation: &Invocation, args: ChainArgs) -> Outcome {
    let signals = Signals::hold().map_err(|error| Failure::of(Exit::Bug, &error))?;
    let config = invocation.config()?;
    let steps = read(&args.file)?;
    let checked: Vec<Checked> = steps
        .into_iter()
        .enumerate()
        .map(|(index, step)| check(invocation, &config, &args, index, step))
        .collect::<Result<_, _>>()?;
    if args.session.dry_run {
        return plans(invocation, &config, &args, &checked);
    }
    let mut wanted: Vec<Provider> = checked.iter().map(|step| step.request.request.provider()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let broker = Broker::open(invocation, &config, &args.session, &wanted)?;
    let runtime = super::runtime()?;
    for step in &checked {
        let checked = runtime.block_on(broker.issuer.check(&step.request));
        checked.map_err(|error| named(of_issue(&error), &step.name))?;
    }
    let every = config.settings.budget.check_every;
    let (mut code, mut rows) = (SUCCESS, Vec::new());
    let count = checked.len();
    let (mut failure, mut is_over) = (None, false);
    for (index, step) in checked.into_iter().enumerate() {
        invocation.output.note(format_args!("step {} of {count}: {}", index + 1, step.name));
        let command = SessionCommand { session_id: None, words: step.words, check_budget_every: every };
        let finished = Aside::during(&invocation.output, || {
            runtime.block_on(run_command(invocation, &broker, &signals, &step.request, command))
        });
        let ended = match finished {
            Ok(Finished { record, code, is_interrupted }) => {
                is_over = is_interrupted;
                rows.push(json!({ "step": step.name, "exit_code": code, "session": record }));
                code
            }
            Err(error) => {
                let error = named(error, &step.name);
                rows.push(
                    json!({ "step": step.name, "exit_code": error.exit.code(), "error": error.message }),
                );
                let code = error.exit.code();
                if args.keep_going {
                    invocation.output.warn(&error);
                }
                failure.get_or_insert(error);
                code
            }
        };
        if code == SUCCESS {
            code = ended;
        }
        if is_over || (code != SUCCESS && !args.keep_going) {
            break;
        }
    }
    close(invocation, &broker);
    if let (Some(failure), false) = (failure, args.keep_going) {
        return Err(failure);
    }
    if invocation.output.is_json() {
        invocation.output.json(&json!({ "exit_code": code, "steps": rows }))?;
    }
    Ok(code)
}

fn plans(invocation: &Invocation, config: &Config, args: &ChainArgs, steps: &[Checked]) -> Outcome {
    let (mut code, mut documents) = (SUCCESS, Vec::new());
    for step in steps {
        let plan = dry_run::plan_of(invocation, &config.settings, &args.session, &step.request);
        let plan = plan.map_err(|failure| named(failure, &step.name))?;
        code = code.max(dry_run::code(&plan));
        if invocation.output.is_json() {
            documents.push(
                json!({ "step": step.name, "plan": dry_run::document(invocation, &step.request, &plan) }),
            );
        } else {
            invocation.output.line(format_args!("step {}", step.name))?;
            dry_run::text(invocation, &step.request, &plan)?;
        }
    }
    if invocation.output.is_json() {
        invocation.output.json(&documents)?;
    }
    Ok(code)
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

fn check(
    invocation: &Invocation,
    config: &Config,
    args: &ChainArgs,
    index: usize,
    step: Step,
) -> Result<Checked, Failure> {
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
    let words: Vec<OsString> = step.command.into_iter().map(OsString::from).collect();
    let delivery = step.deliver.unwrap_or_default();
    let request =
        session.issue_request(invocation, &config.settings, &asked, EntryPoint::Chain, delivery, &words);
    Ok(Checked { request: request.map_err(|failure| named(failure, &name))?, name, words })
}

/// Says which step a failure is of.
fn named(failure: Failure, step: &str) -> Failure {
    Failure { message: format!("step {step}: {}", failure.message), ..failure }
}
