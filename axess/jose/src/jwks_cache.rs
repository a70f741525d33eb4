use crate::{
    Algorithm, BoxFuture, FetchDocument, FetchError, JoseError, JwkSet, MAX_JWK_SET_BYTES, VerificationKey,
};
use axess_clock::Clock;
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::Shared};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long fetched keys are good for, and how often they are asked for.
///
/// ```
/// use axess_jose::JwksPolicy;
/// use std::time::Duration;
/// let policy = JwksPolicy { ttl: Duration::from_secs(600), ..JwksPolicy::default() };
/// assert_eq!(policy.keep_stale, Duration::from_secs(24 * 60 * 60));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JwksPolicy {
    /// How long keys are used without asking again; a shorter `max_age` of the source counts, down to `debounce`.
    pub ttl: Duration,
    /// The least time between two fetches, whatever is asked for.
    pub debounce: Duration,
    /// How old keys may get while their source fails; past it they are refused.
    pub keep_stale: Duration,
}

impl Default for JwksPolicy {
    /// An hour, 5 seconds, 24 hours.
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(60 * 60),
            debounce: Duration::from_secs(5),
            keep_stale: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// The keys that an issuer publishes at one address, fetched when needed and kept.
///
/// - **One flight.** However many callers need keys, one fetch runs; they share it. A caller that is dropped hands it on.
/// - **Unknown names.** A `kid` that is not known fetches again, for keys rotate, but no more often than `debounce` allows:
///   made-up names cost the issuer one request each 5 seconds.
/// - **Names used again.** Where the key of a name is for another algorithm, or a signature does not fit it
///   ([`verify_with`](crate::verify_with)), the issuer is asked once whether it has put another key under the name, as seldom:
///   then the answer counts.
/// - **Failures.** When a fetch fails, what was known is used until it is `keep_stale` old; the next attempt comes after
///   `debounce`. While one caller asks anew, the others go on with the keys they have.
/// - **Clock.** Ages are distances to the injected clock in either direction: a clock that was set back by more than a life ends it.
/// - **Size.** [`MAX_JWK_SET_BYTES`] and [`MAX_JWK_SET_KEYS`](crate::MAX_JWK_SET_KEYS). A document past these, or that is no
///   set, is a failure and replaces nothing; a set without keys is an answer.
///
/// There is no task behind it: a fetch moves on while a caller waits for it.
///
/// ```
/// use axess_clock::SystemClock;
/// use axess_jose::{Algorithm, FetchDocument, JoseError, JwksCache, JwksPolicy};
/// use std::sync::Arc;
///
/// async fn example(source: Arc<dyn FetchDocument>) -> Result<(), JoseError> {
///     let url = "https://login.example.com/keys".to_owned();
///     let keys = JwksCache::new(source, url, JwksPolicy::default(), Arc::new(SystemClock));
///     let key = keys.key(Some("2026"), Algorithm::Es256).await?;
///     assert!(key.allows(Algorithm::Es256));
///     Ok(())
/// }
/// ```
pub struct JwksCache {
    source: Arc<dyn FetchDocument>,
    url: Arc<str>,
    policy: JwksPolicy,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: Option<Known>,
    /// When the last fetch began.
    tried_at: Option<DateTime<Utc>>,
    /// Why the last fetch failed, if it did.
    failed: Option<Arc<FetchError>>,
    flight: Option<Flight>,
}

struct Known {
    set: Arc<JwkSet>,
    /// When the fetch that brought them began: they are never younger than they are said to be.
    since: DateTime<Utc>,
    life: Duration,
}

#[derive(Clone)]
struct Flight {
    began: DateTime<Utc>,
    load: Shared<BoxFuture<'static, Landing>>,
}

type Landing = Result<(Arc<JwkSet>, Option<Duration>), Arc<FetchError>>;

/// What the state says about a key.
enum Seen {
    Fresh(Arc<VerificationKey>),
    /// Its life is over, but it may still be used if nothing newer is to be had.
    Stale(Arc<VerificationKey>),
    /// There are keys, and it is not among them.
    Unknown,
    /// It is there, and for another algorithm.
    Refused,
    /// There are no keys that may be used.
    Nothing,
}

impl JwksCache {
    /// Creates a cache that has fetched nothing yet.
    #[must_use]
    pub fn new(
        source: Arc<dyn FetchDocument>,
        url: String,
        policy: JwksPolicy,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { source, url: url.into(), policy, clock, state: Mutex::default() }
    }

