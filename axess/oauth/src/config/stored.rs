//! The configuration as it is stored for a tenant: JSON without secrets, and a secret beside it.

use super::{OAuthConfigError, OAuthProviderConfig};
use crate::{ClientAssertionAudience, ClientAuth, FapiConfig, SenderConstraint};
use axess_factors::federated::ProviderNetwork;
use axess_identity::TokenSecret;
use axess_jose::{Algorithm, SigningKey};
use serde::Deserialize;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    client_id: String,
    redirect_uri: String,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
    #[serde(default)]
    token_endpoint_auth_signing_alg: Option<String>,
    #[serde(default)]
    client_assertion_audience: ClientAssertionAudience,
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    claims: Option<Value>,
    #[serde(default)]
    groups_claim: Option<String>,
    #[serde(default)]
    userinfo: Option<bool>,
    #[serde(default)]
    required_acr: Vec<String>,
    #[serde(default)]
    max_id_token_age_secs: Option<u32>,
    #[serde(default)]
    clock_skew_secs: Option<u32>,
    #[serde(default)]
    ceremony_timeout_secs: Option<u32>,
    #[serde(default)]
    algorithms: Option<Vec<String>>,
    #[serde(default)]
    sender_constraint: Option<Constraint>,
    #[serde(default)]
    post_logout_redirect_uris: Vec<String>,
    #[serde(default)]
    signed_responses: bool,
    #[serde(default)]
    pushed_requests: bool,
    #[serde(default)]
    entra_tenants: Vec<String>,
    #[serde(default)]
    fapi: Option<Profile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    sender_constraint: Constraint,
    #[serde(default)]
    require_jarm: bool,
    #[serde(default)]
    max_id_token_lifetime_secs: Option<u32>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Constraint {
    Dpop,
    Mtls,
}

impl OAuthProviderConfig {
    /// Reads what is stored for a provider of a tenant's own: its issuer, the settings in JSON, and the secret beside them.
    ///
    /// The settings are `client_id` and `redirect_uri`, and where they differ from the defaults `token_endpoint_auth_method`
    /// (RFC 7591 §2), `token_endpoint_auth_signing_alg`, `client_assertion_audience` (`issuer` or `token_endpoint`), `scopes`,
    /// `resources`, `claims`, `groups_claim`, `userinfo` (`false` to ask for none), `required_acr`, `max_id_token_age_secs`, `clock_skew_secs`, `ceremony_timeout_secs`, `algorithms` (names as in
    /// RFC 7518), `post_logout_redirect_uris`, `signed_responses`, `pushed_requests`, `entra_tenants`, `sender_constraint` (`dpop`
    /// or `mtls`) and `fapi` (`sender_constraint`, `require_jarm`, `max_id_token_lifetime_secs`). Each means, and is bounded,
    /// like the method of its name. Any other is refused by name. The secret is the client's, or for `private_key_jwt` its key
    /// in PEM (PKCS#8).
    ///
    /// Keys that are ours and not one tenant's are set on what this returns: [`Self::with_decryption_keys`],
    /// [`Self::with_dpop_key`], [`Self::with_dpop_key_scope`].
    ///
    /// Tenants choose where our servers connect to: with [`ProviderNetwork::Public`] that is nowhere inside, whatever their
    /// provider's names lead to, and [`crate::OidcProvider::new`] wants a client that is set up like that. Where all tenants are
    /// trusted with the private network, an operator says [`ProviderNetwork::Any`].
    ///
    /// ```
    /// use axess_factors::federated::ProviderNetwork;
    /// use axess_oauth::OAuthProviderConfig;
    /// let settings = serde_json::json!({ "client_id": "shop", "redirect_uri": "https://shop.example.com/callback/okta" });
    /// let (issuer, secret) = ("https://acme.okta.example", Some("a secret".into()));
    /// let config = OAuthProviderConfig::from_settings(issuer, &settings, secret, ProviderNetwork::Public)?;
    /// assert_eq!(config.client_id(), "shop");
    /// # Ok::<(), axess_oauth::OAuthConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OAuthConfigError`] with every fault, what cannot be read and what cannot work.
    pub fn from_settings(
        issuer: &str,
        settings: &Value,
        secret: Option<TokenSecret>,
        network: ProviderNetwork,
    ) -> Result<Self, OAuthConfigError> {
        let one = OAuthConfigError::one;
        let settings = Settings::deserialize(settings).map_err(|error| one(format!("settings: {error}")))?;
        let (method, algorithm) =
            (&settings.token_endpoint_auth_method, &settings.token_endpoint_auth_signing_alg);
        let auth = auth(method.as_deref(), algorithm.as_deref(), secret).map_err(one)?;
        let mut config = Self::discover(issuer, settings.client_id, auth, settings.redirect_uri)
            .on_network(network)
            .with_client_assertion_audience(settings.client_assertion_audience)
            .with_entra_tenants(settings.entra_tenants)
            .with_required_acr(settings.required_acr)
            .with_post_logout_redirect_uris(settings.post_logout_redirect_uris);
        config = config.with_resources(settings.resources).with_userinfo(settings.userinfo.unwrap_or(true));
        if let Some(scopes) = settings.scopes {
            config = config.with_scopes(scopes);
        }
        if let Some(claims) = settings.claims {
            config = config.with_claims(claims);
        }
        if let Some(name) = settings.groups_claim {
            config = config.with_groups_claim(name);
        }
        if let Some(seconds) = settings.max_id_token_age_secs {
            config = config.with_max_id_token_age(Duration::from_secs(seconds.into()));
        }
        if let Some(seconds) = settings.clock_skew_secs {
            config = config.with_clock_skew(Duration::from_secs(seconds.into()));
        }
        if let Some(seconds) = settings.ceremony_timeout_secs {
            config = config.with_ceremony_timeout(Duration::from_secs(seconds.into()));
        }
        if settings.signed_responses {
            config = config.with_signed_responses();
        }
        if settings.pushed_requests {
            config = config.with_pushed_requests();
        }
        if let Some(Profile { sender_constraint, require_jarm, max_id_token_lifetime_secs }) = settings.fapi {
            let default = FapiConfig::new(sender_constraint.into());
            let most = max_id_token_lifetime_secs.unwrap_or(default.max_id_token_lifetime_secs);
            config =
                config.with_fapi(FapiConfig { require_jarm, max_id_token_lifetime_secs: most, ..default });
        }
        // After the profile, which would drop what it does not take: it is refused instead.
        if let Some(constraint) = settings.sender_constraint {
            config = config.with_sender_constraint(constraint.into());
        }
        if let Some(names) = settings.algorithms {
            config = config.with_algorithms(algorithms(&names).map_err(one)?);
        }
        config.check()?;
        Ok(config)
    }

