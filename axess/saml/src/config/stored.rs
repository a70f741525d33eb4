//! The configuration as it is stored for a tenant: JSON without secrets, and a private key beside it.

use super::{AttributeMapping, IdpSource, SamlConfig, SamlConfigError};
use crate::{SamlBinding, SamlKey, metadata::Idp};
use axess_factors::federated::ProviderNetwork;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    entity_id: String,
    assertion_consumer_service_url: String,
    #[serde(default)]
    single_logout_service_url: Option<String>,
    #[serde(default)]
    idp_metadata: Option<String>,
    #[serde(default)]
    idp_sso_url: Option<String>,
    #[serde(default)]
    idp_slo_url: Option<String>,
    #[serde(default)]
    idp_certificates: Vec<String>,
    #[serde(default)]
    certificate: Option<String>,
    #[serde(default)]
    want_signed_response: bool,
    #[serde(default)]
    want_signed_assertions: Option<bool>,
    #[serde(default)]
    post_binding: bool,
    #[serde(default)]
    name_id_format: Option<String>,
    #[serde(default)]
    authn_contexts: Vec<String>,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    trust_email: bool,
    #[serde(default)]
    force_authn: bool,
    #[serde(default)]
    clock_skew_secs: Option<u32>,
    #[serde(default)]
    ceremony_timeout_secs: Option<u32>,
    #[serde(default)]
    allow_unsolicited: bool,
    #[serde(default)]
    relay_states: Vec<String>,
    #[serde(default)]
    allow_cbc: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Attributes {
    email: Option<Vec<String>>,
    display_name: Option<Vec<String>>,
    username: Option<Vec<String>>,
    groups: Option<Vec<String>>,
    subject: Option<String>,
    friendly_names: bool,
}

