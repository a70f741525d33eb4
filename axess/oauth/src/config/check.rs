use super::{MAX_CONFIGURED_ENTRIES, OAuthConfigError, OAuthProviderConfig};
use crate::{
    client_auth::{ClientAssertionAudience, ClientAuth},
    dpop,
    fapi::SenderConstraint,
    http::{HttpClient, checked_url, is_loopback},
};
use axess_factors::federated::ProviderNetwork;
use reqwest::Url;
use std::time::Duration;

/// The longest name, scope or address of a configuration, in bytes.
const MAX_TEXT_BYTES: usize = 1024;
const CEREMONY_TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(3600);
const ID_TOKEN_AGES: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
/// Tokens more than a minute ahead are refused whatever is configured (FAPI 2.0 §5.3.2.1).
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);

impl OAuthProviderConfig {
    /// Checks everything that can be checked without asking the provider.
    ///
    /// # Errors
    ///
    /// [`OAuthConfigError`] with every fault.
    pub fn check(&self) -> Result<(), OAuthConfigError> {
        OAuthConfigError::unless_empty(self.faults())
    }

    /// Checks the configuration together with the client it is to be used with.
    pub(crate) fn check_with(&self, http: &HttpClient) -> Result<(), OAuthConfigError> {
        let mut faults = self.faults();
        if self.shows_certificate() && http.certificate_thumbprint().is_none() {
            faults.push(
                "client_certificate: set HttpSettings::client_certificate, which mTLS needs".to_owned(),
            );
        }
        if self.network == ProviderNetwork::Public && http.network() != ProviderNetwork::Public {
            faults.push(
                "network: set HttpSettings::network to Public, which a provider of a tenant's own needs"
                    .to_owned(),
            );
        }
        OAuthConfigError::unless_empty(faults)
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut demand = |holds: bool, text: &str| {
            if !holds {
                faults.push(text.to_owned());
            }
        };
        let is_issuer = checked_url(&self.issuer).is_some_and(|url| url.query().is_none());
        demand(is_issuer, "issuer: write an https URL without query, such as https://login.example.com");
        demand(is_text(&self.client_id), "client_id: write the id that the provider gave this application");
        demand(
            is_redirect_uri(&self.redirect_uri),
            "redirect_uri: write an https URL without fragment (http on loopback), as registered at the provider",
        );
        demand(
            self.scopes.iter().any(|scope| scope == "openid"),
            "scopes: add `openid`, or use OAuth2Provider",
        );
        demand(
            self.scopes.iter().all(|scope| is_scope(scope)),
            "scopes: write each scope by itself, without spaces or quotes",
        );
        demand(
            self.resources.iter().all(|uri| Url::parse(uri).is_ok_and(|uri| uri.fragment().is_none())),
            "resources: write absolute URIs without fragment",
        );
        demand(
            self.claims.as_ref().is_none_or(serde_json::Value::is_object),
            "claims: write an object with `id_token` or `userinfo`",
        );
        demand(is_text(&self.groups_claim), "groups_claim: write the name of a claim, such as `groups`");
        demand(
            self.required_acr.iter().all(|value| is_text(value) && !value.contains(' ')),
            "required_acr: write each value by itself",
        );
        demand(
            self.post_logout_redirect_uris.iter().all(|uri| is_redirect_uri(uri)),
            "post_logout_redirect_uris: write https URLs without fragment (http on loopback)",
        );
        demand(!self.algorithms.is_empty(), "algorithms: name at least one");
        demand(
            self.dpop_key.as_ref().is_none_or(|key| key.algorithm() == dpop::ALGORITHM),
            "dpop_key: give an ES256 key",
        );
        let lists = [
            self.scopes.len(),
            self.resources.len(),
            self.required_acr.len(),
            self.post_logout_redirect_uris.len(),
            self.decryption_keys.len(),
            self.entra_tenants.len(),
        ];
        demand(
            lists.iter().all(|entries| *entries <= MAX_CONFIGURED_ENTRIES),
            "scopes, resources, required_acr, post_logout_redirect_uris, decryption keys, entra_tenants: at most 32 each",
        );
        faults.extend(self.time_faults());
        faults.extend(self.tenant_faults());
        faults.extend(self.profile_faults());
        faults
    }

