//! Which identity provider there is, and who we are there.

use axess::{
    factors::saml::{IdpSource, SamlConfig, SamlKey, SamlProvider},
    rng::SystemRng,
};
use axess_peers::{Kind, Server};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use std::{env, error::Error, sync::Arc};

type Fault = Box<dyn Error + Send + Sync>;

/// An identity provider, and the server that is it where we started one.
pub(crate) struct Provider {
    pub(crate) saml: Arc<SamlProvider>,
    _server: Option<Server>,
}

impl Provider {
    /// Takes the one whose metadata the environment names, or starts one, for an application at `base`.
    pub(crate) async fn from_environment(base: &str) -> Result<Self, Fault> {
        match env::var_os("SAML_IDP_METADATA") {
            Some(file) => {
                let metadata = std::fs::read(file)?;
                Ok(Self { saml: Arc::new(SamlProvider::new(config(base, metadata)?)?), _server: None })
            }
            None => Self::start(base).await,
        }
    }

    /// Starts one on this machine, and tells it about us.
    async fn start(base: &str) -> Result<Self, Fault> {
        let found = [Kind::SimpleSamlPhp, Kind::SamlIdp].into_iter().find(|kind| kind.missing().is_none());
        let kind = found.ok_or(
            "there is no identity provider: run `cargo xtask peers install`, or set SAML_IDP_METADATA",
        )?;
        let server = tokio::task::spawn_blocking(move || Server::start(kind)).await??;
        let url = server.url();
        let url = url.trim_end_matches('/');
        let path = if kind == Kind::SimpleSamlPhp { "/saml2/idp/metadata.php" } else { "/metadata" };
        let client = reqwest::Client::builder().no_proxy().build()?;
        let metadata = client.get(format!("{url}{path}")).send().await?.error_for_status()?.bytes().await?;
        let saml = Arc::new(SamlProvider::new(config(base, metadata.to_vec())?)?);
        let own = saml.metadata(&SystemRng)?;
        client.post(format!("{url}/sp")).body(own).send().await?.error_for_status()?;
        Ok(Self { saml, _server: Some(server) })
    }
}

/// A real application reads its key from a secret store, and its certificate stays the same.
fn config(base: &str, metadata: Vec<u8>) -> Result<SamlConfig, Fault> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let certificate = CertificateParams::new(vec!["example-saml".to_owned()])?.self_signed(&key)?;
    let config = SamlConfig::new(
        format!("{base}/saml/metadata"),
        format!("{base}/saml/acs"),
        IdpSource::metadata(metadata),
    );
    Ok(SamlConfig {
        slo_url: Some(format!("{base}/saml/slo")),
        signing_key: Some(SamlKey::new(key.serialize_pem(), certificate.pem())),
        ..config
    })
}
