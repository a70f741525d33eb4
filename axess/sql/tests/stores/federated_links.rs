use crate::{
    database::on_every_database,
    play::{Draws, at, owner},
};
use axess_core::{
    memory::MemoryFederatedLinkStore,
    store::{Expected, FederatedLink, FederatedLinkStore, StoreErrorKind},
};
use axess_sql::SqlFederatedLinkStore;
use axess_testing::conformance::{self, Setting};

fn link(issuer: &str, subject: &str) -> FederatedLink {
    FederatedLink {
        owner: owner(1, 1),
        issuer: issuer.into(),
        subject: subject.into(),
        provider: "okta".parse().unwrap(),
        linked_at: at(1),
        last_used_at: None,
    }
}

/// Does the same things to any store and writes down what it answers.
async fn script(store: &impl FederatedLinkStore, seed: u64) -> Vec<String> {
    // Names that careless comparisons take for one.
    let names = ["a", "A", "a ", "ab", "b", "ä", "a\u{308}", ""];
    let (mut draws, mut log) = (Draws::new(seed), Vec::new());
    for step in 0..300 {
        let mut draw = || names[usize::try_from(draws.below(names.len() as u64)).unwrap()];
        let (issuer, subject) = (draw(), draw());
        let owner = draws.owner();
        let (named, of) = ((issuer.to_owned(), subject.to_owned()), owner.tenant_id);
        let expected = match draws.below(4) {
            0 | 1 => Expected::Absent,
            2 => Expected::Any,
            _ => Expected::Version(1 + draws.below(3)),
        };
        let answer = match draws.below(30) {
            0..=15 => {
                let new = FederatedLink { owner, ..link(issuer, subject) };
                format!("{:?}", store.save_link(new, expected).await)
            }
            16..=21 => format!("{:?}", store.touch_link(owner, named.0, named.1, at(step)).await),
            22..=27 => format!("{:?}", store.delete_link(owner, named.0, named.1).await),
            28 => format!("{:?}", store.delete_for_user(owner).await),
            _ if draws.below(4) == 0 => format!("{:?}", store.delete_for_tenant(of).await),
            _ => String::new(),
        };
        let found = store.find_link(of, issuer.into(), subject.into()).await.unwrap();
        log.push(format!("{step}: {answer} {found:?} {:?}", store.find_links(owner).await.unwrap()));
    }
    log
}

on_every_database!(federated_link_store, |database: TestDatabase| async move {
    conformance::federated_link_store(SqlFederatedLinkStore::new(database.db), Setting::default())
        .check()
        .await;
});

on_every_database!(answers_like_the_one_in_memory, |database: TestDatabase| async move {
    let (seed, store) = (3, SqlFederatedLinkStore::new(database.db));
    assert_eq!(script(&store, seed).await, script(&MemoryFederatedLinkStore::new(), seed).await);
});

on_every_database!(names_are_bounded, |database: TestDatabase| async move {
    let store = SqlFederatedLinkStore::new(database.db);
    for (issuer, subject) in [("x".repeat(513), "1".into()), ("i".into(), "x".repeat(256))] {
        let refused = store.save_link(link(&issuer, &subject), Expected::Any).await;
        assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Misuse);
    }
});
