use http::{HeaderMap, header};

/// The most bytes all `Cookie` headers of one request may have together.
pub const MAX_COOKIE_HEADER_BYTES: usize = 16 * 1024;

/// The most cookies one request may carry.
pub const MAX_COOKIE_PAIRS: usize = 256;

/// Says why a cookie that was sent counts as none.
///
/// ```
/// use axess_http::{CookieKeyRing, CookieRefusal, SessionCookie, SessionCookieConfig, SessionCookieRead};
/// let ring = CookieKeyRing::new([7u8; 32]).unwrap();
/// let cookie = SessionCookie::new(&SessionCookieConfig::default(), ring).unwrap();
/// let mut headers = http::HeaderMap::new();
/// headers.append("cookie", "__Host-session=a".parse().unwrap());
/// headers.append("cookie", "__Host-session=b".parse().unwrap());
/// assert_eq!(cookie.read(&headers), SessionCookieRead::Refused(CookieRefusal::Duplicate));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieRefusal {
    /// The name occurs more than once.
    Duplicate,
    /// The request carries more cookies than are read.
    TooLarge,
    /// The value is malformed, forged or signed by a key that is gone.
    Invalid,
}

/// What looking for one cookie found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CookieLookup<'h> {
    Absent,
    Found(&'h str),
    Refused(CookieRefusal),
}

/// Looks for the cookie `name` in all `Cookie` headers (RFC 6265 §5.4; HTTP/2 may split them, RFC 9113 §8.2.3).
pub(crate) fn find_cookie<'h>(headers: &'h HeaderMap, name: &str) -> CookieLookup<'h> {
    let mut found: Option<&[u8]> = None;
    let (mut bytes, mut pairs, mut duplicate) = (0, 0, false);
    for header in headers.get_all(header::COOKIE) {
        bytes += header.len();
        if bytes > MAX_COOKIE_HEADER_BYTES {
            return CookieLookup::Refused(CookieRefusal::TooLarge);
        }
        for pair in pairs_of(header.as_bytes()) {
            pairs += 1;
            if pairs > MAX_COOKIE_PAIRS {
                return CookieLookup::Refused(CookieRefusal::TooLarge);
            }
            let value = pair.trim_ascii_start().strip_prefix(name.as_bytes());
            if let Some(value) = value.and_then(|rest| rest.trim_ascii_start().strip_prefix(b"=")) {
                duplicate |= found.is_some();
                found = Some(value.trim_ascii());
            }
        }
    }
    match found {
        None => CookieLookup::Absent,
        Some(_) if duplicate => CookieLookup::Refused(CookieRefusal::Duplicate),
        Some(value) => match std::str::from_utf8(value) {
            Ok(value) => CookieLookup::Found(value),
            Err(_) => CookieLookup::Refused(CookieRefusal::Invalid),
        },
    }
}

/// Splits a `Cookie` header at its semicolons.
fn pairs_of(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        let all = rest?;
        let (pair, after) = match memchr::memchr(b';', all) {
            Some(at) => (all.get(..at)?, all.get(at + 1..)),
            None => (all, None),
        };
        rest = after;
        Some(pair)
    })
}
