//! How SQLite would run a statement: what tests look at to see that no table is read from end to end.

use crate::{
    Db,
    db::{Value, args},
};

/// Fails for every statement that would read a whole table or a whole index.
pub(crate) async fn check(statements: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::connect(&format!("sqlite:{}", folder.path().join("plans.db").display())).await.unwrap();
    db.migrate().await.unwrap();
    for sql in statements {
        let args: Vec<Value> = sql.matches('?').flat_map(|_| args![0_i64]).collect();
        let plan = db.fetch_all(format!("EXPLAIN QUERY PLAN {sql}"), args).await.unwrap();
        let steps: Vec<String> = plan.iter().map(|row| row.get("detail").unwrap()).collect();
        // The beginning of an index, as long as it has the order in which the first rows are wanted.
        let first = sql.contains("{first ") && !steps.iter().any(|step| step.contains("TEMP B-TREE"));
        let scans = |step: &&String| step.contains("SCAN ") && !is_bounded(step, first);
        assert_eq!(steps.iter().find(scans), None, "{sql}\n{steps:#?}");
    }
}

/// Tells whether a step reads a bounded result of another step, or the beginning of an index where that is meant.
fn is_bounded(step: &str, first: bool) -> bool {
    let known = ["SCAN batch", "SCAN chain", "SCAN CONSTANT ROW", "SCAN (subquery"];
    known.iter().any(|known| step.starts_with(known)) || (first && step.contains(" INDEX "))
}

#[tokio::test]
#[should_panic(expected = "SCAN axess_session")]
async fn a_scan_is_seen() {
    check(&["SELECT id FROM axess_session WHERE version = ?"]).await;
}
