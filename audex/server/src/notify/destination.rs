use axess::federation::ProviderNetwork;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use std::net::{IpAddr, SocketAddr};

/// Says why an address is not called back.
///
/// ```
/// use audex_server::notify::{CallbackFault, check_callback};
/// assert_eq!(check_callback("https://ci.example.com/audex", false), Ok(()));
/// assert_eq!(check_callback("http://ci.example.com/audex", false), Err(CallbackFault::Scheme));
/// assert_eq!(check_callback("https://169.254.169.254/latest", false), Err(CallbackFault::Private));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallbackFault {
    /// It is no address.
    #[error("an address as in https://example.com/path is needed")]
    Malformed,
    /// It is not encrypted.
    #[error("a callback needs https")]
    Scheme,
    /// It holds a name and a password, or a fragment.
    #[error("a callback has no user, password or fragment")]
    Userinfo,
    /// It is inside the server's own network.
    #[error("a callback goes to a public address")]
    Private,
}

/// Checks what can be known of an address that a requester wants to be called at.
///
/// Its name is looked up, and checked again,
/// when it is called.
///
/// In development mode it may be on loopback, where plain HTTP will do.
///
/// # Errors
///
/// [`CallbackFault`].
pub fn check_callback(address: &str, is_dev: bool) -> Result<(), CallbackFault> {
    let url = Url::parse(address).map_err(|_| CallbackFault::Malformed)?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(CallbackFault::Malformed)?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(CallbackFault::Userinfo);
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let literal: Option<IpAddr> = bare.parse().ok();
    let is_local = literal.is_some_and(|address| address.is_loopback()) || is_local_name(bare);
    match url.scheme() {
        "https" => {}
        "http" if is_dev && is_local => {}
        _ => return Err(CallbackFault::Scheme),
    }
    let is_public = literal.map_or(!is_local, is_public);
    if is_public || (is_dev && is_local) { Ok(()) } else { Err(CallbackFault::Private) }
}

fn is_local_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// Looks names up for callbacks, and gives no address of a network that is not public. What is checked is what is
/// connected to: a name that is looked up again cannot become another address in between.
#[derive(Debug)]
pub(super) struct PublicOnly {
    pub(super) is_dev: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the name does not belong to a public address")]
struct NotPublic;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let is_dev = self.is_dev;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> = found.collect();
            let is_allowed =
                |address: &SocketAddr| is_public(address.ip()) || (is_dev && address.ip().is_loopback());
            // One that is not public among others is no accident.
            if addresses.is_empty() || !addresses.iter().all(is_allowed) {
                return Err(NotPublic.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Tells whether an address is one of the public Internet, by the one table that decides it for providers of tenants too.
pub(super) fn is_public(address: IpAddr) -> bool {
    ProviderNetwork::Public.admits(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_called() {
        for address in
            ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "64:ff9b::808:808", "2002:808:808::1"]
        {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        let inside = [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in inside {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn addresses_in_disguise_are_seen_through() {
        let private = [
            "https://2130706433/",
            "https://0x7f.1/",
            "https://017700000001/",
            "https://[::ffff:7f00:1]/",
            "https://127.1/",
            "https://localhost/",
            "https://api.localhost./",
            "https://LOCALHOST/",
            "https://169.254.169.254/latest/meta-data",
            "https://[fd00:ec2::254]/",
            "https://①②⑦.⓪.⓪.①/",
        ];
        for address in private {
            assert_eq!(check_callback(address, false), Err(CallbackFault::Private), "{address}");
        }
        for address in
            ["ftp://example.com/", "http://example.com/", "http://localhost/", "file:///etc/passwd"]
        {
            assert!(check_callback(address, false).is_err(), "{address}");
        }
        for address in ["https://user@example.com/", "https://user:pw@example.com/", "https://example.com/#x"]
        {
            assert_eq!(check_callback(address, false), Err(CallbackFault::Userinfo), "{address}");
        }
        assert_eq!(check_callback("example.com", false), Err(CallbackFault::Malformed));
        assert_eq!(check_callback("https://example.com:8443/x?y=z", false), Ok(()));
    }

    #[test]
    fn development_has_loopback_and_no_more() {
        for address in
            ["http://127.0.0.1:9000/x", "http://localhost/x", "http://[::1]/x", "https://localhost/x"]
        {
            assert_eq!(check_callback(address, true), Ok(()), "{address}");
        }
        assert_eq!(check_callback("http://example.com/", true), Err(CallbackFault::Scheme));
        for address in ["https://10.0.0.1/", "https://169.254.169.254/"] {
            assert_eq!(check_callback(address, true), Err(CallbackFault::Private), "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_resolved() {
        let name = || "localhost".parse::<Name>().unwrap();
        assert!(PublicOnly { is_dev: false }.resolve(name()).await.is_err());
        let mut addresses = PublicOnly { is_dev: true }.resolve(name()).await.unwrap();
        assert!(addresses.all(|address| address.ip().is_loopback()));
    }
}
