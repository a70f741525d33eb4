//! A trust domain whose keys, answers and clock are a test's own.

use axess_clock::{Clock, MockClock};
use axess_identity::{TenantId, WorkloadPrincipal};
use axess_jose::{
    Algorithm, BoxFuture, FetchDocument, FetchError, FetchedDocument, MAX_JWK_SET_BYTES, SigningKey,
};
use axess_workload::{JwtSvidError, JwtSvidResolver, JwtSvidResolverConfig, PathConvention, WorkloadMapping};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::sync::{
    Arc, LazyLock, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::Notify;

pub(crate) const DOMAIN: &str = "prod.example.com";
pub(crate) const URL: &str = "https://spire.prod.example.com/keys";
pub(crate) const API: &str = "https://api.example.com";
pub(crate) const BILLING: &str = "spiffe://prod.example.com/svc/billing/acme";

/// RSA keys take long to make: one for all.
pub(crate) static RSA: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Rs256).unwrap().with_kid("rsa"));

/// Where the keys are, as a test wants it to answer.
#[derive(Default)]
pub(crate) struct Published {
    answer: Mutex<Option<Vec<u8>>>,
    asked: AtomicUsize,
    slow: Mutex<Option<Arc<Notify>>>,
}

pub(crate) struct Ground {
    pub(crate) key: SigningKey,
    pub(crate) published: Arc<Published>,
    pub(crate) clock: MockClock,
    pub(crate) resolver: JwtSvidResolver,
}

impl Published {
    pub(crate) fn keys(&self, keys: &[Value]) {
        self.bytes(json!({ "keys": keys }).to_string());
    }

    pub(crate) fn bytes(&self, bytes: impl Into<Vec<u8>>) {
        *self.answer.lock().unwrap() = Some(bytes.into());
    }

    pub(crate) fn is_down(&self) {
        *self.answer.lock().unwrap() = None;
    }

    /// Lets no answer through until told.
    pub(crate) fn is_slow(&self) -> Arc<Notify> {
        Arc::clone(self.slow.lock().unwrap().insert(Arc::default()))
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl FetchDocument for Published {
    fn fetch<'a>(&'a self, url: &'a str, limit: usize) -> BoxFuture<'a, Result<FetchedDocument, FetchError>> {
        assert_eq!((url, limit), (URL, MAX_JWK_SET_BYTES), "nothing else is ever fetched");
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let slow = self.slow.lock().unwrap().clone();
            if let Some(slow) = slow {
                slow.notified().await;
            }
            let bytes = self.answer.lock().unwrap().clone();
            let bytes = bytes.ok_or(FetchError::Failed("connection refused".into()))?;
            if bytes.len() > limit {
                return Err(FetchError::TooLarge);
            }
            Ok(FetchedDocument { bytes, max_age: None })
        })
    }
}

impl Ground {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |resolver| resolver)
    }

    pub(crate) fn with(
        change: impl FnOnce(&mut JwtSvidResolverConfig),
        finish: impl FnOnce(JwtSvidResolver) -> JwtSvidResolver,
    ) -> Self {
        Self::mapped(change, finish, Arc::new(tenants()))
    }

    pub(crate) fn mapped(
        change: impl FnOnce(&mut JwtSvidResolverConfig),
        finish: impl FnOnce(JwtSvidResolver) -> JwtSvidResolver,
        mapping: Arc<dyn WorkloadMapping>,
    ) -> Self {
        let key = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("ec");
        let published = Arc::new(Published::default());
        published.keys(&[key.public_jwk(), RSA.public_jwk()]);
        let clock = MockClock::new(DateTime::from_timestamp(1_767_225_600, 0).unwrap());
        let mut config = JwtSvidResolverConfig::new(DOMAIN.parse().unwrap(), URL, API);
        change(&mut config);
        let source: Arc<dyn FetchDocument> = published.clone();
        let resolver = JwtSvidResolver::new(config, source, mapping, Arc::new(clock.clone())).unwrap();
        Self { key, published, clock, resolver: finish(resolver) }
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }

    /// What the issuer says of the billing service.
    pub(crate) fn claims(&self) -> Value {
        json!({ "sub": BILLING, "aud": [API], "iat": self.now(), "exp": self.now() + 300, "jti": "1" })
    }

    /// The same with some claims changed, or taken away where they are null.
    pub(crate) fn claims_but(&self, changes: Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
                value => _ = claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            }
        }
        claims
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.key.sign("JWT", claims).unwrap()
    }

    pub(crate) fn good(&self) -> String {
        self.token(&self.claims())
    }

    /// Signs any payload under any header.
    pub(crate) fn raw(&self, header: &str, payload: &str) -> String {
        signed(&self.key, header, payload)
    }

    pub(crate) async fn resolve(&self, token: &str) -> Result<WorkloadPrincipal, JwtSvidError> {
        self.resolver.resolve(token).await
    }

    /// Resolves a token with changed claims and returns why it was refused; nothing when it was not.
    pub(crate) async fn verdict(&self, changes: Value) -> String {
        let token = self.token(&self.claims_but(changes));
        said(&self.resolve(&token).await)
    }

    pub(crate) fn later(&self, seconds: i64) {
        self.clock.jump(TimeDelta::seconds(seconds));
    }
}

/// Writes a verdict short: `good`, or the name of the error.
pub(crate) fn said(verdict: &Result<WorkloadPrincipal, JwtSvidError>) -> String {
    match verdict {
        Ok(_) => "good".to_owned(),
        Err(error) => {
            let text = format!("{error:?}");
            let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
            text[..end].to_owned()
        }
    }
}

pub(crate) fn encoded(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

pub(crate) fn signed(key: &SigningKey, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", encoded(header), encoded(payload));
    let signature = key.sign_bytes(signed.as_bytes()).unwrap();
    format!("{signed}.{}", encoded(signature))
}

pub(crate) fn acme() -> TenantId {
    TenantId::from_parts(0, [1; 10])
}

/// Knows the tenant `acme`.
pub(crate) fn tenants() -> impl WorkloadMapping {
    PathConvention::new(|slug: String| async move { Ok((slug == "acme").then(acme)) })
}

pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}
