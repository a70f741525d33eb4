//! Whose account an identity is, and what it may do.

use super::company::Company;
use audex_server::settings::SsoGroup;
use reqwest::Method;
use serde_json::json;

const ALICE: &str = "alice@example.test";

fn group(name: &str, groups: &[&str], roles: &[&str]) -> SsoGroup {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    SsoGroup { name: name.to_owned(), groups: texts(groups), roles: texts(roles) }
}

#[tokio::test]
async fn who_was_invited_keeps_their_account() {
    let Some(company) = Company::new("who_was_invited_keeps_their_account").await else { return };
    company.door.app.access.first_admin(ALICE).await.unwrap().unwrap();
    let alice = company.signed_in("alice").await;
    assert_eq!(alice.get("/me").await.body["roles"], json!(["admin"]));
    let bob = alice.invite("bob@example.test", &["auditor"]).await;
    let found = company.signed_in("bob").await.get("/me").await;
    assert_eq!((&found.body["user_id"], &found.body["roles"]), (&json!(bob), &json!(["auditor"])));
    // A second administrator is not needed: who administers can log in.
    assert!(company.door.app.access.first_admin(ALICE).await.unwrap().is_none());
    let auditor = company.signed_in("bob").await;
    let trail = auditor.get("/audit?limit=200").await.body.to_string();
    for word in ["person.linked", "bob@example.test", "federated"] {
        assert!(trail.contains(word), "{word}: {trail}");
    }
}

#[tokio::test]
async fn an_address_that_is_not_verified_or_not_theirs_opens_nothing() {
    let name = "an_address_that_is_not_verified_or_not_theirs_opens_nothing";
    let Some(company) = Company::new(name).await else { return };
    let admin = company.door.admin().await;
    let body = json!({ "email": "mallory@example.test", "roles": ["admin"] });
    assert_eq!(admin.browser.post("/people", body).await.status, 201);
    let mallory = company.visitor();
    let answer = company.sign_in(&mallory, "mallory").await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.as_str().unwrap().contains("ask an administrator"), "{answer:?}");
    assert_eq!(mallory.identity().await, None);

    let Some(other) = Company::with(name, |sso| sso.email_domains = vec!["example.com".to_owned()]).await
    else {
        return;
    };
    assert_eq!(other.sign_in(&other.visitor(), "alice").await.status, 403);
    let Some(own) = Company::with(name, |sso| sso.email_domains = vec!["Example.test".to_owned()]).await
    else {
        return;
    };
    own.signed_in("alice").await;
}

#[tokio::test]
async fn who_is_disabled_stays_out() {
    let Some(company) = Company::new("who_is_disabled_stays_out").await else { return };
    company.door.app.access.first_admin(ALICE).await.unwrap().unwrap();
    let (alice, bob) = (company.signed_in("alice").await, company.signed_in("bob").await);
    let id = bob.get("/me").await.body["user_id"].as_str().unwrap().to_owned();
    let carol = alice.invite("carol@example.test", &[]).await;
    for id in [&id, &carol] {
        let off = alice.send(Method::PATCH, &format!("/people/{id}"), json!({ "disabled": true })).await;
        assert_eq!(off.status, 200, "{off:?}");
    }
    assert_eq!(bob.identity().await, None, "the session is over");
    for who in ["bob", "carol"] {
        assert_eq!(company.sign_in(&company.visitor(), who).await.status, 403, "{who}");
    }
    let on = alice.send(Method::PATCH, &format!("/people/{id}"), json!({ "disabled": false })).await;
    assert_eq!(on.status, 200, "{on:?}");
    company.signed_in("bob").await;
}

#[tokio::test]
async fn the_providers_groups_decide_where_the_settings_say_so() {
    let Some(company) = Company::with("the_providers_groups_decide_where_the_settings_say_so", |sso| {
        sso.groups = vec![
            group("admins", &["team:ops"], &["admin", "auditor"]),
            group("dev", &["team:dev"], &["security"]),
            group("nobody", &["team:none"], &["compliance"]),
        ];
    })
    .await
    else {
        return;
    };
    let alice = company.signed_in("alice").await;
    let me = alice.get("/me").await;
    assert_eq!(me.body["roles"], json!(["admin", "auditor", "security"]), "{me:?}");
    assert_eq!(me.body["groups"], json!(["team:dev", "team:ops"]));
    let bob = company.signed_in("bob").await;
    assert_eq!(bob.get("/me").await.body["roles"], json!(["security"]));
    // What an administrator gives lasts until the next login.
    let id = bob.get("/me").await.body["user_id"].as_str().unwrap().to_owned();
    let body = json!({ "roles": ["auditor", "compliance"], "groups": [] });
    assert_eq!(alice.send(Method::PATCH, &format!("/people/{id}"), body).await.status, 200);
    assert_eq!(bob.get("/me").await.body["roles"], json!(["auditor", "compliance"]));
    let bob = company.signed_in("bob").await;
    let me = bob.get("/me").await;
    assert_eq!((&me.body["roles"], &me.body["groups"]), (&json!(["security"]), &json!(["team:dev"])));
    let trail = alice.get("/audit?limit=200").await.body.to_string();
    assert!(trail.contains("roles: auditor compliance -> security"), "{trail}");
}

#[tokio::test]
async fn the_last_who_administers_goes_on() {
    let Some(company) = Company::with("the_last_who_administers_goes_on", |sso| {
        sso.groups = vec![group("dev", &["team:dev"], &[])];
    })
    .await
    else {
        return;
    };
    company.door.app.access.first_admin(ALICE).await.unwrap().unwrap();
    let alice = company.signed_in("alice").await;
    assert_eq!(alice.get("/me").await.body["roles"], json!(["admin"]));
    // Once somebody else can, the role goes.
    company.door.app.access.first_admin("root@example.com").await.unwrap();
    let root = alice.invite("root@example.com", &["admin"]).await;
    let invited = alice.send(Method::POST, &format!("/people/{root}/invite"), json!({})).await;
    let link = invited.body["enrolment"]["url"].as_str().unwrap().to_owned();
    company.door.enrol(&link, "root@example.com").await;
    assert_eq!(company.signed_in("alice").await.get("/me").await.body["roles"], json!([]));
}

#[tokio::test]
async fn an_address_that_was_given_away_opens_nothing() {
    let Some(company) = Company::new("an_address_that_was_given_away_opens_nothing").await else { return };
    company.door.app.access.first_admin(ALICE).await.unwrap().unwrap();
    let alice = company.signed_in("alice").await;
    let bob = alice.invite("bob@example.test", &["auditor"]).await;
    // Bob's account has another identity there, as if his address had been somebody else's before.
    let file = company.door.app.settings.data.join("audex.db");
    let database = sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    let known: Vec<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as("SELECT user_id, email FROM audex_people").fetch_all(&database).await.unwrap();
    let (id, _) =
        known.iter().find(|(_, email)| email == b"bob@example.test").unwrap_or_else(|| panic!("{known:?}"));
    let given =
        sqlx::query("UPDATE axess_federated_link SET user_id = ?").bind(id).execute(&database).await.unwrap();
    assert_eq!(given.rows_affected(), 1);
    assert_eq!(company.sign_in(&company.visitor(), "bob").await.status, 403);
    // An invitation takes that away.
    let invited = alice.send(Method::POST, &format!("/people/{bob}/invite"), json!({})).await;
    assert_eq!(invited.status, 200, "{invited:?}");
    let again = company.signed_in("bob").await;
    assert_eq!(again.get("/me").await.body["user_id"], json!(bob));
}
