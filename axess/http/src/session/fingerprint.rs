use crate::signing::{KeyPurpose, MacKey, SigningKeyError};
use axess_identity::SigningKey;
use http::{HeaderMap, header};
use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, Hash, Hasher},
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};
use subtle::{Choice, ConstantTimeEq};

/// The most of one header that is looked at, and kept for the audit trail, in bytes.
const MAX_HEADER: usize = 512;
/// How many distinct browsers are remembered.
const MAX_REMEMBERED: usize = 4_096;

/// Which features of a browser a session is bound to.
///
/// Each is coarse on purpose: it must survive ordinary use.
///
/// ```
/// use axess_http::FingerprintConfig;
/// let strict = FingerprintConfig { ip_prefix: true, ..FingerprintConfig::default() };
/// assert!(strict.user_agent && strict.language);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FingerprintConfig {
    /// The browser's family and major version. Default: on.
    pub user_agent: bool,
    /// The first language of `Accept-Language`, without region. Default: on.
    pub language: bool,
    /// The client's /24 (IPv4) or /64 (IPv6). Default: off, because phones change networks.
    pub ip_prefix: bool,
}

impl Default for FingerprintConfig {
    fn default() -> Self {
        Self { user_agent: true, language: true, ip_prefix: false }
    }
}

/// What happens to a request whose browser is not the one its session is bound to.
///
/// ```
/// use axess_http::FingerprintPolicy;
/// assert_eq!(FingerprintPolicy::default(), FingerprintPolicy::Warn);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FingerprintPolicy {
    /// It is recorded and goes on.
    #[default]
    Warn,
    /// It gets 401, and the session loses its authentication: the user logs in again.
    Reauth,
    /// It gets 401, and the session is ended.
    Revoke,
}

/// Computes and compares fingerprints under the current key, and under previous ones while keys are rotated.
#[derive(Debug)]
pub(super) struct Fingerprinter {
    config: FingerprintConfig,
    current: MacKey,
    previous: Vec<MacKey>,
    /// Browsers by a hash of their features, so that looking one up copies nothing.
    remembered: RwLock<HashMap<u64, Remembered, BuildHasherDefault<Mixer>>>,
}

/// What is recorded of a request's browser.
#[derive(Debug, Clone)]
pub(super) struct Recognised {
    /// What a session of this request is bound to.
    pub(super) digest: [u8; 32],
    /// The user agent, as sent; `None` when there is none or it is no plain text.
    pub(super) user_agent: Option<Arc<str>>,
}

/// Whose browser a request comes from, next to the one its session is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Browser {
    Same,
    /// The same, but bound under a key that is on its way out.
    SameByOldKey,
    Other,
}

/// What a request shows of its browser, as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Features<'h> {
    user_agent: &'h [u8],
    language: &'h [u8],
    network: Option<IpAddr>,
}

/// A browser seen before.
#[derive(Debug)]
struct Remembered {
    user_agent: Box<[u8]>,
    language: Box<[u8]>,
    network: Option<IpAddr>,
    /// With the digest under the current key.
    recognised: Recognised,
}

impl Fingerprinter {
    pub(super) fn new(
        config: FingerprintConfig,
        current: &SigningKey,
        previous: &[SigningKey],
    ) -> Result<Self, SigningKeyError> {
        let derive = |key| MacKey::derive(key, KeyPurpose::Fingerprint);
        Ok(Self {
            config,
            current: derive(current)?,
            previous: previous.iter().map(derive).collect::<Result<_, _>>()?,
            remembered: RwLock::default(),
        })
    }

