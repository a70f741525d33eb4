//! What the browser brings back, changed on the way: mix-up, injection, duplicates, downgrades.

use axess_clock::Clock;
use axess_factors::federated::{
    CallbackMethod, CallbackResponse, FederatedProof, FederationContext, FederationError, FederationOptions,
};
use axess_jose::{Algorithm, SigningKey};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Expected, is_malformed, is_weaker};
use crate::hostile::{CLIENT, CODE, Hostile, Login};

fn changed(login: &Login<'_>, name: &str, value: Option<&str>) -> Vec<(String, String)> {
    let mut parameters = login.parameters();
    parameters.retain(|(other, _)| other != name);
    parameters.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    parameters
}

fn is_mix_up(error: &FederationError) -> bool {
    matches!(error, FederationError::MixUp)
}

fn is_state(error: &FederationError) -> bool {
    matches!(error, FederationError::StateMismatch)
}

#[tokio::test]
async fn a_changed_answer_is_refused_before_the_code_is_spent() {
    let hostile = Hostile::start().await;
    let login = Login::begin(&hostile).await;
    let nonce = login.pending.private["nonce"].as_str().unwrap().to_owned();
    let long = "x".repeat(5_000);
    let slash = format!("{}/", hostile.base);
    let cases: [(&str, Option<&str>, Expected); 13] = [
        ("state", None, is_state),
        ("state", Some(""), is_state),
        ("state", Some(&nonce), is_state),
        ("iss", None, is_mix_up),
        ("iss", Some(""), is_mix_up),
        ("iss", Some("https://honest.example"), is_mix_up),
        ("iss", Some(&slash), is_mix_up),
        ("code", None, is_malformed),
        ("code", Some(""), is_malformed),
        ("code", Some(&long), is_malformed),
        ("id_token", Some("x"), is_malformed),
        ("access_token", Some("x"), is_malformed),
        ("response", Some("x"), is_malformed),
    ];
    for (name, value, expected) in cases {
        let refused = login.complete_with(changed(&login, name, value)).await.expect_err(name);
        assert!(expected(&refused), "{name} {value:?}: {refused:?}");
    }
    for name in ["code", "state", "iss", "anything"] {
        let mut twice = login.parameters();
        let value = twice.iter().find(|(other, _)| other == name).map_or("x", |(_, value)| value).to_owned();
        twice.retain(|(other, _)| other != name);
        twice.extend([(name.to_owned(), value.clone()), (name.to_owned(), value)]);
        let refused = login.complete_with(twice).await.expect_err(name);
        assert!(is_malformed(&refused), "{name} twice: {refused:?}");
    }
    assert_eq!(hostile.seen("/token"), [""; 0], "the code went nowhere");
}

#[tokio::test]
async fn an_error_of_another_login_says_nothing_about_this_one() {
    let hostile = Hostile::start().await;
    let login = Login::begin(&hostile).await;
    let mut error = changed(&login, "code", None);
    error.push(("error".to_owned(), "access_denied<script>".to_owned()));
    let refused = login.complete_with(error.clone()).await.unwrap_err();
    assert!(
        matches!(&refused, FederationError::Denied { code } if code == "access_deniedscript"),
        "{refused}"
    );
    let mut foreign = error.clone();
    foreign.retain(|(name, _)| name != "state");
    assert!(is_state(&login.complete_with(foreign).await.unwrap_err()));
    error.retain(|(name, _)| name != "iss");
    assert!(is_mix_up(&login.complete_with(error).await.unwrap_err()));
}

#[tokio::test]
async fn a_login_is_finished_where_it_was_begun_and_in_time() {
    let (hostile, other) = (Hostile::start().await, Hostile::start().await);
    let (login, elsewhere) = (Login::begin(&hostile).await, Login::begin(&other).await);
    let complete = async |pending, context| {
        let back = CallbackResponse::new(CallbackMethod::Get, login.parameters()).unwrap();
        FederatedProof::complete(&login.provider, pending, &back, context).await
    };
    // The classic: begun at the attacker's provider, brought back to the honest one's callback.
    assert!(is_mix_up(&complete(&elsewhere.pending, login.context()).await.unwrap_err()));
    let name = "another".parse().unwrap();
    let context = FederationContext { provider: &name, ..login.context() };
    assert!(is_mix_up(&complete(&login.pending, context).await.unwrap_err()));
    let late = FederationContext { now: hostile.clock.now() + TimeDelta::minutes(15), ..login.context() };
    assert!(matches!(complete(&login.pending, late).await, Err(FederationError::Expired)));
    let in_time = hostile.clock.now() + TimeDelta::minutes(15) - TimeDelta::milliseconds(1);
    let in_time = FederationContext { now: in_time, ..login.context() };
    let taken = complete(&login.pending, in_time).await.err();
    assert!(!matches!(taken, Some(FederationError::Expired)), "{taken:?}");
    assert_eq!(hostile.seen("/token").len(), 1, "it went on with the code");
    // The provider itself says the same to whoever asks it directly.
    let back = CallbackResponse::new(CallbackMethod::Get, login.parameters()).unwrap();
    let direct = login.provider.complete_login(&elsewhere.pending, &back, login.context()).await;
    assert!(is_mix_up(&direct.unwrap_err()));
    assert_eq!(hostile.seen("/token").len(), 1);
}

