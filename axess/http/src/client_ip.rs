//! Which address a request really comes from, when proxies stand in between.
//!
//! Decision rules, first match wins:
//!
//! 1. The connection's peer is unknown: the address is unknown. A header alone proves nothing.
//! 2. The peer is not a trusted proxy: the address is the peer's, whatever any header says.
//! 3. The configured header is walked from the right, where the nearest proxy wrote: several header lines are one list in
//!    order of arrival. The first hop that is not a trusted proxy is the address.
//! 4. A hop that is no address stops the walk at the last good hop: empty, malformed, `unknown`, obfuscated (`_hidden`),
//!    with a zone id, or an element of `Forwarded` without exactly one `for`. A port is ignored.
//! 5. Every hop is trusted: the address is the leftmost.
//! 6. After [`MAX_HOPS`] hops or [`MAX_FORWARDED_BYTES`] bytes the walk stops at the last good hop.
//!
//! So whoever is not a trusted proxy cannot influence the result except by what their own address is: everything they
//! write stands to the left of what the first trusted proxy appended.
//!
//! IPv4-mapped IPv6 addresses are the IPv4 address everywhere, in the configuration too.

mod hops;
mod layer;
#[cfg(test)]
mod tests;
mod trusted;

pub use hops::{MAX_FORWARDED_BYTES, MAX_HOPS};
pub(crate) use layer::client_ip_of;
pub use layer::{ClientIpLayer, ClientIpService, PeerAddr, peer_ip};
pub use trusted::{TrustedProxies, TrustedProxiesError};

use http::{HeaderMap, HeaderName};
use std::net::IpAddr;

/// Says which proxies are believed, and where they write the address they saw.
///
/// The default believes nobody, so the address is the peer's.
///
/// ```
/// use axess_http::{ClientIpConfig, ForwardedHeader, TrustedProxies};
/// let config = ClientIpConfig {
///     trusted: TrustedProxies::parse(["10.0.0.0/8", "2001:db8::7"]).unwrap(),
///     header: ForwardedHeader::Forwarded,
/// };
/// assert!(config.trusted.contains("10.1.2.3".parse().unwrap()));
/// ```
#[derive(Debug, Clone, Default)]
pub struct ClientIpConfig {
    /// The proxies whose header is read.
    pub trusted: TrustedProxies,
    /// The header they write. Only this one is ever read.
    pub header: ForwardedHeader,
}

/// Names the header that carries the addresses a request passed through.
///
/// ```
/// use axess_http::ForwardedHeader;
/// let header = ForwardedHeader::Custom(http::HeaderName::from_static("x-real-ip"));
/// assert_ne!(header, ForwardedHeader::default());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: a comma-separated list of addresses.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// Any other header with one address or a comma-separated list of them.
    Custom(HeaderName),
}

/// The address of a request's client, and how it became known.
///
/// ```
/// use axess_http::{ClientIp, ClientIpConfig, IpSource, TrustedProxies, resolve_client_ip};
/// let config = ClientIpConfig { trusted: TrustedProxies::parse(["10.0.0.0/8"]).unwrap(), ..Default::default() };
/// let mut headers = http::HeaderMap::new();
/// headers.append("x-forwarded-for", "6.6.6.6, 198.51.100.7".parse().unwrap());
///
/// let through_proxy = resolve_client_ip("10.0.0.1".parse().ok(), &headers, &config);
/// assert_eq!(through_proxy.ip, "198.51.100.7".parse().ok());
/// assert_eq!(through_proxy.source, IpSource::Header);
///
/// let direct = resolve_client_ip("203.0.113.9".parse().ok(), &headers, &config);
/// assert_eq!(direct.ip, "203.0.113.9".parse().ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientIp {
    /// The address; `None` exactly when the source is [`IpSource::Unknown`].
    pub ip: Option<IpAddr>,
    /// How it became known.
    pub source: IpSource,
}

/// Says how a client address became known.
///
/// ```
/// use axess_http::{ClientIp, IpSource};
/// assert_eq!(ClientIp::UNKNOWN.source, IpSource::Unknown);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpSource {
    /// From the connection.
    Peer,
    /// From the header of a trusted proxy.
    Header,
    /// It did not.
    Unknown,
}

impl ClientIp {
    /// No address is known.
    pub const UNKNOWN: Self = Self { ip: None, source: IpSource::Unknown };

    /// Takes the connection's own address.
    #[must_use]
    pub fn from_peer(peer: Option<IpAddr>) -> Self {
        peer.map_or(Self::UNKNOWN, |ip| Self { ip: Some(ip.to_canonical()), source: IpSource::Peer })
    }
}

impl ForwardedHeader {
    /// Returns the header's name.
    #[must_use]
    pub fn name(&self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => http::header::FORWARDED,
            Self::Custom(name) => name.clone(),
        }
    }
}

/// Finds the address of a request's client by the rules above.
///
/// Pure: the connection's `peer`, the request's headers and the configuration decide.
#[must_use]
pub fn resolve_client_ip(peer: Option<IpAddr>, headers: &HeaderMap, config: &ClientIpConfig) -> ClientIp {
    let resolved = ClientIp::from_peer(peer);
    let Some(mut nearest) = resolved.ip.filter(|ip| config.trusted.contains(*ip)) else {
        return resolved;
    };
    let mut source = IpSource::Peer;
    for hop in hops::from_the_right(headers, &config.header) {
        let Some(hop) = hop else { break };
        (nearest, source) = (hop, IpSource::Header);
        if !config.trusted.contains(hop) {
            break;
        }
    }
    ClientIp { ip: Some(nearest), source }
}
