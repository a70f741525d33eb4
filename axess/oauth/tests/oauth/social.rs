//! Plain OAuth: it works, and it says what it is.

use axess_clock::Clock;
use axess_factors::federated::{
    Assurance, BegunFederation, CallbackMethod, CallbackResponse, FederatedProof, FederationContext,
    FederationError, FederationOptions, FederationProtocol, FederationProvider, LogoutHint,
};
use axess_identity::ProviderName;
use axess_oauth::{HttpClient, HttpSettings, OAuth2Config, OAuth2Provider, OAuth2User};
use axess_rng::MockRng;
use serde_json::json;

use crate::hostile::{Hostile, Reply};

struct Social {
    provider: OAuth2Provider,
    name: ProviderName,
    rng: MockRng,
}

impl Social {
    fn new(hostile: &Hostile) -> Self {
        let base = &hostile.base;
        let config = OAuth2Config::new(base, "client", "secret", "https://app.example.com/callback")
            .with_endpoints(format!("{base}/authorize"), format!("{base}/token"), [format!("{base}/user")])
            .with_scopes(["read:user"])
            .with_mapping(|documents| {
                let id = documents.first()?.get("id")?.as_u64()?;
                Some(OAuth2User {
                    email: Some("a@example.test".to_owned()),
                    ..OAuth2User::new(id.to_string())
                })
            });
        hostile.reply("/token", Reply::json(&json!({ "access_token": "t", "token_type": "bearer" })));
        hostile.reply("/user", Reply::json(&json!({ "id": 7 })));
        let provider =
            OAuth2Provider::new(config, HttpClient::new(&HttpSettings::default()).unwrap()).unwrap();
        Self { provider, name: "social".parse().unwrap(), rng: MockRng::new(1) }
    }

    fn context<'a>(&'a self, hostile: &Hostile) -> FederationContext<'a> {
        FederationContext { provider: &self.name, now: hostile.clock.now(), rng: &self.rng }
    }

    async fn begin(&self, hostile: &Hostile) -> BegunFederation {
        self.provider.begin(&FederationOptions::default(), self.context(hostile)).await.unwrap()
    }

    async fn complete(
        &self,
        hostile: &Hostile,
        begun: &BegunFederation,
        parameters: &[(&str, &str)],
    ) -> Result<axess_factors::federated::FederatedIdentity, FederationError> {
        let back = CallbackResponse::new(CallbackMethod::Get, parameters.iter().copied()).unwrap();
        let context = self.context(hostile);
        let proof = FederatedProof::complete(&self.provider, &begun.pending, &back, context).await?;
        Ok(proof.identity().clone())
    }
}

#[tokio::test]
async fn a_user_logs_in_and_it_is_plain_that_it_is_weaker() {
    let hostile = Hostile::start().await;
    let social = Social::new(&hostile);
    assert_eq!(social.provider.protocol(), FederationProtocol::OAuth2);
    let begun = social.begin(&hostile).await;
    let url = begun.redirection.url();
    assert!(
        url.contains("code_challenge_method=S256") && !url.contains("openid") && !url.contains("nonce="),
        "{url}"
    );
    let state = begun.pending.private["state"].as_str().unwrap();
    let user = social.complete(&hostile, &begun, &[("code", "c"), ("state", state)]).await.unwrap();
    assert_eq!((user.subject.as_str(), user.assurance), ("7", Assurance::OAuth2Only));
    assert!(user.email.is_some() && !user.email_verified);
    assert!(user.acr.is_none() && user.auth_time.is_none());
    let verifier = begun.pending.private["verifier"].as_str().unwrap();
    assert!(hostile.seen("/token")[0].contains(verifier));
}

#[tokio::test]
async fn what_it_cannot_prove_is_refused() {
    let hostile = Hostile::start().await;
    let social = Social::new(&hostile);
    let wishes = [
        FederationOptions { force: true, ..FederationOptions::default() },
        FederationOptions { acr_values: vec!["gold".to_owned()], ..FederationOptions::default() },
        FederationOptions { max_age: Some(std::time::Duration::ZERO), ..FederationOptions::default() },
    ];
    for options in wishes {
        let refused = social.provider.begin(&options, social.context(&hostile)).await.unwrap_err();
        assert!(matches!(refused, FederationError::WeakerThanConfigured { .. }), "{options:?}");
    }
    let context = social.context(&hostile);
    let message = CallbackResponse::new(CallbackMethod::Post, [("logout_token", "x")]).unwrap();
    assert!(social.provider.verify_logout(&message, context).await.is_err());
    let hint = LogoutHint {
        subject: "7".to_owned(),
        session_id: None,
        id_token: None,
        post_logout_redirect_uri: None,
        state: None,
    };
    assert!(social.provider.begin_logout(&hint, context).await.unwrap().is_none());
}

