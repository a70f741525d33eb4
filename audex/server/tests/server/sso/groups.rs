//! Groups that the provider asserts and a rule names, without a section that says what they mean.

use super::{
    company::{Company, Visitor},
    saml,
};
use crate::{access::door::Answer, api::pretend::aws};
use audex_core::roles::{RoleMap, RoleRule, Subject};
use audex_policy::Provider;
use audex_server::settings::ServerSettings;
use reqwest::Method;
use serde_json::{Value, json};

const ADMINS: &str = "arn:aws:iam::123456789012:role/Admins";
const LOCAL: &str = "arn:aws:iam::123456789012:role/Local";

/// Maps a group of the provider's, and one that an administrator gives.
fn mapped(settings: &mut ServerSettings) {
    let rule = |group: &str, role: &str| RoleRule {
        subject: Subject::Group(group.to_owned()),
        targets: [(Provider::Aws, role.to_owned())].into(),
        ceiling: None,
    };
    let rules = vec![rule("admins", ADMINS), rule("team:local", LOCAL)];
    settings.rules.roles = RoleMap { is_enabled: true, rules };
}

/// Asks for a credential without naming a role, and returns the role of its session.
async fn role(who: &Visitor) -> Value {
    let body = json!({ "provider": "aws", "allow": "s3:GetObject", "resources": ["arn:aws:s3:::a/*"], "ttl": "15m" });
    let given = who.send(Method::POST, "/credentials", body).await;
    if given.status != 200 {
        return given.body["code"].clone();
    }
    let sessions = who.get("/sessions").await;
    sessions.body["items"][0]["target"].clone()
}

fn groups(me: &Answer) -> &Value {
    &me.body["groups"]
}

#[tokio::test]
async fn a_group_that_a_rule_names_has_its_role_without_more_settings() {
    let test = "a_group_that_a_rule_names_has_its_role_without_more_settings";
    let Some(company) = Company::issuing(test, vec![aws()], |_, settings, _| mapped(settings)).await else {
        return;
    };
    let admin = company.door.admin().await;
    let alice = company.signed_in("alice").await;
    let me = alice.get("/me").await;
    // Of `admins` and `dev` the rules name one, and no group is a role of the console.
    assert_eq!((groups(&me), &me.body["roles"]), (&json!(["admins"]), &json!([])), "{me:?}");
    assert_eq!(role(&alice).await, ADMINS);
    let bob = company.signed_in("bob").await;
    assert_eq!(groups(&bob.get("/me").await), &json!([]));
    assert_eq!(role(&bob).await, "role_not_mapped");
    // What an administrator gives stays beside it, and alone where it is all.
    for (who, had) in [(&alice, &["admins", "team:local"][..]), (&bob, &["team:local"])] {
        let id = who.get("/me").await.body["user_id"].as_str().unwrap().to_owned();
        let changed = admin.browser.patch(&format!("/people/{id}"), json!({ "groups": had })).await;
        assert_eq!(changed.status, 200, "{changed:?}");
    }
    let (alice, bob) = (company.signed_in("alice").await, company.signed_in("bob").await);
    assert_eq!(groups(&alice.get("/me").await), &json!(["admins", "team:local"]));
    assert_eq!(groups(&bob.get("/me").await), &json!(["team:local"]));
    assert_eq!(role(&bob).await, LOCAL);
    // An invitation takes the identity, and what came with it.
    let id = me.body["user_id"].as_str().unwrap().to_owned();
    let invited = admin.browser.post(&format!("/people/{id}/invite"), json!({})).await;
    assert_eq!(invited.status, 200, "{invited:?}");
    let people = admin.browser.get("/people").await;
    let hers =
        people.body["items"].as_array().unwrap().iter().find(|person| person["id"] == id.as_str()).unwrap();
    assert_eq!(hers["groups"], json!(["team:local"]));
}

#[tokio::test]
async fn a_group_that_the_provider_asserts_no_longer_is_gone_with_its_role() {
    let test = "a_group_that_the_provider_asserts_no_longer_is_gone_with_its_role";
    let company = saml::Company::issuing(test, "", vec![aws()], |settings, _| mapped(settings)).await;
    let Some(company) = company else { return };
    let admin = company.door.admin().await;
    let alice = company.visitor();
    assert_eq!(company.sign_in(&alice).await.status, 303);
    let me = alice.get("/me").await;
    assert_eq!((groups(&me), &me.body["roles"]), (&json!(["admins"]), &json!([])), "{me:?}");
    assert_eq!(role(&alice).await, ADMINS);
    // What the page shows is sent back with one more: that makes `admins` no gift of the administrator's.
    let id = me.body["user_id"].as_str().unwrap().to_owned();
    let more = json!({ "groups": ["admins", "team:local"] });
    assert_eq!(admin.browser.patch(&format!("/people/{id}"), more).await.status, 200);
    let metadata = company.visitor().get("/saml/metadata").await;
    company.idp.know("attributes=none", metadata.body.as_str().unwrap()).await;
    // Until somebody signs in anew, nothing is known of it.
    assert_eq!(role(&alice).await, ADMINS);
    let again = company.visitor();
    assert_eq!(company.sign_in(&again).await.status, 303);
    let me = again.get("/me").await;
    assert_eq!((&me.body["user_id"], groups(&me)), (&json!(id), &json!(["team:local"])));
    for who in [&again, &alice] {
        assert_eq!(role(who).await, LOCAL);
    }
    let trail = admin.browser.get("/audit?limit=200").await.body.to_string();
    assert!(trail.contains("groups: admins team:local -> team:local"), "{trail}");
}
