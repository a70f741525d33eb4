//! OpenID Connect with a real provider.

use axess_clock::{Clock, SystemClock};
use axess_factors::federated::{Assurance, FederationError, FederationOptions};
use axess_jose::jwe::DecryptionKey;
use axess_oauth::{ClientAssertionAudience, ClientAuth};
use std::time::Duration;

use crate::peer::{self, App, as_user, client_key, config, with_auth};

#[tokio::test]
async fn a_user_logs_in() {
    let Some(peer) = peer::provider("a_user_logs_in") else { return };
    let scopes = ["openid", "profile", "email", "groups"];
    let app = App::new(&peer, config(&peer, "basic").with_scopes(scopes));
    let alice = app.log_in("alice").await.unwrap();
    assert_eq!((alice.issuer.as_str(), alice.subject.as_str()), (peer.issuer(), "alice"));
    assert_eq!(alice.email.as_ref().unwrap().as_str(), "alice@example.test");
    assert!(alice.email_verified);
    assert_eq!(alice.display_name.as_deref(), Some("The alice"));
    assert_eq!(alice.username.as_deref(), Some("alice"));
    assert_eq!(alice.groups, ["admins", "dev"]);
    assert_eq!(alice.assurance, Assurance::IdToken);
    let tokens = alice.tokens.unwrap();
    assert_eq!(tokens.token_type, "Bearer");
    assert!(tokens.refresh_token.is_none() && tokens.id_token.is_some());
    assert!(tokens.expires_at.unwrap() > SystemClock.now());

    let mallory = App::new(&peer, config(&peer, "basic")).log_in("mallory").await.unwrap();
    assert!(mallory.email.is_some() && !mallory.email_verified);
}