#[tokio::test]
async fn a_changed_answer_is_refused() {
    let hostile = Hostile::start().await;
    let social = Social::new(&hostile);
    let begun = social.begin(&hostile).await;
    let state = begun.pending.private["state"].as_str().unwrap();
    type Expected = fn(&FederationError) -> bool;
    let is_malformed: Expected = |e| matches!(e, FederationError::Malformed { .. });
    let cases: [(&[(&str, &str)], Expected); 7] = [
        (&[("code", "c")], |e| matches!(e, FederationError::StateMismatch)),
        (&[("code", "c"), ("state", "x")], |e| matches!(e, FederationError::StateMismatch)),
        (&[("code", "c"), ("state", state), ("iss", "https://evil.example")], |e| {
            matches!(e, FederationError::MixUp)
        }),
        (&[("error", "access_denied"), ("state", state)], |e| matches!(e, FederationError::Denied { .. })),
        (&[("error", "temporarily_unavailable"), ("state", state)], |e| {
            matches!(e, FederationError::Unavailable { .. })
        }),
        (&[("state", state)], is_malformed),
        (&[("code", "c"), ("code", "d"), ("state", state)], is_malformed),
    ];
    for (parameters, expected) in cases {
        let refused = social.complete(&hostile, &begun, parameters).await.unwrap_err();
        assert!(expected(&refused), "{parameters:?}: {refused:?}");
    }
    assert_eq!(hostile.seen("/token"), [""; 0]);

    let good: &[(&str, &str)] = &[("code", "c"), ("state", state)];
    hostile.reply("/user", Reply::json(&json!({ "id": "seven" })));
    assert!(is_malformed(&social.complete(&hostile, &begun, good).await.unwrap_err()));
    // GitHub says no with status 200, and in words of its own.
    let words: [(&str, Expected); 5] = [
        ("bad_verification_code", |e| matches!(e, FederationError::GrantRefused { .. })),
        ("incorrect_client_credentials", |e| matches!(e, FederationError::ClientRejected { .. })),
        ("redirect_uri_mismatch", |e| matches!(e, FederationError::Configuration { .. })),
        ("unverified_user_email", |e| matches!(e, FederationError::Denied { .. })),
        ("server_error", |e| matches!(e, FederationError::Unavailable { .. })),
    ];
    for (word, expected) in words {
        hostile.reply("/token", Reply::json(&json!({ "error": word })));
        let refused = social.complete(&hostile, &begun, good).await.unwrap_err();
        assert!(expected(&refused), "{word}: {refused:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_good_for_less_is_refused() {
    let hostile = Hostile::start().await;
    let social = Social::new(&hostile);
    let options = FederationOptions { scopes: vec!["user:email".to_owned()], ..FederationOptions::default() };
    let begun = social.provider.begin(&options, social.context(&hostile)).await.unwrap();
    let state = begun.pending.private["state"].as_str().unwrap();
    for (granted, is_enough) in [
        (None, true),
        (Some("read:user user:email"), true),
        (Some("user:email,read:user"), true),
        (Some("user:email, read:user extra"), true),
        (Some("read:user"), false),
        (Some("user:email"), false),
        (Some(""), false),
        (Some("read:user user:emails"), false),
    ] {
        let mut answer = json!({ "access_token": "t", "token_type": "bearer" });
        if let Some(granted) = granted {
            answer["scope"] = json!(granted);
        }
        hostile.reply("/token", Reply::json(&answer));
        match social.complete(&hostile, &begun, &[("code", "c"), ("state", state)]).await {
            Ok(_) => assert!(is_enough, "{granted:?}"),
            Err(FederationError::WeakerThanConfigured { .. }) => assert!(!is_enough, "{granted:?}"),
            Err(other) => panic!("{granted:?}: {other:?}"),
        }
    }
}
