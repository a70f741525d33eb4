use super::*;
use axess_identity::UserId;
use bytes::Bytes;
use chrono::TimeDelta;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
}

fn id(n: u8) -> SessionId {
    SessionId::from_bytes([n; 16])
}

fn owner(tenant: u8, user: u8) -> Owner {
    Owner { tenant_id: TenantId::from_parts(0, [tenant; 10]), user_id: UserId::from_parts(0, [user; 10]) }
}

/// A row of version 1 that begins a lineage at second 0 and expires at second 1000.
fn row(n: u8) -> SessionRow {
    SessionRow {
        id: id(n),
        lineage: id(n),
        version: 1,
        owner: None,
        payload: Bytes::copy_from_slice(&[n]),
        created_at: at(0),
        expires_at: at(1_000),
    }
}

fn owned(n: u8, by: Owner) -> SessionRow {
    SessionRow { owner: Some(by), created_at: at(i64::from(n)), ..row(n) }
}

async fn store(rows: impl IntoIterator<Item = SessionRow>) -> InMemorySessionStore {
    let store = InMemorySessionStore::new();
    for row in rows {
        assert_eq!(store.insert(row).await.unwrap(), SaveOutcome::Saved);
    }
    store
}

/// Rotates `old` of version 1 into `new` at `now`.
async fn rotate(store: &InMemorySessionStore, old: u8, new: u8, lineage: u8, now: i64) {
    let row = SessionRow { lineage: id(lineage), ..row(new) };
    assert_eq!(store.cycle(id(old), 1, row, at(now)).await.unwrap(), SaveOutcome::Saved);
}

async fn ids(store: &InMemorySessionStore, by: Owner, now: i64, limit: usize) -> Vec<SessionId> {
    let found = store.find_sessions_for_user(by, at(now), limit).await.unwrap();
    found.into_iter().map(|summary| summary.id).collect()
}

#[tokio::test]
async fn a_row_is_read_back_until_it_expires() {
    let store = store([row(1)]).await;
    assert_eq!(store.load(id(1), at(999)).await.unwrap(), Some(row(1)));
    assert_eq!(store.load(id(1), at(1_000)).await.unwrap(), None, "the end does not belong to it");
    assert_eq!(store.load(id(2), at(0)).await.unwrap(), None);
}

#[tokio::test]
async fn an_insert_never_replaces() {
    let store = store([row(1)]).await;
    let other = SessionRow { payload: Bytes::from_static(b"other"), ..row(1) };
    assert_eq!(store.insert(other).await.unwrap(), SaveOutcome::Conflict);
    assert_eq!(store.load(id(1), at(0)).await.unwrap(), Some(row(1)));
}