    /// Returns the address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Finds a key by its name, fetching when needed; see [`JwkSet::find`] for tokens without a name.
    ///
    /// # Errors
    ///
    /// [`JoseError::KeyUnknown`]; [`JoseError::AlgorithmRefused`] when the key of that name is for another algorithm;
    /// [`JoseError::KeysUnavailable`] when there is nothing that may be used.
    pub async fn key(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<VerificationKey>, JoseError> {
        let flight = {
            let now = self.clock.now();
            let mut state = self.lock();
            match state.look(kid, algorithm, now, self.policy.keep_stale) {
                Seen::Fresh(key) => return Ok(key),
                Seen::Stale(key) => match self.board(&mut state, now, true) {
                    Some(flight) => Some(flight),
                    None => return Ok(key),
                },
                Seen::Unknown | Seen::Refused | Seen::Nothing => self.board(&mut state, now, false),
            }
        };
        if let Some(flight) = flight {
            let landing = flight.load.clone().await;
            self.land(&flight, landing);
        }
        let state = self.lock();
        match state.look(kid, algorithm, self.clock.now(), self.policy.keep_stale) {
            Seen::Fresh(key) | Seen::Stale(key) => Ok(key),
            Seen::Unknown => Err(JoseError::KeyUnknown),
            Seen::Refused => Err(JoseError::AlgorithmRefused),
            Seen::Nothing => Err(JoseError::KeysUnavailable(state.why())),
        }
    }

    /// Finds the key that took the name of another, which did not fit; `None` while it is too early to ask again, or when
    /// there is none.
    pub(crate) async fn successor(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        of: &VerificationKey,
    ) -> Option<Arc<VerificationKey>> {
        let flight = {
            let now = self.clock.now();
            let mut state = self.lock();
            match state.look(kid, algorithm, now, self.policy.keep_stale) {
                // Somebody else has asked since.
                Seen::Fresh(key) if !key.is_same_key(of) => return Some(key),
                _ => self.board(&mut state, now, false)?,
            }
        };
        let landing = flight.load.clone().await;
        self.land(&flight, landing);
        match self.lock().look(kid, algorithm, self.clock.now(), self.policy.keep_stale) {
            Seen::Fresh(key) if !key.is_same_key(of) => Some(key),
            _ => None,
        }
    }

    /// Joins the fetch that runs or begins one; `None` when it is too early for another, or when the caller can do without
    /// and somebody else already waits for it.
    fn board(&self, state: &mut State, now: DateTime<Utc>, can_do_without: bool) -> Option<Flight> {
        if let Some(flight) = &state.flight {
            // The state holds one of the handles; each caller that waits holds another.
            let is_driven = flight.load.strong_count().is_some_and(|handles| handles > 1);
            if is_driven || distance(now, flight.began) < self.policy.debounce {
                return (!(can_do_without && is_driven)).then(|| flight.clone());
            }
        }
        // What is left of a flight that everybody left long ago is dropped: what it waits for has probably gone.
        state.flight = None;
        if state.tried_at.is_some_and(|at| distance(now, at) < self.policy.debounce) {
            return None;
        }
        state.tried_at = Some(now);
        let flight =
            Flight { began: now, load: load(Arc::clone(&self.source), Arc::clone(&self.url)).shared() };
        state.flight = Some(flight.clone());
        Some(flight)
    }

    /// Takes in what a fetch brought, once.
    fn land(&self, flight: &Flight, landing: Landing) {
        let mut state = self.lock();
        if !state.flight.as_ref().is_some_and(|current| current.load.ptr_eq(&flight.load)) {
            return;
        }
        state.flight = None;
        match landing {
            Ok((set, max_age)) => {
                let life =
                    max_age.map_or(self.policy.ttl, |age| age.max(self.policy.debounce).min(self.policy.ttl));
                state.known = Some(Known { set, since: flight.began, life });
                state.failed = None;
            }
            Err(error) => {
                tracing::warn!(
                    url = &*self.url,
                    error = &*error as &dyn std::error::Error,
                    "keys cannot be fetched"
                );
                state.failed = Some(error);
            }
        }
    }

    /// Nothing that runs under the lock panics half-way, so a poisoned one is still good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn look(&self, kid: Option<&str>, algorithm: Algorithm, now: DateTime<Utc>, keep: Duration) -> Seen {
        let Some(known) = &self.known else { return Seen::Nothing };
        let age = distance(now, known.since);
        let is_fresh = age < known.life;
        if !is_fresh && age >= keep {
            return Seen::Nothing;
        }
        match known.set.find(kid, algorithm) {
            Some(key) if is_fresh => Seen::Fresh(Arc::clone(key)),
            Some(key) => Seen::Stale(Arc::clone(key)),
            None if is_fresh && kid.is_some_and(|kid| known.set.names(kid)) => Seen::Refused,
            None => Seen::Unknown,
        }
    }

    fn why(&self) -> Arc<FetchError> {
        let unknown = || Arc::new(FetchError::Failed("it is being asked for too often".into()));
        self.failed.clone().unwrap_or_else(unknown)
    }
}

impl fmt::Debug for JwksCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwksCache")
            .field("url", &self.url)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

fn load(source: Arc<dyn FetchDocument>, url: Arc<str>) -> BoxFuture<'static, Landing> {
    Box::pin(async move {
        let document = source.fetch(&url, MAX_JWK_SET_BYTES).await.map_err(Arc::new)?;
        let set = JwkSet::parse(&document.bytes).map_err(|error| {
            Arc::new(match error {
                JoseError::TooLarge => FetchError::TooLarge,
                _ => FetchError::Malformed,
            })
        })?;
        Ok((Arc::new(set), document.max_age))
    })
}

fn distance(a: DateTime<Utc>, b: DateTime<Utc>) -> Duration {
    (a - b).abs().to_std().unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests;
