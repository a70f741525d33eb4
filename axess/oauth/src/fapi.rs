//! The FAPI 2.0 Security Profile, client side: what it demands beyond OpenID Connect.

use crate::{
    client_auth::ClientAuth,
    metadata::{Endpoint, ProviderMetadata},
};
use axess_factors::federated::FederationError;
use axess_jose::Algorithm;

/// The longest life of an ID token under the profile by default, in seconds.
pub const DEFAULT_MAX_ID_TOKEN_LIFETIME_SECS: u32 = 300;
/// The longest life of an ID token that the profile can be set to, in seconds.
pub const MAX_ID_TOKEN_LIFETIME_SECS: u32 = 3600;

/// What access tokens are bound to.
///
/// ```
/// assert_ne!(axess_oauth::SenderConstraint::DPoP, axess_oauth::SenderConstraint::Mtls);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SenderConstraint {
    /// A key that signs a proof for each request (RFC 9449).
    DPoP,
    /// The client certificate of the connection (RFC 8705).
    Mtls,
}

/// How long a DPoP key lives.
///
/// ```
/// assert_eq!(axess_oauth::DpopKeyScope::default(), axess_oauth::DpopKeyScope::Session);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DpopKeyScope {
    /// One key for each login: a stolen session exposes one key.
    ///
    /// It comes with the tokens that are bound to it (`FederatedTokens::binding_key`): whoever keeps those keeps it, and reads it
    /// with [`crate::DpopKey::from_secret`].
    #[default]
    Session,
    /// One key for all logins of this process.
    Instance,
}

/// Switches the FAPI 2.0 Security Profile on, which refuses whatever is weaker.
///
/// The refusal is [`FederationError::WeakerThanConfigured`].
/// Requests are pushed, tokens are bound, the client authenticates with a key or a certificate, the provider names itself
/// in its answer, signatures are PS256, ES256 or EdDSA, and ID tokens live shortly.
///
/// ```
/// use axess_oauth::{FapiConfig, SenderConstraint};
/// let fapi = FapiConfig::new(SenderConstraint::DPoP);
/// assert_eq!(fapi.max_id_token_lifetime_secs, 300);
/// assert!(!fapi.require_jarm);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FapiConfig {
    /// What access tokens are bound to.
    pub sender_constraint: SenderConstraint,
    /// Whether what the browser brings back must be signed (JARM).
    pub require_jarm: bool,
    /// The longest life of an ID token in seconds, 1 to [`MAX_ID_TOKEN_LIFETIME_SECS`].
    pub max_id_token_lifetime_secs: u32,
}

impl FapiConfig {
    /// Makes the profile with its defaults: no JARM, ID tokens of five minutes.
    #[must_use]
    pub fn new(sender_constraint: SenderConstraint) -> Self {
        Self {
            sender_constraint,
            require_jarm: false,
            max_id_token_lifetime_secs: DEFAULT_MAX_ID_TOKEN_LIFETIME_SECS,
        }
    }

    /// Says what of a configuration the profile does not allow, and what to write instead.
    pub(crate) fn faults(&self, auth: &ClientAuth) -> Vec<String> {
        let mut faults = Vec::new();
        match auth {
            ClientAuth::TlsClientAuth | ClientAuth::SelfSignedTls => {}
            ClientAuth::PrivateKeyJwt(key) if Algorithm::FAPI.contains(&key.algorithm()) => {}
            ClientAuth::PrivateKeyJwt(_) => {
                faults.push("fapi: the client's key must be of PS256, ES256 or EdDSA".to_owned());
            }
            ClientAuth::None | ClientAuth::Secret(_) | ClientAuth::SecretBasic(_) | ClientAuth::SecretPost(_) => faults.push(
                "fapi: a secret does not authenticate a client: use ClientAuth::PrivateKeyJwt or ::TlsClientAuth"
                    .to_owned(),
            ),
        }
        if !(1..=MAX_ID_TOKEN_LIFETIME_SECS).contains(&self.max_id_token_lifetime_secs) {
            faults.push(format!(
                "fapi.max_id_token_lifetime_secs: write 1 to {MAX_ID_TOKEN_LIFETIME_SECS} (the default is 300)"
            ));
        }
        faults
    }

