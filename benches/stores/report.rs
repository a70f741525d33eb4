//! The tables, and the same as JSON.

use crate::{
    arguments::Arguments,
    backends::Backend,
    login::{Login, Step},
    rounds::Costs,
    turns::Fault,
};
use serde_json::{Value, json};
use std::path::Path;

/// Prints one line per case.
pub(crate) fn print(backend: Backend, costs: &[Costs]) {
    println!("\n{}, beside {}\n", backend.name(), backend.rival());
    println!(
        "{:<8} {:>7} {:>11} {:>11} {:>12} {:>14}",
        "verb", "callers", "ours /s", "theirs /s", "ours/theirs", "quartiles"
    );
    for Costs { case, ours, theirs, ratio } in costs {
        println!(
            "{:<8} {:>7} {:>11} {:>11} {:>12} {:>14}",
            case.verb.name(),
            case.callers,
            per_second(*ours).map_or_else(String::new, |rate| format!("{rate:.0}")),
            per_second(*theirs).map_or_else(String::new, |rate| format!("{rate:.0}")),
            ratio.map_or_else(String::new, |[_, median, _]| format!("{median:.2}")),
            ratio.map_or_else(String::new, |[low, _, high]| format!("{low:.2} to {high:.2}")),
        );
    }
}

/// Prints what a login asks of the storage.
pub(crate) fn print_login(login: &Login) {
    println!("\na password login of a visitor with a session: {} storage calls", login.steps.len());
    for Step { call, statements } in &login.steps {
        println!("{call:<16} {}", statements.join("; "));
    }
    println!("{} SQL statements", login.statements());
}

/// Writes the results.
pub(crate) fn write(
    file: &Path,
    arguments: &Arguments,
    results: &[(Backend, Vec<Costs>)],
    login: &Login,
) -> Result<(), Fault> {
    let backend = |(backend, costs): &(Backend, Vec<Costs>)| {
        json!({
            "name": backend.name(),
            "beside": backend.rival(),
            "cases": costs.iter().map(case).collect::<Vec<_>>(),
        })
    };
    let step = |step: &Step| json!({ "call": step.call, "statements": step.statements });
    let all = json!({
        "benchmark": "stores",
        "rounds": arguments.rounds,
        "durable": arguments.is_durable,
        "backends": results.iter().map(backend).collect::<Vec<_>>(),
        "password_login": login.steps.iter().map(step).collect::<Vec<_>>(),
    });
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(file, format!("{all:#}\n"))?)
}

fn case(Costs { case, ours, theirs, ratio }: &Costs) -> Value {
    json!({
        "verb": case.verb.name(),
        "callers": case.callers,
        "ours_per_second": per_second(*ours),
        "theirs_per_second": per_second(*theirs),
        "ratio_quartiles": ratio,
        "ratio": ratio.map(|[_, median, _]| median),
    })
}

fn per_second(nanos: Option<f64>) -> Option<f64> {
    nanos.map(|nanos| 1e9 / nanos)
}
