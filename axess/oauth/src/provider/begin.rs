use super::OidcProvider;
use crate::{
    caller::{Form, refusal},
    dpop::DpopKey,
    fapi::{DpopKeyScope, SenderConstraint},
    fault,
    metadata::{Endpoint, Known},
    pending::PendingLogin,
    pkce::challenge,
};
use axess_factors::federated::{
    BegunFederation, FederationContext, FederationError, FederationOptions, Redirection,
};
use reqwest::{StatusCode, Url};
use serde::Deserialize;

const PAR_ENDPOINT: &str = "its endpoint for pushed requests";
/// Pushed requests of the profile live for less than ten minutes (FAPI 2.0 Security Profile §5.3.2.2).
const FAPI_REQUEST_SECS: std::ops::Range<u64> = 1..600;
/// The longest name of a pushed request, in bytes.
const MAX_REQUEST_URI_BYTES: usize = 2048;

/// What an endpoint for pushed requests answers (RFC 9126 §2.2).
#[derive(Deserialize)]
struct Pushed {
    request_uri: String,
    /// In seconds. Some leave it out.
    expires_in: Option<u64>,
}

impl OidcProvider {
    /// Begins a login:
    ///
    /// 1. State, nonce, PKCE verifier, and maybe a DPoP key, are drawn for this login alone.
    /// 2. The request is put together, and pushed to the provider where that is demanded.
    /// 3. The browser goes to the provider; the session keeps the rest.
    pub(super) async fn begin_login(
        &self,
        options: &FederationOptions,
        context: FederationContext<'_>,
    ) -> Result<BegunFederation, FederationError> {
        options.check()?;
        let known = self.known().await?;
        let mut login = PendingLogin::new(context.now, context.rng);
        let key = self.key_for_login(&mut login)?;
        let request = self.request(options, &mut login, key.as_ref())?;
        let pushes = self.config.uses_par || known.metadata.require_pushed_authorization_requests;
        let parameters = if pushes {
            let request_uri = self.push(&known, &request, key.as_ref(), &context).await?;
            vec![
                ("client_id".to_owned(), self.config.client_id.clone()),
                ("request_uri".to_owned(), request_uri),
            ]
        } else {
            request
        };
        let endpoint = known.metadata.authorization_endpoint.as_deref();
        let endpoint = endpoint.ok_or_else(|| FederationError::Configuration {
            what: "the provider has no authorization endpoint".to_owned(),
        })?;
        let url = with_query(endpoint, &parameters)?;
        let pending = login.seal(&self.config.issuer, self.config.ceremony_timeout, &context)?;
        Ok(BegunFederation { redirection: Redirection::Get(url), pending })
    }

    /// Returns the key that this login's tokens are to be bound to; one of its own goes into the pending login.
    fn key_for_login(&self, login: &mut PendingLogin) -> Result<Option<DpopKey>, FederationError> {
        if self.config.sender_constraint != Some(SenderConstraint::DPoP) {
            return Ok(None);
        }
        if self.config.dpop_key_scope == DpopKeyScope::Instance {
            return Ok(self.instance_key.clone());
        }
        let key = DpopKey::generate()?;
        login.dpop_key = Some(key.to_secret()?.expose().to_owned());
        Ok(Some(key))
    }

    /// Puts the request together, and notes in the login what its answer will be held against.
    fn request(
        &self,
        options: &FederationOptions,
        login: &mut PendingLogin,
        key: Option<&DpopKey>,
    ) -> Result<Form, FederationError> {
        let config = &self.config;
        let scopes = self.scopes(options)?;
        let mut request = crate::caller::form([
            ("response_type", "code"),
            ("client_id", &config.client_id),
            ("redirect_uri", &config.redirect_uri),
            ("scope", &scopes.join(" ")),
            ("state", &login.state),
            ("nonce", &login.nonce),
            ("code_challenge", &challenge(&login.verifier)),
            ("code_challenge_method", "S256"),
        ]);
        let mut add = |name: &str, value: String| request.push((name.to_owned(), value));
        if config.uses_jarm {
            add("response_mode", "jwt".to_owned());
        }
        if let Some(key) = key {
            // Binds the code to the key as well (RFC 9449 §10).
            add("dpop_jkt", key.thumbprint());
        }
        // Somebody could take `prompt` out on the way. `max_age` makes the provider say when the user authenticated.
        let asked = options.max_age.map(|age| u32::try_from(age.as_secs()).unwrap_or(u32::MAX));
        login.max_age = if options.force { Some(0) } else { asked };
        if let Some(max_age) = login.max_age {
            add("max_age", max_age.to_string());
        }
        let needs_consent = scopes.iter().any(|scope| scope == "offline_access");
        let prompts = [(options.force, "login"), (needs_consent, "consent")];
        let prompt: Vec<&str> = prompts.iter().filter(|(is_on, _)| *is_on).map(|(_, name)| *name).collect();
        if !prompt.is_empty() {
            add("prompt", prompt.join(" "));
        }
        login.acr = self.acr_values(options)?;
        if !login.acr.is_empty() {
            add("acr_values", login.acr.join(" "));
        }
        if let Some(hint) = &options.login_hint {
            add("login_hint", hint.clone());
        }
        if let Some(claims) = &config.claims {
            add("claims", claims.to_string());
        }
        for resource in &config.resources {
            add("resource", resource.clone());
        }
        Ok(request)
    }

