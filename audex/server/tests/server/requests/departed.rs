//! What is left of somebody whose account is disabled, and how much one may have waiting.

use super::{Bench, agreed, delete, get};
use crate::site::{Someone, approvals};
use audex_core::{Requester, audit::BrokerEvent, session::SessionStatus};
use audex_server::{
    access::{Caller, Proof, people::PersonChange},
    evidence::AuditQuery,
    model::{PageQuery, Person, PersonKind, RequestState},
    requests::{Asked, Ended, PickedUp},
    store::SessionFilter,
};
use std::time::Duration;

const OFF: PersonChange =
    PersonChange { display_name: None, groups: None, roles: None, is_disabled: Some(true) };

/// Adds a service account, which somebody made a token for.
async fn service(bench: &Bench, made_by: &Someone) -> (Person, Caller) {
    let (app, now) = (&bench.app, bench.app.clock.now());
    let person = Person {
        user_id: axess::UserId::generate(now, &*app.rng),
        email: "bot@services".to_owned(),
        kind: PersonKind::Service,
        roles: Vec::new(),
        ..made_by.person.clone()
    };
    let event = BrokerEvent::Administered {
        action: "person.added".to_owned(),
        subject: person.email.clone(),
        detail: None,
    };
    app.store.insert_person(&Requester::LocalUser { uid: 0, name: None }, &person, event).await.unwrap();
    let caller = Caller {
        requester: Requester::Principal { email: person.email.clone(), groups: Vec::new() },
        user_id: Some(person.user_id),
        roles: Vec::new(),
        is_service: true,
        how: Proof::ApiToken {
            id: uuid::Uuid::nil(),
            scopes: ["request", "read"].map(str::to_owned).to_vec(),
            made_by: made_by.person.user_id,
        },
        ..made_by.caller()
    };
    (person, caller)
}

async fn disabled(bench: &Bench, person: &Person) {
    let event = BrokerEvent::Administered {
        action: "person.disabled".to_owned(),
        subject: person.email.clone(),
        detail: None,
    };
    let off = Person { is_disabled: true, ..person.clone() };
    let operator = Requester::LocalUser { uid: 0, name: None };
    bench.app.store.save_person(&operator, &off, event).await.unwrap();
}

