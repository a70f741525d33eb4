//! What attackers did to genuine responses, by name. Each test accepts the genuine one first, so that it can fail.

mod circumstances;
mod document;
mod forgery;
mod wrapping;

use crate::parties::{config, judge, vector};
use axess_factors::federated::FederationError;
use axess_saml::{SamlConfig, SamlProvider};

/// How an attack is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is not made as a response is.
    Malformed,
    /// What is there is not what was signed.
    Signature,
    Algorithm,
    Audience,
    Issuer,
    Nonce,
    State,
    Expired,
    TooOld,
    NotYetValid,
    Denied,
    MixUp,
}

pub(crate) fn refusal(error: &FederationError) -> Option<Refusal> {
    Some(match error {
        FederationError::Malformed { .. } => Refusal::Malformed,
        FederationError::SignatureInvalid => Refusal::Signature,
        FederationError::AlgorithmRefused => Refusal::Algorithm,
        FederationError::AudienceMismatch => Refusal::Audience,
        FederationError::IssuerMismatch => Refusal::Issuer,
        FederationError::NonceMismatch => Refusal::Nonce,
        FederationError::StateMismatch => Refusal::State,
        FederationError::Expired => Refusal::Expired,
        FederationError::TooOld => Refusal::TooOld,
        FederationError::NotYetValid => Refusal::NotYetValid,
        FederationError::Denied { .. } => Refusal::Denied,
        FederationError::MixUp => Refusal::MixUp,
        _ => return None,
    })
}

/// A genuine response in parts.
pub(crate) struct Genuine {
    pub(crate) text: String,
    /// Of the response; empty where it has none.
    pub(crate) signature: String,
    pub(crate) assertion: String,
    /// Of the assertion; empty where it has none.
    pub(crate) inner_signature: String,
}

impl Genuine {
    pub(crate) fn read(name: &str) -> Self {
        let text = vector(&format!("genuine/{name}.xml"));
        let assertion = element(&text, "ns1:Assertion");
        let outside = text.replace(&assertion, "");
        let signature = element(&outside, "ns2:Signature");
        let inner_signature = element(&assertion, "ns2:Signature");
        Self { text, signature, assertion, inner_signature }
    }

    pub(crate) fn replace(&self, from: &str, to: &str) -> String {
        assert!(self.text.contains(from), "{from} is not there");
        self.text.replacen(from, to, 1)
    }

    /// An assertion of the attacker's about somebody else, without a signature.
    pub(crate) fn evil_assertion(&self) -> String {
        let bare = self.assertion.replace(&self.inner_signature, "");
        with_id(&bare, "_evil").replace("alice", "admin")
    }
}

/// The first element of a name, with everything in it.
pub(crate) fn element(text: &str, name: &str) -> String {
    let Some(start) = text.find(&format!("<{name}")) else { return String::new() };
    let tag = text[start..].find('>').unwrap() + 1;
    if text[start..start + tag].ends_with("/>") {
        return text[start..start + tag].to_owned();
    }
    let end = format!("</{name}>");
    let length = text[start..].find(&end).unwrap_or_else(|| panic!("{name} does not end")) + end.len();
    text[start..start + length].to_owned()
}

/// The element with another `ID`.
pub(crate) fn with_id(element: &str, id: &str) -> String {
    let (before, after) = element.split_once(" ID=\"").unwrap();
    let (_, after) = after.split_once('"').unwrap();
    format!("{before} ID=\"{id}\"{after}")
}

/// Providers from the strictest to the most lenient there is.
pub(crate) fn providers() -> Vec<SamlProvider> {
    let with = |response, assertions| SamlConfig {
        want_signed_response: response,
        want_signed_assertions: assertions,
        ..config()
    };
    [with(true, true), with(false, true), with(true, false), with(false, false)]
        .into_iter()
        .map(|config| SamlProvider::new(config).unwrap())
        .collect()
}

/// Checks that an attack is refused by every provider that takes the genuine response, and how.
pub(crate) fn refused(name: &str, genuine: &Genuine, attack: impl AsRef<[u8]>, expected: &[Refusal]) {
    assert_ne!(attack.as_ref(), genuine.text.as_bytes(), "{name} changes nothing");
    let mut accepting = 0;
    for provider in providers() {
        match judge(&provider, &genuine.text) {
            Ok(_) => accepting += 1,
            Err(FederationError::SignatureInvalid | FederationError::WeakerThanConfigured { .. }) => {}
            Err(error) => panic!("{name}: the genuine response is refused: {error}"),
        }
        let error = judge(&provider, &attack).map(|identity| identity.subject).unwrap_err();
        let refusal = refusal(&error);
        assert!(
            refusal.is_some_and(|one| expected.contains(&one) || one == Refusal::Signature),
            "{name}: {error}"
        );
    }
    assert!(accepting > 0, "{name}: nobody accepts the genuine response");
    // The most lenient provider gets furthest: there it has to be the expected reason.
    let error = judge(providers().last().unwrap(), &attack).map(|identity| identity.subject).unwrap_err();
    assert!(refusal(&error).is_some_and(|one| expected.contains(&one)), "{name}: {error}");
}
