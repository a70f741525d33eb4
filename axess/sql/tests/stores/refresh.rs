use crate::{
    database::on_every_database,
    play::{Draws, RACERS, at, owner, race},
};
use axess_core::{
    memory::MemoryRefreshTokenStore,
    refresh::{RefreshGrant, RefreshToken, Successor, TokenHash},
    store::{IssueOutcome, Owner, RefreshTokenStore, RotateOutcome, StoreErrorKind},
};
use axess_identity::{DeviceId, FactorKind, RefreshTokenId, TokenFamilyId};
use axess_sql::SqlRefreshTokenStore;
use axess_testing::conformance::{self, Setting};
use chrono::{DateTime, TimeDelta, Utc};

fn id(number: u64) -> RefreshTokenId {
    RefreshTokenId::from_parts(number, [7; 10])
}

fn token(owner: Owner, number: u64, family: u8, issued_at: DateTime<Utc>) -> RefreshToken {
    RefreshToken {
        id: id(number),
        owner,
        family_id: TokenFamilyId::from_parts(0, [family; 10]),
        token_hash: TokenHash::new(format!("sha256::{number:064x}")).unwrap(),
        grant: RefreshGrant::new(issued_at, vec![FactorKind::Password]),
        device_id: None,
        device_info: None,
        issued_at,
        expires_at: issued_at + TimeDelta::seconds(100),
        rotated_at: None,
        revoked_at: None,
        successor: None,
    }
}

/// Does the same things to any store and writes down what it answers.
async fn script(store: &impl RefreshTokenStore, seed: u64) -> Vec<String> {
    let (mut draws, mut log) = (Draws::new(seed), Vec::new());
    for step in 0..250_u64 {
        let (owner, now) = (draws.owner(), at(i64::try_from(step).unwrap()));
        let (known, family) = (id(draws.below(step.max(1))), u8::try_from(draws.below(4)).unwrap());
        let family_id = TokenFamilyId::from_parts(0, [family; 10]);
        let device_id = DeviceId::from_parts(0, draws.digit(3));
        let mut new = token(owner, step, family, now);
        new.device_id = Some(device_id).filter(|_| draws.below(3) > 0);
        new.device_info = Some("Zoë’s 💻 ".into()).filter(|_| draws.below(2) > 0);
        let answer = match draws.below(16) {
            0..=4 => format!("{:?}", store.issue_with_eviction(new, 4).await),
            5..=8 => {
                // One that exists, and is active more often than not.
                let active = store.find_tokens_for_user(owner, now, 1).await.unwrap();
                let current = active.first().map_or(known, |token| token.id);
                new.family_id = active.first().map_or(family_id, |token| token.family_id);
                format!("{:?}", store.rotate_token(current, new, vec![1, 2, 3].into()).await)
            }
            9 => {
                let hash = TokenHash::new("hmac-sha256:p:00").unwrap();
                format!("{:?}", store.extend_token(owner, known, hash, at(400), now).await)
            }
            10 | 11 => format!("{:?}", store.take_successor(owner, known, now).await),
            12 => match draws.below(6) {
                0 => format!("{:?}", store.revoke_family(owner, family_id, now).await),
                1 => format!("{:?}", store.revoke_for_device(owner, device_id, now).await),
                2 => format!("{:?}", store.revoke_for_user(owner, now).await),
                3 => format!("{:?}", store.revoke_for_tenant(owner.tenant_id, now).await),
                4 => format!("{:?}", store.delete_for_user(owner).await),
                _ => format!("{:?}", store.cleanup_expired(now, 1_000).await),
            },
            13 => format!("{:?}", store.revoke_token(owner, known, now).await),
            _ => format!("{:?}", store.load_token(owner, known).await),
        };
        log.push(format!("{step}: {answer}"));
        log.push(format!("{:?}", store.find_tokens_for_user(owner, now, 3).await));
    }
    log
}

on_every_database!(refresh_token_store, |database: TestDatabase| async move {
    conformance::refresh_token_store(SqlRefreshTokenStore::new(database.db), Setting::default())
        .check()
        .await;
});

on_every_database!(answers_like_the_one_in_memory, |database: TestDatabase| async move {
    let (seed, store) = (11, SqlRefreshTokenStore::new(database.db));
    assert_eq!(script(&store, seed).await, script(&MemoryRefreshTokenStore::new(), seed).await);
});

on_every_database!(keeps_every_field, |database: TestDatabase| async move {
    let store = SqlRefreshTokenStore::new(database.db);
    let mut full = token(owner(1, 1), 1, 1, at(0));
    full.grant.factors_completed = vec![FactorKind::Fido2, FactorKind::Totp];
    full.device_id = Some(DeviceId::from_parts(1, [1; 10]));
    full.device_info = Some("👩🏽‍💻é".repeat(50) + "  ");
    (full.rotated_at, full.revoked_at) = (Some(at(1)), Some(at(-4_000_000_000)));
    full.successor = Some(Successor { id: id(2), sealed: vec![0, 255].into() });
    assert_eq!(
        store.issue_with_eviction(full.clone(), 1).await.unwrap(),
        IssueOutcome::Issued { evicted: vec![] }
    );
    assert_eq!(store.load_token(full.owner, full.id).await.unwrap(), Some(full.clone()));
    assert_eq!(store.issue_with_eviction(full.clone(), 1).await.unwrap(), IssueOutcome::Conflict);
    full.device_info = Some("é".repeat(257));
    let refused = store.issue_with_eviction(RefreshToken { id: id(3), ..full.clone() }, 1).await;
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Misuse);
    let refused = store.rotate_token(id(1), RefreshToken { id: id(3), ..full }, vec![].into()).await;
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Misuse);
});

