//! What a reader of PDF that is not ours makes of a report.

use crate::log::counted;
use audex_report::Standard;
use std::{fs, process::Command};

/// A program of Poppler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    Text,
    Info,
    Fonts,
}

/// Reads a document; nothing where the program is missing.
pub(crate) fn read(pdf: &[u8], reader: Reader) -> Option<String> {
    let name = match reader {
        Reader::Text => "pdftotext",
        Reader::Info => "pdfinfo",
        Reader::Fonts => "pdffonts",
    };
    let Some(program) = axess_peers::find_program(name) else {
        axess_peers::skip("audex-report", "no Poppler: install poppler-utils");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.pdf");
    fs::write(&path, pdf).unwrap();
    let mut command = Command::new(program);
    if reader == Reader::Text {
        command.arg("-layout");
    }
    command.arg(&path);
    if reader == Reader::Text {
        command.arg("-");
    }
    let output = command.output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{name}: {complaints}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_same_report_is_the_same_document() {
    let report = counted().report(Standard::Soc2);
    let pdf = report.to_pdf().unwrap();
    assert_eq!(pdf, counted().report(Standard::Soc2).to_pdf().unwrap());
    assert!(pdf.len() < 200_000, "{}", pdf.len());
}

#[test]
fn a_reader_finds_title_figures_controls_and_head() {
    let pdf = counted().report(Standard::Soc2).to_pdf().unwrap();
    let Some(text) = read(&pdf, Reader::Text) else { return };
    for said in [
        "SOC 2 access report",
        "1 July 2026, 00:00 UTC",
        "https://audex.example.com",
        "Computed from the audit log",
        &"a1".repeat(32),
        "chain system, entry 41",
        "CC6.1",
        "Sessions and their duration",
        "Access by role and team",
        "Approval workflow",
        "Budget compliance",
        "Denied requests and reasons",
        "How to read this report",
        "`iam:*` is denied",
        "2 h",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let info = read(&pdf, Reader::Info).unwrap();
    assert!(info.contains("Title:           SOC 2 access report"), "{info}");
    assert!(info.contains("A4"), "{info}");
    let fonts = read(&pdf, Reader::Fonts).unwrap();
    let of_ours: Vec<&str> = fonts.lines().skip(2).collect();
    assert_eq!(of_ours.len(), 2, "{fonts}");
    // Embedded, in part, with what the letters are.
    assert!(of_ours.iter().all(|line| line.contains("Lato") && line.contains("yes yes yes")), "{fonts}");
}
