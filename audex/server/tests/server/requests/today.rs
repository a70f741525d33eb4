//! What is approved, when the rules become others meanwhile.

use super::{Bench, agreed, delete};
use crate::site::approvals;
use audex_core::{
    Ttl,
    approval::{Approval, ApprovalState},
    audit::BrokerEvent,
    session::SessionId,
};
use audex_policy::{Ceiling, Rules};
use audex_server::{
    evidence::{AuditEntry, AuditQuery},
    model::{Ask, PendingRequest, RequestState},
    requests::{Asked, Ballot, PickedUp},
    settings::ServerSettings,
};

fn rules_of(required: u8) -> impl Fn(&mut ServerSettings) {
    move |settings| settings.rules = approvals(required)
}

/// Asks for several actions without a lifetime: which are left of them, and for how long, is the rules'.
async fn asked(bench: &Bench, reason: &str) -> PendingRequest {
    let allow = "orders:Delete*".to_owned();
    let ask = Ask { allow, ttl: None, reason: Some(reason.to_owned()), ..delete() };
    match bench.app.ask(&bench.alice.caller(), ask, None, None).await.unwrap() {
        Asked::Pending(pending) => *pending,
        other => panic!("{other:?}"),
    }
}

async fn events_of(bench: &Bench, id: SessionId, name: &str) -> Vec<AuditEntry> {
    let query = AuditQuery {
        event_type: Some(name.to_owned()),
        session: Some(id.to_string()),
        ..AuditQuery::default()
    };
    bench.app.evidence.search(&query).await.unwrap().items
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rules_make_of_it_now_has_to_be_what_was_approved() {
    let longer = |settings: &mut ServerSettings| {
        settings.rules = approvals(1);
        settings.rules.default_ttl = Ttl::from_seconds(1_800).unwrap();
    };
    let narrower = |settings: &mut ServerSettings| {
        settings.rules = approvals(1);
        let rules = Rules::parse(["orders:DeleteOrder"]).unwrap();
        settings.rules.boundary = Some(Ceiling { name: "boundary".to_owned(), rules });
    };
    for change in [longer as fn(&mut ServerSettings), narrower] {
        let bench = Bench::new(rules_of(1)).await;
        let id = asked(&bench, "for the audit").await.session_id;
        let waiting = asked(&bench, "for the audit").await.session_id;
        bench.app.vote(&bench.bob.caller(), id, agreed()).await.unwrap();
        let bench = bench.restarted(change).await;
        let (app, alice, bob) = (&bench.app, bench.alice.caller(), bench.bob.caller());
        let refused = app.pick_up(&alice, id).await.unwrap_err();
        assert_eq!((refused.status().as_u16(), refused.code()), (409, "plan_changed"));
        assert!(refused.json()["detail"].as_str().unwrap().contains("ask again"));
        assert!(app.store.session(id).await.unwrap().is_none());
        let denied = events_of(&bench, id, "credential_denied").await;
        assert_eq!(denied.len(), 1, "{denied:?}");
        // Nobody agrees to what is no longer so; it can be refused.
        let refused = app.vote(&bob, waiting, agreed()).await.unwrap_err();
        assert_eq!((refused.status().as_u16(), refused.code()), (409, "plan_changed"));
        let no = Ballot { approve: false, comment: "ask again", ..Ballot::default() };
        assert!(app.vote(&bob, waiting, no).await.is_ok());
        // Under the rules that it was approved by, it is issued.
        let bench = bench.restarted(rules_of(1)).await;
        let picked_up = bench.app.pick_up(&bench.alice.caller(), id).await.unwrap();
        assert!(matches!(picked_up, PickedUp::Handover(_)), "{picked_up:?}");
        bench.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_more_have_to_agree_now_it_waits_again() {
    let bench = Bench::new(rules_of(1)).await;
    let (id, waiting) = (bench.pending().await, bench.pending().await);
    bench.app.vote(&bench.bob.caller(), id, agreed()).await.unwrap();
    let bench = bench.restarted(rules_of(2)).await;
    let (app, alice) = (&bench.app, bench.alice.caller());
    let (bob, carol) = (bench.bob.caller(), bench.carol.caller());
    for _ in 0..2 {
        let picked_up = app.pick_up(&alice, id).await.unwrap();
        let PickedUp::Waiting(pending) = &picked_up else { panic!("{picked_up:?}") };
        assert_eq!((pending.approval.required(), pending.approval.votes().len()), (2, 1));
    }
    let reopened = events_of(&bench, id, "approval_reopened").await;
    assert_eq!(reopened.len(), 1, "{reopened:?}");
    assert_eq!(reopened[0].status.as_deref(), Some("pending_approval"));
    let voted = app.vote(&carol, id, agreed()).await.unwrap();
    assert_eq!(voted.state(app.clock.now()), RequestState::Approved);
    assert!(matches!(app.pick_up(&alice, id).await.unwrap(), PickedUp::Handover(_)));
    // So it is of one that nobody had agreed to yet.
    let one = app.vote(&bob, waiting, agreed()).await.unwrap();
    assert_eq!((one.approval.state(), one.approval.required()), (ApprovalState::Pending, 2));
    let two = app.vote(&carol, waiting, agreed()).await.unwrap();
    assert_eq!(two.approval.state(), ApprovalState::Approved);
    // Fewer than it was asked under are not enough.
    let id = bench.pending().await;
    let bench = bench.restarted(rules_of(1)).await;
    let one = bench.app.vote(&bench.bob.caller(), id, agreed()).await.unwrap();
    assert_eq!(one.approval.state(), ApprovalState::Pending);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_an_older_server_has_to_be_asked_again() {
    let bench = Bench::new(rules_of(1)).await;
    let (app, now) = (&bench.app, bench.app.clock.now());
    let known = asked(&bench, "for the audit").await;
    // As it was written before: the digest was that of the words alone.
    let mut json = serde_json::to_value(&known).unwrap();
    for member in ["target", "ttl"] {
        json.as_object_mut().unwrap().remove(member).unwrap();
    }
    let mut old: PendingRequest = serde_json::from_value(json).unwrap();
    old.session_id = SessionId::generate(&*app.rng);
    let roles = vec!["security".to_owned()];
    let until = known.approval.expires_at();
    old.approval = Approval::new([3; 32], "alice@example.com", 1, roles, until);
    let event = |id| BrokerEvent::ApprovalReopened { session_id: id, required: 1, roles: vec![] };
    app.store.insert_request(&old, &[], event(old.session_id), vec![]).await.unwrap();
    let shown = app.request(&bench.bob.caller(), old.session_id).await.unwrap();
    assert_eq!((shown.target(), shown.lifetime()), (None, None));
    let refused = app.vote(&bench.bob.caller(), old.session_id, agreed()).await.unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.code()), (409, "plan_changed"));
    // Also of one that was approved before.
    let mut approved = old.clone();
    approved.session_id = SessionId::generate(&*app.rng);
    let vote = audex_core::approval::Vote {
        approver: "bob@example.com".to_owned(),
        role: "security".to_owned(),
        approve: true,
        comment: "agreed".to_owned(),
        at: now,
        signature: None,
    };
    approved.approval.vote(vote).unwrap();
    app.store.insert_request(&approved, &[], event(approved.session_id), vec![]).await.unwrap();
    let refused = app.pick_up(&bench.alice.caller(), approved.session_id).await.unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.code()), (409, "plan_changed"));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_agreed_to_names_the_target_the_lifetime_and_the_reason() {
    let bench = Bench::new(rules_of(1)).await;
    let pending = asked(&bench, "for the audit").await;
    assert_eq!(pending.lifetime(), Some(Ttl::DEFAULT.to_string()));
    assert!(pending.target().is_some() && pending.ask.target.is_none() && pending.ask.ttl.is_none());
    let request = pending.ask.request(pending.requester.clone()).unwrap();
    let plan = bench.app.issuer.plan(&request).unwrap();
    let digest = plan.proposal(pending.session_id, &request).digest();
    assert_eq!(*pending.approval.digest(), digest);
    let other = Ask { reason: Some("for fun".to_owned()), ..pending.ask.clone() };
    let other = other.request(pending.requester.clone()).unwrap();
    assert_ne!(plan.proposal(pending.session_id, &other).digest(), digest);
    bench.close().await;
}