on_every_database!(of_racing_rotations_one_happens, |database: TestDatabase| async move {
    let (store, me) = (SqlRefreshTokenStore::new(database.db), owner(1, 1));
    let _ = store.issue_with_eviction(token(me, 1, 1, at(0)), 10).await.unwrap();
    let outcomes = race(RACERS, |racer| {
        let (store, next) = (store.clone(), token(me, 100 + racer as u64, 1, at(1)));
        async move { store.rotate_token(id(1), next, vec![1].into()).await.unwrap() }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == RotateOutcome::Rotated).count(), 1);
    let active = store.find_tokens_for_user(me, at(1), 100).await.unwrap();
    assert_eq!(active.len(), 1);
    let winner = outcomes.iter().position(|outcome| *outcome == RotateOutcome::Rotated).unwrap();
    assert_eq!(active.first().unwrap().id, id(100 + winner as u64));
    for loser in (0..RACERS).filter(|racer| *racer != winner) {
        assert_eq!(store.load_token(me, id(100 + loser as u64)).await.unwrap(), None);
    }
    let taken = race(RACERS, |_| {
        let store = store.clone();
        async move { store.take_successor(me, id(1), at(2)).await.unwrap() }
    })
    .await;
    assert_eq!(taken.iter().flatten().count(), 1, "a successor is handed out once");
});

on_every_database!(no_successor_survives_a_revocation, |database: TestDatabase| async move {
    let store = SqlRefreshTokenStore::new(database.db);
    for round in 0..24_u8 {
        let (me, first) = (owner(1, round), u64::from(round) * 1_000);
        let _ = store.issue_with_eviction(token(me, first, 1, at(0)), 10).await.unwrap();
        race(RACERS, |racer| {
            let (store, racer) = (store.clone(), racer as u64);
            async move {
                match (racer == 5 || racer == 15, round % 4) {
                    (true, 0) => {
                        drop(store.revoke_family(me, token(me, 0, 1, at(0)).family_id, at(1)).await.unwrap())
                    }
                    (true, 1) => drop(store.revoke_for_user(me, at(1)).await.unwrap()),
                    (true, 2) => drop(store.revoke_for_tenant(me.tenant_id, at(1)).await.unwrap()),
                    (true, _) => assert!(store.delete_for_user(me).await.unwrap() <= 1 + RACERS as u64),
                    // A chain: everybody rotates whatever is active.
                    (false, _) => {
                        let next = token(me, first + 1 + racer, 1, at(1));
                        let current = store.find_tokens_for_user(me, at(1), 1).await.unwrap();
                        let current = current.first().map_or(id(first), |token| token.id);
                        let _ = store.rotate_token(current, next, vec![1].into()).await.unwrap();
                    }
                }
            }
        })
        .await;
        assert_eq!(store.find_tokens_for_user(me, at(1), 10).await.unwrap(), vec![], "round {round}");
    }
});

on_every_database!(the_cap_holds, |database: TestDatabase| async move {
    let (store, me) = (SqlRefreshTokenStore::new(database.db), owner(1, 1));
    let outcomes = race(RACERS, |racer| {
        let (store, new) = (store.clone(), token(me, racer as u64, 1, at(racer as i64 % 3)));
        async move { store.issue_with_eviction(new, 5).await.unwrap() }
    })
    .await;
    let mut evicted: Vec<_> = outcomes
        .into_iter()
        .flat_map(|outcome| match outcome {
            IssueOutcome::Issued { evicted } => evicted,
            IssueOutcome::Conflict => panic!("every id is new"),
        })
        .collect();
    evicted.sort();
    evicted.dedup();
    assert_eq!(evicted.len(), RACERS - 5, "each is evicted once");
    assert_eq!(store.find_tokens_for_user(me, at(5), 100).await.unwrap().len(), 5);
    // A cap that shrank evicts the oldest, oldest first.
    let before = store.find_tokens_for_user(me, at(5), 100).await.unwrap();
    let outcome = store.issue_with_eviction(token(me, 900, 1, at(5)), 2).await.unwrap();
    let oldest: Vec<_> = before.iter().rev().take(4).map(|token| token.id).collect();
    assert_eq!(outcome, IssueOutcome::Issued { evicted: oldest });
});

on_every_database!(a_tenant_of_many_users, |database: TestDatabase| async move {
    let (store, users) = (SqlRefreshTokenStore::new(database.db), 205_u64);
    let of = |user: u64| Owner { user_id: axess_identity::UserId::from_parts(user, [9; 10]), ..owner(1, 1) };
    for user in 0..users {
        let _ = store.issue_with_eviction(token(of(user), user, 1, at(0)), 1).await.unwrap();
    }
    let _ = store.issue_with_eviction(token(owner(2, 1), 1, 1, at(0)), 1).await.unwrap();
    assert_eq!(store.revoke_for_tenant(of(0).tenant_id, at(1)).await.unwrap(), users);
    assert_eq!(store.revoke_for_tenant(of(0).tenant_id, at(1)).await.unwrap(), 0);
    assert_eq!(store.find_tokens_for_user(owner(2, 1), at(1), 9).await.unwrap().len(), 1);
    assert_eq!(store.cleanup_expired(at(100), 50).await.unwrap(), 50);
    assert_eq!(store.cleanup_expired(at(100), 500).await.unwrap(), users + 1 - 50);
});
