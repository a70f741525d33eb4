//! Twenty at once, on two servers: one wins.

use super::{
    people::{add, token},
    place::*,
    requests::{approved, voted},
};
use audex_core::{
    IssueError,
    session::{Beginning, SessionRecord, SessionStore},
};
use audex_server::{
    model::ApprovalKey,
    store::{AnswerKey, AnswerState, Store, StoreFault},
};
use axess::UserId;
use futures_util::future::join_all;

on_both!(one_vote_decides, |place: Place| async move {
    let (store, other) = (&place.store, place.other().await);
    let pending = pending("alice@example.com", now());
    store.insert_request(&pending, &[], administered("asked"), vec![]).await.unwrap();
    let votes = (0..20).map(|n| {
        let name = format!("v{n}@example.com");
        let mut pending = pending.clone();
        pending.approval.vote(vote(&name, now())).unwrap();
        let store = if n % 2 == 0 { store.clone() } else { other.clone() };
        async move { store.save_request(1, &pending, &who(&name), voted(&pending), vec![]).await.unwrap() }
    });
    assert_eq!(join_all(votes).await.into_iter().filter(|won| *won).count(), 1);
    let (left, version) = store.load_request(pending.session_id).await.unwrap().unwrap();
    assert_eq!((left.approval.votes().len(), version), (1, 2));
    assert_eq!(place.types().await, ["Administered", "ApprovalVoted"]);
});

on_both!(an_approval_is_used_once, |place: Place| async move {
    let (store, other) = (&place.store, place.other().await);
    let pending = approved(store, "alice@example.com").await;
    let record = SessionRecord { session_id: pending.session_id, ..record("alice@example.com", now()) };
    let begun = join_all((0..20).map(|n| {
        let approval = pending.clone().approval.consume([3; 32], now()).unwrap();
        let begin = Beginning { approved: Some(approval), ..beginning(&record, &[], None) };
        if n % 2 == 0 { store } else { &other }.begin(begin)
    }))
    .await;
    let lost = |outcome: &Result<_, IssueError>| matches!(outcome, Err(IssueError::ApprovalUsed));
    assert_eq!(begun.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{begun:?}");
    assert_eq!(begun.iter().filter(|outcome| lost(outcome)).count(), 19, "{begun:?}");
    let types = place.types().await;
    assert_eq!(types.iter().filter(|&name| name == "CredentialsIssued").count(), 1);
});

on_both!(the_last_free_token_is_made_once, |place: Place| async move {
    let (store, other) = (&place.store, place.other().await);
    let alice = add(store, "alice@example.com").await;
    let make = async |store: &Store, n: u8| {
        store.insert_token(&operator(), &token(&alice, n), 10, administered("token.made")).await.unwrap()
    };
    for n in 0..9 {
        assert!(make(store, n).await);
    }
    // Those that work no more do not count.
    let mut over = token(&alice, 100);
    over.revoked_at = Some(now());
    assert!(store.insert_token(&operator(), &over, 10, administered("token.made")).await.unwrap());
    let made = join_all((9..29).map(|n| make(if n % 2 == 0 { store } else { &other }, n))).await;
    assert_eq!(made.into_iter().filter(|made| *made).count(), 1);
    assert_eq!(place.types().await.len(), 12, "what was not made is no event");
});

on_both!(the_last_place_for_a_key_is_taken_once, |place: Place| async move {
    let (store, other) = (&place.store, place.other().await);
    let make = async |store: &Store, owner: UserId, n: usize| {
        let key = ApprovalKey {
            id: format!("{owner} {n}"),
            owner,
            name: "laptop".to_owned(),
            jwk: serde_json::json!({ "kty": "OKP" }),
            created_at: now(),
        };
        store.insert_key(&operator(), &key, 1, administered("key.added")).await.unwrap()
    };
    let mut owners = Vec::new();
    for n in 0..40 {
        owners.push(add(store, &format!("p{n}@example.com")).await.user_id);
    }
    for owner in &owners {
        let made = join_all((0..4).map(|n| make(if n % 2 == 0 { store } else { &other }, *owner, n))).await;
        assert_eq!(made.into_iter().filter(|made| *made).count(), 1);
        assert_eq!(store.keys_of(*owner).await.unwrap().len(), 1);
    }
    assert_eq!(place.types().await.len(), 2 * owners.len(), "what was not added is no event");
});

on_both!(a_key_begins_one_answer, |place: Place| async move {
    let (store, other) = (&place.store, place.other().await);
    let key = AnswerKey { identity: "alice@example.com".to_owned(), key: "k".to_owned() };
    let states = join_all(
        (0..20).map(|n| if n % 2 == 0 { store } else { &other }.begin_answer(&key, [1; 32], new_id(), now())),
    )
    .await;
    let new = |state: &Result<AnswerState, StoreFault>| matches!(state, Ok(AnswerState::New));
    assert_eq!(states.iter().filter(|state| new(state)).count(), 1, "{states:?}");
    let running = |state: &Result<_, StoreFault>| matches!(state, Ok(AnswerState::Running { .. }));
    assert_eq!(states.iter().filter(|state| running(state)).count(), 19, "{states:?}");
});

on_both!(one_of_two_servers_begins_a_session, |place: Place| async move {
    let (store, other) = (&place.store, place.other().await);
    let record = record("alice@example.com", now());
    let begun = join_all(
        (0..20).map(|n| if n % 2 == 0 { store } else { &other }.begin(beginning(&record, &[], None))),
    )
    .await;
    assert_eq!(begun.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{begun:?}");
    assert_eq!(place.types().await.len(), 1);
});