impl SamlConfig {
    /// Reads what is stored for a provider of a tenant's own: its entity id, the settings in JSON, and our private key in PEM.
    ///
    /// The settings are `entity_id` (ours), `assertion_consumer_service_url`, and of the provider either `idp_metadata` (the XML, of
    /// that entity) or `idp_sso_url` and `idp_certificates` (PEM); where they differ from the defaults `single_logout_service_url`,
    /// `idp_slo_url`, `certificate` (ours, for the key), `want_signed_response`, `want_signed_assertions`, `post_binding`,
    /// `name_id_format`, `authn_contexts`, `attributes` (`email`, `display_name`, `username`, `groups`, `subject`,
    /// `friendly_names`), `trust_email`, `force_authn`, `clock_skew_secs`, `ceremony_timeout_secs`, `allow_unsolicited`,
    /// `relay_states` and `allow_cbc`. Each means, and is bounded, like the field of its name. Any other is refused by name.
    ///
    /// `allow_unsolicited` and `allow_cbc` are off unless a tenant needs them: logins begun at its provider, and providers that
    /// encrypt with CBC alone. The first needs a store of used assertions, which the application sets on what this returns
    /// ([`SamlConfig::replay`]), and the second `want_signed_response`; without these [`crate::SamlProvider::new`] refuses. They
    /// concern that tenant's users alone. An application that wants neither refuses the setting when it stores it.
    ///
    /// With [`ProviderNetwork::Public`] the provider's addresses must be of the public internet: users are sent there.
    ///
    /// ```
    /// use axess_factors::federated::ProviderNetwork;
    /// use axess_saml::SamlConfig;
    /// let settings = serde_json::json!({
    ///     "entity_id": "https://shop.example.com/saml",
    ///     "assertion_consumer_service_url": "https://shop.example.com/saml/acs",
    ///     "idp_sso_url": "https://idp.example.com/sso",
    ///     "idp_certificates": ["-----BEGIN CERTIFICATE-----..."],
    /// });
    /// let config = SamlConfig::from_settings("https://idp.example.com", &settings, None, ProviderNetwork::Public)?;
    /// assert!(config.want_signed_assertions);
    /// # Ok::<(), axess_saml::SamlConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SamlConfigError`] for what cannot be read; what cannot work, [`crate::SamlProvider::new`] says.
    pub fn from_settings(
        issuer: &str,
        settings: &Value,
        private_key_pem: Option<&str>,
        network: ProviderNetwork,
    ) -> Result<Self, SamlConfigError> {
        let one = |fault: String| SamlConfigError::of(vec![fault]);
        let settings = Settings::deserialize(settings).map_err(|error| one(format!("settings: {error}")))?;
        let key = match (private_key_pem, &settings.certificate) {
            (Some(key), Some(certificate)) => Some(SamlKey::new(key, certificate)),
            (None, None) => None,
            (Some(_), None) => return Err(one("certificate: the private key needs one".to_owned())),
            (None, Some(_)) => return Err(one("certificate: there is no private key for it".to_owned())),
        };
        let idp = match (settings.idp_metadata, settings.idp_sso_url) {
            // What cannot be read is said when the provider is made.
            (Some(xml), None) if Idp::read(xml.as_bytes(), &[]).is_ok_and(|idp| idp.entity_id != issuer) => {
                return Err(one("idp_metadata: they are of another entity than the issuer".to_owned()));
            }
            (Some(xml), None) => IdpSource::metadata(xml),
            (None, Some(sso_url)) => IdpSource::Explicit {
                entity_id: issuer.to_owned(),
                sso_url,
                slo_url: settings.idp_slo_url,
                certificates: settings.idp_certificates,
            },
            _ => return Err(one("settings: there is either `idp_metadata` or `idp_sso_url`".to_owned())),
        };
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let default = AttributeMapping::default();
        let Attributes { email, display_name, username, groups, subject, friendly_names } =
            settings.attributes;
        let attributes = AttributeMapping {
            email: email.unwrap_or(default.email),
            display_name: display_name.unwrap_or(default.display_name),
            username: username.unwrap_or(default.username),
            groups: groups.unwrap_or(default.groups),
            subject,
            friendly_names,
        };
        let bare = Self::new(settings.entity_id, settings.assertion_consumer_service_url, idp);
        Ok(Self {
            slo_url: settings.single_logout_service_url,
            decryption_keys: key.iter().cloned().collect(),
            signing_key: key,
            want_signed_response: settings.want_signed_response,
            want_signed_assertions: settings.want_signed_assertions.unwrap_or(bare.want_signed_assertions),
            force_authn: settings.force_authn,
            clock_skew: settings.clock_skew_secs.map_or(bare.clock_skew, seconds),
            ceremony_timeout: settings.ceremony_timeout_secs.map_or(bare.ceremony_timeout, seconds),
            allow_unsolicited: settings.allow_unsolicited,
            relay_states: settings.relay_states,
            allow_cbc: settings.allow_cbc,
            request_binding: if settings.post_binding { SamlBinding::Post } else { SamlBinding::Redirect },
            name_id_format: settings.name_id_format,
            authn_contexts: settings.authn_contexts,
            trust_email: settings.trust_email,
            network,
            attributes,
            ..bare
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(more: Value, key: Option<&str>) -> Result<SamlConfig, String> {
        let mut settings = json!({ "entity_id": "https://sp.example/saml",
            "assertion_consumer_service_url": "https://sp.example/acs", "idp_sso_url": "https://idp.example/sso" });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        SamlConfig::from_settings("https://idp.example", &settings, key, ProviderNetwork::Public)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_stored_is_what_is_used() {
        let config = read(
            json!({ "attributes": { "groups": ["roles"], "friendly_names": true }, "post_binding": true }),
            None,
        )
        .unwrap();
        assert!(config.attributes.groups == ["roles"] && config.attributes.friendly_names);
        assert_eq!(config.attributes.email, AttributeMapping::default().email);
        assert_eq!(config.request_binding, SamlBinding::Post);
        assert!(config.signing_key.is_none() && config.want_signed_assertions && !config.force_authn);
        assert!(!config.allow_unsolicited && !config.allow_cbc && config.relay_states.is_empty());
        assert_eq!((config.clock_skew.as_secs(), config.ceremony_timeout.as_secs()), (60, 600));
        let more = json!({ "want_signed_assertions": false, "force_authn": true, "clock_skew_secs": 5,
            "ceremony_timeout_secs": 90, "allow_unsolicited": true, "relay_states": ["/start"], "allow_cbc": true });
        let config = read(more, None).unwrap();
        assert!(!config.want_signed_assertions && config.force_authn && config.allow_cbc);
        assert!(config.allow_unsolicited && config.relay_states == ["/start"]);
        assert_eq!((config.clock_skew.as_secs(), config.ceremony_timeout.as_secs()), (5, 90));
        let with_key = read(json!({ "certificate": "PEM" }), Some("PEM")).unwrap();
        assert!(with_key.signing_key.is_some() && with_key.decryption_keys.len() == 1);
    }

    #[test]
    fn a_tenants_provider_is_on_the_public_internet() {
        let certificate = include_str!("../../../../vectors/saml/certificates/idp.pem");
        for (url, is_public) in [
            ("https://idp.example/sso", true),
            ("https://idp.example:8443/sso?a=b:c", true),
            ("https://[2606:4700::1111]:8443/sso", true),
            ("https://10.0.0.1/sso", false),
            ("https://10.0.0.1:8443/sso", false),
            ("https://[::1]:8443/sso", false),
            ("https://[::ffff:10.0.0.1]/sso", false),
            ("http://localhost:8080/sso", false),
            ("https://router?x", false),
        ] {
            for network in [ProviderNetwork::Public, ProviderNetwork::Any] {
                let settings = json!({ "entity_id": "https://sp.example/saml", "idp_sso_url": url,
                    "assertion_consumer_service_url": "https://sp.example/acs", "idp_certificates": [certificate] });
                let config =
                    SamlConfig::from_settings("https://idp.example", &settings, None, network).unwrap();
                let made = crate::SamlProvider::new(config).map(drop).map_err(|error| error.to_string());
                let is_refused = made.as_ref().is_err_and(|fault| fault.contains("public internet"));
                assert_eq!(is_refused, !is_public && network == ProviderNetwork::Public, "{url}: {made:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (more, key, said) in [
            (json!({ "entityid": "x" }), None, "entityid"),
            (json!({ "idp_metadata": "<x/>" }), None, "either"),
            (json!({ "certificate": "PEM" }), None, "no private key"),
            (json!({}), Some("PEM"), "needs one"),
            (json!({ "signed_by": [] }), None, "signed_by"),
            (json!({ "replay": true }), None, "replay"),
        ] {
            let fault = read(more.clone(), key).unwrap_err();
            assert!(fault.contains(said), "{more}: {fault}");
        }
    }

    #[test]
    fn metadata_are_of_the_issuer() {
        let pem = include_str!("../../../../vectors/saml/certificates/idp.pem");
        let certificate: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
        let of = |entity: &str| {
            let xml = format!(
                "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{entity}\"><IDPSSODescriptor \
                 protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"><KeyDescriptor><KeyInfo \
                 xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data><X509Certificate>{certificate}</X509Certificate>\
                 </X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Location=\"https://idp.example/sso\" \
                 Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\"/></IDPSSODescriptor></EntityDescriptor>"
            );
            let settings = json!({ "entity_id": "https://sp.example/saml", "idp_metadata": xml,
                "assertion_consumer_service_url": "https://sp.example/acs" });
            SamlConfig::from_settings("https://idp.example", &settings, None, ProviderNetwork::Public)
        };
        crate::SamlProvider::new(of("https://idp.example").unwrap()).unwrap();
        let fault = of("https://other.example").unwrap_err().to_string();
        assert!(fault.contains("idp_metadata"), "{fault}");
    }

    #[test]
    fn what_a_tenant_may_weaken_works_only_with_what_makes_up_for_it() {
        let certificates = json!([include_str!("../../../../vectors/saml/certificates/idp.pem")]);
        for (more, said) in [
            (json!({ "allow_unsolicited": true }), "allow_unsolicited: needs replay"),
            (json!({ "allow_cbc": true }), "allow_cbc: needs want_signed_response"),
            (json!({ "relay_states": ["//evil.example"] }), "relay_states"),
            (json!({ "clock_skew_secs": 301 }), "clock_skew"),
            (json!({ "ceremony_timeout_secs": 0 }), "ceremony_timeout"),
        ] {
            let mut more = more;
            more["idp_certificates"] = certificates.clone();
            let fault = crate::SamlProvider::new(read(more, None).unwrap()).unwrap_err();
            assert!(fault.faults().len() == 1 && fault.to_string().contains(said), "{fault}");
        }
    }
}
