use crate::{
    JwtSvidConfigError, JwtSvidError, JwtSvidResolverConfig, WorkloadMapping, bundle::BundleSource,
    config::check_algorithms,
};
use axess_clock::Clock;
use axess_factors::federated::ReplayGuard;
use axess_identity::{Issuer, WorkloadId, WorkloadPrincipal};
use axess_jose::{
    Algorithm, Claims, Expectations, FetchDocument, JwksCache, JwksPolicy, Jws, Limits, TypRule, verify_with,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{fmt, sync::Arc};

/// The most bytes of a JWT-SVID.
pub const MAX_JWT_SVID_BYTES: usize = 16 * 1024;

/// The claims without which nothing is believed (JWT-SVID §3, and the age of a token).
const REQUIRED: [&str; 4] = ["sub", "aud", "exp", "iat"];
/// How much longer a token's use is remembered than it is good for: its last moment belongs to it.
const REMEMBERED_BEYOND: TimeDelta = TimeDelta::seconds(1);

/// Says which workload presents a JWT-SVID.
///
/// 1. The token is of compact form and not too large; its `alg` is one that is taken, and it names a key.
/// 2. Its signature fits a key that the trust domain publishes. Where it does not, or there is no such key, the keys are asked
///    for anew, once for all who wait and at most every few seconds ([`JwksPolicy`]).
/// 3. Only now is it believed: it is for one of our audiences, has not ended and is not too old, and is about a workload of
///    the trust domain.
/// 4. The mapping says which tenant and service that is.
/// 5. With a replay guard: nobody presented it before.
///
/// ```
/// use axess_clock::SystemClock;
/// use axess_identity::TenantId;
/// use axess_jose::FetchDocument;
/// use axess_workload::{JwtSvidError, JwtSvidResolver, JwtSvidResolverConfig, PathConvention};
/// use std::sync::Arc;
///
/// async fn who(token: &str, http: Arc<dyn FetchDocument>) -> Result<String, Box<dyn std::error::Error>> {
///     let config = JwtSvidResolverConfig::new(
///         "prod.example.com".parse()?,
///         "https://spire.prod.example.com/keys",
///         "https://api.example.com",
///     );
///     let mapping = PathConvention::new(|slug: String| async move {
///         Ok((slug == "acme").then_some(TenantId::from_parts(0, [1; 10])))
///     });
///     let resolver = JwtSvidResolver::new(config, http, Arc::new(mapping), Arc::new(SystemClock))?;
///     let workload = resolver.resolve(token).await?;
///     Ok(format!("{} of {}", workload.service_name, workload.tenant_slug))
/// }
/// ```
pub struct JwtSvidResolver {
    config: JwtSvidResolverConfig,
    issuer: Issuer,
    /// What its tokens are called where their use is remembered.
    remembered_as: String,
    expected: Expectations,
    max_age: TimeDelta,
    source: Arc<dyn FetchDocument>,
    keys: JwksCache,
    mapping: Arc<dyn WorkloadMapping>,
    replay: Option<Arc<dyn ReplayGuard>>,
    clock: Arc<dyn Clock>,
}

impl JwtSvidResolver {
    /// Makes a resolver that takes RS256 and ES256; it fetches no key before it is asked.
    ///
    /// # Errors
    ///
    /// [`JwtSvidConfigError`], when the configuration cannot be meant.
    pub fn new(
        config: JwtSvidResolverConfig,
        source: Arc<dyn FetchDocument>,
        mapping: Arc<dyn WorkloadMapping>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JwtSvidConfigError> {
        config.check()?;
        let skew = TimeDelta::from_std(config.clock_skew).map_err(|_| JwtSvidConfigError::ClockSkew)?;
        let max_age = TimeDelta::from_std(config.max_token_age).map_err(|_| JwtSvidConfigError::TokenAge)?;
        let expected = Expectations {
            // SPIFFE asks for none: who vouches is whose keys fit.
            issuer: None,
            audience: Some(config.expected_audiences.clone()),
            typ: TypRule::NoneOr(&["JWT", "JOSE"]),
            algorithms: vec![Algorithm::Rs256, Algorithm::Es256],
            leeway: skew,
            ahead: skew,
            max_age: Some(max_age),
            max_lifetime: None,
            required: REQUIRED.to_vec(),
            limits: Limits { max_bytes: MAX_JWT_SVID_BYTES, ..Limits::default() },
        };
        let source: Arc<dyn FetchDocument> = Arc::new(BundleSource(source));
        let keys = JwksCache::new(
            Arc::clone(&source),
            config.jwks_url.clone(),
            JwksPolicy::default(),
            Arc::clone(&clock),
        );
        Ok(Self {
            issuer: Issuer::from(config.jwks_url.as_str()),
            remembered_as: format!("jwt-svid:{}", config.trust_domain),
            config,
            expected,
            max_age,
            source,
            keys,
            mapping,
            replay: None,
            clock,
        })
    }

    /// Takes tokens signed with these algorithms.
    ///
    /// # Errors
    ///
    /// [`JwtSvidConfigError::Algorithms`] for none, and for EdDSA, which no JWT-SVID has.
    pub fn with_algorithms(mut self, algorithms: &[Algorithm]) -> Result<Self, JwtSvidConfigError> {
        check_algorithms(algorithms)?;
        self.expected.algorithms = algorithms.to_vec();
        Ok(self)
    }

    /// Takes each token once, and only those with a `jti`; default: as often as it is presented, until it ends.
    ///
    /// Workloads have to ask their agent for a new token for each request then: most keep one until it ends. Instances
    /// behind one address share what `replay` remembers.
    #[must_use]
    pub fn with_replay_guard(mut self, replay: Arc<dyn ReplayGuard>) -> Self {
        self.expected.required = REQUIRED.into_iter().chain(["jti"]).collect();
        self.replay = Some(replay);
        self
    }

    /// Sets how long keys are good for, and how often they are asked for; default: an hour, and every 5 seconds at most.
    #[must_use]
    pub fn with_jwks_policy(mut self, policy: JwksPolicy) -> Self {
        let (source, url) = (Arc::clone(&self.source), self.config.jwks_url.clone());
        self.keys = JwksCache::new(source, url, policy, Arc::clone(&self.clock));
        self
    }

    /// Returns whose tokens are taken, and for whom.
    #[must_use]
    pub fn config(&self) -> &JwtSvidResolverConfig {
        &self.config
    }

    /// Says which workload presents a token.
    ///
    /// Its attributes are all claims but `sub`; none is looked at before the signature was found good.
    ///
    /// # Errors
    ///
    /// [`JwtSvidError`]; its [`fault`](JwtSvidError::fault) says whose it is.
    pub async fn resolve(&self, token: &str) -> Result<WorkloadPrincipal, JwtSvidError> {
        // Without a name, which key is meant would be a matter of how many there are.
        if Jws::parse(token, self.expected.limits)?.kid().is_none_or(str::is_empty) {
            return Err(JwtSvidError::Malformed("the header names no key"));
        }
        let claims = verify_with(token, &self.keys, &self.expected, &self.clock).await?;
        let workload_id = self.workload(&claims)?;
        let place = self.mapping.place(&workload_id, &claims).await;
        let place = place.map_err(|source| JwtSvidError::Unavailable { what: "the mapping", source })?;
        let place = place.ok_or(JwtSvidError::UnknownWorkload)?;
        self.take_once(&claims).await?;
        Ok(WorkloadPrincipal {
            trust_domain: workload_id.trust_domain().clone(),
            workload_id,
            issuer: self.issuer.clone(),
            tenant_id: place.tenant_id,
            tenant_slug: place.tenant_slug,
            service_name: place.service_name,
            attributes: claims.into_map().into_iter().filter(|(name, _)| name != "sub").collect(),
        })
    }

    /// Reads whom the token is about.
    fn workload(&self, claims: &Claims) -> Result<WorkloadId, JwtSvidError> {
        let subject = claims.subject().ok_or(JwtSvidError::MissingClaim("sub"))?;
        let workload: WorkloadId = subject.parse().map_err(JwtSvidError::NotASpiffeId)?;
        if *workload.trust_domain() != self.config.trust_domain {
            return Err(JwtSvidError::TrustDomainMismatch);
        }
        Ok(workload)
    }

    /// Uses the token up, where that is asked for.
    async fn take_once(&self, claims: &Claims) -> Result<(), JwtSvidError> {
        let Some(replay) = &self.replay else { return Ok(()) };
        let id = claims.id().filter(|id| !id.is_empty()).ok_or(JwtSvidError::MissingClaim("jti"))?;
        let until = self.good_until(claims).ok_or(JwtSvidError::MissingClaim("exp"))?;
        match replay.claim(&self.remembered_as, id, until, self.clock.now()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(JwtSvidError::Replayed),
            Err(error) => Err(JwtSvidError::replay(error)),
        }
    }

    /// Says when the token could no longer be presented anyhow.
    fn good_until(&self, claims: &Claims) -> Option<DateTime<Utc>> {
        let too_old = claims.issued_at()?.checked_add_signed(self.max_age)?;
        let end = claims.expires_at()?.min(too_old);
        end.checked_add_signed(self.expected.leeway)?.checked_add_signed(REMEMBERED_BEYOND)
    }
}

impl fmt::Debug for JwtSvidResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtSvidResolver").field("config", &self.config).finish_non_exhaustive()
    }
}