    fn time_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut demand = |holds: bool, text: &str| {
            if !holds {
                faults.push(text.to_owned());
            }
        };
        demand(
            CEREMONY_TIMEOUTS.contains(&self.ceremony_timeout),
            "ceremony_timeout: write one minute to an hour (the default is 15 minutes)",
        );
        demand(
            self.clock_skew <= MAX_CLOCK_SKEW,
            "clock_skew: write at most 60 seconds (the default is 10), and synchronise the clocks",
        );
        demand(
            ID_TOKEN_AGES.contains(&self.max_id_token_age),
            "max_id_token_age: write one second to an hour (the default is five minutes)",
        );
        faults
    }

    fn tenant_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut demand = |holds: bool, text: &str| {
            if !holds {
                faults.push(text.to_owned());
            }
        };
        let host = Url::parse(&self.issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
        demand(
            host.is_none_or(|host| self.network.admits_host(&host)),
            "issuer: a provider of a tenant's own is on the public internet (see ProviderNetwork)",
        );
        demand(
            self.entra_tenants.is_empty() || self.issuer_template().is_some(),
            "entra_tenants: they need an issuer that ends in /organizations/v2.0, /common/v2.0 or /consumers/v2.0",
        );
        demand(
            self.entra_tenants.iter().all(|tenant| is_tenant_id(tenant)),
            "entra_tenants: write each tenant's id, such as 8eaef023-2b34-4da1-9baa-8bc8c9d6a490",
        );
        demand(
            self.entra_tenants.is_empty() || !self.uses_jarm,
            "entra_tenants: signed responses do not say which tenant they are of",
        );
        faults
    }

    fn profile_faults(&self) -> Vec<String> {
        let Some(fapi) = &self.fapi else { return self.secret_fault().into_iter().collect() };
        let mut faults = fapi.faults(&self.auth);
        let mut demand = |holds: bool, text: &str| {
            if !holds {
                faults.push(text.to_owned());
            }
        };
        demand(
            self.algorithms.iter().all(|one| axess_jose::Algorithm::FAPI.contains(one)),
            "algorithms: under fapi PS256, ES256 and EdDSA only",
        );
        demand(
            self.assertion_audience == ClientAssertionAudience::Issuer,
            "client_assertion_audience: under fapi it is the issuer; leave it out",
        );
        demand(
            self.sender_constraint == Some(fapi.sender_constraint),
            "sender_constraint: leave it to fapi.sender_constraint",
        );
        demand(
            fapi.sender_constraint == SenderConstraint::DPoP || self.dpop_key.is_none(),
            "dpop_key: tokens are bound to the certificate; leave it out",
        );
        faults
    }

    fn secret_fault(&self) -> Option<String> {
        match &self.auth {
            ClientAuth::Secret(secret) | ClientAuth::SecretBasic(secret) | ClientAuth::SecretPost(secret)
                if secret.expose().is_empty() =>
            {
                Some(
                    "client_secret: write the secret, or use ClientAuth::None for a public client".to_owned(),
                )
            }
            _ => None,
        }
    }
}

/// Tells whether a text is a tenant's id: 32 hexadecimal digits in small letters, in five groups. Never a domain, which others may get.
fn is_tenant_id(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let is_hex = |group: &&str| group.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(is_hex)
}

