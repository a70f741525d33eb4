//! What a server would issue.

use crate::{
    commands::{Invocation, runtime},
    exit::{Exit, Outcome, SUCCESS},
    output::printable,
    remote::Remote,
};
use audex_server::model::Ask;
use serde_json::Value;

/// Prints what the server would issue.
pub(super) fn show_plan(invocation: &Invocation, remote: &Remote, ask: &Ask) -> Outcome {
    let plan = runtime()?.block_on(remote.plan(ask))?;
    let needs = plan.get("approval").is_some_and(|approval| !approval.is_null());
    let code = if needs { Exit::ApprovalNeeded.code() } else { SUCCESS };
    let output = &invocation.output;
    if output.is_json() {
        output.json(&plan)?;
        return Ok(code);
    }
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
    let approval = plan.get("approval").filter(|_| needs).cloned().unwrap_or_default();
    match needs {
        true => output.line(format_args!("approval   {}", printable(&approval.to_string())))?,
        false => output.line("approval   not needed")?,
    }
    output.line(format_args!("policy     {}", text("policy")))?;
    Ok(code)
}