#[tokio::test]
async fn a_save_follows_the_stored_version_and_no_other() {
    let store = store([row(1)]).await;
    for version in [0, 1, 3, u64::MAX] {
        let late = SessionRow { version, payload: Bytes::from_static(b"late"), ..row(1) };
        assert_eq!(store.save(late).await.unwrap(), SaveOutcome::Conflict, "{version}");
    }
    let next = SessionRow { version: 2, payload: Bytes::from_static(b"next"), ..row(1) };
    assert_eq!(store.save(next.clone()).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(store.save(next.clone()).await.unwrap(), SaveOutcome::Conflict, "once");
    assert_eq!(store.load(id(1), at(0)).await.unwrap(), Some(next));
    let unknown = SessionRow { version: 1, ..row(9) };
    assert_eq!(store.save(unknown).await.unwrap(), SaveOutcome::Conflict);
}

#[tokio::test]
async fn a_cycle_replaces_the_row_it_expects_in_one_step() {
    let store = store([row(1), row(3)]).await;
    let new = SessionRow { lineage: id(1), ..row(2) };
    for (old, expected) in [(1, 2), (1, 0), (9, 1)] {
        let outcome = store.cycle(id(old), expected, new.clone(), at(0)).await.unwrap();
        assert_eq!(outcome, SaveOutcome::Conflict, "{old} at {expected}");
    }
    let taken = SessionRow { lineage: id(1), ..row(3) };
    assert_eq!(store.cycle(id(1), 1, taken, at(0)).await.unwrap(), SaveOutcome::Conflict, "the id is taken");
    assert!(store.load(id(1), at(0)).await.unwrap().is_some(), "a refused cycle changes nothing");

    assert_eq!(store.cycle(id(1), 1, new.clone(), at(0)).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(store.load(id(1), at(0)).await.unwrap(), None);
    assert_eq!(store.load(id(2), at(0)).await.unwrap(), Some(new.clone()));
    assert_eq!(store.cycle(id(1), 1, new, at(0)).await.unwrap(), SaveOutcome::Conflict, "once");
    assert_eq!(store.len(), 2);
}

#[tokio::test]
async fn what_has_ended_never_comes_back() {
    let store = store([row(1)]).await;
    assert_eq!(store.end(id(1), at(0)).await.unwrap(), 1);
    assert_eq!(store.end(id(1), at(0)).await.unwrap(), 0);
    let late = SessionRow { version: 2, ..row(1) };
    assert_eq!(store.save(late).await.unwrap(), SaveOutcome::Conflict);
    let late = SessionRow { lineage: id(1), ..row(2) };
    assert_eq!(store.cycle(id(1), 1, late, at(0)).await.unwrap(), SaveOutcome::Conflict);
    assert!(store.is_empty());
}

#[tokio::test]
async fn an_end_follows_every_rotation_of_its_lineage_and_no_other() {
    for by in [1, 2, 3] {
        let store = store([row(1), row(8)]).await;
        rotate(&store, 1, 2, 1, 0).await;
        rotate(&store, 2, 3, 1, 10).await;
        rotate(&store, 8, 9, 8, 10).await;
        assert_eq!(store.end(id(by), at(20)).await.unwrap(), 1, "by {by}");
        assert_eq!(store.load(id(3), at(20)).await.unwrap(), None);
        assert!(store.load(id(9), at(20)).await.unwrap().is_some(), "another lineage");
        assert_eq!(store.end(id(by), at(20)).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_rotation_is_remembered_for_its_time_and_not_longer() {
    let memory = ROTATION_MEMORY.num_seconds();
    assert_eq!(memory, 300);
    for (age, ended) in [(0, 1), (memory - 1, 1), (memory, 0), (-10, 1)] {
        let store = store([row(1)]).await;
        rotate(&store, 1, 2, 1, 0).await;
        assert_eq!(store.end(id(1), at(age)).await.unwrap(), ended, "{age} s");
    }
    // Each rotation has its own time: the younger id still works when the older one is forgotten.
    let store = store([row(1)]).await;
    rotate(&store, 1, 2, 1, 0).await;
    rotate(&store, 2, 3, 1, 200).await;
    assert_eq!(store.end(id(1), at(400)).await.unwrap(), 0);
    assert_eq!(store.end(id(2), at(400)).await.unwrap(), 1);
}

#[tokio::test]
async fn the_memory_of_rotations_is_bounded_and_swept() {
    let store = store([row(1)]).await;
    let by_number = |n: u64| {
        let mut bytes = [0xff; 16];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        SessionId::from_bytes(bytes)
    };
    let mut current = id(1);
    for n in 0..=u64::try_from(MAX_ROTATIONS).unwrap() {
        let row = SessionRow { id: by_number(n), lineage: id(1), ..row(1) };
        assert_eq!(store.cycle(current, 1, row, at(0)).await.unwrap(), SaveOutcome::Saved);
        current = by_number(n);
    }
    assert_eq!(store.read().rotated.len(), MAX_ROTATIONS);
    assert_eq!(store.end(id(1), at(0)).await.unwrap(), 0, "the oldest is forgotten first");
    let row = SessionRow { id: id(2), lineage: id(1), ..row(1) };
    let later = at(0) + ROTATION_MEMORY + TimeDelta::seconds(1);
    assert_eq!(store.cycle(current, 1, row, later).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(store.read().rotated.len(), 1, "what is too old is swept");
}

#[tokio::test]
async fn a_users_sessions_are_found_newest_first_and_expired_ones_are_not() {
    let (alice, bob) = (owner(1, 1), owner(1, 2));
    let gone = SessionRow { expires_at: at(50), ..owned(4, alice) };
    let store = store([owned(1, alice), owned(3, alice), owned(2, alice), owned(5, bob), row(6), gone]).await;
    assert_eq!(ids(&store, alice, 100, 10).await, [id(3), id(2), id(1)]);
    assert_eq!(ids(&store, alice, 100, 2).await, [id(3), id(2)]);
    assert_eq!(ids(&store, bob, 100, 10).await, [id(5)]);
    assert!(ids(&store, owner(2, 1), 100, 10).await.is_empty(), "the same user id in another tenant");
}

#[tokio::test]
async fn the_index_follows_every_write() {
    let (alice, bob) = (owner(1, 1), owner(1, 2));
    let store = store([row(1)]).await;
    assert!(ids(&store, alice, 1, 10).await.is_empty());
    let login = SessionRow { lineage: id(1), ..owned(2, alice) };
    assert_eq!(store.cycle(id(1), 1, login, at(2)).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(ids(&store, alice, 3, 10).await, [id(2)]);
    let switched = SessionRow { version: 2, lineage: id(1), ..owned(2, bob) };
    assert_eq!(store.save(switched).await.unwrap(), SaveOutcome::Saved);
    assert_eq!((ids(&store, alice, 3, 10).await, ids(&store, bob, 3, 10).await), (vec![], vec![id(2)]));
    let dropped = SessionRow { lineage: id(1), ..row(3) };
    assert_eq!(store.cycle(id(2), 2, dropped, at(4)).await.unwrap(), SaveOutcome::Saved);
    assert!(ids(&store, bob, 5, 10).await.is_empty());
    assert!(store.read().by_owner.is_empty(), "no entry is left behind");
    store.end(id(3), at(5)).await.unwrap();
    assert!(store.read().by_lineage.is_empty());
}

#[tokio::test]
async fn ending_a_users_sessions_spares_the_one_to_keep_and_everybody_else() {
    let (alice, bob) = (owner(1, 1), owner(1, 2));
    let rows = [owned(1, alice), owned(2, alice), owned(3, alice), owned(4, bob), row(5)];
    let all = store(rows.clone()).await;
    assert_eq!(all.end_for_user(alice, None).await.unwrap(), 3);
    assert_eq!(all.len(), 2);
    let spared = store(rows).await;
    assert_eq!(spared.end_for_user(alice, Some(id(2))).await.unwrap(), 2);
    assert_eq!(ids(&spared, alice, 10, 10).await, [id(2)]);
    assert_eq!(spared.end_for_user(alice, Some(id(2))).await.unwrap(), 0);
    assert_eq!(spared.end_for_user(owner(9, 9), None).await.unwrap(), 0);
}

#[tokio::test]
async fn ending_a_tenants_sessions_spares_other_tenants_and_guests() {
    let store = store([owned(1, owner(1, 1)), owned(2, owner(1, 2)), owned(3, owner(2, 1)), row(4)]).await;
    assert_eq!(store.end_for_tenant(owner(1, 1).tenant_id).await.unwrap(), 2);
    assert_eq!(store.end_for_tenant(owner(1, 1).tenant_id).await.unwrap(), 0);
    assert_eq!(store.len(), 2);
}

#[tokio::test]
async fn cleaning_up_takes_expired_rows_only_and_no_more_than_asked() {
    let short = |n| SessionRow { expires_at: at(10), ..owned(n, owner(1, 1)) };
    let store = store([short(1), short(2), short(3), row(4)]).await;
    assert_eq!(store.cleanup_expired(at(9), 10).await.unwrap(), 0);
    assert_eq!(store.cleanup_expired(at(10), 2).await.unwrap(), 2);
    assert_eq!(store.cleanup_expired(at(10), 10).await.unwrap(), 1);
    assert_eq!(store.len(), 1);
    assert!(store.read().by_owner.is_empty());
}

#[tokio::test]
async fn a_full_store_refuses_newcomers_and_keeps_what_lives() {
    let store = InMemorySessionStore::with_capacity(2);
    let short = SessionRow { expires_at: at(10), ..row(1) };
    assert_eq!(store.insert(short).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(store.insert(row(2)).await.unwrap(), SaveOutcome::Saved);
    let error = store.insert(row(3)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
    assert_eq!(store.len(), 2);
    rotate(&store, 2, 4, 2, 0).await;
    assert_eq!(store.len(), 2, "a rotation needs no room");
    let later = SessionRow { created_at: at(10), ..row(5) };
    assert_eq!(store.insert(later).await.unwrap(), SaveOutcome::Saved, "the expired one made room");
    assert_eq!(store.load(id(1), at(0)).await.unwrap(), None);
    assert!(store.load(id(4), at(0)).await.unwrap().is_some());
}

#[tokio::test]
async fn clones_share_their_rows() {
    let store = store([row(1)]).await;
    assert_eq!(store.clone().end(id(1), at(0)).await.unwrap(), 1);
    assert!(store.is_empty());
}
