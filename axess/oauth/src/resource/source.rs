use super::TokenRefusal;
use crate::{Introspection, http::HttpClient, metadata::MetadataSource, provider::OidcProvider};
use axess_cache::ClockTtlCache;
use axess_clock::Clock;
use axess_jose::{JwksCache, s256};
use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

/// The most answers about opaque tokens that are kept.
pub const MAX_CACHED_INTROSPECTIONS: NonZeroUsize = match NonZeroUsize::new(10_000) {
    Some(entries) => entries,
    None => NonZeroUsize::MIN,
};
/// The longest time an answer about an opaque token may be kept: as long as a revocation may go unnoticed.
pub const MAX_INTROSPECTION_AGE: Duration = Duration::from_secs(60);

/// Where it comes from whether a token is good.
///
/// ```
/// use axess_clock::SystemClock;
/// use axess_oauth::{HttpClient, HttpSettings, TokenSource};
/// use std::sync::Arc;
/// let http = HttpClient::new(&HttpSettings::default())?;
/// let source = TokenSource::discovered(http, "https://login.example.com", Arc::new(SystemClock));
/// # let _ = source;
/// # Ok::<(), axess_oauth::HttpError>(())
/// ```
pub struct TokenSource(pub(super) Kind);

pub(super) enum Kind {
    Keys(Arc<JwksCache>),
    Discovered(Box<MetadataSource>),
    Introspected { provider: Arc<OidcProvider>, cache: Box<ClockTtlCache<String, Arc<Introspection>>> },
}

impl TokenSource {
    /// Takes signed tokens (RFC 9068), with these keys.
    #[must_use]
    pub fn keys(keys: Arc<JwksCache>) -> Self {
        Self(Kind::Keys(keys))
    }

    /// Takes signed tokens (RFC 9068), with the keys that the issuer publishes.
    #[must_use]
    pub fn discovered(http: HttpClient, issuer: &str, clock: Arc<dyn Clock>) -> Self {
        Self(Kind::Discovered(Box::new(MetadataSource::new(http, issuer.to_owned(), clock))))
    }

    /// Takes opaque tokens, and asks the issuer about each (RFC 7662).
    ///
    /// An answer is kept for `age`, at most [`MAX_INTROSPECTION_AGE`]; zero asks each time.
    #[must_use]
    pub fn introspected(provider: Arc<OidcProvider>, age: Duration, clock: Arc<dyn Clock>) -> Self {
        let cache = ClockTtlCache::new(MAX_CACHED_INTROSPECTIONS, age.min(MAX_INTROSPECTION_AGE), clock);
        Self(Kind::Introspected { provider, cache: Box::new(cache) })
    }

    /// Returns the keys, for a source of signed tokens.
    pub(super) async fn key_set(&self) -> Result<Option<Arc<JwksCache>>, TokenRefusal> {
        match &self.0 {
            Kind::Keys(keys) => Ok(Some(keys.clone())),
            Kind::Discovered(source) => {
                Ok(Some(source.known().await.map_err(TokenRefusal::federation)?.keys.clone()))
            }
            Kind::Introspected { .. } => Ok(None),
        }
    }

    /// Asks about an opaque token, or remembers what was answered.
    pub(super) async fn introspection(
        &self,
        token: &str,
    ) -> Result<Option<Arc<Introspection>>, TokenRefusal> {
        let Kind::Introspected { provider, cache } = &self.0 else { return Ok(None) };
        // The name of an entry opens nothing.
        let name = s256(token.as_bytes());
        let secret = token.into();
        let load = || async { provider.introspect(&secret, None).await.map(Arc::new) };
        let answer = cache.get_or_try_load(name.clone(), load).await.map_err(TokenRefusal::federation)?;
        if !answer.is_active {
            // A stranger's guesses must not push out what others use.
            cache.invalidate(&name);
        }
        Ok(Some(answer))
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Keys(_) => "TokenSource::keys",
            Kind::Discovered(_) => "TokenSource::discovered",
            Kind::Introspected { .. } => "TokenSource::introspected",
        })
    }
}