#[tokio::test]
async fn an_issuer_is_not_demanded_where_it_is_not_promised() {
    let hostile = Hostile::start().await;
    hostile.describe(|it| it["authorization_response_iss_parameter_supported"] = json!(false));
    let login = Login::begin(&hostile).await;
    assert!(login.complete_with(changed(&login, "iss", None)).await.is_ok());
    let wrong = changed(&login, "iss", Some("https://honest.example"));
    assert!(is_mix_up(&login.complete_with(wrong).await.unwrap_err()), "and compared where it is there");
}

#[tokio::test]
async fn pkce_is_never_weaker_than_s256() {
    let hostile = Hostile::start().await;
    let login = Login::begin(&hostile).await;
    assert!(login.url.contains("code_challenge_method=S256"), "{}", login.url);
    let verifier = login.pending.private["verifier"].as_str().unwrap();
    assert!(login.url.contains(&format!("code_challenge={}&", axess_jose::s256(verifier.as_bytes()))));
    login.complete().await.unwrap();
    assert!(hostile.seen("/token")[0].contains(&format!("code_verifier={verifier}")));
    let other = Login::begin(&hostile).await;
    assert!(other.pending.private["verifier"].as_str().unwrap().len() >= 43);

    for methods in [json!(["plain"]), json!([])] {
        hostile.describe(|it| it["code_challenge_methods_supported"] = methods);
        let begun = Login::begin_with(&hostile, hostile.config(), &FederationOptions::default()).await;
        assert!(is_weaker(&begun.err().unwrap()));
    }
}

#[tokio::test]
async fn a_signed_answer_is_the_providers_ours_and_of_now() {
    let hostile = Hostile::start().await;
    let config = hostile.config().with_signed_responses();
    let login = Login::begin_with(&hostile, config, &FederationOptions::default()).await.unwrap();
    let now = hostile.clock.now().timestamp();
    let state = login.pending.private["state"].clone();
    let honest = json!({ "iss": hostile.base, "aud": CLIENT, "exp": now + 60, "code": CODE, "state": state });
    let forged = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("one");
    let complete = async |token: String| login.complete_with(vec![("response".to_owned(), token)]).await;
    assert!(complete(hostile.key.sign("JWT", &honest).unwrap()).await.is_ok());
    let with = |name: &str, value: Value| {
        let mut claims = honest.clone();
        claims[name] = value;
        hostile.key.sign("JWT", &claims).unwrap()
    };
    let without = |name: &str| {
        let mut claims = honest.clone();
        claims.as_object_mut().unwrap().remove(name);
        hostile.key.sign("JWT", &claims).unwrap()
    };
    let cases: Vec<(&str, String, Expected)> = vec![
        ("forged", forged.sign("JWT", &honest).unwrap(), |e| matches!(e, FederationError::SignatureInvalid)),
        ("another issuer", with("iss", json!("https://evil.example")), is_mix_up),
        ("another audience", with("aud", json!("other")), |e| matches!(e, FederationError::AudienceMismatch)),
        ("over", with("exp", json!(now - 61)), |e| matches!(e, FederationError::TooOld)),
        ("an end that is none", with("exp", Value::Null), is_malformed),
        ("no end", without("exp"), is_malformed),
        ("no issuer", without("iss"), is_malformed),
        ("no audience", without("aud"), is_malformed),
        ("no state", without("state"), is_state),
        ("no code", without("code"), is_malformed),
        ("another state", with("state", json!("x")), is_state),
        ("an ID token", hostile.key.sign("JWT", &login.claims()).unwrap(), is_state),
        ("nothing", String::new(), is_malformed),
    ];
    for (name, token, expected) in cases {
        let refused = complete(token).await.expect_err(name);
        assert!(expected(&refused), "{name}: {refused:?}");
    }
    assert!(is_weaker(&login.complete().await.unwrap_err()), "not signed");
}
