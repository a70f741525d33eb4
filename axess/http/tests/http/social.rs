//! A provider of plain OAuth 2.0 logs people in, and can prove nothing anew.

use axess_core::{
    authn::{AuthnError, FactorCredential, FactorStep, Method},
    federation::{Federation, FederationProviders, ProviderPolicy},
    memory::{InMemoryBackend, InMemorySessionStore, MemoryFederatedLinkStore},
    service::{AuthnService, FederatedOutcome},
    session::{RequestContext, Sessions},
};
use axess_factors::federated::{
    CallbackMethod, CallbackResponse, FederationError, FederationOptions, federated_kind,
};
use axess_http::AuthnRejection;
use axess_identity::ProviderName;
use axess_oauth::{HttpClient, HttpSettings, OAuth2Config, OAuth2Provider};
use axum::response::IntoResponse;
use std::{sync::Arc, time::Duration};

const PASSWORD: &str = "correct horse battery staple";

#[tokio::test]
async fn it_is_refused_where_a_step_up_or_a_fresh_login_is_wanted() {
    let name: ProviderName = "github".parse().unwrap();
    let config = OAuth2Config::github("id", "secret", "https://app.example.com/callback");
    let provider = OAuth2Provider::new(config, HttpClient::new(&HttpSettings::default()).unwrap()).unwrap();
    let providers =
        FederationProviders::new().with(name.clone(), Arc::new(provider), ProviderPolicy::default());
    let federation = Federation::new(providers, Arc::new(MemoryFederatedLinkStore::new()));
    let backend = InMemoryBackend::new()
        .with_user_password("alice", "default", PASSWORD)
        .with_methods(vec![Method::password(), Method::federated(&name)]);
    let service = AuthnService::new(backend.clone(), backend).with_federation(federation);
    let sessions = Sessions::new(InMemorySessionStore::new());
    let guest = || sessions.guest(RequestContext::default());

    let wishes = [
        FederationOptions { force: true, ..FederationOptions::default() },
        FederationOptions { max_age: Some(Duration::from_secs(3_600)), ..FederationOptions::default() },
        FederationOptions { acr_values: vec!["gold".to_owned()], ..FederationOptions::default() },
    ];
    for options in wishes {
        let session = guest();
        let refused =
            service.begin_federated_login(&session, "default", "github", options).await.unwrap_err();
        let is_weaker =
            matches!(refused, AuthnError::Federation(FederationError::WeakerThanConfigured { .. }));
        assert!(is_weaker, "{refused:?}");
        assert_eq!(AuthnRejection::from(refused).into_response().status(), 422);
    }
    let plain = FederationOptions::default;
    assert!(service.begin_federated_login(&guest(), "default", "github", plain()).await.is_ok());

    let session = guest();
    service.begin_login(&session, "alice", "default").await.unwrap();
    let password = FactorCredential::Password(PASSWORD.into());
    assert!(service.verify_factor(&session, password).await.unwrap().is_authenticated());
    let step = FactorStep::Required(federated_kind(&name));
    service.require_step_up(&session, vec![step]).await.unwrap();
    let refused = service.begin_federated_login(&session, "default", "github", plain()).await.unwrap_err();
    assert!(matches!(refused, AuthnError::Federation(FederationError::WeakerThanConfigured { .. })));
    let back = CallbackResponse::new(CallbackMethod::Get, [("code", "c"), ("state", "s")]).unwrap();
    let done = service.complete_federated_login(&session, "github", back).await.unwrap();
    assert!(
        matches!(done.outcome, FederatedOutcome::Refused(FederationError::StateMismatch)),
        "nothing began"
    );
}
