use crate::{client_ip::client_ip_of, session_facts::session_facts};
use http::request::Parts;
use sha2::{Digest, Sha256};
use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

/// Says what requests are counted by.
///
/// ```
/// use axess_http::KeyExtractor;
/// // One bucket per address and user, and one per API key:
/// let both = KeyExtractor::Composite(vec![KeyExtractor::PeerIp, KeyExtractor::UserId]);
/// let plan = KeyExtractor::custom(|parts| parts.extensions.get::<&'static str>().map(|plan| plan.to_string()));
/// assert_eq!(both.kind(), "composite");
/// # let _ = plan;
/// ```
#[derive(Clone)]
pub enum KeyExtractor {
    /// The caller's address as resolved through the trusted proxies, else the connection's own.
    PeerIp,
    /// The same as [`PeerIp`](Self::PeerIp): a forwarded address counts only when it was resolved through the trusted
    /// proxies.
    ForwardedIp,
    /// The same as [`PeerIp`](Self::PeerIp), by the name of the extension it reads.
    ClientIp,
    /// The session, once somebody is authenticated in it; guests count by their address, since anybody can have any number
    /// of guest sessions.
    SessionId,
    /// The user who is logged in.
    UserId,
    /// The tenant of the caller.
    TenantId,
    /// The workload that is calling.
    WorkloadId,
    /// One bucket for all requests.
    Global,
    /// Whatever the application derives. Never derive it from something the client chooses freely: every new value is a
    /// new bucket.
    Custom(Arc<dyn KeyExtractorFn>),
    /// One bucket per combination.
    Composite(Vec<Self>),
}

/// Derives a key from a request; implemented by every suitable closure.
///
/// ```
/// use axess_http::KeyExtractorFn;
/// let by_method = |parts: &http::request::Parts| Some(parts.method.to_string());
/// let (parts, ()) = http::Request::new(()).into_parts();
/// assert_eq!(by_method.key(&parts).as_deref(), Some("GET"));
/// ```
pub trait KeyExtractorFn: Send + Sync {
    /// Returns the key; `None` counts the request against its client address.
    fn key(&self, parts: &Parts) -> Option<String>;
}

/// The name of one bucket: a digest, so that it has one size whatever it was made of and carries no personal data.
///
/// ```
/// use axess_http::BucketKey;
/// let (login, api) = (BucketKey::new("login", "user:1"), BucketKey::new("api", "user:1"));
/// assert_ne!(login, api, "limiters do not share buckets");
/// assert_eq!(login.as_bytes().len(), 16);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketKey([u8; 16]);

impl KeyExtractor {
    /// Makes a [`Custom`](Self::Custom) extractor of a closure.
    #[must_use]
    pub fn custom(key: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::Custom(Arc::new(key))
    }

    /// Returns the stable name of the kind, for audit and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::PeerIp => "peer_ip",
            Self::ForwardedIp => "forwarded_ip",
            Self::ClientIp => "client_ip",
            Self::SessionId => "session_id",
            Self::UserId => "user_id",
            Self::TenantId => "tenant_id",
            Self::WorkloadId => "workload_id",
            Self::Global => "global",
            Self::Custom(_) => "custom",
            Self::Composite(_) => "composite",
        }
    }

    /// Returns the bucket of a request in the limiter called `limiter`.
    pub(super) fn bucket(&self, limiter: &str, parts: &Parts) -> BucketKey {
        let mut digest = Sha256::new();
        absorb(&mut digest, "limiter", limiter);
        self.absorb_into(&mut digest, parts);
        BucketKey::finish(digest)
    }

    fn absorb_into(&self, digest: &mut Sha256, parts: &Parts) {
        let facts = || session_facts(&parts.extensions);
        let key = match self {
            Self::Composite(keys) if !keys.is_empty() => {
                absorb(digest, "composite", &keys.len().to_string());
                return keys.iter().for_each(|key| key.absorb_into(digest, parts));
            }
            Self::Global => Some(String::new()),
            Self::SessionId => facts().session_id.map(|id| id.to_string()),
            Self::UserId => facts().user_id.map(|id| id.to_string()),
            Self::TenantId => facts().tenant_id.map(|id| id.to_string()),
            Self::WorkloadId => facts().workload_id.map(|id| id.as_str().to_owned()),
            Self::Custom(extractor) => extractor.key(parts),
            Self::PeerIp | Self::ForwardedIp | Self::ClientIp | Self::Composite(_) => None,
        };
        match key {
            Some(key) => absorb(digest, self.kind(), &key),
            None => {
                let ip = client_ip_of(&parts.extensions).ip.map(subscriber);
                absorb(digest, "ip", &ip.map_or_else(String::new, |ip| ip.to_string()));
            }
        }
    }
}

impl<F> KeyExtractorFn for F
where
    F: Fn(&Parts) -> Option<String> + Send + Sync,
{
    fn key(&self, parts: &Parts) -> Option<String> {
        self(parts)
    }
}

impl BucketKey {
    /// Names the bucket of `key` in the limiter called `limiter`.
    #[must_use]
    pub fn new(limiter: &str, key: &str) -> Self {
        let mut digest = Sha256::new();
        absorb(&mut digest, "limiter", limiter);
        absorb(&mut digest, "key", key);
        Self::finish(digest)
    }

    /// Returns the 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn finish(digest: Sha256) -> Self {
        let mut name = [0; 16];
        // Half of SHA-256: two keys share a bucket with a chance of 2^-128.
        for (byte, full) in name.iter_mut().zip(digest.finalize()) {
            *byte = full;
        }
        Self(name)
    }
}

impl fmt::Debug for KeyExtractor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Composite(keys) => f.debug_tuple("Composite").field(keys).finish(),
            other => f.write_str(other.kind()),
        }
    }
}

/// Adds a tagged value with its length, so that no two lists of values read the same.
fn absorb(digest: &mut Sha256, tag: &str, value: &str) {
    for part in [tag, value] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
}

/// Reduces an IPv6 address to its /64: one subscriber has all of it.
fn subscriber(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}
