use ipnet::{IpNet, Ipv4Net};
use std::{net::IpAddr, sync::Arc};

/// The address ranges whose forwarding header is believed.
///
/// Cloning is cheap. An empty list, which is the default, believes nobody.
///
/// ```
/// use axess_http::TrustedProxies;
/// let proxies = TrustedProxies::parse(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]).unwrap();
/// assert!(proxies.contains("::ffff:10.9.9.9".parse().unwrap()), "IPv4-mapped is IPv4");
/// assert!(!proxies.contains("192.0.2.2".parse().unwrap()));
/// ```
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

/// Says why a list of trusted proxies is refused.
///
/// ```
/// use axess_http::TrustedProxies;
/// let error = TrustedProxies::parse(["10.0.0.0/8", "10.0.0.0/99"]).unwrap_err();
/// assert!(error.to_string().contains("10.0.0.0/99"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustedProxiesError {
    /// A text is neither an address nor a range.
    #[error("not an address or CIDR range: {text:?}")]
    Range {
        /// The text, from the configuration.
        text: String,
    },
    /// A range covers every address, so anybody could claim any address.
    #[error("a trusted proxy range must not cover every address: {text:?}")]
    Everybody {
        /// The range, from the configuration.
        text: String,
    },
}

impl TrustedProxies {
    /// Makes a list of ranges.
    ///
    /// A range of prefix length 0 is left out, with a warning in the log: it would let anybody claim any address.
    #[must_use]
    pub fn new(ranges: impl IntoIterator<Item = IpNet>) -> Self {
        let ranges = ranges.into_iter().map(to_canonical).filter(|range| {
            let everybody = covers_everybody(range);
            if everybody {
                tracing::warn!(%range, "ignored a trusted proxy range that covers every address");
            }
            !everybody
        });
        Self(ranges.collect())
    }

    /// Makes a list of texts: `10.0.0.0/8`, or a single address.
    ///
    /// # Errors
    ///
    /// [`TrustedProxiesError`] with the first text that is neither, or that covers every address.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, TrustedProxiesError> {
        let mut ranges = Vec::new();
        for text in texts {
            let text = text.as_ref().trim();
            let range: IpNet = text
                .parse()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| TrustedProxiesError::Range { text: text.to_owned() })?;
            if covers_everybody(&to_canonical(range)) {
                return Err(TrustedProxiesError::Everybody { text: text.to_owned() });
            }
            ranges.push(range);
        }
        Ok(Self::new(ranges))
    }

    /// Tells whether `ip` is one of the proxies.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|range| range.contains(&ip))
    }

    /// Tells whether nobody is believed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn covers_everybody(range: &IpNet) -> bool {
    range.prefix_len() == 0
}

/// Turns a range of IPv4-mapped addresses into the IPv4 range: addresses are compared in that form.
fn to_canonical(range: IpNet) -> IpNet {
    let IpNet::V6(v6) = range else { return range };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    mapped.and_then(|(addr, prefix)| Ipv4Net::new(addr, prefix).ok()).map_or(range, IpNet::V4)
}
