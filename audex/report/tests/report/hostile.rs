use crate::{
    log::{Log, begun},
    paper::{Reader, read},
};
use audex_report::{Standard, What};
use proptest::prelude::*;

const NAMES: [&str; 9] = [
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "\u{202e}moc.elpmaxe@ecila\u{202c}",
    "שלום@example.com",
    "مدير@example.com",
    "👩\u{200d}💻🏳\u{fe0f}\u{200d}🌈",
    "nul\0 and\r\nline \u{7}bell\u{1b}[31m",
    "\") Tj ET << /JS (app.alert(1)) >>",
    "</w:t><script>alert(1)</script>",
];

fn log() -> Log {
    let mut log = Log::new();
    let long = "x".repeat(5_000);
    let accents = "é".repeat(5_000);
    for (at, name) in NAMES.into_iter().chain([long.as_str(), accents.as_str()]).enumerate() {
        log.add(at as i64, name, at as u128, begun(name, 0, None));
        log.add(at as i64, name, at as u128, What::Denied { provider: name, reason: name });
        log.add(at as i64, name, at as u128, What::Administered { action: name });
    }
    log
}

#[test]
fn names_do_not_break_out_of_where_they_are() {
    let report = log().report(Standard::Soc2);
    for line in report.to_csv().split_terminator("\r\n") {
        assert!(!line.contains(['\r', '\n', '\0', '\u{1b}', '\u{202e}']), "{line:?}");
        let cells = line.trim_matches('"').split("\",\"");
        assert!(cells.clone().all(|cell| !cell.starts_with(['=', '@', '+', '-'])), "{line}");
    }
    let json: serde_json::Value = serde_json::from_slice(&report.to_json().unwrap()).unwrap();
    assert!(json.to_string().contains("שלום@example.com"));
    // Names that differ are different names on paper too, and nothing of theirs is more than text.
    let pdf = report.to_pdf().unwrap();
    assert!(!pdf.windows(3).any(|at| at == b"/JS"), "a name became part of the document");
    let Some(text) = read(&pdf, Reader::Text) else { return };
    for shown in
        ["=cmd|' /C calc'!A0", "\\u{202e}moc.elpmaxe@ecila\\u{202c}", "\\u{5e9}", "\\u{1f469}", "nul\\u{0}"]
    {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_name_is_a_document(name in "\\PC{0,60}", other in any::<String>()) {
        let mut log = Log::new();
        log.add(0, &name, 1, begun(&other, 0, None));
        log.add(0, &other, 2, What::Denied { provider: &name, reason: &other });
        let report = log.report(Standard::Iso27001);
        prop_assert!(report.to_pdf().is_ok());
        prop_assert!(report.to_json().is_ok());
    }
}