pub(crate) fn is_text(text: &str) -> bool {
    (1..=MAX_TEXT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Tells whether a text is one scope token (RFC 6749 §3.3).
pub(crate) fn is_scope(text: &str) -> bool {
    is_text(text) && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// Tells whether a browser may be sent to a URI: https, or http on loopback, or a private scheme of a program (RFC 8252 §7).
pub(crate) fn is_redirect_uri(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_private = url.scheme().contains('.') && !url.cannot_be_a_base();
    let is_safe = url.scheme() == "https" || is_private || (url.scheme() == "http" && is_loopback(&url));
    is_text(text)
        && is_safe
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FapiConfig, HttpSettings};

    fn config() -> OAuthProviderConfig {
        OAuthProviderConfig::discover("https://a.example", "id", "secret", "https://app.example/cb")
    }

    fn only_fault(config: &OAuthProviderConfig) -> String {
        let error = config.check().unwrap_err();
        assert_eq!(error.faults().len(), 1, "{error}");
        error.faults()[0].clone()
    }

    #[test]
    fn each_fault_names_its_setting() {
        let minute = Duration::from_secs(60);
        let cases = [
            (OAuthProviderConfig { issuer: "https://a.example/?x".into(), ..config() }, "issuer"),
            (OAuthProviderConfig { client_id: String::new(), ..config() }, "client_id"),
            (
                OAuthProviderConfig { redirect_uri: "http://app.example/cb".into(), ..config() },
                "redirect_uri",
            ),
            (OAuthProviderConfig { redirect_uri: "javascript:alert(1)".into(), ..config() }, "redirect_uri"),
            (config().with_scopes(["profile"]), "scopes"),
            (config().with_scopes(["openid", "a b"]), "scopes"),
            (config().with_resources(["api"]), "resources"),
            (config().with_claims(serde_json::json!([])), "claims"),
            (config().with_groups_claim(""), "groups_claim"),
            (config().with_required_acr(["a b"]), "required_acr"),
            (config().with_ceremony_timeout(minute - Duration::from_secs(1)), "ceremony_timeout"),
            (config().with_clock_skew(minute + Duration::from_secs(1)), "clock_skew"),
            (config().with_max_id_token_age(Duration::ZERO), "max_id_token_age"),
            (config().with_max_id_token_age(61 * minute), "max_id_token_age"),
            (config().with_post_logout_redirect_uris(["http://app.example/"]), "post_logout_redirect_uris"),
            (config().with_algorithms([]), "algorithms"),
            (OAuthProviderConfig { auth: "".into(), ..config() }, "client_secret"),
            (config().with_resources(vec!["urn:a"; 33]), "scopes, resources"),
        ];
        for (config, setting) in &cases {
            let fault = only_fault(config);
            assert!(fault.starts_with(setting), "{fault}");
        }
        assert!(config().check().is_ok());
    }

    #[test]
    fn the_profile_refuses_weaker_settings() {
        let fapi = FapiConfig::new(SenderConstraint::Mtls);
        assert!(only_fault(&config().with_fapi(fapi)).starts_with("fapi: a secret"));
        let certificate = OAuthProviderConfig { auth: ClientAuth::TlsClientAuth, ..config() };
        assert!(certificate.clone().with_fapi(fapi).check().is_ok());
        let weak = certificate.clone().with_fapi(fapi).with_algorithms([axess_jose::Algorithm::Rs256]);
        assert!(only_fault(&weak).starts_with("algorithms"));
        let other = certificate.clone().with_fapi(fapi).with_sender_constraint(SenderConstraint::DPoP);
        assert!(only_fault(&other).starts_with("sender_constraint"));
        let at_endpoint =
            certificate.clone().with_client_assertion_audience(ClientAssertionAudience::TokenEndpoint);
        assert!(at_endpoint.check().is_ok());
        assert!(only_fault(&at_endpoint.with_fapi(fapi)).starts_with("client_assertion_audience"));
        let long = FapiConfig { max_id_token_lifetime_secs: 3601, ..fapi };
        assert!(
            only_fault(&certificate.clone().with_fapi(long)).starts_with("fapi.max_id_token_lifetime_secs")
        );
        let http = HttpClient::new(&HttpSettings::default()).unwrap();
        let error = certificate.with_fapi(fapi).check_with(&http).unwrap_err();
        assert!(error.to_string().contains("client_certificate"));
    }
}