    /// Returns what is recorded of the browser behind a request.
    pub(super) fn recognise(&self, headers: &HeaderMap, ip: Option<IpAddr>) -> Recognised {
        let features = self.features(headers, ip);
        let hash = BuildHasherDefault::<Mixer>::new().hash_one(features);
        let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner);
        let known =
            remembered.get(&hash).filter(|known| known.is(features)).map(|known| known.recognised.clone());
        drop(remembered);
        if let Some(recognised) = known {
            return recognised;
        }
        let recognised = Recognised {
            digest: self.tag(features, &self.current),
            user_agent: plain_text(features.user_agent),
        };
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(
            hash,
            Remembered {
                user_agent: features.user_agent.into(),
                language: features.language.into(),
                network: features.network,
                recognised: recognised.clone(),
            },
        );
        recognised
    }

    /// Compares what a session is bound to with the browser behind `digest`.
    pub(super) fn compare(
        &self,
        bound: &[u8; 32],
        digest: &[u8; 32],
        headers: &HeaderMap,
        ip: Option<IpAddr>,
    ) -> Browser {
        if equal(bound, digest) {
            return Browser::Same;
        }
        let features = self.features(headers, ip);
        let by_old_key = self.previous.iter().any(|key| equal(bound, &self.tag(features, key)));
        if by_old_key { Browser::SameByOldKey } else { Browser::Other }
    }

    fn features<'h>(&self, headers: &'h HeaderMap, ip: Option<IpAddr>) -> Features<'h> {
        let read = |name: header::HeaderName| {
            let value = headers.get(name).map(http::HeaderValue::as_bytes).unwrap_or_default();
            value.get(..MAX_HEADER).unwrap_or(value)
        };
        Features {
            // Read in any case: it is recorded even where it does not count.
            user_agent: read(header::USER_AGENT),
            language: if self.config.language { read(header::ACCEPT_LANGUAGE) } else { &[] },
            network: ip.filter(|_| self.config.ip_prefix).map(prefix),
        }
    }

    fn tag(&self, features: Features<'_>, key: &MacKey) -> [u8; 32] {
        let agent = if self.config.user_agent { features.user_agent } else { &[] };
        let agent = browser(&String::from_utf8_lossy(agent));
        let language = primary_language(&String::from_utf8_lossy(features.language));
        let network = features.network.map(|ip| ip.to_string()).unwrap_or_default();
        key.tag(&[agent.as_bytes(), language.as_bytes(), network.as_bytes()])
    }
}

impl Hash for Features<'_> {
    /// Leaves out what would only keep different lists of texts apart: the features are compared as well.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.user_agent);
        state.write(self.language);
        if let Some(network) = self.network {
            network.hash(state);
        }
    }
}

/// A hash for a table in which a collision costs time and nothing else: features are compared before they count.
#[derive(Debug, Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.write_u64(u64::from_le_bytes(last));
    }

    fn write_u64(&mut self, word: u64) {
        // The golden ratio in 64 bits, odd: every bit of the word reaches the upper half, which then comes down.
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Remembered {
    /// Tells this browser from another one with the same hash.
    fn is(&self, features: Features<'_>) -> bool {
        let Self { user_agent, language, network, .. } = self;
        features == Features { user_agent, language, network: *network }
    }
}

/// Compares in constant time, in two steps instead of 32.
fn equal(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let pairs = a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0);
    let same = pairs.map(|(a, b)| u128::from_le_bytes(*a).ct_eq(&u128::from_le_bytes(*b)));
    same.fold(Choice::from(1), |all, same| all & same).into()
}

fn plain_text(value: &[u8]) -> Option<Arc<str>> {
    let plain = |byte: &u8| *byte == b'\t' || matches!(byte, b' '..=b'~');
    let text =
        std::str::from_utf8(value).ok().filter(|text| !text.is_empty() && text.as_bytes().iter().all(plain));
    text.map(Arc::from)
}

/// Reduces a user agent to family, operating system and major version; one nobody knows stays as it is.
pub(crate) fn browser(user_agent: &str) -> String {
    match woothee::parser::Parser::new().parse(user_agent) {
        Some(found) if found.name != "UNKNOWN" => {
            let major = found.version.split('.').next().unwrap_or_default();
            format!("{}/{major}/{}", found.name, found.os)
        }
        _ => user_agent.to_owned(),
    }
}

pub(crate) fn primary_language(accept_language: &str) -> String {
    let first = accept_language.split([',', ';']).next().unwrap_or_default().trim();
    first.split('-').next().unwrap_or_default().to_ascii_lowercase()
}

