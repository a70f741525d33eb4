use super::place::*;
use audex_core::IssueError;
use audex_server::store::{HeldNotice, NewNotice, Store};
use axess::rng::{SystemRng, random_array};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeSet;

fn notice(destination: &str, at: DateTime<Utc>) -> NewNotice {
    NewNotice {
        id: uuid::Builder::from_random_bytes(random_array(&SystemRng)).into_uuid(),
        destination: destination.to_owned(),
        created_at: at,
        until: at + TimeDelta::hours(24),
        sealed: b"sealed".to_vec(),
    }
}

async fn keep(store: &Store, notices: Vec<NewNotice>) {
    store
        .insert_request(&pending("alice@example.com", now()), &[], administered("asked"), notices)
        .await
        .unwrap();
}

async fn hold(store: &Store, at: DateTime<Utc>) -> Vec<HeldNotice> {
    store.hold_notices("slack-a", at, at + TimeDelta::seconds(60), 100).await.unwrap()
}

fn seconds(seconds: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(seconds)
}

on_both!(who_is_to_be_told_is_written_with_the_change_or_not_at_all, |place: Place| async move {
    let store = &place.store;
    let due = async || store.notices_due(now()).await.unwrap();
    let rates = [rule("alice@example.com", 1, None)];
    let one = pending("alice@example.com", now());
    let told = |name: &str| vec![notice(name, now())];
    store.insert_request(&one, &rates, administered("asked"), told("slack-asked")).await.unwrap();
    let other = pending("alice@example.com", now());
    let refused = store.insert_request(&other, &rates, administered("asked"), told("slack-limited")).await;
    assert!(matches!(refused, Err(IssueError::Limited(_))));
    let bob = who("bob@example.com");
    assert!(store.save_request(1, &one, &bob, administered("voted"), told("slack-first")).await.unwrap());
    assert!(!store.save_request(1, &one, &bob, administered("voted"), told("slack-late")).await.unwrap());
    let later = now() + TimeDelta::hours(2);
    place.clock.set(later);
    let lapsed = store.lapse_requests(later, |_| told("slack-lapsed")).await.unwrap();
    assert_eq!(lapsed.len(), 1);
    let mut names: Vec<String> = due().await.into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["slack-asked", "slack-first", "slack-lapsed"]);
});

on_both!(of_two_servers_one_sends_and_the_other_when_that_one_is_gone, |place: Place| async move {
    let other = place.other().await;
    let told: Vec<NewNotice> = (0..20).map(|_| notice("slack-a", now())).collect();
    let ids: BTreeSet<_> = told.iter().map(|one| one.id).collect();
    keep(&place.store, told).await;
    let (one, two) = tokio::join!(hold(&place.store, now()), hold(&other, now()));
    assert_eq!(one.len() + two.len(), 20);
    assert_eq!(one.iter().chain(&two).map(|held| held.id).collect::<BTreeSet<_>>(), ids);
    assert!(hold(&place.store, seconds(59)).await.is_empty() && hold(&other, seconds(59)).await.is_empty());
    // Neither was heard of again.
    let again = hold(&other, seconds(60)).await;
    assert_eq!(again.len(), 20);
    let late = one.first().or(two.first()).unwrap();
    place.store.retry_notice(late, seconds(61)).await.unwrap();
    assert!(hold(&place.store, seconds(70)).await.is_empty(), "the hold of another is not ended");
    // It is tried again when its holder says so, and not after it ended.
    let held = again.iter().find(|held| held.id == late.id).unwrap();
    other.retry_notice(held, seconds(63)).await.unwrap();
    assert!(hold(&place.store, seconds(62)).await.is_empty());
    let retried = hold(&place.store, seconds(63)).await;
    assert_eq!(retried.iter().map(|one| (one.id, one.attempts)).collect::<Vec<_>>(), [(late.id, 1)]);
    for held in &again {
        other.end_notice(held.id).await.unwrap();
    }
    assert!(place.store.notices_due(now()).await.unwrap().is_empty());
    other.close().await;
});

on_both!(of_one_destination_the_newest_are_kept, |place: Place| async move {
    let told: Vec<NewNotice> = (0..300).map(|after| notice("slack-a", seconds(after))).collect();
    let newest: Vec<_> = told.iter().skip(300 - 256).map(|one| one.id).collect();
    keep(&place.store, vec![notice("mail-b", now())]).await;
    keep(&place.store, told).await;
    let at = seconds(400);
    let held = place.store.hold_notices("slack-a", at, at + TimeDelta::seconds(60), 1_000).await.unwrap();
    assert_eq!(held.iter().map(|one| one.id).collect::<Vec<_>>(), newest, "oldest first");
    let others = place.store.hold_notices("mail-b", at, at + TimeDelta::seconds(60), 1_000).await.unwrap();
    assert_eq!(others.len(), 1);
});

on_both!(a_start_sweeps_what_is_late_and_frees_what_a_server_that_is_gone_held, |place: Place| async move {
    let late = NewNotice { until: seconds(10), ..notice("slack-late", now()) };
    keep(&place.store, vec![late, notice("slack-a", now())]).await;
    assert_eq!(hold(&place.store, now()).await.len(), 1);
    assert_eq!(place.store.notices_due(seconds(9)).await.unwrap().len(), 2);
    let is_late = place.store.notices_due(seconds(10)).await.unwrap();
    assert_eq!(is_late.len(), 1, "what is late is not sent: {is_late:?}");
    place.clock.set(seconds(10));
    let other = place.other().await;
    assert_eq!(place.store.notices_due(seconds(9)).await.unwrap().len(), 1, "and is swept");
    // Servers that share a database cannot know which of them is gone.
    let freed = usize::from(place.settings.database.is_none());
    assert_eq!(hold(&other, seconds(10)).await.len(), freed);
    other.close().await;
});
