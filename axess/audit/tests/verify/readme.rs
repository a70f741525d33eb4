//! The commands of the README do what it says.

use axess_audit::{
    chain::AuditKeys,
    log::{AuditLog, AuditLogConfig, NewEntry},
};
use axess_clock::SystemClock;
use axess_events::{AuthEvent, AuthEventEnvelope, account::PasswordChanged};
use axess_identity::{EventId, UserId};
use axess_rng::SystemRng;
use std::{path::Path, process::Command, sync::Arc};

/// How the README starts the program.
const START: &str = "cargo run -p axess-audit -- ";

/// Leaves a log behind, as the README's program does.
fn keep_a_log(folder: &Path) {
    let keys = AuditKeys::load_or_create(&folder.join("keys"), &SystemRng).unwrap();
    let config = AuditLogConfig::new(folder.join("audit"));
    let log = AuditLog::open(config, keys, Arc::new(SystemClock), Arc::new(SystemRng)).unwrap();
    let event = AuthEvent::from(PasswordChanged { user_id: UserId::from_parts(0, [1; 10]) });
    let envelope =
        AuthEventEnvelope::new(EventId::from_parts(0, [2; 10]), chrono::DateTime::UNIX_EPOCH, event);
    log.append(vec![NewEntry::of(&envelope).unwrap()]).unwrap();
    log.close().unwrap();
}

#[test]
fn its_commands_work() {
    let folder = tempfile::tempdir().unwrap();
    keep_a_log(folder.path());
    let readme = include_str!("../../../../README.md");
    let commands: Vec<_> = readme.lines().filter_map(|line| line.strip_prefix(START)).collect();
    assert_eq!(commands.len(), 3, "{commands:?}");
    for command in commands {
        let output = Command::new(env!("CARGO_BIN_EXE_axess-audit"))
            .args(command.split_whitespace())
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
