//! What somebody runs into who has read the manual of another library.

use axess_clock::Clock;
use axess_factors::federated::{BoxFuture, FederationError, FederationOptions, LogoutHint, ReplayGuard};
use axess_jose::jwe::{ContentEncryption, DecryptionKey, EncryptionKey, KeyManagement, encrypt};
use axess_oauth::{
    AccessTokenRules, AccessTokenValidator, OAuthProviderConfig, PresentedToken, TokenRefusal, TokenSource,
};
use axess_rng::SystemRng;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::{sync::Arc, time::Duration};

use crate::{
    hostile::{CALLBACK, CLIENT, Hostile, Login, Reply},
    peer,
};

#[tokio::test]
async fn an_encrypted_id_token_is_decrypted_before_it_is_a_hint() {
    let hostile = Hostile::start().await;
    hostile.describe(|it| it["end_session_endpoint"] = json!(format!("{}/logout?x=y", hostile.base)));
    let ours = DecryptionKey::generate(KeyManagement::EcdhEsA256Kw).unwrap();
    let to_us = EncryptionKey::from_jwk(&ours.public_jwk()).unwrap();
    let config = hostile.config().with_decryption_keys([ours]);
    let login = Login::begin_with(&hostile, config, &FederationOptions::default()).await.unwrap();
    let signed = hostile.key.sign("JWT", &login.claims()).unwrap();
    let sealed = encrypt(
        signed.as_bytes(),
        &to_us,
        KeyManagement::EcdhEsA256Kw,
        ContentEncryption::A256Gcm,
        &SystemRng,
    );
    login.serve_token(&sealed.unwrap());
    let tokens = login.complete().await.unwrap().tokens.unwrap();
    let hint = LogoutHint {
        subject: "alice".into(),
        session_id: None,
        id_token: tokens.id_token,
        post_logout_redirect_uri: None,
        state: None,
    };
    let url = login.provider.build_end_session_url(&hint).await.unwrap().unwrap();
    assert!(url.contains(&format!("id_token_hint={signed}")), "{url}");
    assert!(url.contains("x=y"));
}

#[tokio::test]
async fn an_issuer_that_ends_in_a_slash_says_so() {
    let hostile = Hostile::start().await;
    let issuer = format!("{}/", hostile.base);
    hostile.describe(|it| it["issuer"] = json!(issuer));
    let document = format!("{}/.well-known/openid-configuration", hostile.base);
    let provider = hostile.client(OAuthProviderConfig::discover(&document, CLIENT, "secret", CALLBACK));
    let refused = provider.check_metadata().await.unwrap_err();
    assert!(
        matches!(&refused, FederationError::Configuration { what } if what.contains(&issuer)),
        "{refused:?}"
    );
    let config = OAuthProviderConfig::discover(&issuer, CLIENT, "secret", CALLBACK);
    let provider = hostile.client(config);
    provider.check_metadata().await.unwrap();
    hostile.describe(|it| it["issuer"] = json!(format!("{}/x", hostile.base)));
    let other = hostile.client(hostile.config()).check_metadata().await.unwrap_err();
    assert!(matches!(other, FederationError::IssuerMismatch), "{other:?}");
}

#[tokio::test]
async fn a_refresh_spends_nothing_when_the_id_token_of_before_cannot_be_read() {
    let hostile = Hostile::start().await;
    let login = Login::begin(&hostile).await;
    login.answer_code(|answer| answer["refresh_token"] = json!("r"));
    let mut first = login.complete().await.unwrap().tokens.unwrap();
    first.id_token = Some("a.b.c.d.e".into());
    let asked = hostile.seen("/token").len();
    let refused = login.provider.refresh(&first, "alice").await.unwrap_err();
    assert!(matches!(refused, FederationError::Malformed { .. }), "{refused:?}");
    assert_eq!(hostile.seen("/token").len(), asked, "the refresh token was spent");
}

pub(crate) struct Nothing;

impl ReplayGuard for Nothing {
    fn claim<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: DateTime<Utc>,
        _: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, FederationError>> {
        Box::pin(async { Ok(true) })
    }
}

