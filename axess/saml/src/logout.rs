//! Single logout (SAML Profiles §4.4): asking for it, being asked, and answering.

mod request_id;

pub(crate) use request_id::RequestIds;

use crate::{
    SamlBinding,
    binding::{Direction, MAX_RELAY_STATE_BYTES, Outgoing, receive, verify_query},
    config::Compiled,
    encryption,
    metadata::{Endpoint, Idp},
    request::{issuer, new_id},
    response::refusal,
    signature, time,
    xml::{Element, ns},
};
use axess_factors::federated::{
    CallbackMethod, CallbackResponse, FederationContext, FederationError, LogoutHint, LogoutNotice,
    Redirection,
};

/// The most sessions that one request names.
const MAX_SESSIONS: usize = 100;

/// Asks the identity provider to log a user out there too; nothing when it has no single logout, or we do not.
pub(crate) fn begin(
    own: &Compiled,
    idp: &Idp,
    hint: &LogoutHint,
    context: FederationContext<'_>,
) -> Result<Option<Redirection>, FederationError> {
    let (Some(key), Some(endpoint)) = (&own.signing, idp.slo(own.config.request_binding)) else {
        return Ok(None);
    };
    // A subject that is an attribute is not the name that was given to the session.
    if own.config.slo_url.is_none() || own.config.attributes.subject.is_some() {
        return Ok(None);
    }
    if hint.state.as_ref().is_some_and(|state| state.len() > MAX_RELAY_STATE_BYTES) {
        return Err(FederationError::Configuration { what: "the state is too long".to_owned() });
    }
    let name =
        Element::new(ns::ASSERTION, "NameID").with_maybe("Format", own.config.name_id_format.as_deref());
    let session = hint.session_id.iter().map(|id| Element::new(ns::PROTOCOL, "SessionIndex").saying(id));
    let message = Element::new(ns::PROTOCOL, "LogoutRequest")
        .with("ID", &key.requests.id(own, idp, context))
        .with("Version", "2.0")
        .with("IssueInstant", &time::write(context.now))
        .with("Destination", &endpoint.location)
        .with("NotOnOrAfter", &time::write(context.now + own.timeout))
        .holding([issuer(&own.config.entity_id), name.saying(&hint.subject)])
        .holding(session);
    let outgoing = Outgoing {
        message,
        direction: Direction::Request,
        destination: &endpoint.location,
        relay_state: hint.state.as_deref(),
        key: Some(key),
    };
    outgoing.send(endpoint.binding).map(Some)
}

/// Verifies what came to our logout address: a request, which the answer is made for, or the answer to one of ours, which
/// names nobody. It must be to a request of ours; that it comes once is for whoever claims [`LogoutNotice::replay`].
pub(crate) fn verify(
    own: &Compiled,
    idp: &Idp,
    message: &CallbackResponse,
    context: FederationContext<'_>,
) -> Result<LogoutNotice, FederationError> {
    let is_answer = message.get(Direction::Response.parameter())?.is_some();
    let direction = if is_answer { Direction::Response } else { Direction::Request };
    if is_answer && message.get(Direction::Request.parameter())?.is_some() {
        return Err(FederationError::Malformed { what: "there are two messages" });
    }
    let element = receive(message, direction)?;
    let name = if is_answer { "LogoutResponse" } else { "LogoutRequest" };
    if !element.is(ns::PROTOCOL, name) {
        return Err(FederationError::Malformed { what: "the message is not about a logout" });
    }
    check_signature(&element, message, direction, idp)?;
    check_envelope(&element, own, idp, context)?;
    let issuer = idp.entity_id.clone();
    let nobody = LogoutNotice {
        issuer,
        subject: None,
        session_ids: Vec::new(),
        replay: None,
        answer: None,
        is_answer: false,
    };
    if is_answer {
        let (id, begun_at) =
            key_of_requests(own)?.read(element.attribute("InResponseTo").unwrap_or_default(), own, idp)?;
        // By then an answer is too late, as the request was.
        let until = begun_at + own.timeout + own.skew;
        if context.now >= until {
            return Err(FederationError::Expired);
        }
        return match refusal(element.one(ns::PROTOCOL, "Status")?)? {
            Some(code) => Err(FederationError::Denied { code }),
            None => Ok(LogoutNotice {
                is_answer: true,
                replay: Some((format!("answer to {id}"), until)),
                ..nobody
            }),
        };
    }
    let notice = LogoutNotice { answer: answer(&element, message, own, idp, context)?, ..nobody };
    read_request(&element, own, notice, context)
}

fn key_of_requests(own: &Compiled) -> Result<&RequestIds, FederationError> {
    let key = own.signing.as_ref().ok_or(FederationError::StateMismatch)?;
    Ok(&key.requests)
}

