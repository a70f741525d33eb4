use super::place::*;
use audex_core::{
    IssueError,
    rate::{RateLimited, RateRule},
    session::{SessionStatus, SessionStore},
};
use audex_server::store::Store;
use axess::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};

async fn begin(store: &Store, name: &str, at: DateTime<Utc>, rates: &[RateRule]) -> Result<(), RateLimited> {
    match store.begin(beginning(&record(name, at), rates, None)).await {
        Ok(_) => Ok(()),
        Err(IssueError::Limited(limited)) => Err(limited),
        Err(error) => panic!("{error:?}"),
    }
}

on_both!(the_window_slides_for_each_identity, |place: Place| async move {
    let (store, rates) = (&place.store, [rule("*", 3, None), rule("bob@example.com", 1, None)]);
    let at = |minute| now() + TimeDelta::minutes(minute);
    for minute in [0, 10, 20] {
        begin(store, "alice@example.com", at(minute), &rates).await.unwrap();
    }
    let limited = begin(store, "alice@example.com", at(30), &rates).await.unwrap_err();
    assert_eq!(limited.rule, "*");
    assert_eq!(limited.retry_after, Some(TimeDelta::minutes(30)));
    // Each identity is counted alone, and by the strictest rule about it.
    begin(store, "bob@example.com", at(0), &rates).await.unwrap();
    assert_eq!(begin(store, "bob@example.com", at(1), &rates).await.unwrap_err().rule, "bob@example.com");
    // What was refused was not counted.
    begin(store, "alice@example.com", at(60), &rates).await.unwrap();
    assert!(begin(store, "alice@example.com", at(61), &rates).await.is_err());
    begin(store, "alice@example.com", at(70), &rates).await.unwrap();
    // A clock that is set back lets nobody through.
    assert!(begin(store, "alice@example.com", at(5), &rates).await.is_err());
    assert!(
        begin(store, "alice@example.com", at(30), &[rule("*", 0, None)])
            .await
            .unwrap_err()
            .retry_after
            .is_none()
    );
    begin(store, "alice@example.com", at(5), &[]).await.unwrap();
});

on_both!(a_session_that_ends_frees_its_slot, |place: Place| async move {
    let (store, rates) = (&place.store, [rule("*", 100, Some(2))]);
    let first = record("alice@example.com", now());
    let hold = store.begin(beginning(&first, &rates, None)).await.unwrap();
    begin(store, "alice@example.com", now(), &rates).await.unwrap();
    assert_eq!(begin(store, "alice@example.com", now(), &rates).await.unwrap_err().retry_after, None);
    begin(store, "bob@example.com", now(), &rates).await.unwrap();
    store.save(&hold, change(ended(SessionStatus::Revoked))).await.unwrap();
    begin(store, "alice@example.com", now(), &rates).await.unwrap();
    assert!(begin(store, "alice@example.com", now(), &rates).await.is_err());
    // One whose deadline has passed has none, also before it was swept.
    begin(store, "alice@example.com", now() + TimeDelta::minutes(15), &rates).await.unwrap();
});

on_both!(limits_hold_across_servers_however_many_ask_at_once, |place: Place| async move {
    let others = [place.store.clone(), place.other().await, place.other().await];
    for (rates, allowed) in [([rule("*", 30, None)], 30), ([rule("*", 1_000, Some(17))], 17)] {
        let name = format!("n{allowed}@example.com");
        let rates = &rates;
        let asked = (0..150).map(|n| begin(&others[n % 3], &name, now(), rates));
        let granted = futures_util::future::join_all(asked).await;
        assert_eq!(granted.iter().filter(|outcome| outcome.is_ok()).count(), allowed);
    }
    assert_eq!(place.store.active_sessions(now()).await.unwrap(), 47);
});

on_both!(a_large_limit_is_exact_over_many_batches, |place: Place| async move {
    let (store, rates) = (&place.store, [rule("*", 500, None), rule("alice@example.com", 700, None)]);
    for round in 0..8_i64 {
        let at = now() + TimeDelta::seconds(round);
        let asked = (0..100).map(|_| begin(store, "alice@example.com", at, &rates));
        let granted = futures_util::future::join_all(asked).await;
        let granted = granted.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(granted, if round < 5 { 100 } else { 0 }, "{round}");
    }
    // The first hundred leave the window together.
    let at = now() + TimeDelta::hours(1);
    let asked = (0..120).map(|_| begin(store, "alice@example.com", at, &rates));
    let granted = futures_util::future::join_all(asked).await;
    assert_eq!(granted.iter().filter(|outcome| outcome.is_ok()).count(), 100);
});

on_both!(a_clock_that_was_wrong_locks_nobody_out_for_ever, |place: Place| async move {
    let (store, rates) = (&place.store, [rule("*", 2, None)]);
    begin(store, "alice@example.com", now() + TimeDelta::days(30_000), &rates).await.unwrap();
    begin(store, "alice@example.com", now(), &rates).await.unwrap();
    assert!(begin(store, "alice@example.com", now() + TimeDelta::days(1), &rates).await.is_err());
    // After a restart those count as of then.
    let other = place.other().await;
    assert!(
        begin(&other, "alice@example.com", place.clock.now() + TimeDelta::minutes(59), &rates).await.is_err()
    );
    begin(&other, "alice@example.com", place.clock.now() + TimeDelta::hours(1), &rates).await.unwrap();
});
