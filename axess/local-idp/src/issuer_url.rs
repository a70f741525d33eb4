use axess_identity::Issuer;
use http::Uri;
use std::{fmt, net::IpAddr, str::FromStr};

/// The longest issuer URL, in bytes.
const MAX_ISSUER_BYTES: usize = 512;

/// The URL that names us in `iss`, and that every other URL of ours begins with (RFC 8414 §2).
///
/// It is `https`, or `http` on loopback, without query, fragment, user or trailing slash. It is compared byte by byte.
///
/// ```
/// use axess_local_idp::IssuerUrl;
/// let issuer: IssuerUrl = "https://id.example.com/tokens".parse().unwrap();
/// assert_eq!(issuer.path(), "/tokens");
/// assert_eq!(issuer.jwks_uri(), "https://id.example.com/tokens/jwks.json");
/// assert!("http://id.example.com".parse::<IssuerUrl>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IssuerUrl {
    url: String,
    path_at: usize,
}

/// Says what is wrong with an issuer URL.
///
/// ```
/// use axess_local_idp::{IssuerUrl, IssuerUrlError};
/// assert_eq!("https://a.example/?b".parse::<IssuerUrl>(), Err(IssuerUrlError::Extra));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssuerUrlError {
    /// It is no URL with a host, or longer than 512 bytes.
    #[error("an issuer is a URL with a host, of at most 512 bytes")]
    Url,
    /// The scheme is neither `https` nor `http` on loopback.
    #[error("an issuer is https; plain http is for localhost, 127.0.0.0/8 and [::1] only")]
    Scheme,
    /// It has a query, a fragment or a user.
    #[error("an issuer has no query, fragment or user")]
    Extra,
    /// The path ends with a slash, or has an empty, dotted or unusual segment.
    #[error(
        "the path of an issuer has plain segments (letters, digits, '-', '_', '.', '~') and no slash at its end"
    )]
    Path,
}

impl IssuerUrl {
    /// Returns the URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Returns the path, empty or with its leading slash.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.get(self.path_at..).unwrap_or_default()
    }

    /// Returns where the public keys are.
    #[must_use]
    pub fn jwks_uri(&self) -> String {
        format!("{}/jwks.json", self.url)
    }

    /// Returns where tokens are introspected (RFC 7662).
    #[must_use]
    pub fn introspection_endpoint(&self) -> String {
        format!("{}/introspect", self.url)
    }

    /// Returns the issuer as identities name it.
    #[must_use]
    pub fn to_issuer(&self) -> Issuer {
        Issuer::from(self.as_str())
    }
}

impl FromStr for IssuerUrl {
    type Err = IssuerUrlError;

    fn from_str(text: &str) -> Result<Self, IssuerUrlError> {
        if text.len() > MAX_ISSUER_BYTES {
            return Err(IssuerUrlError::Url);
        }
        if text.contains(['?', '#', '@']) {
            return Err(IssuerUrlError::Extra);
        }
        let uri: Uri = text.parse().map_err(|_| IssuerUrlError::Url)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(IssuerUrlError::Url)?;
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(host) => {}
            Some(_) => return Err(IssuerUrlError::Scheme),
            None => return Err(IssuerUrlError::Url),
        }
        let authority = uri.authority().ok_or(IssuerUrlError::Url)?.as_str();
        let (_, after_scheme) = text.split_once("://").ok_or(IssuerUrlError::Url)?;
        let path = after_scheme.strip_prefix(authority).ok_or(IssuerUrlError::Url)?;
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'~');
        let good = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
        if !path.split('/').skip(1).all(good) {
            return Err(IssuerUrlError::Path);
        }
        Ok(Self { url: text.to_owned(), path_at: text.len() - path.len() })
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_issuer_may_look_like() {
        for (text, expected) in [
            ("https://id.example.com", Ok("")),
            ("https://id.example.com:8443", Ok("")),
            ("https://id.example.com/a/b", Ok("/a/b")),
            ("http://localhost:3000", Ok("")),
            ("http://127.0.0.9:3000/x", Ok("/x")),
            ("http://[::1]:3000", Ok("")),
            ("http://id.example.com", Err(IssuerUrlError::Scheme)),
            ("http://localhost.example.com", Err(IssuerUrlError::Scheme)),
            ("http://127.0.0.1.example.com", Err(IssuerUrlError::Scheme)),
            ("http://10.0.0.1", Err(IssuerUrlError::Scheme)),
            ("ftp://localhost", Err(IssuerUrlError::Scheme)),
            ("https://id.example.com/", Err(IssuerUrlError::Path)),
            ("https://id.example.com/a/", Err(IssuerUrlError::Path)),
            ("https://id.example.com/a//b", Err(IssuerUrlError::Path)),
            ("https://id.example.com/../b", Err(IssuerUrlError::Path)),
            ("https://id.example.com/%2e%2e", Err(IssuerUrlError::Path)),
            ("https://id.example.com/{any}", Err(IssuerUrlError::Path)),
            ("https://id.example.com?a=b", Err(IssuerUrlError::Extra)),
            ("https://id.example.com#a", Err(IssuerUrlError::Extra)),
            ("https://user@id.example.com", Err(IssuerUrlError::Extra)),
            ("https://", Err(IssuerUrlError::Url)),
            ("id.example.com", Err(IssuerUrlError::Url)),
            ("/path", Err(IssuerUrlError::Url)),
            ("", Err(IssuerUrlError::Url)),
        ] {
            let parsed = text.parse::<IssuerUrl>();
            assert_eq!(parsed.as_ref().map(IssuerUrl::path), expected.as_ref().map(|path| *path), "{text}");
        }
        let long = format!("https://id.example.com/{}", "a".repeat(MAX_ISSUER_BYTES));
        assert_eq!(long.parse::<IssuerUrl>(), Err(IssuerUrlError::Url));
    }
}