fn prefix(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    const FIREFOX_PATCHED: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.3";
    const FIREFOX_NEXT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0";
    const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

    fn headers(user_agent: &str, language: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, user_agent.parse().unwrap());
        headers.insert(header::ACCEPT_LANGUAGE, language.parse().unwrap());
        headers
    }

    fn printer(config: FingerprintConfig) -> Fingerprinter {
        Fingerprinter::new(config, &[7u8; 32].into(), &[]).unwrap()
    }

    #[test]
    fn ordinary_changes_are_tolerated_and_other_browsers_are_not() {
        let printer = printer(FingerprintConfig::default());
        let home = "192.0.2.7".parse().ok();
        let bound = printer.recognise(&headers(FIREFOX, "de-CH,de;q=0.9"), home).digest;
        let same = |user_agent, language, ip: &str| {
            let headers = headers(user_agent, language);
            let ip = ip.parse().ok();
            printer.compare(&bound, &printer.recognise(&headers, ip).digest, &headers, ip) == Browser::Same
        };
        assert!(same(FIREFOX_PATCHED, "de-AT", "198.51.100.1"), "patch update, region, network");
        assert!(!same(FIREFOX_NEXT, "de-CH", "192.0.2.7"), "major version");
        assert!(!same(CHROME, "de-CH", "192.0.2.7"), "family");
        assert!(!same(FIREFOX, "fr-CH", "192.0.2.7"), "language");
        assert!(!same("curl/8", "de", "192.0.2.7"), "no browser at all");
    }

    #[test]
    fn the_network_counts_when_asked_for() {
        let printer = printer(FingerprintConfig { ip_prefix: true, ..FingerprintConfig::default() });
        let headers = headers(FIREFOX, "de");
        let at = |ip: &str| printer.recognise(&headers, ip.parse().ok()).digest;
        assert_eq!(at("192.0.2.7"), at("192.0.2.200"));
        assert_eq!(at("192.0.2.7"), at("::ffff:192.0.2.7"));
        assert_ne!(at("192.0.2.7"), at("192.0.3.7"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
    }

    #[test]
    fn a_rotated_key_still_matches_sessions_bound_under_the_old_one() {
        let old = printer(FingerprintConfig::default());
        let new =
            Fingerprinter::new(FingerprintConfig::default(), &[8u8; 32].into(), &[[7u8; 32].into()]).unwrap();
        let headers = headers(FIREFOX, "de");
        let bound = old.recognise(&headers, None).digest;
        let now = new.recognise(&headers, None).digest;
        assert_ne!(bound, now);
        assert_eq!(new.compare(&bound, &now, &headers, None), Browser::SameByOldKey);
    }

    #[test]
    fn the_user_agent_is_recorded_as_sent_even_where_it_does_not_count() {
        let printer = printer(FingerprintConfig { user_agent: false, ..FingerprintConfig::default() });
        let [first, again, other] =
            [FIREFOX, FIREFOX, CHROME].map(|agent| printer.recognise(&headers(agent, "de"), None));
        assert_eq!(first.user_agent.as_deref(), Some(FIREFOX));
        assert!(Arc::ptr_eq(&first.user_agent.unwrap(), &again.user_agent.unwrap()), "copied once");
        assert_eq!(other.user_agent.as_deref(), Some(CHROME));
        assert_eq!(first.digest, other.digest);
    }

    #[test]
    fn a_user_agent_that_is_no_plain_text_is_not_recorded() {
        let printer = printer(FingerprintConfig::default());
        let recorded = |agent: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, http::HeaderValue::from_bytes(agent).unwrap());
            printer.recognise(&headers, None).user_agent
        };
        assert_eq!(recorded("Münze".as_bytes()), None);
        assert_eq!(recorded(b"\xff"), None);
        assert_eq!(recorded(b""), None);
        assert_eq!(recorded(&[b'x'; MAX_HEADER + 1]).unwrap().len(), MAX_HEADER);
        assert_eq!(printer.recognise(&HeaderMap::new(), None).user_agent, None);
    }

    #[test]
    fn hostile_headers_are_bounded() {
        let printer = printer(FingerprintConfig::default());
        let mut headers = headers(&"x".repeat(100_000), &"y".repeat(100_000));
        headers.insert("user-agent", http::HeaderValue::from_bytes(&[0xff; 2_000]).unwrap());
        for n in 0..(MAX_REMEMBERED + 10) {
            headers.insert("accept-language", n.to_string().parse().unwrap());
            let _ = printer.recognise(&headers, None);
        }
        assert!(printer.remembered.read().unwrap().len() <= MAX_REMEMBERED);
    }
}
