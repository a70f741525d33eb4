use super::{Expected, attributes::Attributes, check_issuer, conditions};
use crate::{
    encryption, time,
    xml::{Element, ns},
};
use axess_factors::federated::{Assurance, FederatedIdentity, FederationError};
use chrono::{DateTime, TimeDelta, Utc};

/// A name that is made up anew for every login.
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
/// Asks for whatever the identity provider likes (SAML Core §3.4.1.1).
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
/// Asks for an encrypted name, of whatever format.
const ENCRYPTED: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted";

/// What a verified response says.
pub(crate) struct Login {
    pub(crate) identity: FederatedIdentity,
    /// What the assertion is called, by its issuer.
    pub(crate) id: String,
    /// Until when it could be brought again.
    pub(crate) until: DateTime<Utc>,
}

/// Reads an assertion, of which a signature was verified: this very element.
pub(super) fn read(assertion: &Element, expected: &Expected<'_>) -> Result<Login, FederationError> {
    check_shape(assertion)?;
    let id = assertion.attribute("ID").filter(|id| !id.is_empty());
    let id = id.ok_or(FederationError::Malformed { what: "an assertion has no id" })?;
    check_issuer(assertion.one(ns::ASSERTION, "Issuer")?, expected)?;
    let issued = time::read(assertion.attribute("IssueInstant").unwrap_or_default())?;
    if issued > expected.now + expected.own.skew {
        return Err(FederationError::NotYetValid);
    }
    let subject = assertion.one(ns::ASSERTION, "Subject")?;
    let until = conditions::check_bearer(subject, expected)?;
    conditions::check(assertion, expected)?;

    let attributes = Attributes::read(assertion, &expected.own.config)?;
    let (name, format) = named(subject, &attributes, expected)?;
    let mut identity = FederatedIdentity::new(&expected.idp.entity_id, name, Assurance::SamlAssertion);
    identity.subject_format = format;
    authentication(assertion, &mut identity, expected)?;
    attributes.tell(&mut identity, &expected.own.config);
    Ok(Login { identity, id: id.to_owned(), until })
}

/// Checks that an assertion is made of the parts that are understood (SAML Core §2.3.3).
fn check_shape(assertion: &Element) -> Result<(), FederationError> {
    let known = ["Issuer", "Subject", "Conditions", "AuthnStatement", "AttributeStatement"];
    let is_known = |child: &Element| match child.namespace.as_str() {
        ns::ASSERTION => known.contains(&child.local.as_str()),
        ns::SIGNATURE => child.local == "Signature",
        _ => false,
    };
    assertion.holds_only_elements()?;
    if assertion.attribute("Version") != Some("2.0") || !assertion.elements().all(is_known) {
        return Err(FederationError::Malformed { what: "an assertion is not made of what it should be" });
    }
    Ok(())
}

/// Returns what identifies the user for ever, and the format of that, where it is the `NameID` and has one.
fn named(
    subject: &Element,
    attributes: &Attributes,
    expected: &Expected<'_>,
) -> Result<(String, Option<String>), FederationError> {
    let name_id = encryption::name_id(subject, expected.own)?;
    let format = name_id.as_ref().and_then(|name| name.attribute("Format"));
    if format == Some(TRANSIENT) && expected.own.config.attributes.subject.is_none() {
        return Err(FederationError::Malformed { what: "the name is for this login only" });
    }
    // What was asked for is what there is: the same text may name somebody else in another format.
    let is_as_asked = match expected.own.config.name_id_format.as_deref() {
        None | Some(UNSPECIFIED) => true,
        Some(ENCRYPTED) => subject.at_most_one(ns::ASSERTION, "EncryptedID")?.is_some(),
        Some(asked) => format == Some(asked),
    };
    if name_id.is_some() && !is_as_asked {
        return Err(FederationError::WeakerThanConfigured { what: "the name is of another format" });
    }
    if let Some(attribute) = &expected.own.config.attributes.subject {
        let value = attributes.first(std::slice::from_ref(attribute));
        let missing = FederationError::Malformed { what: "the attribute that names the user is missing" };
        return Ok((value.ok_or(missing)?, None));
    }
    let format = format.map(str::to_owned);
    let name_id = name_id.ok_or(FederationError::Malformed { what: "the subject has no name" })?;
    Ok((name_id.name()?.to_owned(), format))
}

/// Reads how and when the user authenticated, and holds it against what was asked for.
fn authentication(
    assertion: &Element,
    identity: &mut FederatedIdentity,
    expected: &Expected<'_>,
) -> Result<(), FederationError> {
    let statement = assertion.one(ns::ASSERTION, "AuthnStatement")?;
    let instant = time::read(statement.attribute("AuthnInstant").unwrap_or_default())?;
    let skew = expected.own.skew;
    if instant > expected.now + skew {
        return Err(FederationError::NotYetValid);
    }
    let ends = statement.attribute("SessionNotOnOrAfter").map(time::read).transpose()?;
    if ends.is_some_and(|ends| expected.now >= ends + skew) {
        return Err(FederationError::TooOld);
    }
    let context = statement.one(ns::ASSERTION, "AuthnContext")?;
    let class = context.at_most_one(ns::ASSERTION, "AuthnContextClassRef")?.map(Element::text).transpose()?;
    if let Some(request) = expected.request {
        let max_age = request.max_age.map(|age| expected.now - TimeDelta::seconds(i64::from(age)));
        let earliest = if request.force { Some(request.begun_at) } else { max_age };
        if earliest.is_some_and(|earliest| instant < earliest - skew) {
            return Err(FederationError::AuthenticationTooOld);
        }
        let does = |class| request.contexts.iter().any(|context| context == class);
        if !request.contexts.is_empty() && !class.is_some_and(does) {
            return Err(FederationError::AcrNotMet);
        }
    } else {
        let contexts = &expected.own.config.authn_contexts;
        if !contexts.is_empty() && !class.is_some_and(|class| contexts.iter().any(|context| context == class))
        {
            return Err(FederationError::AcrNotMet);
        }
    }
    identity.session_id = statement.attribute("SessionIndex").map(str::to_owned);
    identity.acr = class.map(str::to_owned);
    identity.auth_time = Some(instant);
    identity.expires_at = ends;
    Ok(())
}
