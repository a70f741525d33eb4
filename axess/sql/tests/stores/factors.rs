use crate::{
    database::on_every_database,
    identity::{TENANT, backend, create, envelope, number, password, tamper, user, user_id},
};
use axess_core::{
    authn::FactorConfig,
    store::{Expected, FactorStore, SaveOutcome, StoreError, StoreErrorKind},
};
use axess_identity::{FactorKind, UserId};
use axess_sql::SqlBackend;
use axess_testing::conformance::{self, Setting};
use std::sync::Arc;

/// Loads a user's password record: its version and hash.
async fn load(backend: &SqlBackend, user: UserId) -> Result<Option<(u64, String)>, StoreError> {
    let found = backend.load_factor(TENANT, user, FactorKind::Password).await?;
    Ok(found.record.map(|stored| match stored.value {
        FactorConfig::Password(record) => (stored.version, record.hash.expose().to_owned()),
        other => panic!("{:?}", other.kind()),
    }))
}

async fn save(backend: &SqlBackend, user: UserId, hash: &str, expected: Expected) -> SaveOutcome {
    backend.save_factor(TENANT, user, password(hash), expected).await.unwrap()
}

async fn saved(backend: &SqlBackend, user: UserId, hash: &str, expected: Expected) {
    assert_eq!(save(backend, user, hash, expected).await, SaveOutcome::Saved);
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    assert_eq!(outcome.unwrap_err().kind(), StoreErrorKind::Corrupt);
}

on_every_database!(a_record_opens_in_its_row_only, |database: TestDatabase| async move {
    let backend = backend(&database).await;
    create(&backend, user(1, "alice")).await;
    create(&backend, user(2, "bob")).await;
    saved(&backend, user_id(1), "of alice", Expected::Absent).await;
    let to_bob =
        "UPDATE axess_factor SET user_id = (SELECT user_id FROM axess_user WHERE identifier = 'bob')";
    assert_eq!(tamper(&database, to_bob).await, 1);
    refused(load(&backend, user_id(2)).await);
    let back =
        "UPDATE axess_factor SET user_id = (SELECT user_id FROM axess_user WHERE identifier = 'alice')";
    tamper(&database, back).await;
    assert_eq!(load(&backend, user_id(1)).await.unwrap(), Some((1, "of alice".into())));
    tamper(&database, "UPDATE axess_factor SET kind = 'totp'").await;
    refused(backend.load_factor(TENANT, user_id(1), FactorKind::Totp).await);
});

on_every_database!(nothing_of_a_record_can_be_read_in_the_database, |database: TestDatabase| async move {
    let backend = backend(&database).await;
    saved(&backend, user_id(1), "$argon2id$x", Expected::Absent).await;
    // The same text is found where it is kept as it is.
    let plain = SqlBackend::without_encryption(database.db.clone());
    saved(&plain, user_id(2), "$argon2id$x", Expected::Absent).await;
    let found = match database.url.split(':').next() {
        Some("sqlite") => {
            "SELECT COUNT(*) FROM axess_factor WHERE instr(CAST(sealed AS TEXT), 'argon2id') > 0"
        }
        Some("mysql") => "SELECT COUNT(*) FROM axess_factor WHERE instr(sealed, 'argon2id') > 0",
        _ => "SELECT COUNT(*) FROM axess_factor WHERE position('argon2id'::bytea IN sealed) > 0",
    };
    assert_eq!(number(&database, found).await, 1);
    // Neither reads what the other wrote.
    refused(load(&plain, user_id(1)).await);
    refused(load(&backend, user_id(2)).await);
    assert_eq!(load(&plain, user_id(2)).await.unwrap(), Some((1, "$argon2id$x".into())));
    assert_eq!(plain.reseal(10).await.unwrap(), 0);
});

