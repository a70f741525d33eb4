//! What a token endpoint, an API and metadata should not be able to do to us.

use axess_factors::federated::{FederationError, FederationOptions};
use axess_oauth::HttpError;
use serde_json::{Value, json};

use super::{Expected, is_malformed};
use crate::hostile::{Hostile, Login, Reply};

#[tokio::test]
async fn a_code_is_not_sent_where_a_redirect_leads() {
    let hostile = Hostile::start().await;
    for status in [301, 302, 303, 307, 308] {
        let login = Login::begin(&hostile).await;
        hostile.reply("/token", Reply::redirect(status, format!("{}/thief", hostile.base)));
        let refused = login.complete().await.unwrap_err();
        let FederationError::Unavailable { source, .. } = &refused else { panic!("{status}: {refused:?}") };
        assert!(matches!(source.downcast_ref(), Some(HttpError::Redirected)), "{status}: {refused:?}");
    }
    assert_eq!(hostile.seen("/thief"), [""; 0], "code and secret went on");
}

#[tokio::test]
async fn a_token_answer_must_be_one() {
    let hostile = Hostile::start().await;
    let login = Login::begin(&hostile).await;
    type Change = fn(&mut Value);
    let is_unavailable: Expected = |e| matches!(e, FederationError::Unavailable { .. });
    let cases: [(&str, Change, Expected); 8] = [
        ("no ID token", |it| drop(it.as_object_mut().unwrap().remove("id_token")), is_malformed),
        ("another type", |it| it["token_type"] = json!("mac"), is_malformed),
        ("a bound token that nobody asked for", |it| it["token_type"] = json!("DPoP"), is_malformed),
        ("no type", |it| drop(it.as_object_mut().unwrap().remove("token_type")), is_unavailable),
        ("no access token", |it| drop(it.as_object_mut().unwrap().remove("access_token")), is_unavailable),
        ("an empty access token", |it| it["access_token"] = json!(""), is_malformed),
        ("a line break", |it| it["access_token"] = json!("a\r\nx: y"), is_malformed),
        ("a long refresh token", |it| it["refresh_token"] = json!("x".repeat(70_000)), is_malformed),
    ];
    for (name, change, expected) in cases {
        login.answer_code(change);
        let refused = login.complete().await.expect_err(name);
        assert!(expected(&refused), "{name}: {refused:?}");
    }
    // Some providers write the number as text; others write nonsense, which is no number.
    for (expires_in, is_known) in
        [(json!(300), true), (json!("300"), true), (json!(-1), false), (json!("x"), false)]
    {
        login.answer_code(|it| it["expires_in"] = expires_in.clone());
        let tokens = login.complete().await.unwrap().tokens.unwrap();
        assert_eq!(tokens.expires_at.is_some(), is_known, "{expires_in}");
    }
}

