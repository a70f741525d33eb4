use audex_report::{Decision, Fact, Head, Period, Report, Scope, Standard, Tally, What};
use chrono::{DateTime, TimeDelta};
use std::fs;

/// What this process has in memory, in bytes, at most so far.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1_024
}

#[test]
fn a_million_entries_take_a_few_megabytes() {
    let from = DateTime::UNIX_EPOCH;
    let mut tally = Tally::new(Period { from, to: from + TimeDelta::days(90) });
    let before = peak();
    for number in 0..250_000_u128 {
        let name = format!("somebody-with-a-name-of-some-length-{number}@example.com");
        let who = name.as_str();
        let begun = What::Begun {
            provider: "aws",
            role: Some(who),
            ttl_seconds: 900,
            budget_cents: None,
            approvers: 0,
            is_own: false,
        };
        let voted = What::Voted { approve: true, role: who, is_signed: false, decision: Decision::Open };
        let denied = What::Denied { provider: who, reason: who };
        for what in [What::ApprovalAsked { provider: "aws", required: 1 }, voted, denied, begun] {
            let session = if matches!(what, What::Begun { .. }) { number + 1_000_000 } else { number };
            tally.add(&Fact { at: from, who, teams: &[], session: Some(session), what });
        }
    }
    assert_eq!(tally.facts(), 1_000_000);
    let grown = peak() - before;
    assert!(grown < 12_000_000, "{grown} bytes");
    let scope = Scope { subject: "https://audex.example.com".to_owned(), at: from, head: Head::default() };
    let report = Report::of(Standard::Soc2, scope, &tally);
    let json = String::from_utf8(report.to_json().unwrap()).unwrap();
    assert!(json.len() < 100_000, "{}", json.len());
    assert!(json.contains("\"is_exact\": false"));
    assert!(report.to_pdf().unwrap().len() < 300_000);
}