#[tokio::test]
async fn every_way_to_authenticate_the_client_works() {
    let Some(peer) = peer::provider("every_way_to_authenticate_the_client_works") else { return };
    let ways = [
        config(&peer, "basic"),
        with_auth(&peer, "post", ClientAuth::SecretPost(peer.secret("post").as_str().into())),
        with_auth(&peer, "public", ClientAuth::None),
        with_auth(&peer, "keyed", client_key(&peer)),
    ];
    for config in ways {
        let client = config.client_id().to_owned();
        let found = App::new(&peer, config).log_in("bob").await;
        assert_eq!(found.unwrap().subject, "bob", "{client}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_the_configurations_fault() {
    let Some(peer) = peer::provider("a_wrong_secret_is_the_configurations_fault") else { return };
    let app = App::new(&peer, with_auth(&peer, "basic", ClientAuth::from("wrong")));
    let refused = app.log_in("alice").await.unwrap_err();
    assert!(
        matches!(&refused, FederationError::ClientRejected { code } if code == "invalid_client"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_user_who_says_no_is_not_logged_in() {
    let Some(peer) = peer::provider("a_user_who_says_no_is_not_logged_in") else { return };
    let refused = App::new(&peer, config(&peer, "basic")).log_in("deny").await.unwrap_err();
    assert!(matches!(&refused, FederationError::Denied { code } if code == "access_denied"), "{refused}");
}

#[tokio::test]
async fn a_signed_answer_is_verified() {
    let Some(peer) = peer::provider("a_signed_answer_is_verified") else { return };
    let app = App::new(&peer, config(&peer, "jarm").with_signed_responses());
    let (_, back) = app.go(&as_user("alice")).await.unwrap();
    let names: Vec<&str> = back.parameters.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["response"]);
    assert_eq!(app.log_in("alice").await.unwrap().subject, "alice");
    // The user's no is signed too.
    let app = App::new(&peer, config(&peer, "jarm").with_signed_responses());
    assert!(matches!(app.log_in("deny").await, Err(FederationError::Denied { .. })));
}

#[tokio::test]
async fn an_answer_that_is_not_signed_is_refused_where_it_must_be() {
    let Some(peer) = peer::provider("an_answer_that_is_not_signed_is_refused_where_it_must_be") else {
        return;
    };
    let plain = App::new(&peer, config(&peer, "jarm"));
    let (pending, back) = plain.go(&as_user("alice")).await.unwrap();
    let strict = App::new(&peer, config(&peer, "jarm").with_signed_responses());
    let refused = strict.provider.complete_login(&pending, &back, strict.context()).await.unwrap_err();
    assert!(matches!(refused, FederationError::WeakerThanConfigured { .. }), "{refused}");
}

#[tokio::test]
async fn pushed_requests_work_without_the_profile() {
    let Some((_server, peer)) = peer::private("pushed_requests_work", &[("REQUIRE_PAR", "1")]) else {
        return;
    };
    // The provider demands it: nothing is configured.
    let app = App::new(&peer, config(&peer, "basic"));
    assert_eq!(app.log_in("alice").await.unwrap().subject, "alice");
}

#[tokio::test]
async fn encrypted_id_tokens_are_decrypted() {
    let Some(peer) = peer::provider("encrypted_id_tokens_are_decrypted") else { return };
    let (_, pem) = peer.client_certificate("client").unwrap();
    let key = || DecryptionKey::from_pkcs8_pem(&pem).unwrap();
    let app = App::new(&peer, config(&peer, "encrypted").with_decryption_keys([key()]));
    assert_eq!(app.log_in("alice").await.unwrap().subject, "alice");
    // One that is not encrypted is refused where it must be.
    let app = App::new(&peer, config(&peer, "basic").with_decryption_keys([key()]));
    assert!(matches!(app.log_in("alice").await, Err(FederationError::WeakerThanConfigured { .. })));
    // Without a key it cannot be read.
    let app = App::new(&peer, config(&peer, "encrypted"));
    assert!(matches!(app.log_in("alice").await, Err(FederationError::Malformed { .. })));
}

#[tokio::test]
async fn encrypted_answers_and_userinfo_are_decrypted() {
    let Some(peer) = peer::provider("encrypted_answers_and_userinfo_are_decrypted") else { return };
    let (_, pem) = peer.client_certificate("client").unwrap();
    let key = || DecryptionKey::from_pkcs8_pem(&pem).unwrap();
    let sealed = || config(&peer, "sealed").with_signed_responses();
    let app = App::new(&peer, sealed().with_decryption_keys([key()]));
    let (pending, back) = app.go(&as_user("alice")).await.unwrap();
    assert!(axess_jose::jwe::is_encrypted(back.get("response").unwrap().unwrap()));
    let alice = app.provider.complete_login(&pending, &back, app.context()).await.unwrap();
    assert_eq!(alice.email.unwrap().as_str(), "alice@example.test", "the userinfo is encrypted");
    let keyless = App::new(&peer, sealed());
    assert!(matches!(keyless.log_in("alice").await, Err(FederationError::Malformed { .. })));
}

#[tokio::test]
async fn signed_userinfo_is_verified() {
    let Some(peer) = peer::provider("signed_userinfo_is_verified") else { return };
    let app = App::new(&peer, config(&peer, "signed-userinfo"));
    assert_eq!(app.log_in("alice").await.unwrap().email.unwrap().as_str(), "alice@example.test");
    let app = App::new(&peer, config(&peer, "signed-userinfo").with_userinfo(false));
    assert_eq!(app.log_in("alice").await.unwrap().email, None);
}

#[tokio::test]
async fn how_and_when_somebody_authenticated_is_known() {
    let Some(peer) = peer::provider("how_and_when_somebody_authenticated_is_known") else { return };
    let app = App::new(&peer, config(&peer, "basic").with_required_acr(["urn:test:bronze"]));
    let began = SystemClock.now();
    let options = FederationOptions { max_age: Some(Duration::from_secs(600)), ..as_user("alice") };
    let alice = app.log_in_with(&options).await.unwrap();
    assert_eq!(alice.acr.as_deref(), Some("urn:test:bronze"));
    assert!((alice.auth_time.unwrap() - began).num_seconds().abs() < 60);
    assert!(alice.session_id.is_some() || alice.auth_time.is_some());

    // The same browser: the session at the provider is there, and yet the user authenticates anew.
    let first = alice.auth_time.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let again = app.log_in_with(&as_user("alice")).await.unwrap();
    assert!(again.auth_time.is_none_or(|at| at == first));
    let forced = app.log_in_with(&FederationOptions { force: true, ..as_user("alice") }).await.unwrap();
    assert!(forced.auth_time.unwrap() > first);

    let app = App::new(&peer, config(&peer, "basic").with_required_acr(["urn:test:gold"]));
    assert!(matches!(app.log_in("alice").await, Err(FederationError::AcrNotMet)));
}

#[tokio::test]
async fn tokens_are_refreshed_and_a_spent_one_is_refused() {
    let Some(peer) = peer::provider("tokens_are_refreshed_and_a_spent_one_is_refused") else { return };
    let app = App::new(&peer, config(&peer, "basic").with_scopes(["openid", "offline_access"]));
    let tokens = app.log_in("alice").await.unwrap().tokens.unwrap();
    let spent = tokens.refresh_token.clone().unwrap();
    let next = app.provider.refresh(&tokens, "alice").await.unwrap();
    assert!(!next.refresh_token.as_ref().unwrap().ct_eq(spent.expose()));
    let next = app.provider.refresh(&next, "alice").await.unwrap();
    assert!(!next.access_token.ct_eq(tokens.access_token.expose()));
    let said = app.provider.userinfo(&next, "alice").await.unwrap().unwrap();
    assert_eq!(said["sub"], "alice");
    let foreign = app.provider.userinfo(&next, "bob").await.unwrap_err();
    assert!(matches!(foreign, FederationError::Malformed { .. }), "{foreign}");
    let refused = app.provider.refresh(&tokens, "alice").await.unwrap_err();
    assert!(
        matches!(&refused, FederationError::GrantRefused { code } if code == "invalid_grant"),
        "{refused}"
    );
    // The replay ended the whole family.
    assert!(app.provider.refresh(&next, "alice").await.is_err());
    let ended = app.provider.userinfo(&next, "alice").await.unwrap_err();
    assert!(matches!(ended, FederationError::Configuration { .. }), "{ended}");
    let silent = App::new(&peer, config(&peer, "basic").with_userinfo(false));
    assert_eq!(silent.provider.userinfo(&next, "alice").await.unwrap(), None);

    // Another browser, in which nobody is logged in.
    let app = App::new(&peer, config(&peer, "basic").with_scopes(["openid", "offline_access"]));
    let tokens = app.log_in("bob").await.unwrap().tokens.unwrap();
    let refused = app.provider.refresh(&tokens, "alice").await.unwrap_err();
    assert!(matches!(refused, FederationError::Malformed { .. }), "tokens of somebody else: {refused}");
}

#[tokio::test]
async fn a_code_is_good_once() {
    let Some(peer) = peer::provider("a_code_is_good_once") else { return };
    let app = App::new(&peer, config(&peer, "basic"));
    let (pending, back) = app.go(&as_user("alice")).await.unwrap();
    assert!(app.provider.complete_login(&pending, &back, app.context()).await.is_ok());
    let refused = app.provider.complete_login(&pending, &back, app.context()).await.unwrap_err();
    assert!(
        matches!(&refused, FederationError::GrantRefused { code } if code == "invalid_grant"),
        "{refused}"
    );
}

#[tokio::test]
async fn an_injected_code_is_refused_by_pkce() {
    let Some(peer) = peer::provider("an_injected_code_is_refused_by_pkce") else { return };
    let app = App::new(&peer, config(&peer, "basic"));
    let (_, victims) = app.go(&as_user("alice")).await.unwrap();
    let (pending, own) = app.go(&as_user("mallory")).await.unwrap();
    // The victim's code in the attacker's own, otherwise honest, answer.
    let mut mixed = own.clone();
    let stolen = victims.get("code").unwrap().unwrap().to_owned();
    mixed.parameters.iter_mut().find(|(name, _)| name == "code").unwrap().1 = stolen;
    let refused = app.provider.complete_login(&pending, &mixed, app.context()).await.unwrap_err();
    assert!(
        matches!(&refused, FederationError::GrantRefused { code } if code == "invalid_grant"),
        "{refused}"
    );
    // The whole answer of another login.
    let refused = app.provider.complete_login(&pending, &victims, app.context()).await.unwrap_err();
    assert!(matches!(refused, FederationError::StateMismatch), "{refused}");
}

#[tokio::test]
async fn a_key_says_who_we_are_to_the_issuer_and_to_its_token_endpoint() {
    let name = "a_key_says_who_we_are_to_the_issuer_and_to_its_token_endpoint";
    let Some(peer) = peer::provider(name) else { return };
    for audience in [ClientAssertionAudience::Issuer, ClientAssertionAudience::TokenEndpoint] {
        let config = with_auth(&peer, "keyed", client_key(&peer)).with_client_assertion_audience(audience);
        let alice = App::new(&peer, config).log_in("alice").await.unwrap();
        assert_eq!(alice.subject, "alice", "{audience:?}");
    }
}
