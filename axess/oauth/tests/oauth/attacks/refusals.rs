//! What an error of a provider means: somebody said no, brought a code that is not theirs, or an operator has to do something.

use axess_factors::federated::{FederationError, FederationFault};
use serde_json::json;

use super::Expected;
use crate::hostile::{Hostile, Login, Reply};

fn is_denied(error: &FederationError) -> bool {
    matches!(error, FederationError::Denied { .. })
}

fn is_grant(error: &FederationError) -> bool {
    matches!(error, FederationError::GrantRefused { code } if code == "invalid_grant")
        && error.fault() == FederationFault::Caller
}

fn is_client(error: &FederationError) -> bool {
    matches!(error, FederationError::ClientRejected { .. })
}

fn is_setup(error: &FederationError) -> bool {
    matches!(error, FederationError::Configuration { what } if what.contains(" refuses the request: "))
}

fn is_down(error: &FederationError) -> bool {
    matches!(error, FederationError::Unavailable { .. })
}

fn is_token(error: &FederationError) -> bool {
    matches!(error, FederationError::Configuration { what } if what.starts_with("its userinfo endpoint does not take the access token"))
}

const CODES: [(&str, Expected); 11] = [
    ("invalid_grant", is_grant),
    ("access_denied", is_denied),
    ("interaction_required", is_denied),
    ("invalid_client", is_client),
    ("unauthorized_client", is_client),
    ("invalid_request", is_setup),
    ("invalid_scope", is_setup),
    ("unsupported_grant_type", is_setup),
    ("of_their_own<script>", is_setup),
    ("server_error", is_down),
    ("temporarily_unavailable", is_down),
];

fn error(status: u16, code: &str) -> Reply {
    Reply::new(status, "application/json", json!({ "error": code }).to_string())
}

#[tokio::test]
async fn an_error_of_the_token_endpoint_says_whose_it_is() {
    let hostile = Hostile::start().await;
    let login = Login::begin(&hostile).await;
    for (code, expected) in CODES {
        for status in [200, 400, 401] {
            hostile.reply("/token", error(status, code));
            let refused = login.complete().await.unwrap_err();
            assert!(expected(&refused), "{status} {code}: {refused:?}");
            assert!(!refused.to_string().contains('<'), "{refused}");
        }
    }
}

#[tokio::test]
async fn an_error_of_the_endpoint_for_pushed_requests_is_no_users_no() {
    let hostile = Hostile::start().await;
    hostile.describe(|it| it["require_pushed_authorization_requests"] = json!(true));
    for (code, expected) in CODES {
        hostile.reply("/par", error(400, code));
        let begun = Login::begin_with(&hostile, hostile.config(), &Default::default()).await;
        let refused = begun.err().unwrap();
        assert!(expected(&refused), "{code}: {refused:?}");
    }
}

#[tokio::test]
async fn an_access_token_that_userinfo_does_not_take_is_called_that() {
    let hostile = Hostile::start().await;
    let login = Login::begin(&hostile).await;
    let challenge = |status: u16, code: &str| {
        let mut reply = Reply::new(status, "text/plain", "");
        reply.headers.push(("www-authenticate", format!("Bearer realm=\"x\", error=\"{code}\"")));
        reply
    };
    let cases: [(&str, Reply, Expected); 10] = [
        ("401 alone", Reply::new(401, "text/plain", ""), is_token),
        ("401 with a challenge", challenge(401, "invalid_token"), is_token),
        ("401 with a document", error(401, "invalid_token"), is_token),
        ("401 as Google says it", error(401, "invalid_request"), is_token),
        ("403 with a challenge", challenge(403, "insufficient_scope"), is_token),
        ("403 with a document", error(403, "insufficient_scope"), is_token),
        ("403 alone", Reply::new(403, "text/plain", ""), is_down),
        ("our proof", challenge(401, "invalid_dpop_proof"), is_client),
        ("a request", error(400, "invalid_request"), is_setup),
        ("down", error(503, "invalid_token"), is_down),
    ];
    for (name, reply, expected) in cases {
        hostile.reply("/userinfo", reply);
        let refused = login.complete().await.expect_err(name);
        assert!(expected(&refused), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_down_says_so_in_the_browsers_hands() {
    let hostile = Hostile::start().await;
    let login = Login::begin(&hostile).await;
    let cases: [(&str, Expected); 4] = [
        ("server_error", is_down),
        ("temporarily_unavailable", is_down),
        ("access_denied", is_denied),
        ("login_required", is_denied),
    ];
    for (code, expected) in cases {
        let mut parameters = login.parameters();
        parameters.iter_mut().filter(|(name, _)| name == "code").for_each(|pair| {
            *pair = ("error".to_owned(), code.to_owned());
        });
        let refused = login.complete_with(parameters).await.unwrap_err();
        assert!(expected(&refused), "{code}: {refused:?}");
    }
}
