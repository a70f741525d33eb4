//! Rotations that stop between two steps, and ends that come between them.

mod ends;

use super::{write::Commit, *};
use crate::ValkeyOptions;
use axess_peers::{Kind, shared, skip};
use bytes::Bytes;
use std::{
    process,
    sync::atomic::{AtomicU64, Ordering},
};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
}

fn id(n: u8) -> SessionId {
    SessionId::from_bytes([n; 16])
}

fn alice() -> Owner {
    Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) }
}

/// A row of version 1 in the lineage of session 1, from second 0 to second 1000.
fn row(n: u8, owner: Option<Owner>) -> SessionRow {
    SessionRow {
        id: id(n),
        lineage: id(1),
        version: 1,
        owner,
        payload: Bytes::copy_from_slice(&[n]),
        created_at: at(0),
        expires_at: at(1_000),
    }
}

/// Connects to each kind of server, under a prefix of its own.
async fn stores(test: &str) -> Vec<ValkeySessionStore> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut stores = Vec::new();
    for kind in [Kind::Redis, Kind::Valkey, Kind::RedisCluster, Kind::ValkeyCluster] {
        let Some(urls) = shared(kind) else {
            skip(test, &format!("no {}", kind.name()));
            continue;
        };
        let prefix = format!("unit-{}-{}:", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let options = ValkeyOptions { prefix, ..ValkeyOptions::default() };
        let valkey = match kind {
            Kind::Redis | Kind::Valkey => options.connect(&urls[0]).await,
            _ => options.connect_cluster(urls).await,
        };
        stores.push(ValkeySessionStore::new(&valkey.unwrap()));
    }
    stores
}

async fn insert(store: &ValkeySessionStore, row: &SessionRow) {
    assert_eq!(store.insert(row.clone()).await.unwrap(), SaveOutcome::Saved);
}

async fn load(store: &ValkeySessionStore, n: u8) -> Option<SessionRow> {
    store.load(id(n), at(1)).await.unwrap()
}

async fn listed(store: &ValkeySessionStore) -> Vec<SessionId> {
    let found = store.find_sessions_for_user(alice(), at(1), 10).await.unwrap();
    found.into_iter().map(|summary| summary.id).collect()
}

async fn prepare(store: &ValkeySessionStore, old: u8, new: &SessionRow) {
    assert!(store.prepare(id(old), new, at(0)).await.unwrap());
}

async fn commit(store: &ValkeySessionStore, old: u8, new: u8) -> bool {
    matches!(store.commit(id(old), 1, id(new), at(0)).await.unwrap(), Commit::Done)
}

async fn field(store: &ValkeySessionStore, n: u8, field: &str) -> Option<Vec<u8>> {
    store.valkey.query(redis::cmd("HGET").arg(store.row_key(id(n))).arg(field)).await.unwrap()
}

async fn ttl(store: &ValkeySessionStore, n: u8) -> i64 {
    store.valkey.query(redis::cmd("PTTL").arg(store.row_key(id(n)))).await.unwrap()
}

#[tokio::test]
async fn a_pending_row_does_not_exist() {
    for store in stores("a_pending_row_does_not_exist").await {
        let (old, new) = (row(1, Some(alice())), row(2, Some(alice())));
        insert(&store, &old).await;
        prepare(&store, 1, &new).await;
        assert_eq!(load(&store, 2).await, None);
        assert_eq!(load(&store, 1).await, Some(old.clone()));
        assert_eq!(listed(&store).await, [id(1)]);
        let late = SessionRow { version: 2, ..new.clone() };
        assert_eq!(store.save(late).await.unwrap(), SaveOutcome::Conflict);
        let onward = store.cycle(id(2), 1, row(3, None), at(0)).await.unwrap();
        assert_eq!(onward, SaveOutcome::Conflict);
        assert_eq!(load(&store, 3).await, None);
        // Its id is taken all the same.
        assert_eq!(store.insert(row(2, None)).await.unwrap(), SaveOutcome::Conflict);
        let scanned = scan(&store).await;
        assert_eq!(scanned, [old]);
    }
}

