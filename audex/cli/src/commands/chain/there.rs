//! A chain whose sessions a team server decides on: each step asks for itself, when its turn comes.

use super::{ChainArgs, Whole, named, walk::Walked};
use crate::{
    commands::{
        Invocation,
        run::close,
        runtime,
        served::{Place, ServedArgs, ServedAsk, TeamArgs, plan_code, plan_text},
    },
    config::Config,
    exit::{Failure, Outcome, SUCCESS},
    keeper::Signals,
    remote::Remote,
    session::{Finished, SessionCommand, run_command},
};
use audex_core::session::EntryPoint;
use serde_json::{Value, json};

pub(super) fn run(
    invocation: &Invocation,
    config: &Config,
    args: &ChainArgs,
    steps: Vec<Whole>,
    remote: &Remote,
    signals: &Signals,
) -> Outcome {
    let plans = plans(invocation, config, args, &steps, remote)?;
    if args.session.dry_run {
        return show(invocation, &plans, remote);
    }
    let steps = steps.into_iter().map(|step| (step.name.clone(), step));
    let walked = Walked::through(invocation, args, steps.collect(), |step| {
        served(invocation, config, args, &step, remote, signals)
    });
    walked.tell(invocation, args)
}

/// Has the server say of every step what it would issue: where it would refuse one, none is run.
fn plans(
    invocation: &Invocation,
    config: &Config,
    args: &ChainArgs,
    steps: &[Whole],
    remote: &Remote,
) -> Result<Vec<(String, Value)>, Failure> {
    let served: Vec<ServedArgs> = steps.iter().map(|step| served_args(args, step)).collect();
    let asks = steps.iter().zip(&served).map(|(step, served)| {
        let request = ask(step, served).request(invocation, config);
        request.map(|request| served.team.ask(&request)).map_err(|failure| named(failure, &step.name))
    });
    // Those that cannot be read or are denied here are told before the server is asked about any.
    let asks = asks.collect::<Result<Vec<_>, _>>()?;
    let runtime = runtime()?;
    let plan = |(step, ask): (&Whole, _)| {
        let plan = runtime.block_on(remote.plan(&ask));
        Ok((step.name.clone(), plan.map_err(|error| named(error.into(), &step.name))?))
    };
    steps.iter().zip(asks).map(plan).collect()
}

fn show(invocation: &Invocation, plans: &[(String, Value)], remote: &Remote) -> Outcome {
    let code = plans.iter().map(|(_, plan)| plan_code(plan)).max().unwrap_or(SUCCESS);
    if invocation.output.is_json() {
        let documents: Vec<Value> =
            plans.iter().map(|(step, plan)| json!({ "step": step, "plan": plan })).collect();
        invocation.output.json(&documents)?;
        return Ok(code);
    }
    for (step, plan) in plans {
        invocation.output.line(format_args!("step {step}"))?;
        plan_text(invocation, remote, plan)?;
    }
    Ok(code)
}

/// Asks for one step, waits until it is decided, and runs it. What was given is ended before this returns.
fn served(
    invocation: &Invocation,
    config: &Config,
    args: &ChainArgs,
    step: &Whole,
    remote: &Remote,
    signals: &Signals,
) -> Result<Finished, Failure> {
    let served = served_args(args, step);
    let mut done = None;
    let code = ask(step, &served).through(invocation, config, remote.clone(), signals, |runtime, open| {
        let command = SessionCommand {
            session_id: Some(open.session_id),
            words: step.words.clone(),
            check_budget_every: config.settings.budget.check_every,
        };
        let finished =
            runtime.block_on(run_command(invocation, &open.broker, signals, &open.request, command));
        close(invocation, &open.broker);
        let finished = finished?;
        let code = finished.code;
        done = Some(finished);
        Ok(code)
    })?;
    // Whoever gave up while it was waited for has no session.
    Ok(done.unwrap_or(Finished { record: None, code, is_interrupted: true }))
}

fn served_args(args: &ChainArgs, step: &Whole) -> ServedArgs {
    ServedArgs { team: TeamArgs { reason: step.reason.clone(), ..args.team.clone() }, request: None }
}

fn ask<'a>(step: &'a Whole, served: &'a ServedArgs) -> ServedAsk<'a> {
    let place = Place { entry_point: EntryPoint::Chain, delivery: step.delivery, command: &step.words };
    ServedAsk { args: served, session: &step.session, asked: &step.asked, place }
}