/// A logout message is always signed, by its query or in itself as it came.
fn check_signature(
    element: &Element,
    message: &CallbackResponse,
    direction: Direction,
    idp: &Idp,
) -> Result<(), FederationError> {
    let inside = signature::of(element)?.is_some();
    if element.count_below(ns::SIGNATURE, "Signature") != usize::from(inside) {
        return Err(FederationError::Malformed { what: "a signature is where none belongs" });
    }
    match message.method {
        CallbackMethod::Post => signature::verify(element, &idp.keys),
        // SAML Bindings §3.4.4.1: none inside.
        CallbackMethod::Get if inside => {
            Err(FederationError::Malformed { what: "a signature is where none belongs" })
        }
        CallbackMethod::Get => verify_query(message, direction, &idp.keys),
    }
}

fn check_envelope(
    element: &Element,
    own: &Compiled,
    idp: &Idp,
    context: FederationContext<'_>,
) -> Result<(), FederationError> {
    element.holds_only_elements()?;
    if element.attribute("Version") != Some("2.0") {
        return Err(FederationError::Malformed { what: "the version is not 2.0" });
    }
    if element.one(ns::ASSERTION, "Issuer")?.text()? != idp.entity_id {
        return Err(FederationError::IssuerMismatch);
    }
    if element.attribute("Destination") != own.config.slo_url.as_deref() {
        return Err(FederationError::AudienceMismatch);
    }
    let issued = time::read(element.attribute("IssueInstant").unwrap_or_default())?;
    if issued > context.now + own.skew {
        return Err(FederationError::NotYetValid);
    }
    if issued + own.timeout + own.skew <= context.now {
        return Err(FederationError::TooOld);
    }
    Ok(())
}

/// Reads whom a request is about. One that names no session is about all of the user's (SAML Core §3.7.1).
fn read_request(
    element: &Element,
    own: &Compiled,
    mut notice: LogoutNotice,
    context: FederationContext<'_>,
) -> Result<LogoutNotice, FederationError> {
    let ends = element.attribute("NotOnOrAfter").map(time::read).transpose()?;
    if ends.is_some_and(|ends| context.now >= ends + own.skew) {
        return Err(FederationError::TooOld);
    }
    let name = encryption::name_id(element, own)?;
    let name = name.ok_or(FederationError::Malformed { what: "the request names nobody" })?;
    let name = name.name()?;
    for index in element.named(ns::PROTOCOL, "SessionIndex") {
        let index = index.text()?.to_owned();
        if !notice.session_ids.contains(&index) {
            notice.session_ids.push(index);
        }
        if notice.session_ids.len() > MAX_SESSIONS {
            return Err(FederationError::Malformed { what: "the request names too many sessions" });
        }
    }
    if own.config.attributes.subject.is_none() {
        notice.subject = Some(name.to_owned());
    } else if notice.session_ids.is_empty() {
        return Err(FederationError::Malformed { what: "the request names no session" });
    }
    let id = element.attribute("ID").filter(|id| !id.is_empty());
    let id = id.ok_or(FederationError::Malformed { what: "a request has no id" })?;
    // By then it is too old.
    let until = context.now + own.timeout + own.skew + own.skew;
    notice.replay = Some((id.to_owned(), until));
    Ok(notice)
}

/// Makes the answer to a request: done.
fn answer(
    request: &Element,
    message: &CallbackResponse,
    own: &Compiled,
    idp: &Idp,
    context: FederationContext<'_>,
) -> Result<Option<Redirection>, FederationError> {
    let preferred = match message.method {
        CallbackMethod::Get => SamlBinding::Redirect,
        CallbackMethod::Post => SamlBinding::Post,
    };
    let Some(Endpoint { binding, location, response_location }) = idp.slo(preferred) else {
        return Ok(None);
    };
    let relay_state = message.get("RelayState")?;
    if relay_state.is_some_and(|state| state.len() > MAX_RELAY_STATE_BYTES) {
        return Err(FederationError::Malformed { what: "the relay state is too long" });
    }
    let destination = response_location.as_deref().unwrap_or(location);
    let success = "urn:oasis:names:tc:SAML:2.0:status:Success";
    let code = Element::new(ns::PROTOCOL, "StatusCode").with("Value", success);
    let answer = Element::new(ns::PROTOCOL, "LogoutResponse")
        .with("ID", &new_id(context.rng))
        .with("Version", "2.0")
        .with("IssueInstant", &time::write(context.now))
        .with("Destination", destination)
        .with_maybe("InResponseTo", request.attribute("ID"))
        .holding([issuer(&own.config.entity_id), Element::new(ns::PROTOCOL, "Status").holding([code])]);
    let outgoing = Outgoing {
        message: answer,
        direction: Direction::Response,
        destination,
        relay_state,
        key: own.signing.as_ref(),
    };
    outgoing.send(*binding).map(Some)
}
