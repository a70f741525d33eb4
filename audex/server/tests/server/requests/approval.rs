use super::{Bench, agreed, delete, get};
use crate::site::approvals;
use audex_core::{Requester, approval::ApprovalState, audit::BrokerEvent, session::SessionStatus};
use audex_server::{
    access::{Caller, Proof},
    model::{ApiToken, ApprovalKey, PageQuery, Person, RequestState},
    requests::{Asked, Ballot, PickedUp},
    store::SessionFilter,
};
use http::HeaderMap;
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
    let page = app.sessions(&alice, SessionFilter::default(), &PageQuery::default()).await.unwrap();
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
    assert!(
        app.sessions(&bench.alice.caller(), SessionFilter::default(), &PageQuery::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
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
    let page = bench
        .app
        .sessions(&bench.alice.caller(), SessionFilter::default(), &PageQuery::default())
        .await
        .unwrap();
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
    let waiting = tokio::spawn(async move { app.wait(id, Duration::from_secs(600)).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    bench.app.vote(&bench.bob.caller(), id, agreed()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap().unwrap();
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sensitive_needs_nobody() {
    let bench = Bench::new(|settings| settings.rules = approvals(2)).await;
    let asked = bench.app.ask(&bench.alice.caller(), get(), None, None).await.unwrap();
    assert!(matches!(asked, Asked::Issued(_)));
    assert!(bench.app.plan(&bench.alice.caller(), &delete()).unwrap().approval.is_some());
    let alice = bench.alice.caller();
    let active = SessionFilter { status: Some(SessionStatus::Active), ..SessionFilter::default() };
    let page = bench.app.sessions(&alice, active, &PageQuery::default()).await.unwrap();
    assert_eq!(page.items.len(), 1);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_only_read_sees_that_there_is_one() {
    let bench = Bench::new(|settings| settings.rules = approvals(1)).await;
    let id = bench.pending().await;
    bench.app.vote(&bench.bob.caller(), id, agreed()).await.unwrap();
    let reader = Caller {
        how: Proof::ApiToken {
            id: uuid::Uuid::nil(),
            scopes: vec!["read".to_owned()],
            made_by: bench.alice.person.user_id,
        },
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
    let ApiToken { id, scopes, made_by, .. } = token.items[0].clone();
    let how = Proof::ApiToken { id, scopes, made_by };
    let caller = Caller { how, ..bench.alice.caller() };
    assert_eq!(bench.app.still(caller.clone(), &HeaderMap::new()).await.unwrap(), caller);
    let event = BrokerEvent::Administered {
        action: "token.revoked".to_owned(),
        subject: "tests".to_owned(),
        detail: None,
    };
    let (operator, now) = (Requester::LocalUser { uid: 0, name: None }, bench.app.clock.now());
    bench.app.store.revoke_token(&operator, token.items[0].id, now, event).await.unwrap();
    assert_eq!(bench.app.still(caller, &HeaderMap::new()).await.unwrap_err().status(), 401);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_keeps_nobody_waiting() {
    let bench = Bench::new(|settings| settings.rules = approvals(1)).await;
    let id = bench.pending().await;
    let app = bench.app.clone();
    let waiting = tokio::spawn(async move { app.wait(id, Duration::from_secs(600)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    bench.app.halt();
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap().unwrap();
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_made_the_token_that_asks_does_not_agree_to_it() {
    let bench = Bench::new(|settings| settings.rules = approvals(1)).await;
    let app = &bench.app;
    // Carol administers as well: she made a token for a service account.
    let service = |made_by: &crate::site::Someone| Caller {
        requester: Requester::Principal { email: "bot@services".to_owned(), groups: Vec::new() },
        user_id: Some(axess::UserId::from_parts(9, [9; 10])),
        is_service: true,
        how: Proof::ApiToken {
            id: uuid::Uuid::nil(),
            scopes: ["request", "approve", "read"].map(str::to_owned).to_vec(),
            made_by: made_by.person.user_id,
        },
        ..bench.carol.caller()
    };
    let asked = app.ask(&service(&bench.carol), delete(), None, None).await.unwrap();
    let Asked::Pending(pending) = asked else { panic!("{asked:?}") };
    let refused = app.vote(&bench.carol.caller(), pending.session_id, agreed()).await.unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.code()), (403, "own_request"));
    app.vote(&bench.bob.caller(), pending.session_id, agreed()).await.unwrap();
    // Nor the other way round.
    let id = bench.pending().await;
    let refused = app.vote(&service(&bench.alice), id, agreed()).await.unwrap_err();
    assert_eq!(refused.code(), "own_request");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_about_one_request_and_not_about_its_twin() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let bench = Bench::new(|settings| {
        settings.rules = approvals(1);
        settings.require_signature = true;
    })
    .await;
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let key = ApprovalKey {
        id: "k".to_owned(),
        owner: bench.bob.person.user_id,
        name: "laptop".to_owned(),
        jwk: serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": x }),
        created_at: bench.app.clock.now(),
    };
    let event =
        BrokerEvent::Administered { action: "key.added".to_owned(), subject: key.id.clone(), detail: None };
    bench.app.store.insert_key(&bench.bob.caller().requester, &key, 8, event).await.unwrap();
    let sign = |session: String, digest: &str| {
        let claims = serde_json::json!({ "session": session, "digest": digest, "decision": "approve",
            "comment": agreed().comment, "approver": "bob@example.com", "iat": bench.app.clock.now().timestamp() });
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","kid":"k"}"#);
        let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(pair.sign(input.as_bytes())))
    };
    let (one, twin) = (bench.pending().await, bench.pending().await);
    let digest = |id| {
        let app = std::sync::Arc::clone(&bench.app);
        let alice = bench.alice.caller();
        async move {
            let digest = *app.request(&alice, id).await.unwrap().approval.digest();
            digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        }
    };
    let (of_one, of_twin) = (digest(one).await, digest(twin).await);
    assert_ne!(of_one, of_twin, "they ask for the same, and each is another");
    let signature = sign(one.to_string(), &of_one);
    let ballot = Ballot { signature: Some(&signature), ..agreed() };
    for (session, digest) in [(one, &of_one), (one, &of_twin), (twin, &of_one)] {
        let signature = sign(session.to_string(), digest);
        let ballot = Ballot { signature: Some(&signature), ..agreed() };
        let refused = bench.app.vote(&bench.bob.caller(), twin, ballot).await.unwrap_err();
        assert_eq!((refused.status().as_u16(), refused.code()), (403, "bad_signature"));
    }
    bench.app.vote(&bench.bob.caller(), one, ballot).await.unwrap();
    bench.close().await;
}
