//! What a server would issue.

use crate::{
    commands::Invocation,
    exit::{Exit, Failure, Outcome, SUCCESS},
    output::printable,
    remote::Remote,
};
use serde_json::Value;

/// Prints what the server would issue.
pub(super) fn show_plan(invocation: &Invocation, remote: &Remote, plan: &Value) -> Outcome {
    if invocation.output.is_json() {
        invocation.output.json(plan)?;
    } else {
        plan_text(invocation, remote, plan)?;
    }
    Ok(plan_code(plan))
}

/// Returns the code of a plan: of one that somebody has to agree to, that this is so.
pub(in crate::commands) fn plan_code(plan: &Value) -> u8 {
    if needs_approval(plan) { Exit::ApprovalNeeded.code() } else { SUCCESS }
}

/// Prints it for people.
pub(in crate::commands) fn plan_text(
    invocation: &Invocation,
    remote: &Remote,
    plan: &Value,
) -> Result<(), Failure> {
    let output = &invocation.output;
    let text =
        |name: &str| plan.get(name).and_then(Value::as_str).map_or_else(|| "(none)".to_owned(), printable);
    let texts = |name: &str| {
        let list = plan.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        list.map(printable).collect::<Vec<_>>()
    };
    output.line(format_args!("server     {}", remote.address()))?;
    output.line(format_args!("provider   {}", text("provider")))?;
    output.line(format_args!("target     {}", text("target")))?;
    output.line(format_args!("granted    {}", texts("actions").join(", ")))?;
    if !texts("denied").is_empty() {
        output.line(format_args!("denied     {}", texts("denied").join(", ")))?;
    }
    for cut in texts("cuts") {
        output.line(format_args!("narrowed   {cut}"))?;
    }
    output.line(format_args!("lifetime   {}", text("ttl")))?;
    match plan.get("approval").filter(|_| needs_approval(plan)) {
        Some(approval) => output.line(format_args!("approval   {}", printable(&approval.to_string())))?,
        None => output.line("approval   not needed")?,
    }
    output.line(format_args!("policy     {}", text("policy")))
}

fn needs_approval(plan: &Value) -> bool {
    plan.get("approval").is_some_and(|approval| !approval.is_null())
}
