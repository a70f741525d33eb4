//! What the trail says of a code that is not of the login it comes with: the real provider refuses it, and it is no user's no.

use super::device_login::{World, server};
use axess_core::{
    audit::MemoryAuditSink,
    memory::InMemorySessionStore,
    service::FederatedOutcome,
    session::{RequestContext, SessionHandle, Sessions},
};
use axess_events::{AuthEvent, federation::FederationRefusalReason};
use axess_factors::federated::{CallbackMethod, CallbackResponse, FederationError, FederationOptions};
use axess_peers::OpenIdProvider;
use reqwest::{Certificate, Client, Url, redirect::Policy};
use std::sync::Arc;

/// Follows the provider's redirects to the one that leads back to the application.
async fn brought(peer: &OpenIdProvider, url: &str) -> CallbackResponse {
    let authority = Certificate::from_pem_bundle(peer.authority().unwrap().as_bytes()).unwrap();
    let client = Client::builder().cookie_store(true).redirect(Policy::none()).no_proxy();
    let client = client.tls_certs_merge(authority).build().unwrap();
    let mut here: Url = url.parse().unwrap();
    for _ in 0..12 {
        if here.as_str().starts_with(OpenIdProvider::REDIRECT_URI) {
            return CallbackResponse::new(CallbackMethod::Get, here.query_pairs().into_owned()).unwrap();
        }
        let answer = client.get(here.clone()).send().await.unwrap();
        here = here.join(answer.headers()["location"].to_str().unwrap()).unwrap();
    }
    panic!("the provider does not send the browser back: {here}")
}

#[tokio::test]
async fn a_code_of_another_login_is_on_record_as_one() {
    let Some((_server, peer)) = server("a_code_of_another_login_is_on_record_as_one") else { return };
    let trail = MemoryAuditSink::default();
    let world = World::new(peer);
    let service = world.service.with_audit_sink(Arc::new(trail.clone()));
    let sessions = Sessions::new(InMemorySessionStore::new());
    let begin = async |who: &str| -> (SessionHandle, CallbackResponse) {
        let session = sessions.guest(RequestContext::default());
        let options = FederationOptions { login_hint: Some(who.to_owned()), ..FederationOptions::default() };
        let url = service.begin_federated_login(&session, "default", "peer", options).await.unwrap();
        (session, brought(&world.peer, url.url()).await)
    };
    let code_of = |answer: &CallbackResponse| answer.get("code").unwrap().unwrap().to_owned();
    let reason = || {
        let events = trail.events();
        let refused = events.iter().rev().find_map(|event| match &event.payload {
            AuthEvent::FederationRefused(refused) => Some(refused.clone()),
            _ => None,
        });
        refused.unwrap()
    };

    let (_, victims) = begin("alice").await;
    let (session, mut own) = begin("mallory").await;
    own.parameters.iter_mut().find(|(name, _)| name == "code").unwrap().1 = code_of(&victims);
    let done = service.complete_federated_login(&session, "peer", own).await.unwrap();
    assert!(
        matches!(done.outcome, FederatedOutcome::Refused(FederationError::GrantRefused { .. })),
        "{:?}",
        done.outcome
    );
    let refused = reason();
    assert_eq!(refused.reason, FederationRefusalReason::GrantRefused);
    assert_eq!(refused.detail.as_ref().map(ToString::to_string).as_deref(), Some("invalid_grant"));
    assert!(!refused.reason.is_ordinary(), "somebody has to look at it");

    let (session, answer) = begin("deny").await;
    let done = service.complete_federated_login(&session, "peer", answer).await.unwrap();
    assert!(matches!(done.outcome, FederatedOutcome::Refused(FederationError::Denied { .. })));
    assert_eq!(reason().reason, FederationRefusalReason::Denied);
    assert!(reason().reason.is_ordinary());
}
