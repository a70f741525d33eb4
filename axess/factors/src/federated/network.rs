use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an identity provider may be.
///
/// What a tenant has written down about its provider decides whom our servers connect to. [`Public`](Self::Public) keeps them
/// from what only they can reach: this machine, private networks, and the addresses where clouds hand out credentials.
///
/// ```
/// use axess_factors::federated::ProviderNetwork;
/// assert!(ProviderNetwork::Public.admits_host("login.example.com"));
/// assert!(!ProviderNetwork::Public.admits_host("169.254.169.254"));
/// assert!(!ProviderNetwork::Public.admits_host("localhost"));
/// assert!(ProviderNetwork::Any.admits_host("10.0.0.7"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderNetwork {
    /// At addresses of the public internet alone: for what tenants write.
    Public,
    /// Anywhere, also on a private network or on this machine: for what operators write, and for tenants who are all
    /// trusted with everything that our servers can reach.
    Any,
}

/// The longest host name, in bytes (RFC 1035 §2.3.4).
const MAX_HOST_BYTES: usize = 253;
/// Names that lead inwards, wherever they are resolved (RFC 6761, RFC 6762, RFC 8375, and what clouds call themselves).
const INWARD: [&str; 8] =
    ["localhost", "local", "internal", "home.arpa", "intranet", "lan", "corp", "localdomain"];
/// Addresses of the public range where a cloud answers each of its machines: Azure's.
const METADATA: [Ipv4Addr; 1] = [Ipv4Addr::new(168, 63, 129, 16)];

impl ProviderNetwork {
    /// Tells whether a host of a URL may be connected to: an IPv4 address, an IPv6 address in brackets or without, or a name.
    ///
    /// Of a name it says what can be said without looking it up; what it leads to, [`admits`](Self::admits) judges.
    #[must_use]
    pub fn admits_host(self, host: &str) -> bool {
        if self == Self::Any {
            return true;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        match bare.parse::<IpAddr>() {
            Ok(address) => self.admits(address),
            Err(_) => is_outward_name(host),
        }
    }

    /// Tells whether an address may be connected to.
    #[must_use]
    pub fn admits(self, address: IpAddr) -> bool {
        self == Self::Any
            || match address {
                IpAddr::V4(address) => is_public_v4(address),
                IpAddr::V6(address) => is_public_v6(address),
            }
    }
}

/// Tells whether a name may lead to the public internet. One whose last label is a number is an address in one of the spellings
/// that some resolvers understand (`0x7f.1`), and one of a single label is of the local network.
fn is_outward_name(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    let leads_inward = INWARD
        .iter()
        .any(|name| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
    host.len() <= MAX_HOST_BYTES
        && host.contains('.')
        && host.split('.').all(is_label)
        && !is_number
        && !leads_inward
}

/// Says no to everything that the IANA registry of special-purpose IPv4 addresses does not call globally reachable.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !is_special && !METADATA.contains(&address)
}

/// Takes global unicast addresses (`2000::/3`) without the special ones among them. An IPv4 address inside of one decides.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let inside = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inside(high, low),
        [0x2002, high, low, ..] => inside(high, low),
        // Protocol assignments, Teredo among them; documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_our_servers_reach_is_refused_however_it_is_written() {
        for host in [
            "127.0.0.1",
            "127.1.2.3",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "::1",
            "[::]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[2001:0:1::]",
            "[2001:db8::1]",
            "[fec0::1]",
            "[100::1]",
            "127.0.0.1.",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "a.localhost.",
            "db",
            "db.local",
            "metadata.google.internal",
            "metadata.google.internal.",
            "router.lan",
            "x.home.arpa",
            "0x7f.1",
            "2130706433",
            "127.1",
            "0177.0.0.1",
            "a.0x7f",
            "",
            ".",
            "a..b",
            "a b.example",
            "a%2eexample",
            "[::1",
            "ａ.example",
        ] {
            assert!(!ProviderNetwork::Public.admits_host(host), "{host}");
            assert!(ProviderNetwork::Any.admits_host(host), "{host}");
        }
    }

    #[test]
    fn the_public_internet_is_taken() {
        for host in [
            "login.example.com",
            "LOGIN.example.com.",
            "acme.okta-emea.com",
            "xn--bcher-kva.example",
            "1.2.3.example",
            "8.8.8.8",
            "100.63.255.255",
            "172.32.0.1",
            "[2606:4700::1111]",
            "[::ffff:8.8.8.8]",
            "[64:ff9b::808:808]",
            "notlocalhost.com",
            "mylocal.com",
            "internal.example.com",
        ] {
            assert!(ProviderNetwork::Public.admits_host(host), "{host}");
        }
    }
}