#[tokio::test]
async fn userinfo_is_about_the_same_user() {
    let hostile = Hostile::start().await;
    let login = Login::begin(&hostile).await;
    let forged = axess_jose::SigningKey::generate(axess_jose::Algorithm::Es256).unwrap().with_kid("one");
    let signed = |key: &axess_jose::SigningKey, sub: &str| {
        let claims = json!({ "iss": hostile.base, "aud": "client", "sub": sub, "exp": 9_999_999_999_i64 });
        Reply::new(200, "application/jwt", key.sign("JWT", &claims).unwrap())
    };
    let lacking = |name: &str| {
        let mut claims =
            json!({ "iss": hostile.base, "aud": "client", "sub": "alice", "exp": 9_999_999_999_i64 });
        claims.as_object_mut().unwrap().remove(name);
        Reply::new(200, "application/jwt", hostile.key.sign("JWT", &claims).unwrap())
    };
    let json_reply = |value: Value| Reply::json(&value);
    let cases: Vec<(&str, Reply, Expected)> = vec![
        ("somebody else", json_reply(json!({ "sub": "root", "email": "root@example.test" })), is_malformed),
        ("nobody", json_reply(json!({ "email": "root@example.test" })), is_malformed),
        ("twice", Reply::new(200, "application/json", r#"{"sub":"root","sub":"alice"}"#), is_malformed),
        ("a page", Reply::new(200, "text/html", "<p>hello"), is_malformed),
        ("signed, somebody else", signed(&hostile.key, "root"), is_malformed),
        ("signed by nobody", lacking("iss"), is_malformed),
        ("signed for nobody", lacking("aud"), is_malformed),
        ("signed, nobody", lacking("sub"), is_malformed),
        ("forged", signed(&forged, "alice"), |e| matches!(e, FederationError::SignatureInvalid)),
    ];
    for (name, reply, expected) in cases {
        hostile.reply("/userinfo", reply);
        let refused = login.complete().await.expect_err(name);
        assert!(expected(&refused), "{name}: {refused:?}");
    }
    // What was signed for the login wins over what the API says.
    let mut claims = login.claims();
    claims["email"] = json!("alice@example.test");
    login.serve(&claims);
    hostile.reply(
        "/userinfo",
        Reply::json(&json!({ "sub": "alice", "email": "root@example.test", "email_verified": true })),
    );
    assert_eq!(login.complete().await.unwrap().email.unwrap().as_str(), "alice@example.test");
}

#[tokio::test]
async fn userinfo_may_be_as_large_as_an_answer() {
    let hostile = Hostile::start().await;
    let login = Login::begin(&hostile).await;
    let groups: Vec<String> = (0..900).map(|n| format!("{n:0100}")).collect();
    let claims = json!({ "iss": hostile.base, "aud": "client", "sub": "alice", "groups": groups });
    assert!(claims.to_string().len() > 90_000);
    let signed = Reply::new(200, "application/jwt", hostile.key.sign("JWT", &claims).unwrap());
    for reply in [Reply::json(&claims), signed] {
        hostile.reply("/userinfo", reply);
        assert_eq!(login.complete().await.unwrap().groups.len(), 900);
    }
    let filler = "x".repeat(1024 * 1024);
    hostile.reply("/userinfo", Reply::json(&json!({ "sub": "alice", "filler": filler })));
    let refused = login.complete().await.unwrap_err();
    assert!(matches!(refused, FederationError::Unavailable { .. }), "{refused:?}");
}

#[tokio::test]
async fn metadata_of_somebody_else_is_refused() {
    let hostile = Hostile::start().await;
    let begin = async || {
        Login::begin_with(&hostile, hostile.config(), &FederationOptions::default()).await.err().unwrap()
    };
    hostile.describe(|it| it["issuer"] = json!("https://honest.example"));
    assert!(matches!(begin().await, FederationError::IssuerMismatch));
    hostile.describe(|it| it["token_endpoint"] = json!("http://evil.example/token"));
    assert!(is_malformed(&begin().await));
    hostile.describe(|it| it["jwks_uri"] = json!("file:///etc/passwd"));
    assert!(is_malformed(&begin().await));
    let twice = format!(r#"{{"issuer":"https://evil.example","issuer":"{}"}}"#, hostile.base);
    hostile.reply("/.well-known/openid-configuration", Reply::new(200, "application/json", twice));
    assert!(is_malformed(&begin().await));
}

#[tokio::test]
async fn an_introspection_that_does_not_say_yes_is_no_yes() {
    let hostile = Hostile::start().await;
    let provider = hostile.client(hostile.config());
    let ask = async |reply: Reply| {
        hostile.reply("/introspect", reply);
        provider.introspect(&"token".into(), None).await
    };
    assert!(ask(Reply::json(&json!({ "active": true }))).await.unwrap().is_active);
    assert!(!ask(Reply::json(&json!({ "active": false, "sub": "alice" }))).await.unwrap().is_active);
    let broken = [
        Reply::json(&json!({ "active": "true" })),
        Reply::json(&json!({ "active": 1 })),
        Reply::json(&json!({})),
        Reply::json(&json!([])),
        Reply::new(200, "text/html", r#"{"active":true}"#),
        Reply::new(200, "application/json", r#"{"active":false,"active":true}"#),
        Reply::new(500, "application/json", r#"{"active":true}"#),
        Reply::new(401, "application/json", r#"{"active":true}"#),
    ];
    for reply in broken {
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(ask(reply).await.is_err(), "{text}");
    }
}
