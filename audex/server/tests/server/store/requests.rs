use super::place::*;
use audex_core::{
    IssueError,
    approval::ApprovalState,
    audit::BrokerEvent,
    session::{Beginning, SessionStore},
};
use audex_server::{
    model::{PageQuery, PendingRequest},
    store::{RequestFilter, Store},
};
use axess::clock::Clock;
use chrono::TimeDelta;

pub(super) fn voted(pending: &PendingRequest) -> BrokerEvent {
    BrokerEvent::ApprovalVoted {
        session_id: pending.session_id,
        requester: pending.requester.identity(),
        role: "security".to_owned(),
        approve: true,
        comment: "because".to_owned(),
        digest: String::new(),
        signature: None,
        state: pending.approval.state(),
    }
}

/// Has a request that is approved.
pub(super) async fn approved(store: &Store, name: &str) -> PendingRequest {
    let mut pending = pending(name, now());
    store.insert_request(&pending, &[], administered("asked"), vec![]).await.unwrap();
    pending.approval.vote(vote("bob@example.com", now())).unwrap();
    let event = voted(&pending);
    assert!(store.save_request(1, &pending, &who("bob@example.com"), event, vec![]).await.unwrap());
    pending
}

on_both!(a_request_changes_once_for_each_version, |place: Place| async move {
    let (store, mut pending) = (&place.store, pending("alice@example.com", now()));
    store.insert_request(&pending, &[], administered("asked"), vec![]).await.unwrap();
    assert_eq!(store.load_request(pending.session_id).await.unwrap().unwrap(), (pending.clone(), 1));
    pending.approval.vote(vote("bob@example.com", now())).unwrap();
    for expected in [true, false] {
        let saved =
            store.save_request(1, &pending, &who("bob@example.com"), voted(&pending), vec![]).await.unwrap();
        assert_eq!(saved, expected);
    }
    assert_eq!(store.load_request(pending.session_id).await.unwrap().unwrap(), (pending, 2));
    assert_eq!(place.types().await, ["Administered", "ApprovalVoted"]);
    assert!(store.load_request(new_id()).await.unwrap().is_none());
});

on_both!(requests_count_when_they_are_asked_for_and_not_again, |place: Place| async move {
    let (store, rates) = (&place.store, [rule("*", 2, None)]);
    for _ in 0..2 {
        let pending = pending("alice@example.com", now());
        store.insert_request(&pending, &rates, administered("asked"), vec![]).await.unwrap();
    }
    let third = pending("alice@example.com", now());
    let refused = store.insert_request(&third, &rates, administered("asked"), vec![]).await;
    assert!(matches!(refused, Err(IssueError::Limited(_))));
    assert!(store.load_request(third.session_id).await.unwrap().is_none());
    let mut pending = approved(store, "alice@example.com").await;
    let record = audex_core::session::SessionRecord {
        session_id: pending.session_id,
        ..record("alice@example.com", now())
    };
    let approval = pending.approval.consume([3; 32], now()).unwrap();
    let beginning = Beginning { approved: Some(approval), ..beginning(&record, &rates, None) };
    store.begin(beginning).await.unwrap();
});

on_both!(an_approval_that_cannot_begin_stays_unused, |place: Place| async move {
    let (store, rates) = (&place.store, [rule("*", 9, Some(1))]);
    let busy = record("alice@example.com", now());
    store.begin(beginning(&busy, &rates, None)).await.unwrap();
    let pending = approved(store, "alice@example.com").await;
    let record = audex_core::session::SessionRecord {
        session_id: pending.session_id,
        ..record("alice@example.com", now())
    };
    let begin = |at| {
        let approval = pending.clone().approval.consume([3; 32], at).unwrap();
        let begin = Beginning { approved: Some(approval), now: at, ..beginning(&record, &rates, None) };
        store.begin(begin)
    };
    assert!(matches!(begin(now()).await, Err(IssueError::Limited(_))));
    let (left, _) = store.load_request(pending.session_id).await.unwrap().unwrap();
    assert_eq!(left.approval.state(), ApprovalState::Approved);
    assert!(store.session(pending.session_id).await.unwrap().is_none());
    begin(now() + TimeDelta::minutes(15)).await.unwrap();
    let (left, _) = store.load_request(pending.session_id).await.unwrap().unwrap();
    assert_eq!(left.approval.state(), ApprovalState::Consumed);
    assert!(matches!(begin(now() + TimeDelta::minutes(40)).await, Err(IssueError::ApprovalUsed)));
});

