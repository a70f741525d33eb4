use super::deploy_folder;
use audex_core::budget::Dollars;
use audex_policy::Provider;
use audex_server::telemetry::{Meters, Readings};
use axess_peers::{find_program, skip, tools_folder};
use http::{Method, StatusCode};
use std::{
    io::Write,
    process::{Command, Output, Stdio},
    time::Duration,
};

pub(super) fn promtool(test: &str, args: &[&str], input: &str) -> Option<Output> {
    let Some(program) = find_program("promtool") else {
        skip(test, "promtool is missing");
        return None;
    };
    let mut command = Command::new(program);
    command.args(args).current_dir(deploy_folder().join("prometheus"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

#[test]
fn promtool_takes_the_configuration_and_the_alerts_and_they_fire_when_they_should() {
    const TEST: &str = "promtool_takes_the_configuration_and_the_alerts_and_they_fire_when_they_should";
    for args in [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ] {
        let Some(output) = promtool(TEST, &args, "") else { return };
        assert!(output.status.success(), "{args:?}: {output:?}");
    }
}

#[test]
fn the_alerts_ask_for_metrics_that_there_are() {
    let alerts = std::fs::read_to_string(deploy_folder().join("prometheus/alerts.yml")).unwrap();
    let text = everything();
    let words = alerts.split(|ch: char| !(ch.is_ascii_alphanumeric() || ch == '_'));
    let asked: Vec<&str> = words.filter(|word| word.starts_with("audex_")).collect();
    assert!(asked.len() > 10, "{asked:?}");
    for name in asked {
        assert!(
            text.lines()
                .any(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "))),
            "{name}"
        );
    }
}

/// The names of two counters are given, and do not end as promtool likes counters to end. It has nothing else to say.
#[test]
fn promtool_takes_the_metrics() {
    let Some(output) = promtool("promtool_takes_the_metrics", &["check", "metrics"], &everything()) else {
        return;
    };
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    let mut lines: Vec<&str> = said.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    let expected = ["audex_budget_spent_usd", "audex_credentials_issued"]
        .map(|name| format!("{name} counter metrics should have \"_total\" suffix"));
    assert_eq!(lines, expected);
}

/// The names and types that dashboards are made for.
#[test]
fn the_names_and_types_are_as_promised() {
    let text = everything();
    for (name, kind) in [
        ("audex_sessions_total", "counter"),
        ("audex_sessions_active", "gauge"),
        ("audex_credentials_issued", "counter"),
        ("audex_api_latency_seconds", "histogram"),
        ("audex_budget_spent_usd", "counter"),
        ("audex_approvals_pending", "gauge"),
        ("audex_api_errors_total", "counter"),
        ("audex_budget_limit_usd", "gauge"),
    ] {
        let head = format!("# TYPE {name} {kind}\n");
        assert_eq!(text.matches(&head).count(), 1, "{head}");
        assert_eq!(text.matches(&format!("# HELP {name} ")).count(), 1, "{name}");
    }
}

/// Metrics with something in each.
pub(super) fn everything() -> String {
    let meters = Meters::new();
    meters.session_begun();
    meters.credential_issued(Provider::Local);
    meters.budget_granted(Dollars::from_cents(1_000));
    meters.budget_spent(Dollars::from_cents(250));
    meters.connection_refused();
    for (route, status) in [(Some("/credentials"), 200), (Some("/credentials/{id}"), 503), (None, 404)] {
        let status = StatusCode::from_u16(status).unwrap();
        meters.request_finished(route, &Method::POST, status, Duration::from_millis(7));
    }
    meters.render(&Readings { sessions_active: Some(3), approvals_pending: Some(1), audit_backlog: Some(0) })
}

#[test]
fn kubernetes_takes_the_manifest() {
    const TEST: &str = "kubernetes_takes_the_manifest";
    let Some(folder) = tools_folder().map(|tools| tools.join("kubernetes")).filter(|folder| folder.is_dir())
    else {
        return skip(TEST, "kubernetes-validate is missing (cargo xtask peers install)");
    };
    let validate = |manifest: &std::path::Path| {
        let mut python = Command::new("python3");
        python.args(["-B", "-S", "-m", "kubernetes_validate", "--strict"]).arg(manifest);
        python.env("PYTHONPATH", &folder).output().unwrap()
    };
    let manifest = deploy_folder().join("kubernetes.yaml");
    let output = validate(&manifest);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches(" passed for resource ").count(), 5, "{said}");
    // It is not one that takes everything.
    let wrong = tempfile::NamedTempFile::new().unwrap();
    let text =
        std::fs::read_to_string(manifest).unwrap().replace("containerPort: 8080", "containerport: 8080");
    std::fs::write(wrong.path(), text).unwrap();
    assert!(!validate(wrong.path()).status.success());
}
