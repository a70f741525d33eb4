//! Both sides: a service provider made of the keys in `vectors/saml`, and what an identity provider sent it.

use crate::keys::pair;
use axess_factors::federated::{
    CallbackMethod, CallbackResponse, FederatedIdentity, FederationContext, FederationError,
    FederationProvider, PendingFederation,
};
use axess_identity::ProviderName;
use axess_rng::MockRng;
use axess_saml::{IdpSource, SamlConfig, SamlProvider};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use std::{path::PathBuf, sync::LazyLock};

/// The request that the genuine responses answer.
pub(crate) const REQUEST: &str = "_a-request";
pub(crate) const ISSUER: &str = "https://idp.example.test/metadata";
const RELAY_STATE: &str = "a-relay-state";

/// When the genuine responses were made, and a bit.
pub(crate) static NOW: LazyLock<DateTime<Utc>> = LazyLock::new(|| {
    let text = vector("genuine/both.xml");
    let (_, after) = text.split_once("IssueInstant=\"").unwrap();
    after.split_once('"').unwrap().0.parse::<DateTime<Utc>>().unwrap() + TimeDelta::seconds(10)
});

pub(crate) static NAME: LazyLock<ProviderName> = LazyLock::new(|| "idp".parse().unwrap());

pub(crate) fn vector_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/saml").join(name)
}

pub(crate) fn vector(name: &str) -> String {
    let file = vector_path(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A certificate whose private key is gone.
pub(crate) fn certificate(name: &str) -> String {
    vector(&format!("certificates/{name}.pem"))
}

/// The service provider that the genuine responses are for.
pub(crate) fn config() -> SamlConfig {
    let idp = IdpSource::Explicit {
        entity_id: ISSUER.into(),
        sso_url: "https://idp.example.test/sso".into(),
        slo_url: Some("https://idp.example.test/slo".into()),
        certificates: vec![certificate("idp")],
    };
    SamlConfig::new("https://sp.example.test/metadata", "https://sp.example.test/acs", idp)
}

/// The same, with keys to sign and to decrypt with.
pub(crate) fn config_with_keys() -> SamlConfig {
    SamlConfig {
        slo_url: Some("https://sp.example.test/slo".into()),
        signing_key: Some(pair("sp").key()),
        decryption_keys: vec![pair("sp").key()],
        ..config()
    }
}

pub(crate) fn provider() -> SamlProvider {
    SamlProvider::new(config()).unwrap()
}

pub(crate) fn context(rng: &MockRng, now: DateTime<Utc>) -> FederationContext<'_> {
    FederationContext { provider: &NAME, now, rng }
}

/// A login that was begun by a request with this id.
pub(crate) fn pending(request: &str) -> PendingFederation {
    let begun = serde_json::json!({
        "id": request,
        "relay_state": RELAY_STATE,
        "begun_at": *NOW - TimeDelta::seconds(20),
        "contexts": [],
        "force": false,
        "max_age": null,
    });
    PendingFederation {
        provider: NAME.clone(),
        issuer: ISSUER.into(),
        expires_at: *NOW + TimeDelta::hours(2),
        private: serde_json::json!({ "Request": begun }),
    }
}

/// A form with a message.
pub(crate) fn form(parameter: &str, message: &[u8], relay_state: &str) -> CallbackResponse {
    let fields = [(parameter, STANDARD.encode(message)), ("RelayState", relay_state.to_owned())];
    // Not `new`, which refuses large ones before they get here.
    let parameters = fields.map(|(name, value)| (name.to_owned(), value)).to_vec();
    CallbackResponse { parameters, method: CallbackMethod::Post }
}

/// What the service provider makes of a response to its request.
pub(crate) fn judge(
    provider: &SamlProvider,
    response: impl AsRef<[u8]>,
) -> Result<FederatedIdentity, FederationError> {
    judge_with(provider, &pending(REQUEST), &form("SAMLResponse", response.as_ref(), RELAY_STATE), *NOW)
}

pub(crate) fn judge_with(
    provider: &SamlProvider,
    pending: &PendingFederation,
    response: &CallbackResponse,
    now: DateTime<Utc>,
) -> Result<FederatedIdentity, FederationError> {
    let rng = MockRng::new(1);
    run(provider.complete(pending, response, context(&rng, now)))
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