on_both!(requests_lapse_once, |place: Place| async move {
    let (store, other) = (&place.store, place.other().await);
    let waiting = pending("alice@example.com", now());
    store.insert_request(&waiting, &[], administered("asked"), vec![]).await.unwrap();
    let unused = approved(store, "bob@example.org").await;
    assert_eq!(store.waiting_requests(now()).await.unwrap(), 1);
    assert!(store.lapse_requests(now(), |_| vec![]).await.unwrap().is_empty());
    let later = now() + TimeDelta::hours(1);
    place.clock.jump(TimeDelta::hours(1));
    let (one, two) =
        tokio::join!(store.lapse_requests(later, |_| vec![]), other.lapse_requests(later, |_| vec![]));
    let mut lapsed: Vec<_> = one.unwrap().into_iter().chain(two.unwrap()).map(|one| one.session_id).collect();
    let mut expected = vec![waiting.session_id, unused.session_id];
    lapsed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lapsed, expected);
    assert_eq!(store.waiting_requests(place.clock.now()).await.unwrap(), 0);
    let types = place.types().await;
    assert_eq!(types.iter().filter(|&name| name == "ApprovalLapsed").count(), 2);
    assert_eq!(place.events().await.last().unwrap()["actor"]["kind"], "system");
    // What has lapsed stays so, whatever somebody still has in hand.
    let (_, version) = store.load_request(waiting.session_id).await.unwrap().unwrap();
    let saved = store.save_request(version, &waiting, &who("bob@example.com"), voted(&waiting), vec![]).await;
    assert!(!saved.unwrap());
});

on_both!(requests_are_listed_by_whose_they_are_and_whether_they_wait, |place: Place| async move {
    let store = &place.store;
    for name in ["alice@example.com", "carol@example.com"] {
        store.insert_request(&pending(name, now()), &[], administered("asked"), vec![]).await.unwrap();
        approved(store, name).await;
    }
    let count = |filter: RequestFilter| async move {
        store.list_requests(&filter, &PageQuery::default()).await.unwrap().items.len()
    };
    let alice = Some("alice@example.com".to_owned());
    assert_eq!(count(RequestFilter::default()).await, 4);
    assert_eq!(count(RequestFilter { requester: alice.clone(), waiting_only: false }).await, 2);
    assert_eq!(count(RequestFilter { requester: alice, waiting_only: true }).await, 1);
    place.clock.jump(TimeDelta::hours(1));
    assert_eq!(count(RequestFilter { requester: None, waiting_only: true }).await, 0);
});

on_both!(eight_digits_name_a_request_or_a_session, |place: Place| async move {
    let (store, waiting) = (&place.store, pending("alice@example.com", now()));
    store.insert_request(&waiting, &[], administered("asked"), vec![]).await.unwrap();
    let session = record("alice@example.com", now());
    store.begin(beginning(&session, &[], None)).await.unwrap();
    for id in [waiting.session_id, session.session_id] {
        let text = id.to_string();
        for prefix in [&text[..8], &text[..11], &text[..36], &text.to_uppercase()[..13]] {
            assert_eq!(store.find_id(prefix).await.unwrap(), Some(id), "{prefix}");
        }
        for no in [&text[..7], "", "zzzzzzzz", "--------", &format!("{text}0"), &text.replace('-', "")[..12]]
        {
            assert_eq!(store.find_id(no).await.unwrap(), None, "{no}");
        }
    }
    assert_eq!(store.find_id("00000000").await.unwrap(), None);
    // A request and its session are one; two of them are none.
    let one = approved(store, "alice@example.com").await;
    let same = audex_core::session::SessionRecord { session_id: one.session_id, ..session.clone() };
    store.begin(beginning(&same, &[], None)).await.unwrap();
    assert_eq!(store.find_id(&one.session_id.to_string()).await.unwrap(), Some(one.session_id));
    let text = one.session_id.to_string();
    let last = if text.ends_with('0') { "1" } else { "0" };
    let twin = audex_core::session::SessionRecord {
        session_id: format!("{}{last}", &text[..35]).parse().unwrap(),
        ..session
    };
    store.begin(beginning(&twin, &[], None)).await.unwrap();
    assert_eq!(store.find_id(&text[..8]).await.unwrap(), None);
    assert_eq!(store.find_id(&text).await.unwrap(), Some(one.session_id));
});

on_both!(so_many_of_one_identity_wait_and_no_more, |place: Place| async move {
    let store = &place.store;
    let ask = async |who: &str, at| {
        let asked = store.insert_request(&pending(who, at), &[], administered("asked"), vec![]).await;
        assert!(matches!(&asked, Ok(()) | Err(IssueError::Limited(_))), "{asked:?}");
        asked.is_ok()
    };
    let asked = futures_util::future::join_all((0..30).map(|_| ask("alice@example.com", now()))).await;
    assert_eq!(asked.into_iter().filter(|&is_kept| is_kept).count(), 20);
    assert!(ask("bob@example.com", now()).await);
    // Those whose time is over wait no longer.
    assert!(ask("alice@example.com", now() + TimeDelta::hours(2)).await);
});