async fn until_revoked(bench: &Bench, of: &str) {
    let filter = SessionFilter { identity: Some(of.to_owned()), status: Some(SessionStatus::Active) };
    for _ in 0..2_400 {
        let active = bench.app.store.list_sessions(&filter, &PageQuery::default()).await.unwrap();
        if active.items.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("sessions of {of} stay active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_that_is_disabled_leaves_nothing() {
    let bench = Bench::new(|settings| settings.rules = approvals(1)).await;
    let (person, bot) = service(&bench, &bench.carol).await;
    let app = &bench.app;
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let Asked::Issued(handover) = app.ask(&bot, get(), None, None).await.unwrap() else { panic!() };
        sessions.push(handover.session_id);
    }
    let mut requests = Vec::new();
    for _ in 0..2 {
        let Asked::Pending(pending) = app.ask(&bot, delete(), None, None).await.unwrap() else { panic!() };
        requests.push(pending.session_id);
    }
    app.vote(&bench.bob.caller(), requests[1], agreed()).await.unwrap();
    let other = bench.pending().await;
    let admin = Caller { roles: vec!["admin".to_owned()], ..bench.carol.caller() };
    let (off, ended) = app.change_person(&admin, person.user_id, OFF).await.unwrap();
    assert!(off.is_disabled);
    assert_eq!(ended, Some(Ended { sessions: 2, requests: 2, left: Vec::new() }));
    for &id in &requests {
        let (pending, _) = app.store.load_request(id).await.unwrap().unwrap();
        assert_eq!(pending.state(app.clock.now()), RequestState::Withdrawn);
        let late = app.vote(&bench.bob.caller(), id, agreed()).await.unwrap_err();
        assert_eq!((late.status().as_u16(), late.code()), (409, "requester_disabled"));
        assert!(matches!(app.pick_up(&bot, id).await.unwrap(), PickedUp::Decided(_)));
    }
    until_revoked(&bench, "bot@services").await;
    for id in sessions {
        assert_eq!(app.store.session(id).await.unwrap().unwrap().status, SessionStatus::Revoked);
    }
    // It was the administrator who did it.
    let revoked = AuditQuery { event_type: Some("credential_revoked".to_owned()), ..AuditQuery::default() };
    let revoked = app.evidence.search(&revoked).await.unwrap().items;
    assert!(revoked.len() == 2 && revoked.iter().all(|one| one.user == "carol@example.com"), "{revoked:?}");
    let taken = AuditQuery { event_type: Some("approval_withdrawn".to_owned()), ..AuditQuery::default() };
    let taken = app.evidence.search(&taken).await.unwrap().items;
    assert!(taken.len() == 2 && taken.iter().all(|one| one.user == "carol@example.com"), "{taken:?}");
    assert_eq!(taken[0].detail["reason"], "the account was disabled");
    // Nobody else's.
    assert!(app.vote(&bench.bob.caller(), other, agreed()).await.is_ok());
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_asked_through_a_service_goes_with_them() {
    let bench = Bench::new(|settings| settings.rules = approvals(1)).await;
    let (_, bot) = service(&bench, &bench.carol).await;
    let app = &bench.app;
    let Asked::Pending(pending) = app.ask(&bot, delete(), None, None).await.unwrap() else { panic!() };
    // Marked, and not come to yet: nobody agrees all the same, and nobody refuses either.
    disabled(&bench, &bench.carol.person).await;
    let late = app.vote(&bench.bob.caller(), pending.session_id, agreed()).await.unwrap_err();
    assert_eq!((late.status().as_u16(), late.code()), (409, "requester_disabled"));
    bench.close().await;
}

/// The server may have ended between the two.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_come_to_is_ended_at_the_next_start() {
    let rules = |settings: &mut audex_server::settings::ServerSettings| settings.rules = approvals(1);
    let bench = Bench::new(rules).await;
    let Asked::Issued(_) = bench.app.ask(&bench.alice.caller(), get(), None, None).await.unwrap() else {
        panic!()
    };
    let id = bench.pending().await;
    disabled(&bench, &bench.alice.person).await;
    let bench = bench.restarted(rules).await;
    until_revoked(&bench, "alice@example.com").await;
    let (pending, _) = bench.app.store.load_request(id).await.unwrap().unwrap();
    assert_eq!(pending.state(bench.app.clock.now()), RequestState::Withdrawn);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_wait_at_once_and_no_more() {
    let bench = Bench::new(|settings| {
        settings.rules = approvals(1);
        settings.max_waiting = 3;
    })
    .await;
    let asking: Vec<_> = (0..12)
        .map(|_| {
            let (app, alice) = (bench.app.clone(), bench.alice.caller());
            tokio::spawn(async move { app.ask(&alice, delete(), None, None).await })
        })
        .collect();
    let mut waiting = Vec::new();
    for asked in asking {
        match asked.await.unwrap() {
            Ok(Asked::Pending(pending)) => waiting.push(pending.session_id),
            Ok(other) => panic!("{other:?}"),
            Err(refused) => {
                assert_eq!((refused.status().as_u16(), refused.code()), (429, "rate_limit_exceeded"));
                let body = refused.json();
                assert_eq!(
                    (&body["error"], &body["retry_after"]),
                    (&"rate_limit_exceeded".into(), &30.into())
                );
                assert!(body["detail"].as_str().unwrap().contains("3 requests that wait"), "{body}");
            }
        }
    }
    assert_eq!(waiting.len(), 3);
    // What needs nobody is issued, and others are not held up.
    let alice = bench.alice.caller();
    assert!(matches!(bench.app.ask(&alice, get(), None, None).await, Ok(Asked::Issued(_))));
    assert!(bench.app.ask(&bench.bob.caller(), delete(), None, None).await.is_ok());
    bench.app.vote(&bench.bob.caller(), waiting[0], agreed()).await.unwrap();
    assert!(bench.app.ask(&alice, delete(), None, None).await.is_ok(), "there is room again");
    assert!(bench.app.ask(&alice, delete(), None, None).await.is_err());
    bench.close().await;
}