async fn scan(store: &ValkeySessionStore) -> Vec<SessionRow> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.scan(cursor, at(1), 100).await.unwrap();
        rows.extend(page.rows);
        cursor = page.next;
        if cursor.is_none() {
            return rows;
        }
    }
}

#[tokio::test]
async fn whoever_reads_a_committed_rotation_finishes_it() {
    for store in stores("whoever_reads_a_committed_rotation_finishes_it").await {
        let new = row(2, Some(alice()));
        insert(&store, &row(1, None)).await;
        prepare(&store, 1, &new).await;
        assert!(commit(&store, 1, 2).await);
        // A list is not a read: it leaves the row pending but shows it.
        assert_eq!(listed(&store).await, [id(2)]);
        assert!(field(&store, 2, "p").await.is_some());
        assert!(ttl(&store, 2).await <= 900_000, "a pending row goes with its marker");
        assert_eq!(load(&store, 1).await, None);
        assert_eq!(load(&store, 2).await, Some(new));
        assert_eq!(field(&store, 2, "p").await, None);
        assert!(ttl(&store, 2).await > 1_500_000, "999 s and the margin");
    }
}

#[tokio::test]
async fn a_write_finishes_a_committed_rotation_too() {
    for store in stores("a_write_finishes_a_committed_rotation_too").await {
        for (base, is_save) in [(10, true), (20, false)] {
            insert(&store, &row(base, None)).await;
            prepare(&store, base, &row(base + 1, None)).await;
            assert!(commit(&store, base, base + 1).await);
            let outcome = match is_save {
                true => store.save(SessionRow { version: 2, ..row(base + 1, None) }).await,
                false => store.cycle(id(base + 1), 1, row(base + 2, None), at(0)).await,
            };
            assert_eq!(outcome.unwrap(), SaveOutcome::Saved);
            let left = if is_save { base + 1 } else { base + 2 };
            assert!(load(&store, left).await.is_some());
        }
    }
}

#[tokio::test]
async fn of_two_prepared_rotations_one_is_committed() {
    for store in stores("of_two_prepared_rotations_one_is_committed").await {
        insert(&store, &row(1, None)).await;
        for n in [2, 3] {
            prepare(&store, 1, &row(n, Some(alice()))).await;
        }
        assert!(commit(&store, 1, 3).await);
        assert!(!commit(&store, 1, 2).await);
        assert_eq!(load(&store, 2).await, None, "the marker names another");
        assert_eq!(load(&store, 3).await, Some(row(3, Some(alice()))));
        assert_eq!(listed(&store).await, [id(3)]);
    }
}

#[tokio::test]
async fn a_refused_rotation_leaves_nothing() {
    for store in stores("a_refused_rotation_leaves_nothing").await {
        insert(&store, &row(1, None)).await;
        let new = row(2, Some(alice()));
        assert_eq!(store.cycle(id(1), 7, new, at(0)).await.unwrap(), SaveOutcome::Conflict);
        let exists: i64 = store.valkey.query(redis::cmd("EXISTS").arg(store.row_key(id(2)))).await.unwrap();
        let index: i64 = store.valkey.query(redis::cmd("ZCARD").arg(store.index_key(alice()))).await.unwrap();
        assert_eq!((exists, index), (0, 0));
        let onto_itself = store.cycle(id(1), 1, row(1, None), at(0)).await.unwrap();
        assert_eq!(onto_itself, SaveOutcome::Conflict);
        assert!(load(&store, 1).await.is_some());
    }
}

#[tokio::test]
async fn everything_written_goes_by_itself() {
    for store in stores("everything_written_goes_by_itself").await {
        insert(&store, &row(1, Some(alice()))).await;
        let done = store.cycle(id(1), 1, row(2, Some(alice())), at(0)).await.unwrap();
        assert_eq!(done, SaveOutcome::Saved);
        prepare(&store, 2, &row(3, Some(alice()))).await;
        let index = [store.index_key(alice()), store.users_key(alice().tenant_id)];
        let rows = [1, 2, 3].map(|n| store.row_key(id(n)));
        for key in rows.iter().chain(&index) {
            let ttl: i64 = store.valkey.query(redis::cmd("PTTL").arg(key)).await.unwrap();
            assert!((600_000..=2_200_001).contains(&ttl), "{key} {ttl}");
        }
    }
}
