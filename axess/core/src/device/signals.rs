use super::FingerprintHash;
use axess_identity::{DeviceId, Pepper};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::net::IpAddr;

/// The most of one signal that counts, in bytes.
const MAX_SIGNAL: usize = 512;
/// Keeps these tags apart from anything else a tenant's pepper may ever key.
const LABEL: &[u8] = b"axess/v1/device-fingerprint";

/// What a request shows of the device it comes from.
///
/// Make texts coarse before they come here: a fingerprint that changes with every patch of a browser recognises nothing.
///
/// ```
/// use axess_core::device::DeviceSignals;
/// let signals = DeviceSignals { user_agent: Some("Firefox/140/Linux".into()), ..DeviceSignals::default() };
/// assert!(signals.device_cookie.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceSignals {
    /// The browser: family, major version, operating system.
    pub user_agent: Option<String>,
    /// The first language it asks for.
    pub accept_language: Option<String>,
    /// Where the request comes from.
    pub client_ip: Option<IpAddr>,
    /// The device a signed cookie named. It wins over everything above.
    pub device_cookie: Option<DeviceId>,
}

/// What a device is recognised by.
///
/// ```
/// use axess_core::device::{DeviceFeatures, FingerprintHash};
/// let features = DeviceFeatures {
///     fingerprint: FingerprintHash::from_bytes([1; 32]),
///     described: vec!["language=de".into()],
/// };
/// assert_eq!(features.described.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFeatures {
    /// The keyed hash of them all: the only thing that is stored.
    pub fingerprint: FingerprintHash,
    /// The features as `name=value` for the audit trail, coarse enough not to name a person.
    pub described: Vec<String>,
}

/// Which device a request came from.
///
/// ```
/// use axess_core::device::DeviceMatch;
/// use axess_identity::DeviceId;
/// let id = DeviceId::from_parts(0, [1; 10]);
/// assert_eq!(DeviceMatch::NewDevice(id).device_id(), DeviceMatch::Existing(id).device_id());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceMatch {
    /// One the user has been seen with before.
    Existing(DeviceId),
    /// One that was registered just now.
    NewDevice(DeviceId),
}

/// Turns a request's signals into what a device is recognised by.
///
/// Pure: finding and registering the device is the library's work. An application with a stronger signal of its own (an
/// installation id, a device certificate) hashes that here instead.
///
/// ```
/// use axess_core::device::{DeviceFeatures, DeviceResolver, DeviceSignals, FingerprintHash, FingerprintResolver};
/// use axess_identity::Pepper;
/// /// Recognises browsers only.
/// struct BrowsersOnly;
/// impl DeviceResolver for BrowsersOnly {
///     fn recognise(&self, signals: &DeviceSignals, pepper: &Pepper) -> Option<DeviceFeatures> {
///         signals.user_agent.as_ref()?;
///         FingerprintResolver.recognise(signals, pepper)
///     }
/// }
/// let resolver: std::sync::Arc<dyn DeviceResolver> = std::sync::Arc::new(BrowsersOnly);
/// assert!(resolver.recognise(&DeviceSignals::default(), &[7u8; 32].into()).is_none());
/// ```
pub trait DeviceResolver: Send + Sync + 'static {
    /// Returns what the device is recognised by, keyed with the tenant's pepper; `None` when there is nothing to go by.
    fn recognise(&self, signals: &DeviceSignals, pepper: &Pepper) -> Option<DeviceFeatures>;
}

/// Recognises a device by browser, language and network (the /24 of IPv4, the /64 of IPv6): the default.
///
/// ```
/// use axess_core::device::{DeviceResolver, DeviceSignals, FingerprintResolver};
/// let pepper = [7u8; 32].into();
/// let at = |ip: &str| {
///     let signals = DeviceSignals { client_ip: ip.parse().ok(), ..DeviceSignals::default() };
///     FingerprintResolver.recognise(&signals, &pepper).unwrap().fingerprint
/// };
/// assert_eq!(at("192.0.2.1"), at("192.0.2.200"));
/// assert_ne!(at("192.0.2.1"), at("198.51.100.1"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct FingerprintResolver;

/// Recognises a device by browser and language alone: for who must not process addresses, or has users that move.
///
/// ```
/// use axess_core::device::{DeviceResolver, DeviceSignals, RedactedResolver};
/// let signals = DeviceSignals { client_ip: "192.0.2.1".parse().ok(), ..DeviceSignals::default() };
/// assert!(RedactedResolver.recognise(&signals, &[7u8; 32].into()).is_none(), "an address is all there is");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct RedactedResolver;

/// Recognises nothing: users have no devices but those a signed cookie names.
///
/// ```
/// use axess_core::device::{DeviceResolver, DeviceSignals, NoopDeviceResolver};
/// assert!(NoopDeviceResolver.recognise(&DeviceSignals::default(), &[7u8; 32].into()).is_none());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NoopDeviceResolver;

impl DeviceMatch {
    /// Returns the device.
    #[must_use]
    pub fn device_id(self) -> DeviceId {
        match self {
            Self::Existing(id) | Self::NewDevice(id) => id,
        }
    }
}