    /// Refuses a provider that cannot do what the profile demands, and what is asked of it: `uses_jarm` says whether its answers
    /// have to be signed, which the profile leaves open.
    pub(crate) fn check_metadata(
        &self,
        metadata: &ProviderMetadata,
        uses_jarm: bool,
    ) -> Result<(), FederationError> {
        let demand = |holds: bool, what| {
            if holds { Ok(()) } else { Err(FederationError::WeakerThanConfigured { what }) }
        };
        // RFC 8414 §2: a provider that says nothing of PKCE does not know it. Whether S256 is listed is seen earlier.
        demand(
            metadata.code_challenge_methods_supported.is_some(),
            "the provider does not say that it knows PKCE",
        )?;
        demand(
            metadata.endpoint(Endpoint::Par, false).is_some(),
            "the provider takes no pushed authorization requests",
        )?;
        demand(
            metadata.authorization_response_iss_parameter_supported || uses_jarm,
            "the provider does not name itself in its answer",
        )?;
        if uses_jarm {
            let modes = metadata.response_modes_supported.as_deref().unwrap_or_default();
            demand(
                modes.iter().any(|mode| matches!(mode.as_str(), "jwt" | "query.jwt")),
                "the provider signs no answers",
            )?;
        }
        match self.sender_constraint {
            SenderConstraint::Mtls => demand(
                metadata.tls_client_certificate_bound_access_tokens,
                "the provider binds no tokens to certificates",
            ),
            SenderConstraint::DPoP => {
                let algorithms = metadata.dpop_signing_alg_values_supported.as_deref().unwrap_or_default();
                demand(
                    algorithms.iter().any(|name| name == crate::dpop::ALGORITHM.name()),
                    "the provider takes no proofs of possession with ES256",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn metadata(change: impl FnOnce(&mut Value)) -> ProviderMetadata {
        let mut document = json!({
            "issuer": "https://a.example", "authorization_endpoint": "https://a.example/a",
            "token_endpoint": "https://a.example/t", "jwks_uri": "https://a.example/k",
            "pushed_authorization_request_endpoint": "https://a.example/p",
            "authorization_response_iss_parameter_supported": true,
            "code_challenge_methods_supported": ["S256"],
            "tls_client_certificate_bound_access_tokens": true,
        });
        change(&mut document);
        ProviderMetadata::parse(document.to_string().as_bytes(), "https://a.example").unwrap()
    }

    #[test]
    fn what_a_provider_must_offer_depends_on_the_constraint() {
        let (mtls, dpop) = (FapiConfig::new(SenderConstraint::Mtls), FapiConfig::new(SenderConstraint::DPoP));
        assert!(mtls.check_metadata(&metadata(|_| {}), false).is_ok());
        let silent = metadata(|it| it["code_challenge_methods_supported"] = Value::Null);
        assert!(mtls.check_metadata(&silent, false).is_err(), "it says nothing of PKCE");
        let unbound = metadata(|it| it["tls_client_certificate_bound_access_tokens"] = json!(false));
        assert!(mtls.check_metadata(&unbound, false).is_err());
        assert!(dpop.check_metadata(&metadata(|_| {}), false).is_err());
        let proofs = |it: &mut Value| it["dpop_signing_alg_values_supported"] = json!(["ES256"]);
        assert!(dpop.check_metadata(&metadata(proofs), false).is_ok());
        let signs = |it: &mut Value| it["response_modes_supported"] = json!(["jwt"]);
        assert!(mtls.check_metadata(&metadata(|_| {}), true).is_err(), "it signs no answers");
        assert!(mtls.check_metadata(&metadata(signs), true).is_ok());
        let nameless = |it: &mut Value| {
            signs(it);
            it["authorization_response_iss_parameter_supported"] = json!(false);
        };
        assert!(mtls.check_metadata(&metadata(nameless), false).is_err());
        assert!(mtls.check_metadata(&metadata(nameless), true).is_ok(), "a signed answer names its issuer");
    }
}
