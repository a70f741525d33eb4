use crate::{
    SamlBinding,
    c14n::canonical,
    config::Compiled,
    request::new_id,
    signature,
    xml::{Element, ns},
};
use axess_factors::federated::FederationError;
use axess_rng::SecureRng;

/// How long our metadata may be kept before they are fetched again, for those who fetch.
///
/// They have no `validUntil`: an administrator pastes them once, and the logins must not stop a week later.
const CACHE_DURATION: &str = "P7D";

/// Describes this service provider, signed if there is a key to sign with.
pub(crate) fn describe(own: &Compiled, rng: &dyn SecureRng) -> Result<Vec<u8>, FederationError> {
    let config = &own.config;
    let part = |name| Element::new(ns::METADATA, name);
    let mut role = part("SPSSODescriptor")
        .with("AuthnRequestsSigned", if own.signing.is_some() { "true" } else { "false" })
        .with("WantAssertionsSigned", if config.want_signed_assertions { "true" } else { "false" })
        .with("protocolSupportEnumeration", ns::PROTOCOL);
    let signing =
        own.signing.iter().map(|key| part("KeyDescriptor").with("use", "signing").holding([key.key_info()]));
    let methods =
        ["http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2009/xmlenc11#aes128-gcm"];
    let encryption = own.decryption.iter().map(|key| {
        let methods = methods.map(|method| part("EncryptionMethod").with("Algorithm", method));
        part("KeyDescriptor").with("use", "encryption").holding([key.key_info()]).holding(methods)
    });
    role = role.holding(signing).holding(encryption);
    if let Some(url) = &config.slo_url {
        let both = [SamlBinding::Redirect, SamlBinding::Post];
        role =
            role.holding(both.map(|binding| {
                part("SingleLogoutService").with("Binding", binding.uri()).with("Location", url)
            }));
    }
    role = role.holding(config.name_id_format.iter().map(|format| part("NameIDFormat").saying(format)));
    role = role.holding([part("AssertionConsumerService")
        .with("Binding", SamlBinding::Post.uri())
        .with("Location", &config.acs_url)
        .with("index", "0")
        .with("isDefault", "true")]);
    let mut entity = part("EntityDescriptor")
        .with("ID", &new_id(rng))
        .with("entityID", &config.entity_id)
        .with("cacheDuration", CACHE_DURATION)
        .holding([role]);
    if let Some(key) = &own.signing {
        signature::sign(&mut entity, key)?;
    }
    Ok(canonical(&entity, None, &[]))
}
