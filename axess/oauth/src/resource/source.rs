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
    ///
    /// Its metadata are those of an OpenID Provider, or where there are none those of an authorization server (RFC 8414).
    #[must_use]
    pub fn discovered(http: HttpClient, issuer: &str, clock: Arc<dyn Clock>) -> Self {
        Self(Kind::Discovered(Box::new(MetadataSource::new(http, issuer.to_owned(), clock))))
    }

    /// Takes opaque tokens, and asks the issuer about each (RFC 7662).
    ///
    /// That a token is good is kept for `age`, at most [`MAX_INTROSPECTION_AGE`]; zero asks each time. That one is not is never
    /// kept: nobody's guesses push out what others use, and a token that becomes good is good at once.
    #[must_use]
    pub fn introspected(provider: Arc<OidcProvider>, age: Duration, clock: Arc<dyn Clock>) -> Self {
        Self::keeping(MAX_CACHED_INTROSPECTIONS, provider, age, clock)
    }

    fn keeping(
        most: NonZeroUsize,
        provider: Arc<OidcProvider>,
        age: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let cache = ClockTtlCache::new(most, age.min(MAX_INTROSPECTION_AGE), clock);
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

    /// Asks about an opaque token, or remembers what was answered; nothing of one that is not good.
    pub(super) async fn introspection(
        &self,
        token: &str,
    ) -> Result<Option<Arc<Introspection>>, TokenRefusal> {
        let Kind::Introspected { provider, cache } = &self.0 else { return Ok(None) };
        // The name of an entry opens nothing.
        let name = s256(token.as_bytes());
        let secret = token.into();
        let load = || async {
            match provider.introspect(&secret, None).await {
                Ok(answer) if answer.is_active => Ok(Arc::new(answer)),
                Ok(_) => Err(None),
                Err(error) => Err(Some(error)),
            }
        };
        match cache.get_or_try_load(name, load).await {
            Ok(answer) => Ok(Some(answer)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(TokenRefusal::federation(error)),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HttpSettings, OAuthProviderConfig};
    use axess_clock::{Clock, SystemClock};
    use axess_rng::SystemRng;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    /// An issuer that knows every token with `good` in it, and counts what it is asked.
    async fn issuer() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (base, asked) =
            (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
        let (issuer, count) = (base.clone(), asked.clone());
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut request = String::new();
                let mut room = [0; 4096];
                while !request.contains("well-known") && !request.contains("token=") {
                    let read = connection.read(&mut room).await.unwrap();
                    request.push_str(&String::from_utf8_lossy(&room[..read]));
                }
                let body = if request.contains("well-known") {
                    serde_json::json!({ "issuer": issuer, "authorization_endpoint": format!("{issuer}/a"),
                        "token_endpoint": format!("{issuer}/t"), "jwks_uri": format!("{issuer}/k"),
                        "introspection_endpoint": format!("{issuer}/i") })
                } else {
                    count.fetch_add(1, Ordering::SeqCst);
                    serde_json::json!({ "active": request.contains("good"), "sub": "alice" })
                };
                let head = "HTTP/1.1 200 X\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n";
                connection.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
                connection.shutdown().await.unwrap();
            }
        });
        (base, asked)
    }

    #[tokio::test]
    async fn guesses_push_out_nothing_and_are_not_kept() {
        let (base, asked) = issuer().await;
        let config =
            OAuthProviderConfig::discover(&base, "api", "secret", "https://app.example.com/callback");
        let http = HttpClient::new(&HttpSettings::default()).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let provider = OidcProvider::new(config, http, clock.clone(), Arc::new(SystemRng)).unwrap();
        let two = NonZeroUsize::new(2).unwrap();
        let source = TokenSource::keeping(two, Arc::new(provider), Duration::from_secs(60), clock);
        for token in ["good-1", "good-2"] {
            assert!(source.introspection(token).await.unwrap().is_some());
        }
        for n in 0..20 {
            assert!(source.introspection(&format!("guess-{n}")).await.unwrap().is_none());
        }
        assert!(source.introspection("guess-0").await.unwrap().is_none());
        assert_eq!(asked.load(Ordering::SeqCst), 23, "each guess is asked about each time");
        for token in ["good-1", "good-2"] {
            assert!(source.introspection(token).await.unwrap().is_some());
        }
        assert_eq!(asked.load(Ordering::SeqCst), 23, "what is good is still known");
        assert!(source.introspection("good-3").await.unwrap().is_some());
        assert!(source.introspection("good-2").await.unwrap().is_some());
        assert_eq!(asked.load(Ordering::SeqCst), 24, "only the one used least makes room");
    }
}
