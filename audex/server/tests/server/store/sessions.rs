use super::place::*;
use audex_core::{
    IssueError,
    session::{Change, SessionStatus, SessionStore, SessionStoreError, Step},
};
use audex_server::{
    model::PageQuery,
    store::{SessionFilter, StoreFault},
};
use axess::clock::Clock;
use chrono::TimeDelta;

fn is_conflict(error: &IssueError) -> bool {
    let IssueError::Store(source) = error else { return false };
    matches!(source.downcast_ref(), Some(StoreFault::Conflict))
}

on_both!(a_session_is_there_with_its_events_and_of_two_holders_one_ends_it, |place: Place| async move {
    let (store, mut record) = (&place.store, record("alice@example.com", now()));
    let hold = store.begin(beginning(&record, &[], None)).await.unwrap();
    assert_eq!(store.load(record.session_id).await.unwrap(), record);
    record = store.save(&hold, change(minted(&record, "jti"))).await.unwrap();
    assert_eq!(record.credentials.len(), 1);
    assert_eq!(store.session(record.session_id).await.unwrap().unwrap(), record);
    // Of two that end it the first does, and what was being minted meanwhile is not handed over.
    let other = place.other().await;
    let theirs = other.hold(record.session_id).await.unwrap().unwrap();
    record = other.save(&theirs, change(ended(SessionStatus::Revoked))).await.unwrap();
    assert_eq!(record.status, SessionStatus::Revoked);
    let late = store.save(&hold, change(minted(&record, "jti2"))).await;
    assert!(matches!(late, Err(IssueError::Over(_))), "{late:?}");
    assert_eq!(store.save(&hold, change(ended(SessionStatus::Failed))).await.unwrap(), record);
    store.release(hold).await.unwrap();
    assert_eq!(store.session(record.session_id).await.unwrap().unwrap(), record);
    assert_eq!(place.types().await, ["CredentialsIssued", "CredentialsIssued", "SessionEnded"]);
    assert!(store.hold(new_id()).await.unwrap().is_none());
    let unknown = store.load(new_id()).await.unwrap_err();
    assert!(matches!(unknown, IssueError::Sessions(SessionStoreError::Unknown(_))));
});

on_both!(one_that_fails_spoils_none_that_were_written_with_it, |place: Place| async move {
    let store = &place.store;
    let records: Vec<_> = (0..40).map(|_| record("alice@example.com", now())).collect();
    // Every fourth is there already.
    let taken: Vec<_> = records.iter().step_by(4).collect();
    for record in &taken {
        store.begin(beginning(record, &[], None)).await.unwrap();
    }
    let begun = records.iter().map(|record| store.begin(beginning(record, &[], None)));
    let begun = futures_util::future::join_all(begun).await;
    for (at, outcome) in begun.iter().enumerate() {
        match at % 4 {
            0 => assert!(is_conflict(outcome.as_ref().unwrap_err()), "{at}"),
            _ => assert!(outcome.is_ok(), "{at}: {outcome:?}"),
        }
    }
    assert_eq!(store.active_sessions(now()).await.unwrap(), 40);
    assert_eq!(place.types().await.len(), 40);
});

on_both!(sessions_are_listed_by_who_and_how_they_are, |place: Place| async move {
    let store = &place.store;
    for n in 0..5 {
        let name = if n % 2 == 0 { "alice@example.com" } else { "bob@example.com" };
        let mut record = record(name, now() + TimeDelta::seconds(n));
        if n == 4 {
            record.status = SessionStatus::Failed;
        }
        store.begin(beginning(&record, &[], None)).await.unwrap();
    }
    let count = |filter: SessionFilter| async move {
        store.list_sessions(&filter, &PageQuery::default()).await.unwrap().items.len()
    };
    let alice = Some("alice@example.com".to_owned());
    assert_eq!(count(SessionFilter::default()).await, 5);
    assert_eq!(count(SessionFilter { identity: alice.clone(), status: None }).await, 3);
    let active = Some(SessionStatus::Active);
    assert_eq!(count(SessionFilter { identity: alice.clone(), status: active }).await, 2);
    let filter = SessionFilter { identity: alice, status: active };
    let first = store.list_sessions(&filter, &PageQuery { limit: Some(1), after: None }).await.unwrap();
    let second =
        store.list_sessions(&filter, &PageQuery { limit: Some(1), after: first.next }).await.unwrap();
    assert!(first.items[0].created_at > second.items[0].created_at && second.next.is_none());
});

