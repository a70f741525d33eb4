use super::OAuth2Provider;
use crate::{
    caller::{self, Caller, resource_refusal},
    client_auth::ClientAssertionAudience,
    fault,
    pending::PendingLogin,
    pkce::challenge,
    provider::{callback_parameters, with_query},
    token::{Binding, read},
};
use axess_factors::federated::{
    BegunFederation, CallbackResponse, FederatedIdentity, FederationContext, FederationError,
    FederationOptions, PendingFederation, Redirection,
};
use serde_json::Value;
use std::borrow::Cow;

const USER_ENDPOINT: &str = "its API";
/// The longest authorization code, in bytes.
const MAX_CODE_BYTES: usize = 4096;

impl OAuth2Provider {
    pub(super) fn begin_login(
        &self,
        options: &FederationOptions,
        context: FederationContext<'_>,
    ) -> Result<BegunFederation, FederationError> {
        options.check()?;
        if options.force || options.max_age.is_some() || !options.acr_values.is_empty() {
            return Err(FederationError::WeakerThanConfigured {
                what: "plain OAuth does not say how or when somebody authenticated",
            });
        }
        let config = &self.config;
        let mut login = PendingLogin::new(context.now, context.rng);
        let mut scopes = config.scopes.clone();
        scopes.extend(options.scopes.iter().filter(|scope| !config.scopes.contains(scope)).cloned());
        let mut request = caller::form([
            ("response_type", "code"),
            ("client_id", &config.client_id),
            ("redirect_uri", &config.redirect_uri),
            ("scope", &scopes.join(" ")),
            ("state", &login.state),
            ("code_challenge", &challenge(&login.verifier)),
            ("code_challenge_method", "S256"),
        ]);
        request.extend(options.login_hint.iter().map(|hint| ("login_hint".to_owned(), hint.clone())));
        let redirection = Redirection::Get(with_query(&config.authorization_endpoint, &request)?);
        login.scopes = scopes;
        let pending = login.seal(&config.issuer, config.ceremony_timeout, &context)?;
        Ok(BegunFederation { redirection, pending })
    }

    pub(super) async fn complete_login(
        &self,
        pending: &PendingFederation,
        response: &CallbackResponse,
        context: FederationContext<'_>,
    ) -> Result<FederatedIdentity, FederationError> {
        let config = &self.config;
        let login = PendingLogin::open(pending, &config.issuer, &context)?;
        let parameters = callback_parameters(response)?;
        let get = |name: &str| parameters.get(name).map(String::as_str);
        login.check_state(get("state"))?;
        if get("iss").is_some_and(|issuer| issuer != config.issuer) {
            return Err(FederationError::MixUp);
        }
        if let Some(code) = get("error") {
            return Err(fault::brought(code));
        }
        let code = get("code").filter(|code| (1..=MAX_CODE_BYTES).contains(&code.len()));
        let code = code.ok_or(FederationError::Malformed { what: "there is no code, or it is too long" })?;
        let caller = Caller {
            http: &self.http,
            nonces: &self.nonces,
            auth: Cow::Borrowed(&config.auth),
            client_id: &config.client_id,
            audience: match config.assertion_audience {
                ClientAssertionAudience::Issuer => &config.issuer,
                ClientAssertionAudience::TokenEndpoint => &config.token_endpoint,
            },
            now: context.now,
            rng: context.rng,
        };
        let form = caller::form([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &config.redirect_uri),
            ("code_verifier", &login.verifier),
        ]);
        let answer = caller.post("its token endpoint", &config.token_endpoint, &form, None).await?;
        let unbound = Binding { constraint: None, key: None, certificate: None };
        let tokens = read(&answer, unbound, context.now)?;
        check_scope(&login.scopes, tokens.scope.as_deref())?;
        let mut documents = Vec::new();
        for url in &config.user_endpoints {
            documents.push(document(&caller, url, tokens.access_token.expose()).await?);
        }
        let user = (config.mapping)(&documents);
        let user = user.ok_or(FederationError::Malformed { what: "the provider's API names no user" })?;
        let mut identity = user.into_identity(&config.issuer);
        identity.check()?;
        identity.tokens = Some(tokens);
        Ok(identity)
    }
}

/// Refuses a token that is good for less than was asked for: what is read with it would be less than the application expects. A
/// provider that says nothing granted everything (RFC 6749 §5.1). Some separate by commas.
fn check_scope(asked: &[String], granted: Option<&str>) -> Result<(), FederationError> {
    let Some(granted) = granted else { return Ok(()) };
    let granted: Vec<&str> = granted.split([' ', ',']).filter(|scope| !scope.is_empty()).collect();
    if asked.iter().all(|scope| granted.contains(&scope.as_str())) {
        return Ok(());
    }
    Err(FederationError::WeakerThanConfigured { what: "the provider granted less than was asked for" })
}

async fn document(caller: &Caller<'_>, url: &str, access_token: &str) -> Result<Value, FederationError> {
    let answer = caller.get(USER_ENDPOINT, url, access_token, None).await?;
    match resource_refusal(USER_ENDPOINT, &answer) {
        Some(error) => Err(error),
        None => answer.json("a document").map_err(|error| fault::http(USER_ENDPOINT, error)),
    }
}
