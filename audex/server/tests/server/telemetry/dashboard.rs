//! The dashboard: what it asks of Prometheus, read by promtool and held against what the server exposes.

use super::{
    deploy::{everything, promtool},
    deploy_folder,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What Prometheus knows of every series by itself.
const OF_PROMETHEUS: [&str; 2] = ["instance", "job"];

fn dashboard() -> Value {
    let text = std::fs::read_to_string(deploy_folder().join("grafana/audex.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn panels(dashboard: &Value) -> Vec<&Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row").collect()
}

/// The expressions, each with the title of its panel, as Grafana sends them.
fn expressions(dashboard: &Value) -> Vec<(String, String)> {
    let of = |panel: &Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().unwrap().clone();
        targets.into_iter().map(move |target| {
            let expression = target["expr"].as_str().unwrap().replace("$__rate_interval", "5m");
            (title.clone(), expression.replace("$instance", ".*"))
        })
    };
    panels(dashboard).into_iter().flat_map(of).collect()
}

/// The labels of every metric that the server exposes.
fn exposed() -> BTreeMap<String, BTreeSet<String>> {
    let mut exposed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in everything().lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, labels) =
            selectors(line).pop().unwrap_or_else(|| (line.split(' ').next().unwrap().to_owned(), Vec::new()));
        exposed.entry(name).or_default().extend(labels);
    }
    exposed.insert("up".to_owned(), BTreeSet::new());
    exposed
}

/// The selectors `name{label="value"}` of an expression: names, and their labels.
fn selectors(text: &str) -> Vec<(String, Vec<String>)> {
    let is_word = |ch: char| ch.is_ascii_alphanumeric() || ch == '_' || ch == ':';
    let (mut found, mut word, mut is_quoted, mut within) = (Vec::new(), String::new(), false, false);
    for ch in text.chars() {
        match ch {
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '{' => {
                found.push((std::mem::take(&mut word), Vec::new()));
                within = true;
            }
            '}' => within = false,
            '=' | '!' if within && !word.is_empty() => {
                let (_, labels): &mut (String, Vec<String>) = found.last_mut().unwrap();
                labels.push(std::mem::take(&mut word));
            }
            ch if is_word(ch) => word.push(ch),
            _ => word.clear(),
        }
    }
    found
}

/// The labels that an expression groups by.
fn grouped(text: &str) -> Vec<String> {
    let lists = text.split(" by (").skip(1).map(|rest| rest.split(')').next().unwrap());
    lists.flat_map(|list| list.split(',').map(|label| label.trim().to_owned())).collect()
}

#[test]
fn selectors_are_found() {
    let text = r#"sum by (le, route) (rate(a_bucket{x=~"{y}", z!="="}[5m])) / b{}"#;
    let named = |name: &str, labels: &[&str]| {
        (name.to_owned(), labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(selectors(text), [named("a_bucket", &["x", "z"]), named("b", &[])]);
    assert_eq!(grouped(text), ["le", "route"]);
}

#[test]
fn it_asks_for_metrics_and_labels_that_there_are() {
    let (dashboard, exposed) = (dashboard(), exposed());
    let expressions = expressions(&dashboard);
    assert!(expressions.len() >= 20, "{expressions:#?}");
    let mut asked = BTreeSet::new();
    for (title, expression) in &expressions {
        assert!(!expression.contains('$'), "{title}: a variable that there is not: {expression}");
        let selectors = selectors(expression);
        assert!(!selectors.is_empty(), "{title}: {expression}");
        let mut known: BTreeSet<&str> = OF_PROMETHEUS.into();
        for (name, labels) in &selectors {
            let of_metric = exposed.get(name).unwrap_or_else(|| panic!("{title}: no metric {name}"));
            known.extend(of_metric.iter().map(String::as_str));
            for label in labels {
                let is_known = of_metric.contains(label) || OF_PROMETHEUS.contains(&label.as_str());
                assert!(is_known, "{title}: {name} has no label {label}");
            }
            asked.insert(name.clone());
        }
        for label in grouped(expression) {
            assert!(known.contains(label.as_str()), "{title}: nothing is by {label}: {expression}");
        }
        // Without a selector for them no metric is asked for.
        let words = expression.split(|ch: char| !(ch.is_ascii_alphanumeric() || ch == '_'));
        let named: BTreeSet<&str> = words.filter(|word| word.starts_with("audex_")).collect();
        let selected: BTreeSet<&str> = selectors.iter().map(|(name, _)| name.as_str()).collect();
        assert!(named.is_subset(&selected), "{title}: {expression}");
    }
    // Everything that is exposed is shown.
    let unseen: Vec<&String> = exposed.keys().filter(|name| !asked.contains(*name)).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
    let instances = dashboard["templating"]["list"][1]["definition"].as_str().unwrap();
    assert_eq!(instances, "label_values(audex_connections, instance)");
}

#[test]
fn promtool_reads_every_expression_of_the_dashboard() {
    const TEST: &str = "promtool_reads_every_expression_of_the_dashboard";
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, expressions: &[String]| {
        let rule = |(number, expression): (usize, &String)| json!({ "record": format!("dashboard:target_{number}"), "expr": expression });
        let rules: Vec<Value> = expressions.iter().enumerate().map(rule).collect();
        // What is JSON is YAML as well.
        let text = json!({ "groups": [{ "name": "dashboard", "rules": rules }] }).to_string();
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        promtool(TEST, &["check", "rules", file.to_str().unwrap()], "")
    };
    let all: Vec<String> = expressions(&dashboard()).into_iter().map(|(_, expression)| expression).collect();
    let Some(output) = check("all.yml", &all) else { return };
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&format!("{} rules found", all.len())), "{said}");
    // It is not one that takes everything.
    for wrong in [all[0].replacen('(', "((", 1), all[0].replacen("sum", "summ", 1), String::new()] {
        assert!(!check("wrong.yml", std::slice::from_ref(&wrong)).unwrap().status.success(), "{wrong}");
    }
}

#[test]
fn panels_stand_side_by_side_and_ask_whom_the_dashboard_is_told_to() {
    let dashboard = dashboard();
    let all = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = all.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), all.len());
    let mut taken = BTreeSet::new();
    for panel in all {
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{panel}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} lies on another panel", panel["title"]);
            }
        }
    }
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    for panel in panels(&dashboard) {
        assert_eq!(panel["datasource"], source);
        assert!(!panel["description"].as_str().unwrap().is_empty());
        let targets = panel["targets"].as_array().unwrap();
        let names: BTreeSet<&str> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
        assert!(names.len() == targets.len() && targets.iter().all(|target| target["datasource"] == source));
    }
    assert_eq!(dashboard["templating"]["list"][0]["name"], "datasource");
}
