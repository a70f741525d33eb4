//! The request a login begins with (SAML Core §3.4.1), and what is kept of it until the answer is there.

use crate::{
    binding::{Direction, Outgoing},
    config::Compiled,
    metadata::Idp,
    time,
    xml::{Element, ns},
};
use axess_factors::federated::{
    BegunFederation, FederationContext, FederationError, FederationOptions, PendingFederation,
};
use axess_rng::{SecureRng, random_array};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a login was begun with, as it is kept in the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Begun {
    /// By a request of ours.
    Request(Request),
    /// By nobody here: the identity provider sends a response by itself.
    Unsolicited,
}

/// A request of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// What the answer must be to.
    pub(crate) id: String,
    /// What must come back beside the answer.
    pub(crate) relay_state: String,
    pub(crate) begun_at: DateTime<Utc>,
    /// Any of which will do; empty for any at all.
    pub(crate) contexts: Vec<String>,
    /// Whether the user was to authenticate anew.
    pub(crate) force: bool,
    /// In seconds.
    pub(crate) max_age: Option<u32>,
}

impl Begun {
    pub(crate) fn keep(
        &self,
        own: &Compiled,
        issuer: &str,
        context: FederationContext<'_>,
    ) -> Result<PendingFederation, FederationError> {
        let private = serde_json::to_value(self)
            .map_err(|_| FederationError::Configuration { what: "a login cannot be kept".to_owned() })?;
        let expires_at = context.now + own.timeout;
        Ok(PendingFederation {
            provider: context.provider.clone(),
            issuer: issuer.to_owned(),
            expires_at,
            private,
        })
    }

    pub(crate) fn read(pending: &PendingFederation) -> Result<Self, FederationError> {
        serde_json::from_value(pending.private.clone()).map_err(|_| FederationError::StateMismatch)
    }
}

/// Begins a login.
pub(crate) fn begin(
    own: &Compiled,
    idp: &Idp,
    options: &FederationOptions,
    context: FederationContext<'_>,
) -> Result<BegunFederation, FederationError> {
    let config = &own.config;
    let contexts = if options.acr_values.is_empty() {
        config.authn_contexts.clone()
    } else {
        options.acr_values.clone()
    };
    if !config.authn_contexts.is_empty() && contexts.iter().any(|one| !config.authn_contexts.contains(one)) {
        return Err(FederationError::WeakerThanConfigured { what: "an authentication context" });
    }
    let max_age = options.max_age.map(|age| u32::try_from(age.as_secs()).unwrap_or(u32::MAX));
    let request = Request {
        id: new_id(context.rng),
        relay_state: hex(&random_array::<16>(context.rng)),
        begun_at: context.now,
        contexts,
        // SAML cannot ask for an age, only for now.
        force: options.force || config.force_authn || max_age == Some(0),
        max_age,
    };
    let endpoint = idp.sso(config.request_binding);
    let endpoint = endpoint
        .ok_or_else(|| FederationError::Configuration { what: "there is no place to log in".to_owned() })?;
    let outgoing = Outgoing {
        message: message(own, &request, &endpoint.location),
        direction: Direction::Request,
        destination: &endpoint.location,
        relay_state: Some(&request.relay_state),
        key: own.signing.as_ref(),
    };
    let redirection = outgoing.send(endpoint.binding)?;
    let pending = Begun::Request(request).keep(own, &idp.entity_id, context)?;
    Ok(BegunFederation { redirection, pending })
}

fn message(own: &Compiled, request: &Request, destination: &str) -> Element {
    let config = &own.config;
    let message = Element::new(ns::PROTOCOL, "AuthnRequest")
        .with("ID", &request.id)
        .with("Version", "2.0")
        .with("IssueInstant", &time::write(request.begun_at))
        .with("Destination", destination)
        .with("AssertionConsumerServiceURL", &config.acs_url)
        .with("ProtocolBinding", crate::SamlBinding::Post.uri())
        .with_maybe("ForceAuthn", request.force.then_some("true"))
        .holding([issuer(&config.entity_id)]);
    let policy = Element::new(ns::PROTOCOL, "NameIDPolicy")
        .with_maybe("Format", config.name_id_format.as_deref())
        .with("AllowCreate", "true");
    let message = message.holding([policy]);
    if request.contexts.is_empty() {
        return message;
    }
    let contexts =
        request.contexts.iter().map(|uri| Element::new(ns::ASSERTION, "AuthnContextClassRef").saying(uri));
    let requested = Element::new(ns::PROTOCOL, "RequestedAuthnContext").with("Comparison", "exact");
    message.holding([requested.holding(contexts)])
}

pub(crate) fn issuer(entity_id: &str) -> Element {
    Element::new(ns::ASSERTION, "Issuer").saying(entity_id)
}

/// Makes an id for a message: 160 random bits, which begin with a letter as XML wants it (SAML Core §1.3.4).
pub(crate) fn new_id(rng: &dyn SecureRng) -> String {
    format!("_{}", hex(&random_array::<20>(rng)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
