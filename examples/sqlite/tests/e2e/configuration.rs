//! What the program says when it cannot start.

use crate::home::Home;
use std::{net::TcpListener, process::Output};

/// Runs the program, which has to fail, and returns what it says.
fn fails(home: &Home) -> String {
    let Output { status, stderr, .. } = home.command().output().unwrap();
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).unwrap()
}

#[test]
fn every_fault_is_told_at_once() {
    let home = Home::new()
        .without(&["ENVELOPE_KEY", "AUDIT_FILE"])
        .with("BIND", "0.0.0.0:443")
        .with("SIGNING_KEY", "a secret that is too short")
        .with("SMTP_URL", "smtp://user:a-password@mail.example.com")
        .with("SWEEP_SECONDS", "hourly");
    let told = fails(&home);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "the configuration has 6 fault(s):", "{told}");
    for expected in [
        "PUBLIC_ORIGIN is not set: write https://",
        "AUDIT_FILE is not set: write the path",
        "SIGNING_KEY is not understood: write 32 bytes as base64 or hex: openssl rand -base64 32",
        "ENVELOPE_KEY is not set: write 32 bytes as base64 or hex: openssl rand -base64 32",
        "MAIL_FROM is not set: write the address",
        "SWEEP_SECONDS is not understood: write a whole number from 1 to ",
    ] {
        assert!(
            lines.iter().any(|line| line.trim_start().starts_with(expected)),
            "{expected} is not in\n{told}"
        );
    }
    assert!(!told.contains("a secret") && !told.contains("a-password"), "{told}");
}

#[test]
fn a_database_that_cannot_be_opened_is_named_as_the_cause() {
    let home = Home::new();
    let home = home.with("DATABASE_URL", "sqlite:/nowhere/at/all/app.db");
    let told = fails(&home);
    assert!(told.contains("the application ends") && told.contains("unable to open"), "{told}");
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let home = Home::new();
    std::fs::write(home.file("app.db"), "a letter, not a database".repeat(100)).unwrap();
    assert!(fails(&home).contains("the application ends"));
    assert_eq!(
        std::fs::read(home.file("app.db")).unwrap(),
        "a letter, not a database".repeat(100).as_bytes()
    );
}

#[test]
fn a_taken_port_is_a_fault() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = Home::new().with("BIND", &listener.local_addr().unwrap().to_string());
    assert!(fails(&home).contains("Address already in use"));
}