on_both!(what_is_over_in_time_ends_once_and_what_a_crash_left_is_found, |place: Place| async move {
    let store = &place.store;
    let mut whole = record("alice@example.com", now());
    whole.take(&minted(&whole.clone(), "jti"), now()).unwrap();
    let bare = record("bob@example.com", now());
    for record in [&whole, &bare] {
        store.begin(beginning(record, &[], None)).await.unwrap();
    }
    let before = place.types().await.len();
    // A server that just starts leaves what another one is about to mint.
    place.clock.jump(TimeDelta::minutes(4));
    let other = place.other().await;
    assert_eq!(store.session(bare.session_id).await.unwrap().unwrap().status, SessionStatus::Active);
    place.clock.jump(TimeDelta::minutes(1));
    assert_eq!(place.other().await.active_sessions(place.clock.now()).await.unwrap(), 1);
    let left = store.session(bare.session_id).await.unwrap().unwrap();
    assert_eq!(left.status, SessionStatus::Failed);
    assert!(left.ending.unwrap().reason.unwrap().contains("may have been minted"));
    // Of several servers, one ends it.
    place.clock.jump(TimeDelta::minutes(10));
    let now = place.clock.now();
    let (one, two) = tokio::join!(store.expire_sessions(now), other.expire_sessions(now));
    assert_eq!(one.unwrap() + two.unwrap(), 1);
    let expired = store.session(whole.session_id).await.unwrap().unwrap();
    assert_eq!((expired.status, expired.ended_at), (SessionStatus::Expired, Some(now)));
    assert_eq!(place.types().await[before..], ["SessionEnded"; 2]);
    assert_eq!(store.expire_sessions(now).await.unwrap(), 0);
});

on_both!(many_expire_at_once, |place: Place| async move {
    let store = &place.store;
    let records: Vec<_> = (0..450).map(|_| record("alice@example.com", now())).collect();
    futures_util::future::join_all(records.iter().map(|record| store.begin(beginning(record, &[], None))))
        .await;
    assert_eq!(store.expire_sessions(now() + TimeDelta::minutes(15)).await.unwrap(), 450);
    assert_eq!(store.active_sessions(now()).await.unwrap(), 0);
});

on_both!(each_change_is_of_the_session_as_it_is, |place: Place| async move {
    let (store, other, record) = (&place.store, place.other().await, record("alice@example.com", now()));
    store.begin(beginning(&record, &[], None)).await.unwrap();
    let id = record.session_id;
    let adds = (0..40).map(|n| {
        let store = if n % 2 == 0 { store.clone() } else { other.clone() };
        let step = minted(&record, &format!("jti{n}"));
        tokio::spawn(async move {
            let hold = store.hold(id).await.unwrap().unwrap();
            store.save(&hold, change(step)).await.unwrap();
        })
    });
    for added in futures_util::future::join_all(adds).await {
        added.unwrap();
    }
    let (kept, hold) = store.load_for_change(id).await.unwrap().unwrap();
    assert_eq!((kept.credentials.len(), hold.id()), (40, id), "nothing is lost");
    assert!(store.load_for_change(new_id()).await.unwrap().is_none());
});

on_both!(one_that_is_late_is_expired_before_anybody_ends_it, |place: Place| async move {
    let (store, record) = (&place.store, record("alice@example.com", now()));
    let hold = store.begin(beginning(&record, &[], None)).await.unwrap();
    let listed = |status| {
        let filter = SessionFilter { identity: None, status: Some(status) };
        async move { store.list_sessions(&filter, &PageQuery::default()).await.unwrap().items.len() }
    };
    assert_eq!((listed(SessionStatus::Active).await, listed(SessionStatus::Expired).await), (1, 0));
    place.clock.jump(TimeDelta::minutes(15));
    assert_eq!((listed(SessionStatus::Active).await, listed(SessionStatus::Expired).await), (0, 1));
    let seen = store.session(record.session_id).await.unwrap().unwrap();
    assert_eq!((seen.status, seen.ended_at), (SessionStatus::Expired, Some(record.deadline)));
    assert!(place.types().await.iter().all(|name| name != "SessionEnded"));
    // Whoever revokes it now finds that it is over.
    let Step::Ended { status, ending, retired, .. } = ended(SessionStatus::Revoked) else { panic!() };
    let revoked_by = Some(operator());
    let step = Step::Ended { status, ending, retired, revoked_by, gives_back: false };
    let late = Change { step, now: place.clock.now(), credential: None };
    assert_eq!(store.save(&hold, late).await.unwrap().status, SessionStatus::Expired);
    assert_eq!(store.expire_sessions(place.clock.now()).await.unwrap(), 0);
    assert_eq!(place.types().await, ["CredentialsIssued", "SessionEnded"]);
});
