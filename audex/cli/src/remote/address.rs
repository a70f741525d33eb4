use std::{fmt, net::IpAddr, str::FromStr};

/// Where a team server is: its scheme, host and port.
///
/// What is asked there is asked with a token, and what is answered is a credential: only an encrypted address will do, or
/// one of this machine.
///
/// ```
/// use audex_cli::remote::ServerAddress;
/// let address: ServerAddress = "https://Audex.example.com/".parse()?;
/// assert_eq!(address.to_string(), "https://audex.example.com");
/// assert_eq!(address.of("/healthz"), "https://audex.example.com/healthz");
/// assert!("http://127.0.0.1:8080".parse::<ServerAddress>().is_ok());
/// assert!("http://audex.example.com".parse::<ServerAddress>().is_err());
/// # Ok::<(), audex_cli::remote::ParseServerAddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerAddress(String);

/// Says why a text is no address of a server.
///
/// ```
/// use audex_cli::remote::{ParseServerAddressError, ServerAddress};
/// assert_eq!("http://example.com".parse::<ServerAddress>(), Err(ParseServerAddressError::Plain));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseServerAddressError {
    /// It is not a scheme, a host and perhaps a port.
    #[error("the address of a server is needed, as in https://audex.example.com")]
    Malformed,
    /// Nothing would encrypt what is sent there.
    #[error("http is for a server on this machine alone; write https://")]
    Plain,
}

/// The longest address, in bytes.
const MAX_ADDRESS: usize = 512;

impl ServerAddress {
    /// Returns the address of a path there.
    pub fn of(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Tells whether what is sent there is encrypted; else it does not leave this machine.
    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Tells whether a host is this machine.
    pub fn is_loopback(host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Returns a name that can be that of a folder, of this server alone.
    pub(super) fn folder(&self) -> String {
        // Hosts have no `_` and no `+`.
        self.0.replace("://", "_").replace(':', "+").replace(['[', ']'], "")
    }
}

impl FromStr for ServerAddress {
    type Err = ParseServerAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = ParseServerAddressError::Malformed;
        let uri: http::Uri = text.parse().map_err(|_| malformed)?;
        let (Some(scheme), Some(host), Some(authority)) = (uri.scheme_str(), uri.host(), uri.authority())
        else {
            return Err(malformed);
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-.[]:".contains(c);
        let is_bare = uri.path() == "/" && uri.query().is_none() && !text.contains(['#', '@']);
        if !is_bare || text.len() > MAX_ADDRESS || host.is_empty() || !host.chars().all(is_name) {
            return Err(malformed);
        }
        let host = authority.as_str().to_ascii_lowercase();
        match scheme {
            "https" => Ok(Self(format!("https://{}", host.strip_suffix(":443").unwrap_or(&host)))),
            "http" if Self::is_loopback(uri.host().unwrap_or_default()) => Ok(Self(format!("http://{host}"))),
            "http" => Err(ParseServerAddressError::Plain),
            _ => Err(malformed),
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_encrypted_address_or_this_machine_will_do() {
        for (text, expected) in [
            ("https://audex.example.com", Ok("https://audex.example.com")),
            ("https://audex.example.com:8443/", Ok("https://audex.example.com:8443")),
            ("https://audex.example.com:443", Ok("https://audex.example.com")),
            ("http://localhost:8080", Ok("http://localhost:8080")),
            ("http://[::1]:8080", Ok("http://[::1]:8080")),
            ("http://10.0.0.1", Err(ParseServerAddressError::Plain)),
            ("http://127.0.0.1.example.com", Err(ParseServerAddressError::Plain)),
            ("https://user:password@audex.example.com", Err(ParseServerAddressError::Malformed)),
            ("https://audex.example.com/path", Err(ParseServerAddressError::Malformed)),
            ("https://audex.example.com?x", Err(ParseServerAddressError::Malformed)),
            ("ftp://audex.example.com", Err(ParseServerAddressError::Malformed)),
            ("audex.example.com", Err(ParseServerAddressError::Malformed)),
            ("", Err(ParseServerAddressError::Malformed)),
        ] {
            let read = text.parse::<ServerAddress>().map(|address| address.to_string());
            assert_eq!(read, expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn each_server_has_a_folder_of_its_own() {
        let folder = |text: &str| text.parse::<ServerAddress>().unwrap().folder();
        assert_eq!(folder("http://127.0.0.1:8080"), "http_127.0.0.1+8080");
        assert_ne!(folder("http://127.0.0.1:8080"), folder("https://127.0.0.1:8080"));
    }
}
