use super::{Bench, delete, get};
use crate::site::approvals;
use audex_server::{
    handover::Handover,
    model::{Ask, PageQuery},
    requests::Asked,
    store::SessionFilter,
};
use std::collections::HashSet;

fn token_of(asked: &Asked) -> String {
    let Asked::Issued(handover) = asked else { panic!("{asked:?}") };
    secret(handover)
}

fn secret(handover: &Handover) -> String {
    handover.parts().map(|(_, secret)| secret.expose().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_makes_one_lease_however_often_it_is_sent() {
    let bench = Bench::new(|_| {}).await;
    let asking: Vec<_> = (0..16)
        .map(|_| {
            let (app, alice) = (bench.app.clone(), bench.alice.caller());
            tokio::spawn(async move { app.ask(&alice, get(), Some("key-1"), None).await })
        })
        .collect();
    let mut tokens = HashSet::new();
    for asked in asking {
        match asked.await.unwrap() {
            Ok(asked) => {
                tokens.insert(token_of(&asked));
            }
            Err(problem) => assert_eq!(problem.code(), "in_progress"),
        }
    }
    assert_eq!(tokens.len(), 1);
    let again = bench.app.ask(&bench.alice.caller(), get(), Some("key-1"), None).await.unwrap();
    assert!(tokens.contains(&token_of(&again)));
    let page = bench
        .app
        .sessions(&bench.alice.caller(), SessionFilter::default(), &PageQuery::default())
        .await
        .unwrap();
    assert_eq!(page.items.len(), 1);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_of_one_request_and_of_one_caller() {
    let bench = Bench::new(|_| {}).await;
    let one = bench.app.ask(&bench.alice.caller(), get(), Some("key"), None).await.unwrap();
    let other = Ask { reason: Some("another".to_owned()), ..get() };
    let reused = bench.app.ask(&bench.alice.caller(), other, Some("key"), None).await.unwrap_err();
    assert_eq!((reused.status().as_u16(), reused.code()), (422, "idempotency_key_reused"));
    let bobs = bench.app.ask(&bench.bob.caller(), get(), Some("key"), None).await.unwrap();
    assert_ne!(token_of(&one), token_of(&bobs));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_outlives_a_restart() {
    let bench = Bench::new(|settings| settings.rules = approvals(1)).await;
    let token = token_of(&bench.app.ask(&bench.alice.caller(), get(), Some("a"), None).await.unwrap());
    let Asked::Pending(pending) =
        bench.app.ask(&bench.alice.caller(), delete(), Some("b"), None).await.unwrap()
    else {
        panic!("it needs approval")
    };
    let bench = bench.restarted(|settings| settings.rules = approvals(1)).await;
    let again = bench.app.ask(&bench.alice.caller(), get(), Some("a"), None).await.unwrap();
    assert_eq!(token_of(&again), token);
    let again = bench.app.ask(&bench.alice.caller(), delete(), Some("b"), None).await.unwrap();
    assert!(matches!(again, Asked::Again(again) if again.session_id == pending.session_id));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_refused_request_can_be_used_again() {
    let bench = Bench::new(|_| {}).await;
    let far = Ask { ttl: Some("12h".to_owned()), ..get() };
    let refused = bench.app.ask(&bench.alice.caller(), far, Some("key"), None).await.unwrap_err();
    assert_eq!(refused.code(), "ttl_not_allowed");
    assert!(bench.app.ask(&bench.alice.caller(), get(), Some("key"), None).await.is_ok());
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_is_not_given_again() {
    let bench = Bench::new(|_| {}).await;
    let alice = bench.alice.caller();
    let Asked::Issued(issued) = bench.app.ask(&alice, get(), Some("key"), None).await.unwrap() else {
        panic!()
    };
    bench.app.revoke(&alice, issued.session_id, None).await.unwrap();
    let again = bench.app.ask(&alice, get(), Some("key"), None).await.unwrap_err();
    assert_eq!((again.status().as_u16(), again.code()), (409, "answer_gone"));
    assert_eq!(bench.app.refresh(&alice, issued.session_id).await.unwrap_err().code(), "session_over");
    bench.close().await;
}
