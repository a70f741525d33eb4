//! A token ends while something is waited for that its check needs: it is over then.

use axess_clock::Clock;
use axess_factors::federated::FederationError;
use axess_jose::JoseError;
use axess_oauth::{
    AccessTokenRules, AccessTokenValidator, HttpClient, HttpSettings, PresentedToken, TokenRefusal,
    TokenSource,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

use crate::{
    hostile::{Hostile, Login, Reply},
    strangers::Nothing,
};

/// Some minutes go by between a request to a path and its answer.
async fn waiting_for<T>(hostile: &Hostile, path: &str, asking: impl Future<Output = T>) -> T {
    hostile.reply(path, Reply { delay: Duration::from_secs(1), ..hostile.replied(path) });
    let before = hostile.seen(path).len();
    let time = async {
        while hostile.seen(path).len() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        hostile.clock.advance(Duration::from_secs(200));
    };
    let (asked, ()) = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(asking, time) })
        .await
        .expect(path);
    asked
}

#[tokio::test]
async fn an_id_token_that_ends_meanwhile_is_over() {
    for path in ["/jwks", "/token"] {
        let hostile = Hostile::start().await;
        let login = Login::begin(&hostile).await;
        let mut claims = login.claims();
        claims["exp"] = json!(hostile.clock.now().timestamp() + 60);
        login.serve(&claims);
        let refused = waiting_for(&hostile, path, login.complete()).await.unwrap_err();
        assert!(matches!(refused, FederationError::Expired | FederationError::TooOld), "{path}: {refused:?}");
    }
}

#[tokio::test]
async fn a_logout_token_that_ends_meanwhile_is_over() {
    for path in ["/.well-known/openid-configuration", "/jwks"] {
        let hostile = Hostile::start().await;
        let provider = hostile.client(hostile.config());
        let now = hostile.clock.now().timestamp();
        let claims = json!({
            "iss": hostile.base, "aud": "client", "iat": now, "exp": now + 60, "jti": "j", "sid": "s",
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        let token = hostile.key.sign("logout+jwt", &claims).unwrap();
        let refused = waiting_for(&hostile, path, provider.verify_logout_jwt(&token)).await.unwrap_err();
        assert!(matches!(refused, FederationError::Expired | FederationError::TooOld), "{path}: {refused:?}");
    }
}

#[tokio::test]
async fn an_access_token_that_ends_meanwhile_is_over() {
    for path in ["/.well-known/openid-configuration", "/jwks", "/introspect"] {
        let hostile = Hostile::start().await;
        let clock = Arc::new(hostile.clock.clone());
        let now = hostile.clock.now().timestamp();
        let claims = json!({
            "iss": hostile.base, "aud": "urn:api", "sub": "alice", "client_id": "c", "jti": "j", "iat": now,
            "exp": now + 60, "active": true,
        });
        hostile.reply("/introspect", Reply::json(&claims));
        let source = if path == "/introspect" {
            TokenSource::introspected(Arc::new(hostile.client(hostile.config())), Duration::ZERO, clock)
        } else {
            TokenSource::discovered(HttpClient::new(&HttpSettings::default()).unwrap(), &hostile.base, clock)
        };
        let rules = AccessTokenRules::new(&hostile.base, "urn:api");
        let api = AccessTokenValidator::new(rules, source, Arc::new(Nothing));
        let header = format!("Bearer {}", hostile.key.sign("at+jwt", &claims).unwrap());
        let presented = PresentedToken::new(&header, "GET", "https://api.example.com/").unwrap();
        let refused =
            waiting_for(&hostile, path, api.validate(&presented, &hostile.clock)).await.unwrap_err();
        let is_over = match path {
            "/introspect" => matches!(refused, TokenRefusal::NotGood { .. }),
            _ => matches!(refused, TokenRefusal::Invalid(JoseError::Expired)),
        };
        assert!(is_over, "{path}: {refused:?}");
    }
}
