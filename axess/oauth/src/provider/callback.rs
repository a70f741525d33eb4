use super::OidcProvider;
use crate::{fault, metadata::Known, pending::PendingLogin};
use axess_factors::federated::{CallbackResponse, FederationError, FederationProvider};
use axess_jose::{Expectations, TypRule, verify_with};
use chrono::TimeDelta;
use std::collections::{BTreeMap, HashSet};

/// The longest authorization code, in bytes.
const MAX_CODE_BYTES: usize = 4096;
/// What a provider must not put into the browser's hands: we never ask for it, so somebody else did.
const FORBIDDEN: [&str; 2] = ["id_token", "access_token"];

impl OidcProvider {
    /// Checks what the browser brought back, and returns the code.
    ///
    /// The order matters: an answer to another login says nothing about this one, not even that the user refused.
    pub(super) async fn code(
        &self,
        known: &Known,
        login: &PendingLogin,
        response: &CallbackResponse,
    ) -> Result<String, FederationError> {
        let plain = parameters(response)?;
        let parameters = match (plain.get("response"), self.config.uses_jarm) {
            (Some(signed), true) => self.signed_parameters(known, signed).await?,
            (Some(_), false) => {
                return Err(FederationError::Malformed { what: "an answer that nobody asked for" });
            }
            (None, true) => {
                return Err(FederationError::WeakerThanConfigured { what: "the answer is not signed" });
            }
            (None, false) => plain,
        };
        let get = |name: &str| parameters.get(name).map(String::as_str);
        login.check_state(get("state"))?;
        // RFC 9207 §2.4: compared when it is there, demanded when the provider says that it sends it.
        let demands_issuer =
            known.metadata.authorization_response_iss_parameter_supported || self.config.fapi.is_some();
        match get("iss") {
            Some(issuer) if self.is_issuer(issuer) => {}
            None if !demands_issuer => {}
            _ => return Err(FederationError::MixUp),
        }
        if FORBIDDEN.iter().any(|name| parameters.contains_key(*name)) {
            return Err(FederationError::Malformed { what: "a token that nobody asked for" });
        }
        if let Some(code) = get("error") {
            return Err(fault::brought(code));
        }
        match get("code") {
            Some(code) if (1..=MAX_CODE_BYTES).contains(&code.len()) => Ok(code.to_owned()),
            _ => Err(FederationError::Malformed { what: "there is no code, or it is too long" }),
        }
    }

    /// Verifies a signed answer (JARM §2.4), which may be encrypted to us (§2.2), and returns what it says.
    ///
    /// Anybody can encrypt to a public key: whose answer it is, the signature inside says.
    async fn signed_parameters(
        &self,
        known: &Known,
        token: &str,
    ) -> Result<BTreeMap<String, String>, FederationError> {
        let config = &self.config;
        let opened = self.opened(token)?;
        let token = opened.as_deref().unwrap_or(token);
        let expected = Expectations {
            typ: TypRule::Any,
            ahead: TimeDelta::from_std(config.clock_skew).unwrap_or_default(),
            required: vec!["iss", "aud", "exp"],
            ..Expectations::new(&config.issuer, &config.client_id, &config.algorithms)
        };
        let claims =
            verify_with(token, &known.keys, &expected, &self.clock).await.map_err(|error| match error {
                axess_jose::JoseError::IssuerMismatch => FederationError::MixUp,
                other => fault::jose(other),
            })?;
        let texts = claims.into_map().into_iter().filter_map(|(name, value)| match value {
            serde_json::Value::String(text) => Some((name, text)),
            _ => None,
        });
        Ok(texts.collect())
    }
}

/// Returns the parameters, none of which may come twice (RFC 6749 §3.1).
pub(crate) fn parameters(response: &CallbackResponse) -> Result<BTreeMap<String, String>, FederationError> {
    let mut seen = HashSet::new();
    if !response.parameters.iter().all(|(name, _)| seen.insert(name)) {
        return Err(FederationError::Malformed { what: "a parameter comes twice" });
    }
    Ok(response.parameters.iter().cloned().collect())
}
