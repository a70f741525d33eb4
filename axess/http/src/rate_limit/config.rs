use super::{BucketStore, KeyExtractor, RateQuota};
use crate::ShellAudit;
use axess_clock::{Clock, SystemClock};
use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

/// Called for every refused request.
pub type OnRateLimit = Arc<dyn Fn(&RateLimitRejection) + Send + Sync>;

/// Called for every request the limiter decides, refused or not.
pub type OnEvaluate = Arc<dyn Fn() + Send + Sync>;

/// The settings of one rate limiter.
///
/// ```
/// use axess_http::{KeyExtractor, RateLimitConfig};
/// use std::time::Duration;
/// let config = RateLimitConfig::builder()
///     .max_requests(5)
///     .window(Duration::from_secs(60))
///     .key(KeyExtractor::PeerIp)
///     .on_reject(std::sync::Arc::new(|rejection| {
///         println!("{} {:?}", rejection.key_kind, rejection.client_ip);
///     }))
///     .build();
/// assert_eq!(config.quota().max_requests(), 5);
/// ```
#[derive(Clone)]
pub struct RateLimitConfig {
    pub(super) name: String,
    pub(super) quota: RateQuota,
    pub(super) key: KeyExtractor,
    pub(super) store: BucketStore,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) audit: Option<ShellAudit>,
    pub(super) on_reject: Option<OnRateLimit>,
    pub(super) on_evaluate: Option<OnEvaluate>,
}

/// Builds a [`RateLimitConfig`].
///
/// Unset, it is what a login wants: 10 requests per minute and client address.
///
/// ```
/// use axess_http::RateLimitConfig;
/// use std::time::Duration;
/// let quota = RateLimitConfig::builder().build().quota();
/// assert_eq!((quota.max_requests(), quota.window()), (10, Duration::from_secs(60)));
/// ```
#[derive(Debug, Clone)]
pub struct RateLimitConfigBuilder {
    max_requests: u32,
    window: Duration,
    config: RateLimitConfig,
}

/// One refused request.
///
/// Nothing in it was chosen by the client but its address.
///
/// ```
/// use axess_http::RateLimitRejection;
/// use std::time::Duration;
/// let rejection = RateLimitRejection {
///     limiter: "login",
///     key_kind: "peer_ip",
///     client_ip: "192.0.2.1".parse().ok(),
///     matched_path: Some("/login"),
///     retry_after: Duration::from_secs(6),
/// };
/// assert_eq!(rejection.retry_after_secs(), 6);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitRejection<'a> {
    /// The limiter's name.
    pub limiter: &'a str,
    /// What requests are counted by: [`KeyExtractor::kind`].
    pub key_kind: &'static str,
    /// The caller's address, when it is known.
    pub client_ip: Option<IpAddr>,
    /// The route as it was declared, such as `/users/{id}`, when routing came before.
    pub matched_path: Option<&'a str>,
    /// The time until a request would be admitted.
    pub retry_after: Duration,
}

impl RateLimitConfig {
    /// Begins a configuration.
    #[must_use]
    pub fn builder() -> RateLimitConfigBuilder {
        let (max_requests, window) = (10, Duration::from_secs(60));
        RateLimitConfigBuilder {
            max_requests,
            window,
            config: Self {
                name: String::new(),
                quota: RateQuota::new(max_requests, window),
                key: KeyExtractor::PeerIp,
                store: BucketStore::default(),
                clock: Arc::new(SystemClock),
                audit: None,
                on_reject: None,
                on_evaluate: None,
            },
        }
    }

    /// Returns how many requests are admitted.
    #[must_use]
    pub fn quota(&self) -> RateQuota {
        self.quota
    }
}

impl RateLimitConfigBuilder {
    /// Sets the burst, which is also how many requests one window refills: 1..=[`MAX_RATE_REQUESTS`](super::MAX_RATE_REQUESTS), else clamped.
    #[must_use]
    pub fn max_requests(mut self, max_requests: u32) -> Self {
        self.max_requests = max_requests;
        self
    }

    /// Sets the window: [`MIN_RATE_WINDOW`](super::MIN_RATE_WINDOW)..=[`MAX_RATE_WINDOW`](super::MAX_RATE_WINDOW), else clamped.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Sets what requests are counted by.
    #[must_use]
    pub fn key(mut self, key: KeyExtractor) -> Self {
        self.config.key = key;
        self
    }

    /// Names the limiter.
    ///
    /// Limiters of different names keep apart in a shared store; equal names share buckets.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.config.name = name.into();
        self
    }

    /// Sets where the buckets live.
    ///
    /// By default every limiter has its own table in memory.
    #[must_use]
    pub fn store(mut self, store: BucketStore) -> Self {
        self.config.store = store;
        self
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.config.clock = clock;
        self
    }

    /// Records every refused request in the audit trail before it is answered, and counts it.
    #[must_use]
    pub fn audit(mut self, audit: ShellAudit) -> Self {
        self.config.audit = Some(audit);
        self
    }

    /// Calls `hook` for every refused request.
    ///
    /// It runs in the request: it must be quick and must not block.
    #[must_use]
    pub fn on_reject(mut self, hook: OnRateLimit) -> Self {
        self.config.on_reject = Some(hook);
        self
    }

    /// Calls `hook` for every request, refused or not.
    ///
    /// It must be quick and must not block.
    #[must_use]
    pub fn on_evaluate(mut self, hook: OnEvaluate) -> Self {
        self.config.on_evaluate = Some(hook);
        self
    }

    /// Ends the configuration.
    #[must_use]
    pub fn build(self) -> RateLimitConfig {
        RateLimitConfig { quota: RateQuota::new(self.max_requests, self.window), ..self.config }
    }
}

impl RateLimitRejection<'_> {
    /// Returns the `Retry-After` the caller was told: whole seconds, rounded up, at least 1.
    #[must_use]
    pub fn retry_after_secs(&self) -> u64 {
        let rounded = self.retry_after.as_secs() + u64::from(self.retry_after.subsec_nanos() > 0);
        rounded.max(1)
    }
}

impl fmt::Debug for RateLimitConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitConfig")
            .field("name", &self.name)
            .field("quota", &self.quota)
            .field("key", &self.key)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