on_every_database!(
    a_record_under_an_old_key_is_sealed_again_when_it_is_read,
    |database: TestDatabase| async move {
        let old = backend(&database).await;
        saved(&old, user_id(1), "first", Expected::Absent).await;
        saved(&old, user_id(1), "second", Expected::Version(1)).await;
        let key = || number(&database, "SELECT key_id FROM axess_factor");
        let before = key().await;
        let rotated = SqlBackend::new(database.db.clone(), envelope(2).with_previous_key([1; 32]).unwrap());
        assert_eq!(load(&rotated, user_id(1)).await.unwrap(), Some((2, "second".into())));
        let after = key().await;
        assert_ne!(after, before);
        assert_eq!(load(&rotated, user_id(1)).await.unwrap(), Some((2, "second".into())), "same version");
        assert_eq!(key().await, after, "once");
        let retired = SqlBackend::new(database.db.clone(), envelope(2));
        assert_eq!(load(&retired, user_id(1)).await.unwrap(), Some((2, "second".into())));
        refused(load(&old, user_id(1)).await);
        assert_eq!(save(&retired, user_id(1), "third", Expected::Version(2)).await, SaveOutcome::Saved);
    }
);

on_every_database!(a_sweep_seals_what_nobody_reads, |database: TestDatabase| async move {
    let old = backend(&database).await;
    for n in 1..=250 {
        saved(&old, user_id(n), "x", Expected::Absent).await;
    }
    // One that nobody can open does not keep the others from being sealed again.
    create(&old, user(1, "alice")).await;
    let break_one = "UPDATE axess_factor SET kind = 'hotp'
                     WHERE user_id = (SELECT user_id FROM axess_user WHERE identifier = 'alice')";
    assert_eq!(tamper(&database, break_one).await, 1);
    let rotated = SqlBackend::new(database.db.clone(), envelope(2).with_previous_key([1; 32]).unwrap());
    assert_eq!(rotated.reseal(0).await.unwrap(), 0);
    assert_eq!(rotated.reseal(31).await.unwrap(), 31, "the tenant's pepper and 30 records");
    assert_eq!(rotated.reseal(1_000).await.unwrap(), 219);
    refused(rotated.reseal(1_000).await);
    rotated.delete_factors(TENANT, user_id(1)).await.unwrap();
    assert_eq!(rotated.reseal(1_000).await.unwrap(), 0);
    let retired = SqlBackend::new(database.db.clone(), envelope(2));
    assert_eq!(load(&retired, user_id(250)).await.unwrap(), Some((1, "x".into())));
});

on_every_database!(of_racing_writers_one_wins_also_while_keys_change, |database: TestDatabase| async move {
    let old = backend(&database).await;
    saved(&old, user_id(1), "0", Expected::Absent).await;
    let rotated =
        Arc::new(SqlBackend::new(database.db.clone(), envelope(2).with_previous_key([1; 32]).unwrap()));
    for version in 1..=10 {
        // Seals under the old key again, so that every reader below writes, too.
        assert_eq!(
            save(&old, user_id(1), "old", Expected::Version(2 * version - 1)).await,
            SaveOutcome::Saved
        );
        let race = |n: u64| {
            let rotated = Arc::clone(&rotated);
            tokio::spawn(async move {
                let before = load(&rotated, user_id(1)).await.unwrap().unwrap();
                let outcome =
                    save(&rotated, user_id(1), &n.to_string(), Expected::Version(2 * version)).await;
                (n, before, outcome)
            })
        };
        let mut winner = None;
        for task in (1..=8).map(race).collect::<Vec<_>>() {
            let (n, before, outcome) = task.await.unwrap();
            assert!([2 * version, 2 * version + 1].contains(&before.0));
            if outcome == SaveOutcome::Saved {
                assert_eq!(winner.replace(n), None, "one winner");
            }
        }
        let left = load(&rotated, user_id(1)).await.unwrap();
        assert_eq!(left, Some((2 * version + 1, winner.unwrap().to_string())), "no reader undid it");
    }
});

on_every_database!(factor_store, |database: TestDatabase| async move {
    conformance::factor_store(SqlBackend::new(database.db, envelope(1)), Setting::default()).check().await;
});

on_every_database!(factor_store_without_encryption, |database: TestDatabase| async move {
    let backend = SqlBackend::without_encryption(database.db);
    conformance::factor_store(backend, Setting::default()).check().await;
});
