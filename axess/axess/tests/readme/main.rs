//! The README's programs on a database compile, run, and are those in the README.
#![cfg(all(feature = "sqlite", feature = "audit-log"))]

use axess::audit::{
    Emitter, EventContext,
    account::PasswordChanged,
    chain::{AuditPublicKey, VerifyOptions, verify_folder},
};
use axess::store::{AuditQuery, AuditScope, AuditStore as _};
use std::time::Duration;

mod wired {
    include!("wire.rs");

    #[tokio::test]
    async fn it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("app.db").display());
        wire(&url, [1; 32], [2; 32]).await.unwrap();
    }
}

include!("evidence.rs");

#[test]
fn the_readme_has_these_programs() {
    let readme = include_str!("../../../../README.md");
    for (name, program) in [("wire", include_str!("wire.rs")), ("evidence", include_str!("evidence.rs"))] {
        assert!(readme.contains(&format!("```rust\n{program}```")), "copy tests/readme/{name}.rs");
    }
}

#[tokio::test]
async fn the_trail_is_kept_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::connect(&format!("sqlite:{}", folder.path().join("app.db").display())).await.unwrap();
    db.migrate().await.unwrap();
    let pipe = trail(folder.path(), db.clone()).await.unwrap();
    let changed = PasswordChanged { user_id: axess::UserId::from_parts(0, [1; 10]) };
    Emitter::new(Arc::new(pipe.clone())).emit(&EventContext::system(), changed).await.unwrap();
    pipe.shutdown(Duration::from_secs(10)).await.unwrap();

    let rows = AuditStore::new(db).query(AuditQuery::new(AuditScope::System, 10)).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.event_type.as_str()).collect::<Vec<_>>(), ["PasswordChanged"]);
    let key = std::fs::read_to_string(folder.path().join("keys/checkpoint.pub")).unwrap();
    let keys = vec![key.trim().parse::<AuditPublicKey>().unwrap()];
    let options = VerifyOptions { keys, ..VerifyOptions::default() };
    let report = verify_folder(&folder.path().join("audit"), &options).unwrap();
    assert!(report.findings.is_empty() && report.entries == 1, "{report:?}");
}
