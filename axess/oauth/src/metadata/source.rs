use super::{ProviderMetadata, document_url, oauth_document_url};
use crate::{
    fault,
    http::{Answer, HttpClient, HttpError, MAX_ANSWER_BYTES, Request},
};
use axess_clock::Clock;
use axess_factors::federated::FederationError;
use axess_jose::{BoxFuture, FetchDocument, FetchError, FetchedDocument, JwksCache, JwksPolicy};
use chrono::{DateTime, TimeDelta, Utc};
use serde::de::IgnoredAny;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::Mutex;

/// How long metadata is used before it is asked for again.
const TTL: TimeDelta = TimeDelta::hours(1);
/// How long it is used while the provider does not answer.
const KEEP_STALE: TimeDelta = TimeDelta::hours(24);
/// How long we wait after a try that failed.
const BETWEEN_TRIES: TimeDelta = TimeDelta::seconds(5);

/// A provider's metadata and the cache of its keys.
pub(crate) struct Known {
    pub(crate) metadata: ProviderMetadata,
    pub(crate) keys: Arc<JwksCache>,
}

/// Where a provider's metadata comes from: asked for when first needed, kept, and asked for again by one caller at a time.
pub(crate) struct MetadataSource {
    http: HttpClient,
    issuer: String,
    /// What the document must call itself.
    names_itself: String,
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
    turn: Mutex<()>,
}

/// What a document calls itself.
#[derive(serde::Deserialize)]
struct Named {
    issuer: String,
}

#[derive(Clone, Default)]
struct State {
    known: Option<(Arc<Known>, DateTime<Utc>)>,
    failed_at: Option<DateTime<Utc>>,
    /// How many tries have failed.
    failures: u64,
}

impl MetadataSource {
    pub(crate) fn new(http: HttpClient, issuer: String, clock: Arc<dyn Clock>) -> Self {
        let names_itself = issuer.clone();
        Self { http, issuer, names_itself, clock, state: RwLock::default(), turn: Mutex::new(()) }
    }

    /// Demands another name in the document than that of where it is.
    pub(crate) fn of(mut self, names_itself: String) -> Self {
        self.names_itself = names_itself;
        self
    }

    /// Returns what is known of the provider, and asks it first where that is nothing or old.
    pub(crate) async fn known(&self) -> Result<Arc<Known>, FederationError> {
        let state = self.state();
        match state.known {
            Some((known, since)) if is_within(since, self.clock.now(), TTL) => Ok(known),
            Some((known, since)) if is_within(since, self.clock.now(), KEEP_STALE) => {
                // One asks; the others go on with what there is.
                match self.turn.try_lock() {
                    Ok(_turn) => Ok(self.refreshed().await.unwrap_or(known)),
                    Err(_) => Ok(known),
                }
            }
            _ => {
                let failures = state.failures;
                let _turn = self.turn.lock().await;
                // Of those who waited together, one asks: what it was not told, the others are not told either.
                if self.state().failures != failures {
                    return Err(just_failed());
                }
                self.refreshed().await
            }
        }
    }

    /// Asks the provider unless somebody else just did. Needs the turn.
    async fn refreshed(&self) -> Result<Arc<Known>, FederationError> {
        let (state, now) = (self.state(), self.clock.now());
        if let Some((known, since)) = &state.known
            && is_within(*since, now, TTL)
        {
            return Ok(known.clone());
        }
        if state.failed_at.is_some_and(|at| is_within(at, now, BETWEEN_TRIES)) {
            return Err(just_failed());
        }
        let asked = self.ask(state.known.as_ref().map(|(known, _)| known.as_ref())).await;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match &asked {
            Ok(known) => {
                *state =
                    State { known: Some((known.clone(), now)), failed_at: None, failures: state.failures };
            }
            Err(error) => {
                // A try may take longer than the time between two.
                state.failed_at = Some(self.clock.now());
                state.failures = state.failures.wrapping_add(1);
                tracing::warn!(issuer = self.issuer, %error, "a provider's metadata cannot be had");
            }
        }
        asked
    }

    async fn ask(&self, before: Option<&Known>) -> Result<Arc<Known>, FederationError> {
        let parse: fn(&[u8], &str) -> _;
        let answer = match self.get(&document_url(&self.issuer)).await {
            // It is no OpenID Provider: an authorization server has its document elsewhere, and says less in it.
            Err(HttpError::Status { status: 404 }) => {
                parse = ProviderMetadata::parse_plain;
                self.get(&oauth_document_url(&self.issuer)).await
            }
            answer => {
                parse = ProviderMetadata::parse;
                answer
            }
        };
        let answer = answer.map_err(|error| fault::http("its metadata", error))?;
        // A page that says to come back later says nothing of the provider.
        if serde_json::from_slice::<HashMap<String, IgnoredAny>>(&answer.body).is_err() {
            return Err(fault::http("its metadata", HttpError::Nonsense { expected: "a JSON object" }));
        }
        let metadata =
            parse(&answer.body, &self.names_itself).map_err(|error| self.explained(error, &answer.body))?;
        let keys = match before {
            // The keys in use stay while their address does.
            Some(known) if known.metadata.jwks_uri == metadata.jwks_uri => known.keys.clone(),
            _ => {
                let source: Arc<dyn FetchDocument> = match metadata.jwks_uri {
                    Some(_) => Arc::new(self.http.clone()),
                    None => Arc::new(NoKeys),
                };
                let url = metadata.jwks_uri.clone().unwrap_or_default();
                Arc::new(JwksCache::new(source, url, JwksPolicy::default(), self.clock.clone()))
            }
        };
        Ok(Arc::new(Known { metadata, keys }))
    }

    async fn get(&self, url: &str) -> Result<Answer, HttpError> {
        let request = Request { url, form: None, headers: Vec::new(), limit: MAX_ANSWER_BYTES };
        self.http.send(request).await?.ok()
    }

    /// Says what to write where nothing but a slash at the end is wrong: an address of a document does not tell whether its issuer
    /// has one.
    fn explained(&self, error: FederationError, document: &[u8]) -> FederationError {
        let FederationError::IssuerMismatch = error else { return error };
        let Ok(Named { issuer }) = serde_json::from_slice(document) else { return error };
        tracing::warn!(expected = self.names_itself, found = ?issuer, "a provider's metadata are another issuer's");
        let bare = |issuer: &str| issuer.strip_suffix('/').unwrap_or(issuer).to_owned();
        if bare(&issuer) != bare(&self.names_itself) {
            return error;
        }
        FederationError::Configuration {
            what: format!("the provider calls itself {issuer}: write the issuer exactly like that"),
        }
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The keys of a server that publishes none.
struct NoKeys;

impl FetchDocument for NoKeys {
    fn fetch<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, Result<FetchedDocument, FetchError>> {
        Box::pin(async { Err(FetchError::Failed("its metadata name no keys".into())) })
    }
}

fn just_failed() -> FederationError {
    FederationError::unavailable("its metadata", "asked for a moment ago, and not there")
}

/// A clock that was set back does not prolong anything.
fn is_within(since: DateTime<Utc>, now: DateTime<Utc>, limit: TimeDelta) -> bool {
    (now - since).abs() < limit
}
