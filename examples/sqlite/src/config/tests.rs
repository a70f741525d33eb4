use super::*;
use std::collections::HashMap;

const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const OTHER_KEY: &str = "0202020202020202020202020202020202020202020202020202020202020202";

fn read(variables: &[(&str, &str)]) -> Result<Config, Faults> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    Config::read(|name| variables.get(name).map(ToString::to_string))
}

fn faults(variables: &[(&str, &str)]) -> Vec<String> {
    read(variables).unwrap_err().0
}

fn kept() -> Vec<(&'static str, &'static str)> {
    vec![
        ("DATABASE_URL", "sqlite:/var/lib/app/app.db"),
        ("AUDIT_FILE", "/var/lib/app/audit.jsonl"),
        ("SIGNING_KEY", KEY),
        ("ENVELOPE_KEY", OTHER_KEY),
        ("SMTP_URL", "log"),
    ]
}

#[test]
fn nothing_has_to_be_set() {
    let config = read(&[]).unwrap();
    assert_eq!(config.bind.to_string(), "127.0.0.1:3002");
    assert!(matches!(config.storage, Storage::Throwaway));
    assert!(config.mail.is_none());
    assert!(config.demo_accounts && !config.is_secure());
    let other = read(&[]).unwrap();
    assert_ne!(config.keys.signing, other.keys.signing, "drawn for each run");
    assert_ne!(config.keys.envelope, config.keys.signing);
    assert_eq!(faults(&[("BIND", "0.0.0.0:80")]).len(), 1, "unless others can reach it");
    assert!(read(&[("BIND", ""), ("SIGNING_KEY", "")]).is_ok(), "empty is not set");
}

#[test]
fn a_database_that_is_kept_needs_what_else_has_to_be_kept() {
    let config = read(&kept()).unwrap();
    assert!(matches!(config.storage, Storage::Kept { .. }));
    assert_eq!((config.keys.signing.bytes(), config.keys.envelope.bytes()), ([1; 32], [2; 32]));
    assert!(!config.demo_accounts, "nobody gets a known password by accident");
    for name in ["AUDIT_FILE", "SIGNING_KEY", "ENVELOPE_KEY", "SMTP_URL"] {
        let mut variables = kept();
        variables.retain(|(known, _)| known != &name);
        let found = faults(&variables);
        assert!(found.len() == 1 && found[0].starts_with(&format!("{name} is not set: write ")), "{found:?}");
    }
}

#[test]
fn every_fault_is_reported_at_once() {
    let wrong = [
        ("BIND", "here"),
        ("PUBLIC_ORIGIN", "https://example.com/app"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, 0.0.0.0/0"),
        ("DATABASE_URL", "postgres://secret@host/db"),
        ("AUDIT_FILE", "/tmp/audit"),
        ("SIGNING_KEY", "c2hvcnQ="),
        ("SIGNING_KEY_PREVIOUS", "secret,secret"),
        ("ENVELOPE_KEY", "0000000000000000000000000000000000000000000000000000000000000000"),
        ("ENVELOPE_KEY_PREVIOUS", "secret"),
        ("SMTP_URL", "http://user:secret@host"),
        ("SMTP_CA", "/nowhere/secret.pem"),
        ("MAIL_FROM", "nobody"),
        ("SESSION_SECONDS", "0"),
        ("TRIES_PER_MINUTE", "-1"),
        ("SWEEP_SECONDS", "1.5"),
        ("DRAIN_SECONDS", "99999"),
        ("DEMO_ACCOUNTS", "perhaps"),
        ("LOG_FORMAT", "xml"),
    ];
    let found = faults(&wrong);
    for (name, _) in wrong.iter().filter(|(name, _)| *name != "AUDIT_FILE") {
        let told: Vec<_> = found.iter().filter(|fault| fault.starts_with(&format!("{name} is "))).collect();
        assert!(told.len() == 1 && told[0].contains(": write "), "{name}: {told:?}");
    }
    assert_eq!(found.len(), wrong.len() - 1, "{found:#?}");
    let text = Faults(found).to_string();
    assert!(text.starts_with("the configuration has 17 fault(s):\n  BIND"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn https_makes_cookies_secure() {
    let config = read(&[("PUBLIC_ORIGIN", "https://app.example.com"), ("BIND", "0.0.0.0:80")]).unwrap();
    assert!(config.is_secure());
    assert!(!read(&[("PUBLIC_ORIGIN", "http://localhost:3002")]).unwrap().is_secure());
}

#[test]
fn a_mail_server_needs_an_encrypted_connection_and_a_sender() {
    let from = ("MAIL_FROM", "App <app@example.com>");
    for url in
        ["smtp://u:p@mail.example.com", "smtp://u:p@mail.example.com:2525", "smtps://u:p%40@mail.example.com"]
    {
        let config = read(&[("SMTP_URL", url), from]).unwrap();
        assert!(config.mail.is_some(), "{url}");
        assert!(!format!("{config:?}").contains("u:p"), "no password in {config:?}");
    }
    for url in ["smtp://", "smtp://host?tls=opportunistic", "mail.example.com", "LOG"] {
        assert_eq!(faults(&[("SMTP_URL", url), from]).len(), 1, "{url}");
    }
    assert!(faults(&[("SMTP_URL", "smtp://u:p@h")])[0].starts_with("MAIL_FROM is not set"));
}

#[test]
fn keys_are_shown_to_nobody() {
    let mut variables = kept();
    variables.extend([("SIGNING_KEY_PREVIOUS", OTHER_KEY), ("ENVELOPE_KEY_PREVIOUS", KEY)]);
    let config = read(&variables).unwrap();
    assert_eq!((config.keys.previous_signing.len(), config.keys.previous_envelope.len()), (1, 1));
    let shown = format!("{:?}", config.keys);
    assert_eq!(shown.matches("Key([redacted])").count(), 4, "{shown}");
}
