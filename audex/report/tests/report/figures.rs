use crate::log::{Log, begun, counted, vote};
use audex_report::{Decision, Figure, Report, Shape, Standard, What};

fn figure<'a>(report: &'a Report, id: &str) -> &'a Figure {
    let mut figures = report.sections.iter().flat_map(|section| &section.figures);
    figures.find(|figure| figure.id == id).unwrap_or_else(|| panic!("no figure {id}"))
}

fn numbers(report: &Report, id: &str) -> Vec<Option<u64>> {
    match &figure(report, id).shape {
        Shape::Numbers { items } | Shape::Distribution { items } => {
            items.iter().map(|item| item.value.amount).collect()
        }
        Shape::Table { .. } => panic!("{id} is a table"),
    }
}

fn rows<'a>(report: &'a Report, id: &str) -> Vec<(&'a str, &'a [u64])> {
    match &figure(report, id).shape {
        Shape::Table { rows, .. } => {
            rows.iter().map(|(name, counts)| (name.as_str(), counts.as_slice())).collect()
        }
        _ => panic!("{id} is no table"),
    }
}

fn all(values: &[u64]) -> Vec<Option<u64>> {
    values.iter().copied().map(Some).collect()
}

#[test]
fn figures_are_those_that_were_counted_by_hand() {
    let report = counted().report(Standard::Soc2);
    assert_eq!(report.evidence.events, 32);
    assert_eq!(numbers(&report, "sessions"), all(&[3, 2, 1, 1]));
    assert_eq!(numbers(&report, "lifetimes"), all(&[3, 900, 900, 900, 900]));
    assert_eq!(numbers(&report, "durations"), all(&[3, 540, 900, 490, 900]));
    assert_eq!(numbers(&report, "duration_distribution"), all(&[1, 0, 1, 1, 0, 0, 0, 0]));
    assert_eq!(numbers(&report, "revocations"), all(&[1, 1]));
    assert_eq!(rows(&report, "endings").len(), 3);

    assert_eq!(numbers(&report, "approval_outcomes"), all(&[6, 2, 1, 1, 1, 1, 1]));
    // 1, 30 and 120 minutes.
    assert_eq!(numbers(&report, "decision_times"), all(&[3, 1_800, 7_200, 3_020, 7_200]));
    assert_eq!(numbers(&report, "decision_distribution"), all(&[0, 1, 0, 1, 1, 0, 0]));
    assert_eq!(numbers(&report, "quorum"), all(&[4, 1, 1]));
    assert_eq!(numbers(&report, "separation"), all(&[1, 0, 0]));
    assert_eq!(numbers(&report, "votes"), all(&[3, 1, 3]));
    assert_eq!(rows(&report, "votes_by_role"), [("security", &[2, 1][..]), ("compliance", &[1, 0])]);
    assert_eq!(rows(&report, "votes_by_approver"), [("carol", &[2, 1][..]), ("bob", &[1, 0])]);

    assert_eq!(numbers(&report, "budgets"), all(&[2, 500, 1, 1, 750, 120]));
    assert_eq!(numbers(&report, "denials"), all(&[2, 400, 1]));
    assert_eq!(rows(&report, "reasons"), [("`iam:*` is denied", &[2][..])]);
    let teams = [("team:devops", &[3, 0][..]), ("(no team)", &[0, 2]), ("team:data", &[2, 0])];
    assert_eq!(rows(&report, "by_team"), teams);
    assert_eq!(rows(&report, "by_role"), [("reader", &[2][..]), ("admin", &[1])]);
    assert_eq!(
        rows(&report, "by_identity"),
        [("alice", &[2, 0][..]), ("mallory", &[0, 2]), ("bob", &[1, 0])]
    );
    assert_eq!(rows(&report, "by_provider"), [("aws", &[3, 2][..])]);
    assert_eq!(numbers(&report, "logins"), all(&[1, 1]));
    assert_eq!(rows(&report, "changes_by_kind"), [("person.invited", &[1][..])]);
}

#[test]
fn a_session_that_too_few_agreed_to_is_seen() {
    let mut log = Log::new();
    let own = What::Begun {
        provider: "aws",
        role: None,
        ttl_seconds: 60,
        budget_cents: None,
        approvers: 1,
        is_own: true,
    };
    log.add(0, "bob", 1, What::ApprovalAsked { provider: "aws", required: 2 })
        .add(1, "carol", 1, vote(true, "security", Decision::Granted))
        .add(2, "bob", 1, begun("admin", 1, None))
        .add(3, "bob", 2, own);
    let report = log.report(Standard::Soc2);
    assert_eq!(numbers(&report, "separation"), all(&[2, 1, 1]));
}

#[test]
fn each_figure_names_controls_of_its_standard() {
    for standard in Standard::ALL {
        let report = counted().report(standard);
        for figure in report.sections.iter().flat_map(|section| &section.figures) {
            assert!(!figure.controls.is_empty(), "{}", figure.id);
            for id in figure.controls {
                assert!(report.controls.iter().any(|control| control.id == *id), "{id}");
            }
        }
    }
    let iso = counted().report(Standard::Iso27001);
    assert_eq!(figure(&iso, "separation").controls, ["5.3", "8.2"]);
}

#[test]
fn a_log_without_events_is_a_report_of_none() {
    let report = Log::new().report(Standard::Iso27001);
    assert_eq!(numbers(&report, "durations"), [Some(0), None, None, None, None]);
    assert_eq!(numbers(&report, "budgets")[1], None);
    assert_eq!(report.evidence.first, None);
    assert!(report.to_pdf().is_ok());
}

#[test]
fn json_and_csv_say_the_same_and_name_the_head() {
    let report = counted().report(Standard::Soc2);
    let json: serde_json::Value = serde_json::from_slice(&report.to_json().unwrap()).unwrap();
    assert_eq!(json["standard"], "soc2");
    assert_eq!(json["period"]["from"], "2026-07-01T00:00:00Z");
    assert_eq!(json["evidence"]["chains"][0]["hash"], "a1".repeat(32));
    let figures = json["sections"][2]["figures"].as_array().unwrap();
    let times = figures.iter().find(|figure| figure["id"] == "decision_times").unwrap();
    assert_eq!(times["controls"], serde_json::json!(["CC6.3", "CC8.1"]));
    assert_eq!(
        times["items"][2],
        serde_json::json!({"label": "95th percentile", "amount": 7200, "unit": "seconds"})
    );
    let csv = report.to_csv();
    let line = r#""approvals","decision_times","CC6.3 CC8.1","95th percentile","","7200","seconds""#;
    assert!(csv.contains(line), "{csv}");
    assert!(csv.contains(&format!(r#""chain","system","{}","hash""#, "a1".repeat(32))), "{csv}");
    assert!(csv.split_terminator("\r\n").all(|line| line.matches("\",\"").count() == 6), "{csv}");
}
