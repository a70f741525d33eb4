//! Logging out here and there.

use super::{company::Company, trail::Auditor};
use crate::access::door::Answer;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

/// Finds the value of a hidden field.
fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{page}"));
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_logout_at_the_provider_ends_the_session_here() {
    let Some(company) = Company::new("a_logout_at_the_provider_ends_the_session_here").await else { return };
    let (alice, elsewhere) = (company.signed_in("alice").await, company.signed_in("alice").await);
    let out = alice.client.get(format!("{}/session/end", company.provider.issuer())).send().await.unwrap();
    let page = out.text().await.unwrap();
    let confirm = format!("{}/session/end/confirm", company.provider.issuer());
    let form = [("xsrf", hidden(&page, "xsrf")), ("logout", "yes".to_owned())];
    alice.client.post(confirm).form(&form).send().await.unwrap();
    for _ in 0..1_200 {
        if alice.identity().await.is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(alice.identity().await, None);
    assert_eq!(elsewhere.identity().await.as_deref(), Some("alice@example.test"), "another session there");
}

#[tokio::test]
async fn a_logout_here_leads_on_to_the_provider() {
    let Some(company) = Company::new("a_logout_here_leads_on_to_the_provider").await else { return };
    let alice = company.signed_in("alice").await;
    let answer = alice.form("/logout", &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = answer.body.as_str().unwrap();
    assert!(text.contains(&format!("href=\"{}/session/end?", company.provider.issuer())), "{text}");
    assert_eq!(alice.identity().await, None);
    let bob = company.signed_in("bob").await;
    assert_eq!(bob.send(Method::POST, "/logout", json!({})).await.status, 204);
    assert_eq!(bob.identity().await, None);
}

#[tokio::test]
async fn a_logout_token_that_is_none_ends_nothing() {
    let Some(company) = Company::new("a_logout_token_that_is_none_ends_nothing").await else { return };
    let mut auditor = Auditor::at(&company.door).await;
    let alice = company.signed_in("alice").await;
    for fields in [
        &[("logout_token", "made-up.logout.token")][..],
        &[("logout_token", "")],
        &[],
        &[("logout_token", "made-up-logout"), ("logout_token", "y")],
    ] {
        // As a provider's server does: it asks for no page.
        let notice = format!("{}/oidc/backchannel-logout", company.door.url);
        let answer =
            Answer::of(company.visitor().client.post(notice).form(fields).send().await.unwrap()).await;
        assert_eq!(answer.code(), (400, "logout_refused"), "{answer:?}");
        assert_eq!(answer.body["error"], "invalid_request", "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        auditor.refused("malformed", &["made-up.logout.token", "made-up-logout"]).await;
    }
    let body = json!({ "logout_token": "a.b.c" });
    let json = company.visitor().send(Method::POST, "/oidc/backchannel-logout", body).await;
    assert_eq!(json.code(), (400, "invalid_request"));
    assert_eq!(alice.identity().await.as_deref(), Some("alice@example.test"));
}

#[tokio::test]
async fn a_provider_may_log_a_whole_company_out() {
    let Some(company) = Company::new("a_provider_may_log_a_whole_company_out").await else { return };
    let notice = format!("{}/oidc/backchannel-logout", company.door.url);
    let client = company.visitor().client;
    for n in 0..620 {
        let sent = client.post(&notice).form(&[("logout_token", "a.b.c")]).send().await.unwrap();
        assert_eq!(sent.status(), 400, "logout {n}");
    }
    let alice = company.signed_in("alice").await;
    assert_eq!(
        alice.identity().await.as_deref(),
        Some("alice@example.test"),
        "logins have a limit of their own"
    );
}
