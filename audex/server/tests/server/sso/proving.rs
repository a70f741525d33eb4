//! What a login at the provider is worth, and proving it again.

use super::company::{Company, TOO_LONG, Visitor};
use chrono::TimeDelta;
use reqwest::{Method, Url};
use serde_json::json;

/// Begins to prove a login again, late enough for that and early enough for the provider's clock, which no test sets.
///
/// Either way a quarter of an hour away is too far.
async fn prove_again(company: &Company, alice: &Visitor) -> String {
    let now = company.door.app.clock.now();
    company.door.clock.set(now - TimeDelta::minutes(15) - TimeDelta::seconds(1));
    let late = alice.send(Method::POST, "/tokens", json!({ "name": "late" })).await;
    assert_eq!(late.code(), (401, "step_up_required"));
    let begun = alice.page("/login/sso?next=/device").await;
    company.door.clock.set(now - TimeDelta::seconds(2));
    begun.header("location").unwrap().to_owned()
}

#[tokio::test]
async fn who_signed_in_there_proves_it_again_there() {
    let Some(company) = Company::new("who_signed_in_there_proves_it_again_there").await else { return };
    let alice = company.signed_in("alice").await;
    company.door.clock.jump(TOO_LONG);
    // The page leads to the provider, which asks again.
    let page = alice.page("/device").await;
    assert_eq!((page.status, page.header("location")), (303, Some("/login/totp?next=/device")));
    let step = alice.page("/login/totp?next=/device").await;
    // Not by a redirect: browsers would stop it where a form of ours began it.
    assert_eq!(step.status, 200);
    assert!(step.body.as_str().unwrap().contains("content=\"0;url=/login/sso?next=/device\""), "{step:?}");
    company.now();
    let there = Url::parse(&prove_again(&company, &alice).await).unwrap();
    let asked = |name: &str| {
        there.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    assert_eq!(asked("max_age").as_deref(), Some("0"));
    assert_eq!(asked("prompt").as_deref(), Some("login"));
    let there = format!("{there}&login_hint=alice");
    let back = alice.follow(alice.client.get(there).send().await.unwrap()).await;
    let answer = alice.page(&back).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/device")), "{answer:?}");
    assert!(answer.header("set-cookie").is_some(), "the session has another name");
    let made = alice.send(Method::POST, "/tokens", json!({ "name": "again" })).await;
    assert_eq!(made.status, 201, "{made:?}");
}

#[tokio::test]
async fn an_old_login_there_proves_nothing_again() {
    let Some(company) = Company::new("an_old_login_there_proves_nothing_again").await else { return };
    let alice = company.signed_in("alice").await;
    // By our clock the provider asked a quarter of an hour before it was told to.
    company.door.clock.jump(TOO_LONG);
    let begun = alice.page("/login/sso?next=/device").await;
    company.now();
    let there = format!("{}&login_hint=alice", begun.header("location").unwrap());
    let back = alice.follow(alice.client.get(there).send().await.unwrap()).await;
    let answer = alice.page(&back).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    company.door.clock.jump(TOO_LONG);
    let late = alice.send(Method::POST, "/tokens", json!({ "name": "late" })).await;
    assert_eq!(late.code(), (401, "step_up_required"));
}

#[tokio::test]
async fn somebody_else_proves_nothing() {
    let Some(company) = Company::new("somebody_else_proves_nothing").await else { return };
    let alice = company.signed_in("alice").await;
    company.signed_in("bob").await;
    company.now();
    let there = format!("{}&login_hint=bob", prove_again(&company, &alice).await);
    // Bob sits down at the provider's page.
    let bob = company.visitor();
    let back = bob.follow(bob.client.get(there).send().await.unwrap()).await;
    let answer = alice.page(&back).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.body.as_str().unwrap().contains("opens none here"), "{answer:?}");
    assert_eq!(alice.identity().await.as_deref(), Some("alice@example.test"));
    company.door.clock.jump(TOO_LONG);
    let late = alice.send(Method::POST, "/tokens", json!({ "name": "late" })).await;
    assert_eq!(late.code(), (401, "step_up_required"));
}

#[tokio::test]
async fn a_weaker_login_than_wanted_is_refused() {
    let name = "a_weaker_login_than_wanted_is_refused";
    let Some(company) = Company::with(name, |sso| sso.required_amr = vec!["mfa".to_owned()]).await else {
        return;
    };
    let answer = company.sign_in(&company.visitor(), "alice").await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.as_str().unwrap().contains("with a second factor"), "{answer:?}");
    let Some(company) = Company::with(name, |sso| sso.required_acr = vec!["urn:test:gold".to_owned()]).await
    else {
        return;
    };
    // The provider says itself that it cannot, or does less.
    assert_eq!(company.sign_in(&company.visitor(), "alice").await.status, 403);
    let Some(company) =
        Company::with(name, |sso| sso.required_acr = vec!["urn:test:bronze".to_owned()]).await
    else {
        return;
    };
    company.signed_in("alice").await;
}

#[tokio::test]
async fn without_passwords_there_is_only_the_provider() {
    let Some(company) = Company::with("without_passwords_there_is_only_the_provider", |sso| {
        sso.local_login = false;
    })
    .await
    else {
        return;
    };
    let link = company.door.app.access.first_admin("alice@example.test").await.unwrap().unwrap();
    assert!(link.url.ends_with("/login"), "{}", link.url);
    let visitor = company.visitor();
    let page = visitor.page("/login").await;
    let text = page.body.as_str().unwrap();
    assert!(text.contains("/login/sso") && !text.contains("type=\"password\""), "{text}");
    let body = json!({ "email": "alice@example.test", "password": "x" });
    assert_eq!(visitor.send(Method::POST, "/login", body).await.code(), (403, "local_login_off"));
    let path = format!("/enrol/{}", "x".repeat(43));
    let enrolled = visitor.send(Method::POST, &path, json!({ "password": "x" })).await;
    assert_eq!(enrolled.code(), (403, "local_login_off"));
    let alice = company.signed_in("alice").await;
    assert_eq!(alice.get("/me").await.body["roles"], json!(["admin"]));
    // The last one stays: nobody else could log in.
    let id = alice.get("/me").await.body["user_id"].as_str().unwrap().to_owned();
    alice.invite("root@example.com", &["admin"]).await;
    let off = alice.send(Method::PATCH, &format!("/people/{id}"), json!({ "disabled": true })).await;
    assert_eq!(off.code(), (409, "last_admin"), "{off:?}");
}
