//! No statement of these stores reads a whole table, and each has a spelling for every database.

use super::{PEPPERS, admin, attempts, counter, lookup};
use crate::{
    audit,
    db::{Db, Dialect},
    factor, tenant_idp,
};

const STATEMENTS: &[&str] = &[
    PEPPERS.between,
    PEPPERS.replace,
    admin::LOCK_PENDING,
    admin::REPLACE_PENDING,
    admin::UPDATE_USER,
    admin::ERASE_USER,
    admin::ERASE_ADDRESSES,
    admin::DELETE_SCOPE,
    admin::SAVE_METHODS,
    admin::SAVE_LOCKOUT,
    admin::SET_STATUS,
    admin::SET_PEPPER,
    attempts::CIRCUMSTANCES,
    attempts::LAST,
    counter::LOCK,
    counter::SWEEP,
    counter::FORGET_STRANGERS,
    counter::CLEAR,
    lookup::FIND_LOGIN,
    lookup::TENANT,
    lookup::TENANT_BY_SLUG,
    lookup::USER,
    lookup::USER_BY_NAME,
    lookup::USER_BY_EMAIL,
    lookup::USERS,
    lookup::METHODS,
    lookup::METHODS_FOR,
    lookup::LOCKOUT_FOR,
];

/// What may be read as a whole: the one row that everything is joined to, and the ids of a batch.
const SMALL: [&str; 3] = ["SCAN CONSTANT ROW", "SCAN base", "SCAN batch"];

#[tokio::test]
async fn old_attempts_are_found_without_reading_the_others() {
    crate::plans::check(&[admin::PURGE_ATTEMPTS]).await;
}

#[tokio::test]
async fn no_statement_reads_a_whole_table() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::connect(&format!("sqlite:{}", folder.path().join("plans.db").display())).await.unwrap();
    db.migrate().await.unwrap();
    let others = [factor::STATEMENTS, tenant_idp::STATEMENTS].concat();
    for sql in STATEMENTS.iter().copied().chain(others).chain(audit::statements()) {
        let spelled = Dialect::MySql.spell(sql);
        assert!(!spelled.contains("CONFLICT") && !spelled.contains("excluded."), "{spelled}");
        let rows = db.fetch_all(format!("EXPLAIN QUERY PLAN {sql}"), Vec::new()).await.unwrap();
        for row in rows {
            let step: String = row.get("detail").unwrap();
            assert!(!step.starts_with("SCAN") || SMALL.contains(&&*step), "{step}: {sql}");
        }
    }
}
