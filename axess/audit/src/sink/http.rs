//! What the sinks that speak HTTP have in common.
use axess_clock::Clock;
use chrono::DateTime;
use reqwest::{Certificate, Client, Response, Url, header::RETRY_AFTER, redirect::Policy};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

/// The longest pause that a receiver can ask for.
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(3_600);
/// The most bytes of an answer that are read; the rest is thrown away with the connection.
pub(super) const MAX_ANSWER: usize = 64 * 1024;
/// How long an unused connection is kept; shorter than the timeouts of common servers.
const IDLE: Duration = Duration::from_secs(20);

/// Why an HTTP sink cannot be made.
///
/// ```
/// use axess_audit::sink::HttpConfigError;
/// assert!(HttpConfigError::Plain.to_string().starts_with("the address must begin with https:"));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum HttpConfigError {
    /// The address cannot be read.
    #[error("the address is not a URL with a host")]
    Address,
    /// The address begins with `http:` and is not this machine's own.
    #[error("the address must begin with https: (http: is for this machine's own addresses)")]
    Plain,
    /// The address holds a user, a password or a fragment.
    #[error("the address must hold no user, password or fragment")]
    Excess,
    /// Another setting is out of its limits; this one.
    #[error("{0}")]
    Setting(&'static str),
    /// The certificates cannot be read, or TLS cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// How a client reaches its receiver.
pub(super) struct Reach<'a> {
    pub(super) url: &'a Url,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    /// PEM; replaces the machine's certificate authorities.
    pub(super) authorities: Option<&'a [u8]>,
    /// `http:` is fine to other machines, too.
    pub(super) allows_plain: bool,
}

/// Reads an address that events may be sent to.
pub(super) fn parse(address: &str, allows_plain: bool) -> Result<Url, HttpConfigError> {
    let url = Url::parse(address).map_err(|_| HttpConfigError::Address)?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(HttpConfigError::Address);
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(HttpConfigError::Excess);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if allows_plain || is_loopback(&url) => Ok(url),
        "http" => Err(HttpConfigError::Plain),
        _ => Err(HttpConfigError::Address),
    }
}

/// Makes a client that goes to one receiver: no redirects, no proxies, no cookies.
pub(super) fn client(reach: &Reach<'_>) -> Result<Client, HttpConfigError> {
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .https_only(!reach.allows_plain && !is_loopback(reach.url))
        .connect_timeout(reach.connect_timeout)
        .timeout(reach.timeout)
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("axess-audit/", env!("CARGO_PKG_VERSION")));
    if let Some(pem) = reach.authorities {
        let certificates = Certificate::from_pem_bundle(pem).map_err(HttpConfigError::Client)?;
        if certificates.is_empty() {
            return Err(HttpConfigError::Setting("the certificate authorities hold no certificate"));
        }
        builder = builder.tls_certs_only(certificates);
    }
    // RFC 6761, section 6.3: such names are this machine's, whatever a resolver says.
    let host = reach.url.host_str().unwrap_or_default();
    if host.ends_with(".localhost") {
        let port = reach.url.port_or_known_default().unwrap_or(443);
        builder = builder.resolve(host, SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    builder.build().map_err(HttpConfigError::Client)
}

/// Returns how long a receiver asks to be left alone (RFC 9110, section 10.2.3), at most [`MAX_PAUSE`].
pub(super) fn retry_after(response: &Response, clock: &dyn Clock) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        // A date that has passed asks for nothing.
        Err(_) => {
            (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - clock.now()).to_std().unwrap_or_default()
        }
    };
    Some(pause.min(MAX_PAUSE))
}

/// Reads an answer, so that its connection can be used again: at most [`MAX_ANSWER`] bytes of it.
pub(super) async fn read(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    // The status has been said: a body that breaks off changes nothing.
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_ANSWER.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
        if chunk.len() > room {
            break;
        }
    }
    body
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or_else(|_| host == "localhost" || host.ends_with(".localhost"), |ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine() {
        for good in [
            "https://hooks.example/a?b=c",
            "http://127.0.0.1:8080/",
            "http://[::1]/",
            "http://localhost:1/",
            "http://bucket.localhost/",
        ] {
            assert!(parse(good, false).is_ok(), "{good}");
        }
        for bad in [
            "http://hooks.example/",
            "http://10.0.0.1/",
            "http://127.0.0.1.example/",
            "http://localhost.example/",
            "http://[::ffff:10.0.0.1]/",
        ] {
            assert!(matches!(parse(bad, false), Err(HttpConfigError::Plain)), "{bad}");
            assert!(parse(bad, true).is_ok(), "{bad}");
        }
        for bad in ["https://a:b@hooks.example/", "https://a@hooks.example/", "https://hooks.example/#a"] {
            assert!(matches!(parse(bad, false), Err(HttpConfigError::Excess)), "{bad}");
        }
        for bad in ["ftp://hooks.example/", "file:///etc/passwd", "hooks.example", "https://", ""] {
            assert!(matches!(parse(bad, false), Err(HttpConfigError::Address)), "{bad}");
        }
    }
}
