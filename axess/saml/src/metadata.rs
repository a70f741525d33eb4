//! What the two sides tell each other about themselves (SAML Metadata).

mod own;

pub(crate) use own::describe;

use crate::{
    SamlBinding,
    certificate::{Certificate, PublicKey},
    config::is_acceptable_url,
    signature, time,
    xml::{Comments, Element, ns, parse},
};
use axess_factors::federated::FederationError;
use chrono::{DateTime, Utc};

/// The largest metadata document that is read, in bytes.
pub const MAX_METADATA_BYTES: usize = 1024 * 1024;

/// More than any provider has at one time.
const MAX_KEYS: usize = 16;
const MAX_ENTITY_ID_BYTES: usize = 1024;

/// An identity provider, as its metadata describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Idp {
    pub(crate) entity_id: String,
    pub(crate) sso: Vec<Endpoint>,
    pub(crate) slo: Vec<Endpoint>,
    /// Any of which may have signed what it says: there is more than one while it changes them.
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) valid_until: Option<DateTime<Utc>>,
}

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) binding: SamlBinding,
    pub(crate) location: String,
    /// Where answers go instead.
    pub(crate) response_location: Option<String>,
}

impl Endpoint {
    pub(crate) fn new(binding: SamlBinding, location: &str) -> Self {
        Self { binding, location: location.to_owned(), response_location: None }
    }

    /// Returns every address.
    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.location.as_str()).chain(self.response_location.as_deref())
    }
}

impl Idp {
    /// Reads metadata: one `EntityDescriptor`, which one of the keys must have signed unless there are none.
    pub(crate) fn read(xml: &[u8], signed_by: &[PublicKey]) -> Result<Self, FederationError> {
        let entity = parse(xml, MAX_METADATA_BYTES, Comments::Dropped)?;
        if !entity.is(ns::METADATA, "EntityDescriptor") {
            return Err(FederationError::Malformed { what: "the metadata are not of one entity" });
        }
        if !signed_by.is_empty() {
            signature::verify(&entity, signed_by)?;
        }
        let entity_id = entity.attribute("entityID").unwrap_or_default();
        if entity_id.is_empty() || entity_id.len() > MAX_ENTITY_ID_BYTES {
            return Err(FederationError::Malformed { what: "the metadata name no entity" });
        }
        let mut roles = entity.named(ns::METADATA, "IDPSSODescriptor").filter(|role| {
            let protocols = role.attribute("protocolSupportEnumeration").unwrap_or_default();
            protocols.split_ascii_whitespace().any(|one| one == ns::PROTOCOL)
        });
        let (Some(role), None) = (roles.next(), roles.next()) else {
            return Err(FederationError::Malformed { what: "the metadata are not of one identity provider" });
        };
        let until = [&entity, role].into_iter().filter_map(|one| one.attribute("validUntil"));
        let until = until.map(time::read).collect::<Result<Vec<_>, _>>()?;
        let idp = Self {
            entity_id: entity_id.to_owned(),
            sso: endpoints(role, "SingleSignOnService"),
            slo: endpoints(role, "SingleLogoutService"),
            keys: signing_keys(role)?,
            valid_until: until.into_iter().min(),
        };
        if idp.sso.is_empty() {
            return Err(FederationError::Malformed {
                what: "the metadata name no place to log in that is understood",
            });
        }
        Ok(idp)
    }

    /// Returns where a login begins, by the binding that is preferred or else by the other.
    pub(crate) fn sso(&self, preferred: SamlBinding) -> Option<&Endpoint> {
        by_binding(&self.sso, preferred)
    }

    /// Returns where logout messages go, by the binding that is preferred or else by the other.
    pub(crate) fn slo(&self, preferred: SamlBinding) -> Option<&Endpoint> {
        by_binding(&self.slo, preferred)
    }
}

fn by_binding(endpoints: &[Endpoint], preferred: SamlBinding) -> Option<&Endpoint> {
    endpoints.iter().find(|one| one.binding == preferred).or_else(|| endpoints.first())
}

/// Returns the endpoints of a kind whose binding and address are understood.
fn endpoints(role: &Element, name: &str) -> Vec<Endpoint> {
    let read = |endpoint: &Element| {
        let binding = SamlBinding::from_uri(endpoint.attribute("Binding")?)?;
        let location = endpoint.attribute("Location").filter(|url| is_acceptable_url(url))?.to_owned();
        let response = endpoint.attribute("ResponseLocation").filter(|url| is_acceptable_url(url));
        Some(Endpoint { binding, location, response_location: response.map(str::to_owned) })
    };
    role.named(ns::METADATA, name).filter_map(read).collect()
}

/// Returns the keys of all signing certificates; one that is not understood is left out, as its signatures would be.
fn signing_keys(role: &Element) -> Result<Vec<PublicKey>, FederationError> {
    let descriptors = role.named(ns::METADATA, "KeyDescriptor");
    let signing = descriptors.filter(|one| one.attribute("use").is_none_or(|usage| usage == "signing"));
    let infos = signing.flat_map(|one| one.named(ns::SIGNATURE, "KeyInfo"));
    let data = infos.flat_map(|info| info.named(ns::SIGNATURE, "X509Data"));
    let certificates = data.flat_map(|data| data.named(ns::SIGNATURE, "X509Certificate"));
    let mut keys: Vec<PublicKey> = Vec::new();
    for certificate in certificates {
        let read = Certificate::from_base64(certificate.text()?);
        keys.extend(read.map(|certificate| certificate.key).filter(|key| !keys.contains(key)));
        if keys.len() > MAX_KEYS {
            return Err(FederationError::Malformed { what: "the metadata have too many certificates" });
        }
    }
    if keys.is_empty() {
        return Err(FederationError::Malformed {
            what: "the metadata have no certificate that is understood",
        });
    }
    Ok(keys)
}
