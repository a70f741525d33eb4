//! An issuer for many tenants, as Microsoft Entra's is: which of them may say anything, and about whom.

use axess_factors::federated::{FederationError, FederationOptions, FederationProvider};
use axess_oauth::OAuthProviderConfig;
use serde_json::{Value, json};

use super::Expected;
use crate::hostile::{CALLBACK, CLIENT, Hostile, Login, Reply};

const OURS: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
const SECOND: &str = "11111111-2222-3333-4444-555555555555";
const STRANGER: &str = "99999999-2222-3333-4444-555555555555";

/// Publishes what Entra does below `organizations`.
fn describe(hostile: &Hostile, issuer: &str) {
    let base = &hostile.base;
    let metadata = json!({
        "issuer": issuer, "authorization_endpoint": format!("{base}/authorize"), "token_endpoint": format!("{base}/token"),
        "userinfo_endpoint": format!("{base}/userinfo"), "jwks_uri": format!("{base}/jwks"),
    });
    hostile.reply("/organizations/v2.0/.well-known/openid-configuration", Reply::json(&metadata));
}

fn config(hostile: &Hostile, tenants: &[&str]) -> OAuthProviderConfig {
    let issuer = format!("{}/organizations/v2.0", hostile.base);
    OAuthProviderConfig::discover(&issuer, CLIENT, "secret", CALLBACK).with_entra_tenants(tenants.to_vec())
}

async fn begin<'a>(hostile: &'a Hostile, tenants: &[&str]) -> Result<Login<'a>, FederationError> {
    Login::begin_with(hostile, config(hostile, tenants), &FederationOptions::default()).await
}

fn claims(login: &Login<'_>, tenant: &str, issuer_of: &str) -> Value {
    let mut claims = login.claims();
    claims["iss"] = json!(format!("{}/{issuer_of}/v2.0", login.hostile.base));
    claims["tid"] = json!(tenant);
    claims["email"] = json!("boss@example.test");
    claims["email_verified"] = json!(true);
    claims
}

#[tokio::test]
async fn only_tenants_on_the_list_vouch_and_only_for_their_own() {
    let hostile = Hostile::start().await;
    describe(&hostile, &format!("{}/{{tenantid}}/v2.0", hostile.base));
    let login = begin(&hostile, &[OURS, SECOND]).await.unwrap();
    let complete = async |claims: &Value| {
        login.serve(claims);
        login.complete_with(without_issuer(&login)).await
    };
    for tenant in [OURS, SECOND] {
        let alice = complete(&claims(&login, tenant, tenant)).await.unwrap();
        assert_eq!(
            alice.subject,
            format!("{tenant}/alice"),
            "the same subject of another tenant is another user"
        );
        assert_eq!(alice.issuer, format!("{}/organizations/v2.0", hostile.base));
        let said = login.provider.userinfo(alice.tokens.as_ref().unwrap(), &alice.subject).await.unwrap();
        assert_eq!(said.unwrap()["sub"], "alice");
        assert!(
            alice.email.is_some() && !alice.email_verified,
            "either may write down the other's addresses"
        );
    }
    let is_issuer: Expected = |e| matches!(e, FederationError::IssuerMismatch);
    let with = |name: &str, value: Value| {
        let mut claims = claims(&login, OURS, OURS);
        claims[name] = value;
        claims
    };
    for (row, claims) in [
        ("a tenant that is not on the list", claims(&login, STRANGER, STRANGER)),
        ("the issuer of another", claims(&login, OURS, SECOND)),
        ("the issuer of a stranger", claims(&login, OURS, STRANGER)),
        ("the tenant of another", claims(&login, SECOND, OURS)),
        ("no tenant", with("tid", Value::Null)),
        ("a tenant that is no text", with("tid", json!([OURS]))),
        ("the template itself", claims(&login, "{tenantid}", "{tenantid}")),
        ("the address of all", claims(&login, OURS, "organizations")),
    ] {
        let refused = complete(&claims).await.expect_err(row);
        assert!(is_issuer(&refused), "{row}: {refused:?}");
    }

    let login = begin(&hostile, &[OURS]).await.unwrap();
    login.serve(&claims(&login, OURS, OURS));
    assert!(login.complete_with(without_issuer(&login)).await.unwrap().email_verified, "there is but one");
}

#[tokio::test]
async fn it_may_call_itself_by_a_tenant_on_the_list() {
    let hostile = Hostile::start().await;
    describe(&hostile, &format!("{}/{{tenantid}}/v2.0", hostile.base));
    let provider = hostile.client(config(&hostile, &[OURS, SECOND]));
    let named = |tenant: &str| format!("{}/{tenant}/v2.0", hostile.base);
    assert!(provider.is_issuer(&named(OURS)) && provider.is_issuer(&named(SECOND)));
    for other in [STRANGER, "{tenantid}", "organizations", ""] {
        assert!(!provider.is_issuer(&named(other)), "{other}");
    }
    let alone = hostile.client(hostile.config());
    assert!(alone.is_issuer(&hostile.base) && !alone.is_issuer(&named(OURS)));
}

/// Entra does not name itself in what the browser brings back.
fn without_issuer(login: &Login<'_>) -> Vec<(String, String)> {
    login.parameters().into_iter().filter(|(name, _)| name != "iss").collect()
}

#[tokio::test]
async fn a_template_counts_only_where_the_configuration_says_so() {
    let hostile = Hostile::start().await;
    describe(&hostile, &format!("{}/{{tenantid}}/v2.0", hostile.base));
    let refused = begin(&hostile, &[]).await.err().unwrap();
    assert!(matches!(refused, FederationError::IssuerMismatch), "{refused:?}");
    for issuer in [
        format!("{}/organizations/v2.0", hostile.base),
        format!("{}/{OURS}/v2.0", hostile.base),
        "https://evil.example/{tenantid}/v2.0".to_owned(),
    ] {
        describe(&hostile, &issuer);
        let refused = begin(&hostile, &[OURS]).await.err().unwrap();
        assert!(matches!(refused, FederationError::IssuerMismatch), "{issuer}: {refused:?}");
    }
}

#[test]
fn what_cannot_be_a_tenant_or_an_issuer_of_many_is_said() {
    let at = |issuer: &str, tenant: &str| {
        let config = OAuthProviderConfig::discover(issuer, CLIENT, "secret", CALLBACK);
        config.with_entra_tenants([tenant]).check().map_err(|error| error.to_string())
    };
    let issuer = "https://login.microsoftonline.com/organizations/v2.0";
    assert!(at(issuer, OURS).is_ok());
    for tenant in [
        "",
        "contoso.onmicrosoft.com",
        "{tenantid}",
        "common",
        "8EAEF023-2B34-4DA1-9BAA-8BC8C9D6A490",
        "../x",
    ] {
        assert!(at(issuer, tenant).unwrap_err().contains("entra_tenants"), "{tenant}");
    }
    for issuer in [
        "https://login.microsoftonline.com/v2.0",
        "https://login.example.com",
        "https://login.example.com/a/v2.0",
    ] {
        assert!(at(issuer, OURS).unwrap_err().contains("entra_tenants"), "{issuer}");
    }
    let signed = OAuthProviderConfig::discover(issuer, CLIENT, "secret", CALLBACK).with_entra_tenants([OURS]);
    assert!(signed.with_signed_responses().check().is_err());
}
