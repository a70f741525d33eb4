//! `--dry-run`: what would be issued, without asking anybody or leaving a trace.

use super::{Invocation, run::SessionArgs};
use crate::{
    compose::{of_issue, provider, rules},
    config::Settings,
    environment::{EmptyPlaces, for_child},
    exit::{Exit, Failure, Outcome, SUCCESS},
    output::printable,
};
use audex_core::{IssueRequest, Plan, plan};
use serde_json::{Value, json};

/// Prints the plan of a request.
pub(super) fn show(
    invocation: &Invocation,
    settings: &Settings,
    session: &SessionArgs,
    request: &IssueRequest,
) -> Outcome {
    let plan = plan_of(invocation, settings, session, request)?;
    if invocation.output.is_json() {
        invocation.output.json(&document(invocation, request, &plan))?;
    } else {
        text(invocation, request, &plan)?;
    }
    Ok(code(&plan))
}

/// Decides a request.
pub(super) fn plan_of(
    invocation: &Invocation,
    settings: &Settings,
    session: &SessionArgs,
    request: &IssueRequest,
) -> Result<Plan, Failure> {
    let kind = request.request.provider();
    let provider = provider(invocation, settings, session, kind)?;
    plan(&rules(settings), provider.as_ref(), request, invocation.now())
        .map_err(|denial| of_issue(&denial.into()))
}

/// Returns the code to leave with: whether it could be issued as it is.
pub(super) const fn code(plan: &Plan) -> u8 {
    if plan.approval.is_some() { Exit::ApprovalNeeded.code() } else { SUCCESS }
}

/// Returns a plan as JSON.
pub(super) fn document(invocation: &Invocation, request: &IssueRequest, plan: &Plan) -> Value {
    // A document that is JSON is shown as what it is.
    let policy: Value =
        serde_json::from_str(&plan.shape.document).unwrap_or_else(|_| plan.shape.document.clone().into());
    json!({
        "provider": request.request.provider(),
        "target": plan.shape.target,
        "asked": request.request.to_string(),
        "grant": plan.grant,
        "cuts": plan.cuts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "policy": policy,
        "ttl_seconds": plan.ttl.seconds(),
        "credential_lifetime_seconds": plan.shape.lifetime(plan.ttl.delta()).num_seconds(),
        "approval": plan.approval.as_ref().map(|needed| {
            json!({ "required": needed.required, "roles": needed.roles, "rules": needed.rules })
        }),
        "findings": plan.findings,
        "notes": plan.shape.notes,
        "environment_without": taken(invocation),
    })
}

/// Returns the names of the variables that the command would not inherit.
fn taken(invocation: &Invocation) -> Vec<String> {
    let ambient = invocation.surroundings.env().iter().map(|(name, value)| (name.clone(), value.clone()));
    // Where the empty places are makes no difference to what is taken out.
    let environment = for_child(ambient, &EmptyPlaces::below("/".as_ref()));
    environment.taken().iter().map(|name| name.to_string_lossy().into_owned()).collect()
}

/// Prints a plan in words.
pub(super) fn text(invocation: &Invocation, request: &IssueRequest, plan: &Plan) -> Result<(), Failure> {
    let output = &invocation.output;
    let target = plan.shape.target.as_deref().unwrap_or("(none is named: --role-arn, or aws.role_arn)");
    output.line(format_args!("provider   {}", request.request.provider()))?;
    output.line(format_args!("target     {target}"))?;
    output.line(format_args!("granted    {}", plan.grant.allow()))?;
    if !plan.grant.deny().is_empty() {
        output.line(format_args!("denied     {}", plan.grant.deny()))?;
    }
    for cut in &plan.cuts {
        output.line(format_args!("narrowed   {cut}"))?;
    }
    output.line(format_args!("lifetime   {}", plan.ttl))?;
    let lifetime = plan.shape.lifetime(plan.ttl.delta());
    if lifetime != plan.ttl.delta() {
        output
            .line(format_args!("           the provider's credential lives {} s", lifetime.num_seconds()))?;
    }
    match &plan.approval {
        Some(needed) => output.line(format_args!("approval   {needed}"))?,
        None => output.line("approval   not needed")?,
    }
    for note in plan.shape.notes.iter() {
        output.line(format_args!("note       {note}"))?;
    }
    for finding in &plan.findings {
        output.line(format_args!("warning    {}: {}", finding.subject, finding.message))?;
    }
    let taken = taken(invocation);
    if !taken.is_empty() {
        output.line(format_args!("without    {}", printable(&taken.join(", "))))?;
    }
    output.line(format_args!("policy     {}", plan.shape.document))
}
