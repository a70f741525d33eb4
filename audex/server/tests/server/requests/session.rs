use super::{Bench, get};
use audex_core::{Fate, IssueRules, rate::RateRule, session::SessionStatus};
use audex_server::{model::PageQuery, requests::Asked, store::SessionFilter};
use chrono::TimeDelta;
use std::time::Duration;

fn one_at_once() -> IssueRules {
    let rate = RateRule {
        identity: "*".to_owned(),
        max_requests: 5,
        window: TimeDelta::hours(1),
        max_concurrent: Some(1),
    };
    IssueRules { rates: vec![rate], ..IssueRules::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_frees_its_slot_whatever_ended_it() {
    let bench = Bench::new(|settings| settings.rules = one_at_once()).await;
    let (app, alice) = (&bench.app, bench.alice.caller());
    let Asked::Issued(first) = app.ask(&alice, get(), None, None).await.unwrap() else { panic!() };
    let limited = app.ask(&alice, get(), None, None).await.unwrap_err();
    assert_eq!((limited.status().as_u16(), limited.code()), (429, "rate_limit_exceeded"));
    assert_eq!(limited.json()["error"], "rate_limit_exceeded");
    assert!(limited.json()["retry_after"].as_u64().is_some_and(|seconds| seconds > 0));
    // Bob has a limit of his own.
    assert!(app.ask(&bench.bob.caller(), get(), None, None).await.is_ok());
    let (record, revocation) = app.revoke(&alice, first.session_id, Some("not needed")).await.unwrap();
    assert_eq!(record.status, SessionStatus::Revoked);
    assert!(revocation.fates.iter().all(|(_, fate)| !matches!(fate, Fate::Denied { .. })));
    app.ask(&alice, get(), None, None).await.unwrap();
    bench.clock.advance(Duration::from_secs(15 * 60));
    app.ask(&alice, get(), None, None).await.unwrap();
    app.round().await;
    let expired = app
        .sessions(
            &alice,
            SessionFilter { status: Some(SessionStatus::Expired), ..SessionFilter::default() },
            &PageQuery::default(),
        )
        .await
        .unwrap();
    assert_eq!(expired.items.len(), 1);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_lets_as_many_through_as_it_says() {
    let bench = Bench::new(|settings| {
        let mut rules = one_at_once();
        rules.rates[0].max_concurrent = None;
        settings.rules = rules;
    })
    .await;
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let (app, alice) = (bench.app.clone(), bench.alice.caller());
            tokio::spawn(async move { app.ask(&alice, get(), None, None).await.is_ok() })
        })
        .collect();
    let mut issued = 0;
    for asked in asking {
        issued += usize::from(asked.await.unwrap());
    }
    assert_eq!(issued, 5);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_ends_with_the_session_and_is_its_owners() {
    let bench = Bench::new(|_| {}).await;
    let (app, alice) = (&bench.app, bench.alice.caller());
    let Asked::Issued(first) = app.ask(&alice, get(), None, None).await.unwrap() else { panic!() };
    bench.clock.advance(Duration::from_secs(5 * 60));
    let second = app.refresh(&alice, first.session_id).await.unwrap();
    assert_eq!(second.expires_at.timestamp(), first.expires_at.timestamp());
    assert_eq!(app.refresh(&bench.bob.caller(), first.session_id).await.unwrap_err().status(), 404);
    bench.clock.advance(Duration::from_secs(10 * 60));
    assert_eq!(app.refresh(&alice, first.session_id).await.unwrap_err().code(), "session_over");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_is_not_there() {
    let bench = Bench::new(|_| {}).await;
    let (app, alice, bob) = (&bench.app, bench.alice.caller(), bench.bob.caller());
    let Asked::Issued(issued) = app.ask(&alice, get(), None, None).await.unwrap() else { panic!() };
    let id = issued.session_id;
    assert_eq!(app.session(&bob, id).await.unwrap_err().code(), "not_found");
    assert_eq!(app.pick_up(&bob, id).await.unwrap_err().code(), "not_found");
    assert_eq!(app.revoke(&bob, id, None).await.unwrap_err().code(), "not_found");
    assert!(
        app.sessions(&bob, SessionFilter::default(), &PageQuery::default()).await.unwrap().items.is_empty()
    );
    assert!(app.session(&alice, id).await.is_ok());
    bench.close().await;
}
