use reqwest::Url;
use std::net::IpAddr;

/// The longest URL that is looked at.
const MAX_URL_BYTES: usize = 2048;

/// Parses an absolute URL that may be asked: https, or http on loopback; no user, no fragment.
pub(crate) fn checked_url(text: &str) -> Option<Url> {
    if text.len() > MAX_URL_BYTES || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (is_safe && is_plain && url.has_host()).then_some(url)
}

/// Tells whether what is sent to a URL cannot leave this machine: only then may it go without TLS.
///
/// Names below `localhost` are looked up like others where a resolver does not know better, and `0.0.0.0` is an address to listen on.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Tells whether a URL could lead to this machine, in whatever way it is written: for what must not.
pub(crate) fn may_lead_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.');
    let is_here = |ip: IpAddr| ip.to_canonical().is_loopback() || ip.is_unspecified();
    host == "localhost" || host.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_and_loopback_are_asked() {
        for good in [
            "https://a.example/x?y=z",
            "http://127.0.0.1:80/x",
            "http://127.255.255.254/",
            "http://[::1]/",
            "http://localhost:8080",
        ] {
            assert!(checked_url(good).is_some(), "{good}");
        }
        let bad = [
            "http://a.example/",
            "http://localhost.a.example/",
            "http://app.localhost/",
            "http://localhost./",
            "http://0.0.0.0/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://128.0.0.1/",
            "http://127.0.0.1.a.example/",
            "ftp://localhost/",
            "file:///etc/passwd",
            "https://user@a.example/",
            "https://:pass@a.example/",
            "https://a.example/#f",
            "https://a.example/a b",
            "/relative",
            "",
        ];
        for url in bad {
            assert!(checked_url(url).is_none(), "{url}");
        }
        assert!(checked_url(&format!("https://a.example/{}", "x".repeat(MAX_URL_BYTES))).is_none());
    }

    #[test]
    fn what_may_lead_here_is_more_than_what_needs_no_tls() {
        let may = |text: &str| may_lead_here(&Url::parse(text).unwrap());
        for here in [
            "https://localhost/",
            "https://localhost./",
            "https://app.localhost/",
            "https://127.1.2.3/",
            "https://0.0.0.0/",
            "https://[::]/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
        ] {
            assert!(may(here), "{here}");
        }
        for there in ["https://localhost.a.example/", "https://128.0.0.1/", "https://alocalhost/"] {
            assert!(!may(there), "{there}");
        }
    }
}