    fn scopes(&self, options: &FederationOptions) -> Result<Vec<String>, FederationError> {
        let mut scopes = self.config.scopes.clone();
        for scope in &options.scopes {
            if !crate::config::is_scope(scope) {
                return Err(FederationError::Configuration {
                    what: "a scope holds a character it must not".into(),
                });
            }
            if !scopes.contains(scope) {
                scopes.push(scope.clone());
            }
        }
        Ok(scopes)
    }

    /// Returns the contexts that would do. Those of one login narrow what is configured, and never widen it.
    pub(super) fn acr_values(&self, options: &FederationOptions) -> Result<Vec<String>, FederationError> {
        let (required, wanted) = (&self.config.required_acr, &options.acr_values);
        if required.is_empty() || wanted.is_empty() {
            return Ok(if required.is_empty() { wanted.clone() } else { required.clone() });
        }
        let both: Vec<String> = wanted.iter().filter(|value| required.contains(value)).cloned().collect();
        if both.is_empty() {
            return Err(FederationError::WeakerThanConfigured {
                what: "no such authentication context will do",
            });
        }
        Ok(both)
    }

    /// Pushes the request and returns its name (RFC 9126).
    async fn push(
        &self,
        known: &Known,
        request: &Form,
        key: Option<&DpopKey>,
        context: &FederationContext<'_>,
    ) -> Result<String, FederationError> {
        let url = self.endpoint(known, Endpoint::Par, "endpoint for pushed requests")?;
        let answer =
            self.caller(known, context.now, context.rng).post(PAR_ENDPOINT, url, request, key).await?;
        if let Some(error) = refusal(PAR_ENDPOINT, &answer) {
            return Err(error);
        }
        // The specification has 201; some say 200.
        let is_fapi = self.config.fapi.is_some();
        if answer.status != StatusCode::CREATED && (is_fapi || answer.status != StatusCode::OK) {
            return Err(fault::http(
                PAR_ENDPOINT,
                crate::HttpError::Status { status: answer.status.as_u16() },
            ));
        }
        let pushed: Pushed =
            answer.json("the name of a request").map_err(|error| fault::http(PAR_ENDPOINT, error))?;
        if !(1..=MAX_REQUEST_URI_BYTES).contains(&pushed.request_uri.len()) {
            return Err(FederationError::Malformed {
                what: "the name of a pushed request is empty or too long",
            });
        }
        match pushed.expires_in {
            Some(0) => Err(FederationError::Malformed { what: "a pushed request has no time to be used" }),
            seconds if is_fapi && !seconds.is_some_and(|seconds| FAPI_REQUEST_SECS.contains(&seconds)) => {
                let what = "a pushed request lives for ten minutes or more, or nobody knows how long";
                Err(FederationError::WeakerThanConfigured { what })
            }
            _ => Ok(pushed.request_uri),
        }
    }
}

/// Appends parameters to an address, which may have a query of its own (RFC 6749 §3.1).
pub(crate) fn with_query(url: &str, parameters: &[(String, String)]) -> Result<String, FederationError> {
    let mut url =
        Url::parse(url).map_err(|_| FederationError::Malformed { what: "an address of the provider" })?;
    url.query_pairs_mut().extend_pairs(parameters);
    Ok(url.into())
}