impl DeviceResolver for FingerprintResolver {
    fn recognise(&self, signals: &DeviceSignals, pepper: &Pepper) -> Option<DeviceFeatures> {
        hash(signals, signals.client_ip.map(network), pepper)
    }
}

impl DeviceResolver for RedactedResolver {
    fn recognise(&self, signals: &DeviceSignals, pepper: &Pepper) -> Option<DeviceFeatures> {
        hash(signals, None, pepper)
    }
}

impl DeviceResolver for NoopDeviceResolver {
    fn recognise(&self, _: &DeviceSignals, _: &Pepper) -> Option<DeviceFeatures> {
        None
    }
}

fn hash(signals: &DeviceSignals, network: Option<String>, pepper: &Pepper) -> Option<DeviceFeatures> {
    let text = |signal: &Option<String>| signal.as_deref().map(cut).filter(|text| !text.is_empty());
    let features = [
        ("user_agent", text(&signals.user_agent)),
        ("language", text(&signals.accept_language)),
        ("network", network),
    ];
    if features.iter().all(|(_, value)| value.is_none()) {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(pepper.expose()).ok()?;
    mac.update(LABEL);
    for (_, value) in &features {
        let value = value.as_deref().unwrap_or_default();
        mac.update(&value.len().to_be_bytes());
        mac.update(value.as_bytes());
    }
    // The network stays out of the trail: the envelope of the event has the address already.
    let described = features.iter().filter(|(name, _)| *name != "network");
    let described =
        described.filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={value}"))).collect();
    Some(DeviceFeatures {
        fingerprint: FingerprintHash::from_bytes(mac.finalize().into_bytes().into()),
        described,
    })
}

fn cut(text: &str) -> String {
    text.chars()
        .scan(0, |bytes, c| {
            *bytes += c.len_utf8();
            (*bytes <= MAX_SIGNAL).then_some(c)
        })
        .collect()
}

fn network(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signals() -> DeviceSignals {
        DeviceSignals {
            user_agent: Some("Firefox/140/Linux".into()),
            accept_language: Some("de".into()),
            client_ip: "192.0.2.7".parse().ok(),
            device_cookie: None,
        }
    }

    fn print(resolver: &dyn DeviceResolver, signals: &DeviceSignals, pepper: u8) -> Option<FingerprintHash> {
        resolver.recognise(signals, &Pepper::from([pepper; 32])).map(|features| features.fingerprint)
    }

    #[test]
    fn each_feature_counts_where_it_should() {
        let changed: [(&str, DeviceSignals, bool, bool); 6] = [
            // what, signals, same for the default, same without address
            ("nothing", signals(), true, true),
            (
                "cookie",
                DeviceSignals { device_cookie: Some(DeviceId::from_parts(0, [1; 10])), ..signals() },
                true,
                true,
            ),
            ("neighbour", DeviceSignals { client_ip: "192.0.2.9".parse().ok(), ..signals() }, true, true),
            ("network", DeviceSignals { client_ip: "192.0.3.7".parse().ok(), ..signals() }, false, true),
            (
                "browser",
                DeviceSignals { user_agent: Some("Firefox/141/Linux".into()), ..signals() },
                false,
                false,
            ),
            ("language", DeviceSignals { accept_language: None, ..signals() }, false, false),
        ];
        for (what, other, same, same_redacted) in changed {
            let equal =
                |resolver: &dyn DeviceResolver| print(resolver, &signals(), 1) == print(resolver, &other, 1);
            assert_eq!(equal(&FingerprintResolver), same, "{what}");
            assert_eq!(equal(&RedactedResolver), same_redacted, "{what}");
        }
    }

    #[test]
    fn tenants_do_not_share_fingerprints() {
        assert_ne!(print(&FingerprintResolver, &signals(), 1), print(&FingerprintResolver, &signals(), 2));
    }

    #[test]
    fn features_do_not_run_into_each_other() {
        let split = |user_agent: &str, language: &str| DeviceSignals {
            user_agent: Some(user_agent.into()),
            accept_language: Some(language.into()),
            ..DeviceSignals::default()
        };
        let print = |signals| print(&RedactedResolver, &signals, 1);
        assert_ne!(print(split("ab", "c")), print(split("a", "bc")));
    }

    #[test]
    fn a_long_signal_is_cut_between_characters() {
        let long = |tail: &str| DeviceSignals { user_agent: Some("ä".repeat(256) + tail), ..signals() };
        assert_eq!(print(&FingerprintResolver, &long("x"), 1), print(&FingerprintResolver, &long("y"), 1));
        assert_eq!(cut(&"ä".repeat(300)).len(), MAX_SIGNAL);
        assert_eq!(cut(&("x".to_owned() + &"ä".repeat(300))).len(), MAX_SIGNAL - 1);
    }

    #[test]
    fn the_trail_gets_no_address() {
        let features = FingerprintResolver.recognise(&signals(), &Pepper::from([1; 32])).unwrap();
        assert_eq!(features.described, ["user_agent=Firefox/140/Linux", "language=de"]);
    }
}
