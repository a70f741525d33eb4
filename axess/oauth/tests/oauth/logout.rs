//! Logouts with a real provider: the user's, and those it tells the application about.

use axess_clock::MockClock;
use axess_factors::federated::{
    CallbackMethod, CallbackResponse, FederationError, FederationProvider, LogoutHint, Redirection,
};
use axess_oauth::{MAX_LOGOUT_TOKEN_BYTES, OidcProvider};
use axess_peers::OpenIdProvider;
use axess_rng::SystemRng;
use chrono::TimeDelta;
use std::{sync::Arc, time::Duration};

use crate::{
    browser::hidden,
    hostile::{Hostile, Reply},
    peer::{self, App, config},
};

/// Waits for the token that the provider posts.
async fn received(application: &Hostile) -> String {
    for _ in 0..1_200 {
        if let Some(body) = application.seen("/logout").first() {
            return body.strip_prefix("logout_token=").unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no logout token came")
}

fn posted(token: &str) -> CallbackResponse {
    CallbackResponse::new(CallbackMethod::Post, [("logout_token", token)]).unwrap()
}

#[tokio::test]
async fn a_logout_goes_to_the_provider_and_comes_back_as_a_token() {
    let application = Hostile::start().await;
    application.reply("/logout", Reply::new(200, "text/plain", ""));
    let url = format!("{}/logout", application.base);
    let name = "a_logout_goes_to_the_provider_and_comes_back_as_a_token";
    let Some((_server, peer)) = peer::private(name, &[("BACKCHANNEL_LOGOUT_URI", &url)]) else { return };
    let app = App::new(&peer, config(&peer, "basic"));
    let alice = app.log_in("alice").await.unwrap();
    let id_token = alice.tokens.unwrap().id_token.unwrap();
    let hint = LogoutHint {
        subject: alice.subject.clone(),
        session_id: alice.session_id.clone(),
        id_token: Some(id_token.clone()),
        post_logout_redirect_uri: Some(OpenIdProvider::POST_LOGOUT_REDIRECT_URI.to_owned()),
        state: Some("s1".to_owned()),
    };
    let there = app.provider.begin_logout(&hint, app.context()).await.unwrap().unwrap();
    let Redirection::Get(there) = there else { panic!("{there:?}") };
    let (here, page) = app.browser().read(&there).await;
    let confirm = here.join("/session/end/confirm").unwrap();
    let form = [("xsrf", hidden(&page, "xsrf")), ("logout", "yes".to_owned())];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let back = OpenIdProvider::POST_LOGOUT_REDIRECT_URI;
    let (last, page) = app.browser().submit(confirm.as_str(), &form, back).await;
    assert_eq!(last.as_str(), format!("{back}?state=s1"), "{page}");

    let token = received(&application).await;
    let context = app.context();
    let notice = app.provider.verify_logout(&posted(&token), context).await.unwrap();
    assert_eq!((notice.issuer.as_str(), notice.subject.as_deref()), (peer.issuer(), Some("alice")));
    assert!(notice.session_ids.len() == 1, "the session is named");
    let (jti, until) = notice.replay.unwrap();
    assert!(!jti.is_empty() && until > context.now + TimeDelta::minutes(5));

    // Ten minutes later it is too old, and a quarter of an hour before it is from the future.
    let at = |minutes| MockClock::new(context.now + TimeDelta::minutes(minutes));
    let verify_at = async |clock: MockClock| {
        let http = peer::http(&peer, None);
        let config = config(&peer, "basic");
        let provider = OidcProvider::new(config, http, Arc::new(clock), Arc::new(SystemRng)).unwrap();
        provider.verify_logout_jwt(&token).await
    };
    let late = verify_at(at(10)).await.unwrap_err();
    assert!(matches!(late, FederationError::TooOld), "{late}");
    let early = verify_at(at(-15)).await.unwrap_err();
    assert!(matches!(early, FederationError::NotYetValid), "{early}");
    // Another client's, and an ID token, are none.
    let other = App::new(&peer, config(&peer, "jarm"));
    let refused = other.provider.verify_logout_jwt(&token).await.unwrap_err();
    assert!(matches!(refused, FederationError::AudienceMismatch), "{refused}");
    let refused = app.provider.verify_logout_jwt(id_token.expose()).await.unwrap_err();
    assert!(matches!(refused, FederationError::Malformed { .. }), "{refused}");
    let long = "x".repeat(MAX_LOGOUT_TOKEN_BYTES + 1);
    let refused = app.provider.verify_logout_jwt(&long).await.unwrap_err();
    assert!(matches!(refused, FederationError::Malformed { .. }), "{refused}");
    // In a query it ends up in logs.
    let get = CallbackResponse { method: CallbackMethod::Get, ..posted(&token) };
    assert!(app.provider.verify_logout(&get, context).await.is_err());
}

#[tokio::test]
async fn a_logout_leads_nowhere_that_is_not_allowed() {
    let Some(peer) = peer::provider("a_logout_leads_nowhere_that_is_not_allowed") else { return };
    let app = App::new(&peer, config(&peer, "basic"));
    let hint = |uri: Option<&str>| LogoutHint {
        subject: "alice".to_owned(),
        session_id: None,
        id_token: None,
        post_logout_redirect_uri: uri.map(str::to_owned),
        state: Some("s".to_owned()),
    };
    let allowed = OpenIdProvider::POST_LOGOUT_REDIRECT_URI;
    let longer = format!("{allowed}/x");
    let upper = allowed.replace("http:", "HTTP:");
    for uri in ["https://evil.example/", longer.as_str(), upper.as_str(), ""] {
        let refused = app.provider.build_end_session_url(&hint(Some(uri))).await.unwrap_err();
        assert!(matches!(refused, FederationError::Configuration { .. }), "{uri}");
    }
    let url = app.provider.build_end_session_url(&hint(Some(allowed))).await.unwrap().unwrap();
    assert!(
        url.contains("post_logout_redirect_uri=")
            && url.contains("client_id=basic")
            && url.ends_with("state=s")
    );
    let url = app.provider.build_end_session_url(&hint(None)).await.unwrap().unwrap();
    assert!(!url.contains("state="));
}