#[tokio::test]
async fn an_end_that_an_issuer_writes_oddly_counts() {
    let hostile = Hostile::start().await;
    let clock: Arc<dyn Clock> = Arc::new(hostile.clock.clone());
    let provider = Arc::new(hostile.client(hostile.config()));
    let source = TokenSource::introspected(provider, Duration::ZERO, clock);
    let api =
        AccessTokenValidator::new(AccessTokenRules::new(&hostile.base, "urn:api"), source, Arc::new(Nothing));
    let now = hostile.clock.now();
    let presented = PresentedToken::new("Bearer opaque", "GET", "https://api.example.com/").unwrap();
    let (past, future) = (now.timestamp() - 1, now.timestamp() + 60);
    for (name, time, is_good) in [
        ("exp", json!(future), true),
        ("exp", json!(past), false),
        ("exp", json!(future as f64 + 0.5), true),
        ("exp", json!(past as f64 + 0.5), false),
        ("exp", json!(future.to_string()), true),
        ("exp", json!(past.to_string()), false),
        ("exp", json!("2099-01-01T00:00:00Z"), false),
        ("exp", json!([future]), false),
        ("exp", json!(null), true),
        ("nbf", json!(future.to_string()), false),
        ("nbf", json!(past as f64), true),
    ] {
        let answer = json!({ "active": true, "iss": hostile.base, "aud": "urn:api", name: time });
        hostile.reply("/introspect", Reply::json(&answer));
        match api.validate(&presented, &hostile.clock).await {
            Ok(_) => assert!(is_good, "{name} {time}"),
            Err(refused) => {
                assert!(
                    !is_good && matches!(refused, TokenRefusal::NotGood { .. }),
                    "{name} {time}: {refused:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_authentication_that_is_still_to_come_is_not_recent() {
    let hostile = Hostile::start().await;
    let options = FederationOptions { force: true, ..FederationOptions::default() };
    let login = Login::begin_with(&hostile, hostile.config(), &options).await.unwrap();
    let mut claims = login.claims();
    for (ahead, is_good) in [(5, true), (3_600, false)] {
        claims["auth_time"] = json!(hostile.clock.now().timestamp() + ahead);
        login.serve(&claims);
        match login.complete().await {
            Ok(_) => assert!(is_good, "{ahead}"),
            Err(refused) => {
                assert!(!is_good && matches!(refused, FederationError::NotYetValid), "{refused:?}")
            }
        }
    }
}

#[tokio::test]
async fn a_refresh_token_opens_no_resource() {
    let Some(peer) = peer::provider("a_refresh_token_opens_no_resource") else { return };
    let config = peer::config(&peer, "basic").with_scopes(["openid", "offline_access"]);
    let app = peer::App::new(&peer, config);
    let tokens = app.log_in("alice").await.unwrap().tokens.unwrap();
    let clock: Arc<dyn Clock> = Arc::new(axess_clock::SystemClock);
    let source = TokenSource::introspected(app.provider.clone(), Duration::ZERO, clock);
    let any =
        AccessTokenRules { takes_any_audience: true, ..AccessTokenRules::new(peer.issuer(), "urn:api") };
    let api = AccessTokenValidator::new(any, source, Arc::new(Nothing));
    let present = async |token: &str| {
        let header = format!("Bearer {token}");
        api.validate(
            &PresentedToken::new(&header, "GET", "https://api.example.com/").unwrap(),
            &axess_clock::SystemClock,
        )
        .await
    };
    assert!(present(tokens.access_token.expose()).await.is_ok());
    let refused = present(tokens.refresh_token.unwrap().expose()).await;
    assert!(matches!(refused, Err(TokenRefusal::NotForUs { .. })), "{refused:?}");
}

#[tokio::test]
async fn what_an_issuer_calls_a_refresh_token_opens_no_resource() {
    let hostile = Hostile::start().await;
    let clock: Arc<dyn Clock> = Arc::new(hostile.clock.clone());
    let source = TokenSource::introspected(Arc::new(hostile.client(hostile.config())), Duration::ZERO, clock);
    let api =
        AccessTokenValidator::new(AccessTokenRules::new(&hostile.base, "urn:api"), source, Arc::new(Nothing));
    let presented = PresentedToken::new("Bearer opaque", "GET", "https://api.example.com/").unwrap();
    for (said, kind, is_good) in [
        ("token_type", "bearer", true),
        ("token_use", "access_token", true),
        ("token_use", "refresh_token", false),
        ("typ", "Bearer", true),
        ("typ", "Refresh", false),
        ("typ", "Offline", false),
        ("token_type", "refresh_token", false),
        ("scope", "Refresh", true),
    ] {
        hostile.reply("/introspect", Reply::json(&json!({ "active": true, "aud": ["urn:api"], said: kind })));
        let found = api.validate(&presented, &hostile.clock).await;
        assert_eq!(found.is_ok(), is_good, "{said} {kind}: {found:?}");
    }
}
