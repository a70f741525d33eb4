//! The signature over a query, which is over its letters as they were sent.

use super::Direction;
use crate::{
    algorithms::SignatureAlgorithm,
    certificate::{PublicKey, decode_base64},
};
use axess_factors::federated::{CallbackResponse, FederationError};
use std::fmt::Write;

/// The longest signature, in bytes.
const MAX_SIGNATURE_BYTES: usize = 1024;

/// How senders write what a query cannot hold. The signature is over their letters, of which only the meaning is left
/// here; these four are what libraries write.
#[derive(Clone, Copy)]
struct Spelling {
    lower_case: bool,
    plus_for_space: bool,
}

const SPELLINGS: [Spelling; 4] = [
    Spelling { lower_case: false, plus_for_space: true },
    Spelling { lower_case: false, plus_for_space: false },
    Spelling { lower_case: true, plus_for_space: true },
    Spelling { lower_case: true, plus_for_space: false },
];

/// Verifies the signature of a query over message, `RelayState` and algorithm (SAML Bindings §3.4.4.1).
pub(crate) fn verify_query(
    message: &CallbackResponse,
    direction: Direction,
    keys: &[PublicKey],
) -> Result<(), FederationError> {
    let parameter = direction.parameter();
    let text = message.get(parameter)?.unwrap_or_default();
    let relay_state = message.get("RelayState")?;
    let named = message.get("SigAlg")?.ok_or(FederationError::SignatureInvalid)?;
    let signature = message.get("Signature")?.ok_or(FederationError::SignatureInvalid)?;
    let algorithm = SignatureAlgorithm::from_uri(named).ok_or(FederationError::AlgorithmRefused)?;
    let signature = decode_base64(signature, MAX_SIGNATURE_BYTES)
        .ok_or(FederationError::Malformed { what: "a signature value is not base64" })?;
    let is_signed = SPELLINGS.iter().any(|spelling| {
        let mut query = format!("{parameter}={}", spelling.write(text));
        if let Some(state) = relay_state {
            query.push_str(&format!("&RelayState={}", spelling.write(state)));
        }
        query.push_str(&format!("&SigAlg={}", spelling.write(named)));
        keys.iter().any(|key| key.verifies(algorithm, query.as_bytes(), &signature))
    });
    is_signed.then_some(()).ok_or(FederationError::SignatureInvalid)
}

/// Writes a text as the value of a parameter, as forms do: that is what those expect who verify as we do.
pub(crate) fn percent_encoded(text: &str) -> String {
    Spelling { lower_case: false, plus_for_space: true }.write(text)
}

impl Spelling {
    fn write(self, text: &str) -> String {
        let mut written = String::with_capacity(text.len() * 3 / 2);
        for byte in text.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    written.push(char::from(byte));
                }
                b' ' if self.plus_for_space => written.push('+'),
                // Writing to a text does not fail.
                byte if self.lower_case => drop(write!(written, "%{byte:02x}")),
                byte => drop(write!(written, "%{byte:02X}")),
            }
        }
        written
    }
}
