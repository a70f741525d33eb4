use super::{Bench, agreed, delete, get};
use crate::site::approvals;
use audex_core::{Requester, approval::ApprovalState, audit::BrokerEvent, session::SessionStatus};
use audex_server::{
    access::{Caller, Proof},
    model::{PageQuery, Person, RequestState},
    requests::{Asked, Ballot, PickedUp},
};
use std::{collections::HashSet, time::Duration};

fn token_of(picked_up: &PickedUp) -> String {
    let PickedUp::Handover(handover) = picked_up else { panic!("{picked_up:?}") };
    handover.parts().map(|(_, secret)| secret.expose().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_in_different_roles_agree_and_whoever_asked_picks_it_up() {
    let bench = Bench::new(|settings| settings.rules = approvals(2)).await;
    let (app, alice) = (&bench.app, bench.alice.caller());
    let id = bench.pending().await;
    assert!(matches!(app.pick_up(&alice, id).await.unwrap(), PickedUp::Waiting(_)));
    let one = app.vote(&bench.bob.caller(), id, agreed()).await.unwrap();
    assert_eq!(one.approval.state(), ApprovalState::Pending);
    // Carol has both roles: hers is the one that still counts.
    let two = app.vote(&bench.carol.caller(), id, agreed()).await.unwrap();
    assert_eq!(two.approval.votes()[1].role, "compliance");
    assert_eq!(two.state(app.clock.now()), RequestState::Approved);
    // It is not theirs to pick up.
    assert!(
        app.pick_up(&bench.carol.caller(), id)
            .await
            .is_ok_and(|picked| matches!(picked, PickedUp::Decided(_)))
    );
    let token = token_of(&app.pick_up(&alice, id).await.unwrap());
    // The answer may be lost: for a while it is given again, and it is the same.
    assert_eq!(token_of(&app.pick_up(&alice, id).await.unwrap()), token);
    bench.clock.advance(Duration::from_secs(11 * 60));
    assert!(matches!(app.pick_up(&alice, id).await.unwrap(), PickedUp::Session(_)));
    let page = app.sessions(&alice, None, &PageQuery::default()).await.unwrap();
    assert_eq!(page.items.len(), 1);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_count_is_said_with_a_code() {
    let bench = Bench::new(|settings| settings.rules = approvals(2)).await;
    let (app, id) = (&bench.app, bench.pending().await);
    let code = async |who: &crate::site::Someone, ballot| {
        app.vote(&who.caller(), id, ballot).await.unwrap_err().code()
    };
    assert_eq!(code(&bench.alice, agreed()).await, "own_request");
    assert_eq!(code(&bench.bob, Ballot { comment: " ", ..agreed() }).await, "comment_needed");
    assert_eq!(code(&bench.bob, Ballot { role: Some("compliance"), ..agreed() }).await, "role_not_yours");
    assert_eq!(code(&bench.bob, Ballot { digest: Some("00"), ..agreed() }).await, "digest_mismatch");
    assert_eq!(code(&bench.bob, Ballot { signature: Some("a.b.c"), ..agreed() }).await, "bad_signature");
    app.vote(&bench.bob.caller(), id, agreed()).await.unwrap();
    assert_eq!(code(&bench.bob, agreed()).await, "already_voted");
    assert_eq!(code(&bench.carol, Ballot { role: Some("security"), ..agreed() }).await, "role_already_voted");
    app.vote(&bench.carol.caller(), id, Ballot { approve: false, comment: "too long", ..Ballot::default() })
        .await
        .unwrap();
    assert!(matches!(app.pick_up(&bench.alice.caller(), id).await.unwrap(), PickedUp::Decided(_)));
    assert!(app.sessions(&bench.alice.caller(), None, &PageQuery::default()).await.unwrap().items.is_empty());
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_pick_it_up_at_once_all_get_one_credential() {
    let bench = Bench::new(|settings| settings.rules = approvals(1)).await;
    let id = bench.pending().await;
    bench.app.vote(&bench.bob.caller(), id, agreed()).await.unwrap();
    let picking: Vec<_> = (0..16)
        .map(|_| {
            let (app, alice) = (bench.app.clone(), bench.alice.caller());
            tokio::spawn(async move { token_of(&app.pick_up(&alice, id).await.unwrap()) })
        })
        .collect();
    let mut tokens = HashSet::new();
    for picked in picking {
        tokens.insert(picked.await.unwrap());
    }
    assert_eq!(tokens.len(), 1);
    let page = bench.app.sessions(&bench.alice.caller(), None, &PageQuery::default()).await.unwrap();
    assert_eq!(page.items.len(), 1);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_vote_at_once_each_counts_once() {
    let bench = Bench::new(|settings| settings.rules = approvals(1)).await;
    let id = bench.pending().await;
    let voting: Vec<_> = (0..12)
        .map(|n| {
            let app = bench.app.clone();
            let who = if n % 2 == 0 { bench.bob.caller() } else { bench.carol.caller() };
            tokio::spawn(async move { app.vote(&who, id, agreed()).await.is_ok() })
        })
        .collect();
    let mut counted = 0;
    for vote in voting {
        counted += usize::from(vote.await.unwrap());
    }
    assert_eq!(counted, 1, "one vote decides, and the others come too late");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_loses_nothing() {
    let rules = |settings: &mut audex_server::settings::ServerSettings| settings.rules = approvals(2);
    let bench = Bench::new(rules).await;
    let id = bench.pending().await;
    bench.app.vote(&bench.bob.caller(), id, agreed()).await.unwrap();
    let bench = bench.restarted(rules).await;
    bench.app.vote(&bench.carol.caller(), id, agreed()).await.unwrap();
    let bench = bench.restarted(rules).await;
    let token = token_of(&bench.app.pick_up(&bench.alice.caller(), id).await.unwrap());
    let bench = bench.restarted(rules).await;
    assert_eq!(token_of(&bench.app.pick_up(&bench.alice.caller(), id).await.unwrap()), token);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_its_time_and_so_has_an_approval() {
    let bench = Bench::new(|settings| {
        settings.rules = approvals(1);
        settings.approval_expires = Duration::from_secs(600);
    })
    .await;
    let (undecided, approved) = (bench.pending().await, bench.pending().await);
    bench.app.vote(&bench.bob.caller(), approved, agreed()).await.unwrap();
    bench.clock.advance(Duration::from_secs(601));
    bench.app.round().await;
    let late = bench.app.vote(&bench.bob.caller(), undecided, agreed()).await.unwrap_err();
    assert_eq!(late.code(), "request_expired");
    assert!(matches!(
        bench.app.pick_up(&bench.alice.caller(), approved).await.unwrap(),
        PickedUp::Decided(_)
    ));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asked_may_take_it_back_and_nobody_else() {
    let bench = Bench::new(|settings| settings.rules = approvals(1)).await;
    let id = bench.pending().await;
    assert!(bench.app.withdraw(&bench.bob.caller(), id).await.is_err());
    bench.app.vote(&bench.bob.caller(), id, agreed()).await.unwrap();
    bench.app.withdraw(&bench.alice.caller(), id).await.unwrap();
    assert!(matches!(bench.app.pick_up(&bench.alice.caller(), id).await.unwrap(), PickedUp::Decided(_)));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_wakes_whoever_waits() {
    let bench = Bench::new(|settings| settings.rules = approvals(1)).await;
    let id = bench.pending().await;
    let app = bench.app.clone();
    let waiting = tokio::spawn(async move { app.wait(id, Duration::from_secs(30)).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    bench.app.vote(&bench.bob.caller(), id, agreed()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap().unwrap();
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sensitive_needs_nobody() {
    let bench = Bench::new(|settings| settings.rules = approvals(2)).await;
    let asked = bench.app.ask(&bench.alice.caller(), get(), None, None).await.unwrap();
    assert!(matches!(asked, Asked::Issued(_)));
    assert!(bench.app.plan(&bench.alice.caller(), &delete()).unwrap().approval.is_some());
    let alice = bench.alice.caller();
    let page = bench.app.sessions(&alice, Some(SessionStatus::Active), &PageQuery::default()).await.unwrap();
    assert_eq!(page.items.len(), 1);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_only_read_sees_that_there_is_one() {
    let bench = Bench::new(|settings| settings.rules = approvals(1)).await;
    let id = bench.pending().await;
    bench.app.vote(&bench.bob.caller(), id, agreed()).await.unwrap();
    let reader = Caller {
        how: Proof::ApiToken { id: uuid::Uuid::nil(), scopes: vec!["read".to_owned()] },
        ..bench.alice.caller()
    };
    assert_eq!(bench.app.pick_up(&reader, id).await.unwrap_err().status(), 403);
    token_of(&bench.app.pick_up(&bench.alice.caller(), id).await.unwrap());
    assert!(matches!(bench.app.pick_up(&reader, id).await.unwrap(), PickedUp::Session(_)));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_lost_their_role_has_agreed_to_nothing() {
    let bench = Bench::new(|settings| settings.rules = approvals(1)).await;
    let id = bench.pending().await;
    bench.app.vote(&bench.bob.caller(), id, agreed()).await.unwrap();
    let changed = Person { roles: Vec::new(), ..bench.bob.person.clone() };
    let event = BrokerEvent::Administered {
        action: "person.changed".to_owned(),
        subject: changed.email.clone(),
        detail: None,
    };
    let operator = Requester::LocalUser { uid: 0, name: None };
    bench.app.store.save_person(&operator, &changed, event).await.unwrap();
    let gone = bench.app.pick_up(&bench.alice.caller(), id).await.unwrap_err();
    assert_eq!((gone.status().as_u16(), gone.code()), (409, "approver_gone"));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waited_is_looked_at_again() {
    let bench = Bench::new(|_| {}).await;
    let token =
        bench.app.store.list_tokens(Some(bench.alice.person.user_id), &PageQuery::default()).await.unwrap();
    let how = Proof::ApiToken { id: token.items[0].id, scopes: token.items[0].scopes.clone() };
    let caller = Caller { how, ..bench.alice.caller() };
    assert_eq!(bench.app.still(caller.clone()).await.unwrap(), caller);
    let event = BrokerEvent::Administered {
        action: "token.revoked".to_owned(),
        subject: "tests".to_owned(),
        detail: None,
    };
    let (operator, now) = (Requester::LocalUser { uid: 0, name: None }, bench.app.clock.now());
    bench.app.store.revoke_token(&operator, token.items[0].id, now, event).await.unwrap();
    assert_eq!(bench.app.still(caller).await.unwrap_err().status(), 401);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_keeps_nobody_waiting() {
    let bench = Bench::new(|settings| settings.rules = approvals(1)).await;
    let id = bench.pending().await;
    let app = bench.app.clone();
    let waiting = tokio::spawn(async move { app.wait(id, Duration::from_secs(60)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    bench.app.halt();
    tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap().unwrap();
    bench.close().await;
}
