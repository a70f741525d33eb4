//! What a rule about a group lets through is for all its members together.

use super::{place::*, requests::approved};
use audex_core::{
    IssueError, Requester,
    rate::{RateLimited, RateRule},
    session::{Beginning, SessionRecord, SessionStatus, SessionStore},
};
use audex_server::store::{SqlHold, Store};
use axess::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

/// Returns a session of somebody in some groups.
fn of(name: &str, groups: &[&str], at: DateTime<Utc>) -> SessionRecord {
    let groups = groups.iter().map(|&group| group.to_owned()).collect();
    let requester = Requester::Principal { email: name.to_owned(), groups };
    SessionRecord { requester, ..record(name, at) }
}

async fn begin(store: &Store, record: &SessionRecord, rates: &[RateRule]) -> Result<SqlHold, RateLimited> {
    match store.begin(beginning(record, rates, None)).await {
        Ok(hold) => Ok(hold),
        Err(IssueError::Limited(limited)) => Err(limited),
        Err(error) => panic!("{error:?}"),
    }
}

on_both!(ten_members_hold_as_many_sessions_as_the_group_may, |place: Place| async move {
    let others = [place.store.clone(), place.other().await, place.other().await];
    let rates = &[rule("team:data", 1_000, Some(5)), rule("*", 1_000, Some(100))];
    let asked = (0..60).map(|n| {
        let member = of(&format!("m{}@example.com", n % 10), &["team:data"], now());
        let store = &others[n % 3];
        async move { begin(store, &member, rates).await.map(drop) }
    });
    let outcomes = join_all(asked).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5, "{outcomes:?}");
    let limited = outcomes.into_iter().find_map(Result::err).unwrap();
    assert_eq!((&*limited.rule, limited.retry_after), ("team:data", None));
    // Nobody else is in their way, not even one who is called as the group.
    begin(&place.store, &of("eve@example.com", &["team:other"], now()), rates).await.unwrap();
    let rates = &[rule("*", 1_000, Some(1)), rule("carol@example.com", 1_000, Some(1))];
    begin(&place.store, &of("dan@example.com", &["carol@example.com"], now()), rates).await.unwrap();
    begin(&place.store, &of("carol@example.com", &[], now()), rates).await.unwrap();
    assert_eq!(place.store.active_sessions(now()).await.unwrap(), 8);
});

on_both!(the_requests_of_a_group_are_counted_together, |place: Place| async move {
    let others = [place.store.clone(), place.other().await];
    let rates = &[rule("team:data", 20, None), rule("m0@example.com", 1, None)];
    let asked = (0..60).map(|n| {
        let member = of(&format!("m{}@example.com", n % 10), &["team:data"], now());
        let store = &others[n % 2];
        async move { begin(store, &member, rates).await.map(drop) }
    });
    let granted = join_all(asked).await.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(granted, 20);
    let late = of("late@example.com", &["team:data"], now() + TimeDelta::minutes(50));
    let limited = begin(&place.store, &late, rates).await.unwrap_err();
    assert_eq!((&*limited.rule, limited.retry_after), ("team:data", Some(TimeDelta::minutes(10))));
    // What is asked for and waits for approval is counted with them, and what was refused is not counted.
    let mut asked = pending("late@example.com", now() + TimeDelta::hours(1));
    asked.requester = late.requester.clone();
    let rates = &[rule("team:data", 1, None)];
    place.store.insert_request(&asked, rates, administered("asked"), vec![]).await.unwrap();
    let early = of("m1@example.com", &["team:data"], now() + TimeDelta::hours(1));
    assert!(begin(&place.store, &early, rates).await.is_err());
});

/// Returns how many rows say under which groups sessions count.
async fn rows(place: &Place) -> i64 {
    let count = "SELECT COUNT(*) FROM audex_session_groups";
    match &place.settings.database {
        Some(url) => sqlx::query_scalar(count).fetch_one(&sqlx::PgPool::connect(url).await.unwrap()).await,
        None => {
            let pool = sqlx::SqlitePool::connect(&place.settings.database_url()).await.unwrap();
            sqlx::query_scalar(count).fetch_one(&pool).await
        }
    }
    .unwrap()
}

on_both!(whoever_ends_a_session_frees_a_slot_of_the_group, |place: Place| async move {
    let (store, rates) = (&place.store, &[rule("team:devops", 100, Some(2))]);
    let first = record("alice@example.com", now());
    let hold = begin(store, &first, rates).await.unwrap();
    begin(store, &record("bob@example.com", now()), rates).await.unwrap();
    assert!(begin(store, &record("carol@example.com", now()), rates).await.is_err());
    store.save(&hold, change(ended(SessionStatus::Revoked))).await.unwrap();
    assert_eq!(rows(&place).await, 1);
    begin(store, &record("carol@example.com", now()), rates).await.unwrap();
    assert!(begin(store, &record("alice@example.com", now()), rates).await.is_err());
    // Those whose deadline has passed have none, also before they are swept.
    place.clock.jump(TimeDelta::minutes(15));
    begin(store, &record("alice@example.com", place.clock.now()), rates).await.unwrap();
    assert_eq!(rows(&place).await, 3);
    assert_eq!(store.expire_sessions(place.clock.now()).await.unwrap(), 2);
    assert_eq!(rows(&place).await, 1);
});

on_both!(what_was_approved_takes_a_slot_of_the_group, |place: Place| async move {
    let (store, rates) = (&place.store, &[rule("team:devops", 100, Some(1))]);
    let held = begin(store, &record("bob@example.com", now()), rates).await.unwrap();
    let pending = approved(store, "alice@example.com").await;
    let picked_up = SessionRecord { session_id: pending.session_id, ..record("alice@example.com", now()) };
    let pick_up = || {
        let approval = pending.clone().approval.consume([3; 32], now()).unwrap();
        Beginning { approved: Some(approval), ..beginning(&picked_up, rates, None) }
    };
    assert!(matches!(store.begin(pick_up()).await, Err(IssueError::Limited(_))));
    store.save(&held, change(ended(SessionStatus::Completed))).await.unwrap();
    store.begin(pick_up()).await.unwrap();
    assert!(begin(store, &record("carol@example.com", now()), rates).await.is_err());
});
