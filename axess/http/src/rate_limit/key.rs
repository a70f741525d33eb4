use super::BucketKey;
use crate::{client_ip::client_ip_of, session_facts::session_facts};
use http::request::Parts;
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
        let mut values = vec![("limiter", limiter.to_owned())];
        self.collect_into(&mut values, parts);
        BucketKey::digest(values.iter().map(|(tag, value)| (*tag, value.as_str())))
    }

    fn collect_into(&self, values: &mut Vec<(&'static str, String)>, parts: &Parts) {
        let facts = || session_facts(&parts.extensions);
        let key = match self {
            Self::Composite(keys) if !keys.is_empty() => {
                values.push(("composite", keys.len().to_string()));
                return keys.iter().for_each(|key| key.collect_into(values, parts));
            }
            Self::Global => Some(String::new()),
            Self::SessionId => facts().session_id.map(|id| id.to_string()),
            Self::UserId => facts().user_id.map(|id| id.to_string()),
            Self::TenantId => facts().tenant_id.map(|id| id.to_string()),
            Self::WorkloadId => facts().workload_id.map(|id| id.as_str().to_owned()),
            Self::Custom(extractor) => extractor.key(parts),
            Self::PeerIp | Self::ForwardedIp | Self::ClientIp | Self::Composite(_) => None,
        };
        values.push(match key {
            Some(key) => (self.kind(), key),
            None => {
                let ip = client_ip_of(&parts.extensions).ip.map(subscriber);
                ("ip", ip.map_or_else(String::new, |ip| ip.to_string()))
            }
        });
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

impl fmt::Debug for KeyExtractor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Composite(keys) => f.debug_tuple("Composite").field(keys).finish(),
            other => f.write_str(other.kind()),
        }
    }
}

/// Reduces an IPv6 address to its /64: one subscriber has all of it.
fn subscriber(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}
