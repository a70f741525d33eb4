//! Requests that say who we are.

use crate::{
    client_auth::ClientAuth,
    dpop::{DpopKey, Nonces},
    fault,
    http::{Answer, HttpClient, MAX_ANSWER_BYTES, Request},
    pkce::random_text,
};
use axess_factors::federated::FederationError;
use axess_rng::SecureRng;
use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde::Deserialize;
use std::borrow::Cow;
use zeroize::Zeroizing;

/// The parameters of a request.
pub(crate) type Form = Vec<(String, String)>;

/// Makes a form of names and values.
pub(crate) fn form<const N: usize>(pairs: [(&str, &str); N]) -> Form {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// What is needed to call a provider as its client.
pub(crate) struct Caller<'a> {
    pub(crate) http: &'a HttpClient,
    pub(crate) nonces: &'a Nonces,
    pub(crate) auth: Cow<'a, ClientAuth>,
    pub(crate) client_id: &'a str,
    /// For whom an assertion of ours is.
    pub(crate) audience: &'a str,
    pub(crate) now: DateTime<Utc>,
    pub(crate) rng: &'a dyn SecureRng,
}

/// An error as the OAuth specifications write it (RFC 6749 §5.2). The description is not read: anybody could have written it.
#[derive(Deserialize)]
pub(crate) struct ErrorAnswer {
    pub(crate) error: String,
}

impl Caller<'_> {
    /// Posts a form with our authentication, and a proof where there is a key. The answer has any status.
    pub(crate) async fn post(
        &self,
        what: &'static str,
        url: &str,
        form: &Form,
        key: Option<&DpopKey>,
    ) -> Result<Answer, FederationError> {
        self.send(what, url, key, None, |headers| {
            // Made anew for each try: an assertion is good once.
            let mut form = form.clone();
            let header = self.auth.apply(&mut form, self.client_id, self.audience, self.now, self.rng)?;
            headers.extend(header.map(|value| ("authorization", value)));
            Ok(Some(form))
        })
        .await
    }

    /// Gets a resource with an access token, and a proof where there is a key. The answer has any status.
    pub(crate) async fn get(
        &self,
        what: &'static str,
        url: &str,
        access_token: &str,
        key: Option<&DpopKey>,
    ) -> Result<Answer, FederationError> {
        let scheme = if key.is_some() { "DPoP" } else { "Bearer" };
        self.send(what, url, key, Some(access_token), |headers| {
            headers.push(("authorization", Zeroizing::new(format!("{scheme} {access_token}"))));
            Ok(None)
        })
        .await
    }

    /// Sends, and once more when the server wants a nonce in the proof that we did not know (RFC 9449 §8, §9).
    async fn send(
        &self,
        what: &'static str,
        url: &str,
        key: Option<&DpopKey>,
        access_token: Option<&str>,
        prepare: impl Fn(&mut Vec<(&'static str, Zeroizing<String>)>) -> Result<Option<Form>, FederationError>,
    ) -> Result<Answer, FederationError> {
        let accept =
            if access_token.is_some() { "application/json, application/jwt" } else { "application/json" };
        let mut is_retry = false;
        loop {
            let mut headers = vec![("accept", Zeroizing::new(accept.to_owned()))];
            let form = prepare(&mut headers)?;
            if let Some(key) = key {
                let method = if form.is_some() { "POST" } else { "GET" };
                let proof = self.proof(key, method, url, access_token)?;
                headers.push(("dpop", Zeroizing::new(proof)));
            }
            let request = Request { url, form: form.as_deref(), headers, limit: MAX_ANSWER_BYTES };
            let answer = self.http.send(request).await.map_err(|error| fault::http(what, error))?;
            let nonce = answer.header("dpop-nonce").filter(|_| key.is_some());
            if let Some(nonce) = nonce {
                self.nonces.set(url, nonce);
            }
            if nonce.is_none() || is_retry || !wants_nonce(&answer) {
                return Ok(answer);
            }
            is_retry = true;
        }
    }

    /// Makes a proof for one request.
    pub(crate) fn proof(
        &self,
        key: &DpopKey,
        method: &str,
        url: &str,
        access_token: Option<&str>,
    ) -> Result<String, FederationError> {
        let nonce = self.nonces.get(url);
        let jti = random_text(self.rng);
        axess_jose::dpop::proof(
            key.signing_key(),
            method,
            url,
            nonce.as_deref(),
            access_token,
            &jti,
            self.now,
        )
        .map_err(|_| FederationError::Configuration { what: "the DPoP key cannot sign".to_owned() })
    }
}

fn wants_nonce(answer: &Answer) -> bool {
    const ERROR: &str = "use_dpop_nonce";
    match answer.status {
        StatusCode::BAD_REQUEST => {
            answer.json::<ErrorAnswer>("an error").is_ok_and(|answer| answer.error == ERROR)
        }
        StatusCode::UNAUTHORIZED => {
            answer.json::<ErrorAnswer>("an error").is_ok_and(|answer| answer.error == ERROR)
                || answer.header("www-authenticate").is_some_and(|text| text.contains(ERROR))
        }
        _ => false,
    }
}

/// Says what an answer with an error means; nothing for one that is no error.
pub(crate) fn refusal(what: &'static str, answer: &Answer) -> Option<FederationError> {
    if answer.status.is_success() {
        return None;
    }
    let status = answer.status.as_u16();
    let code = answer.json::<ErrorAnswer>("an error").ok().map(|answer| answer.error);
    Some(match code.as_deref() {
        _ if is_down(answer.status) => fault::http(what, crate::HttpError::Status { status }),
        Some(code) => fault::code(what, code),
        None if status == 401 => FederationError::client_rejected("401"),
        None => fault::http(what, crate::HttpError::Status { status }),
    })
}

/// Says what an answer with an error means to whoever showed an access token that the provider has just issued (RFC 6750 §3.1);
/// nothing for one that is no error.
pub(crate) fn resource_refusal(what: &'static str, answer: &Answer) -> Option<FederationError> {
    if answer.status.is_success() || is_down(answer.status) {
        return refusal(what, answer);
    }
    let status = answer.status.as_u16();
    let said = answer.json::<ErrorAnswer>("an error").ok().map(|answer| answer.error);
    Some(match said.as_deref().or_else(|| challenged(answer)) {
        // Such a proof is ours.
        Some(code @ ("invalid_dpop_proof" | "use_dpop_nonce")) => fault::code(what, code),
        // Whatever else they call it.
        code if status == 401 || matches!(code, Some("invalid_token" | "insufficient_scope")) => {
            let what = format!("{what} does not take the access token ({status}), often for want of a scope");
            FederationError::Configuration { what }
        }
        Some(code) => fault::code(what, code),
        None => fault::http(what, crate::HttpError::Status { status }),
    })
}

fn is_down(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// Returns the error code of a challenge (RFC 6750 §3).
fn challenged(answer: &Answer) -> Option<&str> {
    let (_, rest) = answer.header("www-authenticate")?.split_once("error=\"")?;
    rest.split_once('"').map(|(code, _)| code)
}
