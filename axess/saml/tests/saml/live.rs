//! Logins at pysaml2.

use crate::{
    browser::{Browser, Form},
    keys::pair,
    parties::{NAME, run},
};
use axess_clock::{Clock, SystemClock};
use axess_factors::federated::{
    FederatedIdentity, FederationContext, FederationError, FederationOptions, FederationProvider,
    PendingFederation, Redirection,
};
use axess_peers::{Kind, Server, shared, skip};
use axess_rng::SystemRng;
use axess_saml::{IdpSource, SamlBinding, SamlConfig, SamlProvider};
use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU32, Ordering},
};

/// A service provider that a running identity provider knows.
pub(crate) struct Site {
    pub(crate) provider: Arc<SamlProvider>,
    pub(crate) browser: Browser,
    pub(crate) entity_id: String,
}

pub(crate) fn now() -> chrono::DateTime<chrono::Utc> {
    SystemClock.now()
}

pub(crate) fn context() -> FederationContext<'static> {
    FederationContext { provider: &NAME, now: now(), rng: &SystemRng }
}

/// A server that others use too, or where `cargo xtask test` did not start any one of this program's own, which ends with
/// it.
pub(crate) fn peer(kind: Kind) -> Result<String, String> {
    static PYSAML2: LazyLock<Result<Server, String>> = LazyLock::new(|| Server::start(Kind::SamlIdp));
    static PHP: LazyLock<Result<Server, String>> = LazyLock::new(|| Server::start(Kind::SimpleSamlPhp));
    if let Some(urls) = shared(kind) {
        return Ok(urls[0].clone());
    }
    let own = if kind == Kind::SamlIdp { &PYSAML2 } else { &PHP };
    own.as_ref().map(Server::url).map_err(Clone::clone)
}

impl Site {
    /// Makes a service provider with a name of its own, and tells the identity provider about it and how to treat it.
    pub(crate) async fn at(
        idp: &str,
        metadata: &str,
        options: &str,
        change: impl FnOnce(SamlConfig) -> SamlConfig,
    ) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("https://sp.example.test/{}-{number}", std::process::id());
        let browser = Browser::new();
        let (xml, _) = browser.get(&format!("{idp}{metadata}")).await;
        let config = SamlConfig {
            slo_url: Some(format!("{name}/slo")),
            signing_key: Some(pair("sp").key()),
            decryption_keys: vec![pair("sp-next").key(), pair("sp").key()],
            name_id_format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".into()),
            ..SamlConfig::new(format!("{name}/metadata"), format!("{name}/acs"), IdpSource::metadata(xml))
        };
        let provider = Arc::new(SamlProvider::new(change(config)).unwrap());
        let own = provider.metadata(&SystemRng).unwrap();
        browser.post(&format!("{idp}/sp?{options}"), own).await;
        Self { provider, browser, entity_id: format!("{name}/metadata") }
    }

    pub(crate) async fn begin(&self) -> (Redirection, PendingFederation) {
        let begun = self.provider.begin(&FederationOptions::default(), context()).await.unwrap();
        begun.pending.check().unwrap();
        (begun.redirection, begun.pending)
    }

    /// Logs in at an identity provider that asks nothing.
    pub(crate) async fn log_in(&self) -> Result<FederatedIdentity, FederationError> {
        let (redirection, pending) = self.begin().await;
        let (page, _) = self.browser.follow(&redirection).await;
        let response = Form::of(&page).into_callback();
        self.provider.complete(&pending, &response, context()).await
    }
}

/// Logs in at pysaml2.
pub(crate) fn log_in(
    options: &str,
    change: impl FnOnce(SamlConfig) -> SamlConfig,
) -> Option<Result<FederatedIdentity, FederationError>> {
    let url = match peer(Kind::SamlIdp) {
        Ok(url) => url,
        Err(reason) => {
            skip("saml: a login at pysaml2", &reason);
            return None;
        }
    };
    Some(run(async { Site::at(&url, "/metadata", options, change).await.log_in().await }))
}

#[test]
fn logins_by_redirect_and_by_form() {
    for (options, binding) in [
        ("sign=response,assertion", SamlBinding::Redirect),
        ("sign=assertion", SamlBinding::Post),
        ("sign=response,assertion&user=bob", SamlBinding::Post),
    ] {
        let Some(login) = log_in(options, |config| SamlConfig { request_binding: binding, ..config }) else {
            return;
        };
        let identity = login.unwrap_or_else(|error| panic!("{options}: {error}"));
        let user = if options.contains("bob") { "bob" } else { "alice" };
        assert_eq!(identity.subject, format!("{user}-id"));
        assert_eq!(identity.email.unwrap().as_str(), format!("{user}@example.test"));
        if user == "bob" {
            assert_eq!(identity.display_name.as_deref(), Some("Bob & <B>"));
        }
    }
}

#[test]
fn what_is_signed_too_little_or_denied_or_for_once_is_refused() {
    let plain = |config| config;
    let Some(login) = log_in("sign=response", plain) else { return };
    assert!(matches!(login, Err(FederationError::WeakerThanConfigured { .. })));
    let relaxed = |config| SamlConfig { want_signed_assertions: false, ..config };
    assert_eq!(log_in("sign=response", relaxed).unwrap().unwrap().subject, "alice-id");
    let denied = log_in("status=denied", plain).unwrap();
    assert!(matches!(&denied, Err(FederationError::Denied { code }) if code == "AuthnFailed"));
    let transient = log_in("name=transient", plain).unwrap();
    assert!(matches!(transient, Err(FederationError::Malformed { .. })));
}

#[test]
fn an_authentication_context_is_asked_for_and_checked() {
    let asking = |context: &str| {
        let context = context.to_owned();
        move |config| SamlConfig { authn_contexts: vec![context], ..config }
    };
    let mfa = "https://refeds.org/profile/mfa";
    let Some(login) = log_in(&format!("context={mfa}"), asking(mfa)) else { return };
    assert_eq!(login.unwrap().acr.as_deref(), Some(mfa));
    assert!(matches!(log_in("", asking(mfa)), Some(Err(FederationError::AcrNotMet))));
}

#[test]
fn an_identity_provider_changes_its_key() {
    let url = match peer(Kind::SamlIdp) {
        Ok(url) => url,
        Err(reason) => return skip("saml: a new key at pysaml2", &reason),
    };
    run(async {
        let site = Site::at(&url, "/metadata", "key=next", |config| config).await;
        assert!(matches!(site.log_in().await, Err(FederationError::SignatureInvalid)));
        let (both, _) = site.browser.get(&format!("{url}/metadata?both")).await;
        site.provider.update_metadata(both.as_bytes()).unwrap();
        assert_eq!(site.log_in().await.unwrap().subject, "alice-id");
        // The key before is still good.
        let before = Site::at(&url, "/metadata?both", "", |config| config).await;
        assert_eq!(before.log_in().await.unwrap().subject, "alice-id");
    });
}
