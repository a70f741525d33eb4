//! A chain whose sessions are issued on this machine.

use super::{ChainArgs, Whole, named, walk::Walked};
use crate::{
    commands::{Invocation, dry_run, run::close, runtime},
    compose::{Broker, of_issue},
    config::Config,
    exit::{Failure, Outcome, SUCCESS},
    keeper::Signals,
    session::{SessionCommand, run_command},
};
use audex_core::{IssueRequest, session::EntryPoint};
use audex_policy::Provider;
use serde_json::json;
use std::ffi::OsString;

/// One step that can be read.
struct Checked {
    name: String,
    request: IssueRequest,
    words: Vec<OsString>,
}

pub(super) fn run(
    invocation: &Invocation,
    config: &Config,
    args: &ChainArgs,
    steps: Vec<Whole>,
    signals: &Signals,
) -> Outcome {
    let steps = steps.into_iter().map(|step| checked(invocation, config, step));
    let steps = steps.collect::<Result<Vec<_>, _>>()?;
    if args.session.dry_run {
        return plans(invocation, config, args, &steps);
    }
    let mut wanted: Vec<Provider> = steps.iter().map(|step| step.request.request.provider()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let broker = Broker::open(invocation, config, &args.session, &wanted)?;
    let runtime = runtime()?;
    for step in &steps {
        let checked = runtime.block_on(broker.issuer.check(&step.request));
        checked.map_err(|error| named(of_issue(&error), &step.name))?;
    }
    let check_budget_every = config.settings.budget.check_every;
    let steps = steps.into_iter().map(|Checked { name, request, words }| (name, (request, words)));
    let walked = Walked::through(invocation, args, steps.collect(), |(request, words)| {
        let command = SessionCommand { session_id: None, words, check_budget_every };
        runtime.block_on(run_command(invocation, &broker, signals, &request, command))
    });
    close(invocation, &broker);
    walked.tell(invocation, args)
}

fn checked(invocation: &Invocation, config: &Config, step: Whole) -> Result<Checked, Failure> {
    let Whole { name, asked, session, delivery, words, .. } = step;
    let request =
        session.issue_request(invocation, &config.settings, &asked, EntryPoint::Chain, delivery, &words);
    Ok(Checked { request: request.map_err(|failure| named(failure, &name))?, name, words })
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