    fn on_network(mut self, network: ProviderNetwork) -> Self {
        self.network = network;
        self
    }
}

impl From<Constraint> for SenderConstraint {
    fn from(constraint: Constraint) -> Self {
        match constraint {
            Constraint::Dpop => Self::DPoP,
            Constraint::Mtls => Self::Mtls,
        }
    }
}

fn algorithms(names: &[String]) -> Result<Vec<Algorithm>, String> {
    let known =
        |name: &String| Algorithm::from_name(name).ok_or_else(|| format!("algorithms: {name} is not known"));
    names.iter().map(known).collect()
}

/// Reads how we say who we are.
pub(crate) fn auth(
    method: Option<&str>,
    algorithm: Option<&str>,
    secret: Option<TokenSecret>,
) -> Result<ClientAuth, String> {
    let method = method.unwrap_or(if secret.is_some() { "client_secret_basic" } else { "none" });
    let needed =
        || secret.clone().ok_or_else(|| format!("token_endpoint_auth_method: {method} needs a secret"));
    Ok(match method {
        "none" => ClientAuth::None,
        "client_secret_basic" => ClientAuth::SecretBasic(needed()?),
        "client_secret_post" => ClientAuth::SecretPost(needed()?),
        "tls_client_auth" => ClientAuth::TlsClientAuth,
        "self_signed_tls_client_auth" => ClientAuth::SelfSignedTls,
        "private_key_jwt" => {
            let name = algorithm.unwrap_or("ES256");
            let algorithm = Algorithm::from_name(name);
            let algorithm =
                algorithm.ok_or_else(|| format!("token_endpoint_auth_signing_alg: {name} is not known"))?;
            let key = SigningKey::from_pkcs8_pem(algorithm, needed()?.expose());
            ClientAuth::PrivateKeyJwt(Arc::new(
                key.map_err(|_| format!("the secret is no key for {name} in PEM"))?,
            ))
        }
        other => return Err(format!("token_endpoint_auth_method: {other} is not known")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HttpClient, HttpSettings};
    use serde_json::json;

    fn read(more: Value, secret: Option<&str>) -> Result<OAuthProviderConfig, String> {
        let mut settings =
            json!({ "client_id": "shop", "redirect_uri": "https://shop.example.com/callback" });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        from("https://a.example", &settings, secret, ProviderNetwork::Public)
    }

    fn from(
        issuer: &str,
        settings: &Value,
        secret: Option<&str>,
        network: ProviderNetwork,
    ) -> Result<OAuthProviderConfig, String> {
        let read = OAuthProviderConfig::from_settings(issuer, settings, secret.map(Into::into), network);
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn a_tenants_provider_is_on_the_public_internet_and_so_is_its_client() {
        let settings = json!({ "client_id": "shop", "redirect_uri": "https://shop.example.com/callback" });
        for issuer in [
            "https://10.0.0.1",
            "https://169.254.169.254/latest",
            "https://[::ffff:10.0.0.1]",
            "https://[fd00::1]",
            "http://localhost:8080",
            "https://localhost.",
            "https://2130706433",
            "http://127.0.0.1:8080",
        ] {
            let fault = from(issuer, &settings, None, ProviderNetwork::Public).unwrap_err();
            assert!(fault.contains("public internet"), "{issuer}: {fault}");
            assert!(from(issuer, &settings, None, ProviderNetwork::Any).is_ok(), "{issuer}");
        }
        for (config, client, fits) in [
            (ProviderNetwork::Public, ProviderNetwork::Any, false),
            (ProviderNetwork::Public, ProviderNetwork::Public, true),
            (ProviderNetwork::Any, ProviderNetwork::Any, true),
        ] {
            let config = from("https://a.example", &settings, None, config).unwrap();
            let http = HttpSettings { network: client, ..HttpSettings::default() };
            assert_eq!(config.check_with(&HttpClient::new(&http).unwrap()).is_ok(), fits);
        }
    }

    #[test]
    fn what_is_stored_is_what_is_used() {
        let config = read(
            json!({ "scopes": ["openid"], "groups_claim": "roles", "pushed_requests": true }),
            Some("s"),
        );
        let config = config.unwrap();
        assert_eq!(
            (config.scopes.as_slice(), config.groups_claim.as_str()),
            (&["openid".to_owned()][..], "roles")
        );
        assert!(config.uses_par && !config.uses_jarm);
        assert_eq!(config.auth.method(), "client_secret_basic");
        assert_eq!(config.max_id_token_age, Duration::from_secs(300));
        let strict = read(json!({ "max_id_token_age_secs": 60 }), None).unwrap();
        assert_eq!(strict.max_id_token_age, Duration::from_secs(60));
        let bare = read(json!({}), None).unwrap();
        assert_eq!(bare.auth.method(), "none");
        assert!(bare.uses_userinfo && bare.algorithms == Algorithm::ALL && bare.sender_constraint.is_none());
        let more = json!({ "resources": ["urn:api"], "claims": { "id_token": { "acr": null } }, "userinfo": false,
            "clock_skew_secs": 5, "ceremony_timeout_secs": 60, "algorithms": ["ES256"], "sender_constraint": "dpop" });
        let more = read(more, None).unwrap();
        assert!(more.resources == ["urn:api"] && more.claims.is_some() && !more.uses_userinfo);
        assert_eq!((more.clock_skew.as_secs(), more.ceremony_timeout.as_secs()), (5, 60));
        assert_eq!(
            (more.algorithms, more.sender_constraint),
            (vec![Algorithm::Es256], Some(SenderConstraint::DPoP))
        );
        let post = json!({ "token_endpoint_auth_method": "client_secret_post" });
        assert_eq!(read(post, Some("s")).unwrap().auth.method(), "client_secret_post");
        assert_eq!(bare.assertion_audience, ClientAssertionAudience::Issuer);
        for (name, audience) in [
            ("issuer", ClientAssertionAudience::Issuer),
            ("token_endpoint", ClientAssertionAudience::TokenEndpoint),
        ] {
            let said = read(json!({ "client_assertion_audience": name }), None).unwrap();
            assert_eq!(said.assertion_audience, audience);
        }
        let fapi = json!({ "token_endpoint_auth_method": "tls_client_auth", "fapi": { "sender_constraint": "mtls" } });
        assert_eq!(read(fapi, None).unwrap().fapi, Some(FapiConfig::new(SenderConstraint::Mtls)));
    }

    #[test]
    fn what_cannot_work_is_said() {
        for (more, secret, said) in [
            (json!({ "clientid": "x" }), None, "clientid"),
            (json!({ "client_id": 1 }), None, "settings"),
            (json!({ "token_endpoint_auth_method": "client_secret_jwt" }), Some("s"), "client_secret_jwt"),
            (json!({ "token_endpoint_auth_method": "private_key_jwt" }), Some("no key"), "no key for ES256"),
            (json!({ "token_endpoint_auth_method": "private_key_jwt" }), None, "needs a secret"),
            (json!({ "redirect_uri": "http://shop.example.com/" }), None, "redirect_uri"),
            (json!({ "fapi": { "sender_constraint": "dpop" } }), Some("s"), "fapi"),
            (json!({ "client_assertion_audience": "anybody" }), None, "anybody"),
            (
                json!({ "client_assertion_audience": "token_endpoint", "token_endpoint_auth_method": "tls_client_auth",
                    "fapi": { "sender_constraint": "mtls" } }),
                None,
                "client_assertion_audience",
            ),
            (json!({ "max_id_token_age_secs": 3601 }), None, "max_id_token_age"),
            (json!({ "clock_skew_secs": 61 }), None, "clock_skew"),
            (json!({ "ceremony_timeout_secs": 59 }), None, "ceremony_timeout"),
            (json!({ "algorithms": ["HS256"] }), None, "HS256"),
            (json!({ "algorithms": [] }), None, "algorithms"),
            (json!({ "claims": [] }), None, "claims"),
            (json!({ "resources": ["api"] }), None, "resources"),
            (json!({ "decryption_keys": [] }), None, "decryption_keys"),
            (json!({ "algorithms": ["RS256"], "fapi": { "sender_constraint": "dpop" } }), None, "algorithms"),
            (
                json!({ "sender_constraint": "mtls", "fapi": { "sender_constraint": "dpop" } }),
                None,
                "leave it",
            ),
        ] {
            let fault = read(more.clone(), secret).unwrap_err();
            assert!(fault.contains(said), "{more}: {fault}");
        }
    }
}
