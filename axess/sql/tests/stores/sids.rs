use crate::{
    database::on_every_database,
    play::{Draws, RACERS, at, owner, race},
};
use axess_core::{
    memory::MemorySidStore,
    store::{SidBinding, SidStore, StoreErrorKind},
};
use axess_identity::SessionId;
use axess_sql::SqlSidStore;
use axess_testing::conformance::{self, Setting};

fn binding(issuer: &str, sid: Option<&str>, subject: &str, lineage: u8) -> SidBinding {
    SidBinding {
        owner: owner(1, 1),
        issuer: issuer.into(),
        sid: sid.map(Into::into),
        subject: subject.into(),
        lineage: SessionId::from_bytes([lineage; 16]),
        expires_at: at(100),
    }
}

/// Does the same things to any store and writes down what it answers.
async fn script(store: &impl SidStore, seed: u64) -> Vec<String> {
    // Names that careless comparisons take for one.
    let names = ["a", "A", "a ", "ab", "b", "ä", "a\u{308}", ""];
    let (mut draws, mut log) = (Draws::new(seed), Vec::new());
    for step in 0..300 {
        let mut draw = || names[usize::try_from(draws.below(names.len() as u64)).unwrap()];
        let (issuer, sid, subject) = (draw(), draw(), draw());
        let (owner, now) = (draws.owner(), at(step));
        let lineage = u8::try_from(draws.below(20)).unwrap();
        let new = SidBinding {
            owner,
            expires_at: at(step + 60),
            ..binding(issuer, Some(sid).filter(|_| draws.below(5) > 0), subject, lineage)
        };
        let answer = match draws.below(20) {
            0..=16 => format!("{:?}", store.bind(new).await),
            17 | 18 => format!("{:?}", store.unbind(owner.tenant_id, issuer.into(), new.lineage).await),
            _ => format!("{:?}", store.cleanup_expired(now, 1_000).await),
        };
        let by_sid = store.find_by_sid(Some(owner.tenant_id), issuer.into(), sid.into(), now).await.unwrap();
        let by_subject =
            store.find_by_subject(Some(owner.tenant_id), issuer.into(), subject.into(), now).await.unwrap();
        let anywhere = store.find_by_sid(None, issuer.into(), sid.into(), now).await.unwrap();
        let anyone = store.find_by_subject(None, issuer.into(), subject.into(), now).await.unwrap();
        log.push(format!("{step}: {answer} {by_sid:?} {by_subject:?} {anywhere:?} {anyone:?}"));
    }
    log
}

on_every_database!(sid_store, |database: TestDatabase| async move {
    conformance::sid_store(SqlSidStore::new(database.db), Setting::default()).check().await;
});

on_every_database!(answers_like_the_one_in_memory, |database: TestDatabase| async move {
    let (seed, store) = (3, SqlSidStore::new(database.db));
    assert_eq!(script(&store, seed).await, script(&MemorySidStore::new(), seed).await);
});

on_every_database!(racing_bindings_of_one_lineage_leave_one, |database: TestDatabase| async move {
    let (store, tenant) = (SqlSidStore::new(database.db), owner(1, 1).tenant_id);
    race(RACERS, |racer| {
        let store = store.clone();
        async move {
            store.bind(binding("i", Some("s"), "u", 1)).await.unwrap();
            store.bind(binding("i", Some("s"), "u", 2 + u8::try_from(racer).unwrap())).await.unwrap();
            store.cleanup_expired(at(0), 100).await.unwrap()
        }
    })
    .await;
    let found = store.find_by_sid(Some(tenant), "i".into(), "s".into(), at(0)).await.unwrap();
    assert_eq!(found.len(), 1 + RACERS);
    assert!(found.is_sorted_by_key(|binding| binding.lineage));
});

on_every_database!(sizes, |database: TestDatabase| async move {
    let (store, tenant) = (SqlSidStore::new(database.db), owner(1, 1).tenant_id);
    let (issuer, name) = ("ü".repeat(256), "n".repeat(255));
    let full = binding(&issuer, Some(&name), &name, 1);
    store.bind(full.clone()).await.unwrap();
    assert_eq!(
        store.find_by_sid(Some(tenant), issuer.clone(), name.clone(), at(0)).await.unwrap(),
        vec![full.clone()]
    );
    assert_eq!(
        store.find_by_subject(Some(tenant), issuer.clone(), name.clone(), at(99)).await.unwrap(),
        vec![full]
    );
    assert_eq!(
        store.find_by_subject(Some(tenant), issuer.clone(), name.clone(), at(100)).await.unwrap(),
        vec![]
    );
    let (long_issuer, long_name) = (issuer.clone() + "x", name.clone() + "x");
    for long in [
        binding(&long_issuer, None, &name, 1),
        binding(&issuer, Some(&long_name), &name, 1),
        binding(&issuer, None, &long_name, 1),
    ] {
        assert_eq!(store.bind(long).await.unwrap_err().kind(), StoreErrorKind::Misuse);
    }
    for lineage in 2..7 {
        store.bind(binding(&issuer, None, &name, lineage)).await.unwrap();
    }
    assert_eq!(store.cleanup_expired(at(100), 2).await.unwrap(), 2);
    assert_eq!(store.cleanup_expired(at(100), 100).await.unwrap(), 4);
});
