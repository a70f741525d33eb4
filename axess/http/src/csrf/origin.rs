use http::{HeaderMap, Uri, header};

/// The longest origin that is read, in bytes.
const MAX_ORIGIN: usize = 512;

/// A web origin in comparable form: lower case, without the scheme's own port (RFC 6454 §6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    authority: String,
}

impl Origin {
    /// Reads `scheme://host` or `scheme://host:port` and nothing else; `null` is no origin.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_ORIGIN {
            return None;
        }
        let (scheme, authority) = text.split_once("://")?;
        let inner = |c: u8| c.is_ascii_alphanumeric() || b"+-.".contains(&c);
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(inner) {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let authority = normalise(authority, &scheme)?;
        Some(Self { scheme, authority })
    }

    /// Tells whether the request was sent to this origin: `https`, or also `http` unless `secure`, at its host and port.
    ///
    /// A request does not carry its own scheme, so other schemes of the same host (an application's, an extension's, the
    /// unencrypted site) must be told apart here.
    pub(super) fn is_target_of(&self, uri: &Uri, headers: &HeaderMap, secure: bool) -> bool {
        if self.scheme != "https" && (secure || self.scheme != "http") {
            return false;
        }
        let mut hosts = headers.get_all(header::HOST).iter();
        let (host, more) = (hosts.next(), hosts.next());
        // HTTP/2 has the authority in the URI, HTTP/1.1 in one `Host`. When both are there they must agree.
        let targets =
            [uri.authority().map(|authority| Some(authority.as_str())), host.map(|host| host.to_str().ok())];
        let mut targets = targets.into_iter().flatten().peekable();
        more.is_none()
            && targets.peek().is_some()
            && targets.all(|target| {
                target.and_then(|target| normalise(target, &self.scheme)).as_ref() == Some(&self.authority)
            })
    }
}

/// Returns `host` or `host:port` in lower case, without the port that `scheme` implies.
fn normalise(authority: &str, scheme: &str) -> Option<String> {
    let authority = authority.to_ascii_lowercase();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority.as_str(), None),
    };
    let name = |host: &str| host.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c));
    let host_ok = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']').is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !host.is_empty() && name(host),
    };
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|c| c.is_ascii_digit()) => Some(digits.parse::<u16>().ok()?),
        Some(_) => return None,
    };
    let implied = matches!((scheme, port), ("https", Some(443)) | ("http", Some(80)));
    host_ok.then(|| match port {
        Some(port) if !implied => format!("{host}:{port}"),
        _ => host.to_owned(),
    })
}
