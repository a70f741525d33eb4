//! The session cookie: its name and attributes, its signature, and how it is found in a request.
//!
//! Decision rules when reading, first match wins:
//!
//! 1. More than [`MAX_COOKIE_HEADER_BYTES`] or [`MAX_COOKIE_PAIRS`] in all `Cookie` headers together: refused as
//!    [`CookieRefusal::TooLarge`]. An overfull jar is how a neighbouring subdomain pushes a cookie out.
//! 2. No cookie of the name: absent.
//! 3. The name occurs twice, in one header or across several: refused as [`CookieRefusal::Duplicate`]. Which of the
//!    two the browser meant cannot be known, so neither counts.
//! 4. The value is not `<id>.<key id>.<mac>` in canonical base64, names an unknown key or does not verify: refused as
//!    [`CookieRefusal::Invalid`].
//! 5. Otherwise valid. When a previous key signed it, the answer asks for a fresh cookie.
//!
//! A refused cookie means "no session"; it is told apart from an absent one so that it can be counted.

mod config;
mod jar;
mod key_ring;
#[cfg(test)]
mod tests;

pub use config::{CookieConfigError, SameSite, SessionCookieConfig};
pub(crate) use jar::{CookieLookup, find_cookie};
pub use jar::{CookieRefusal, MAX_COOKIE_HEADER_BYTES, MAX_COOKIE_PAIRS};
pub use key_ring::{CookieKeyRing, MAX_PREVIOUS_KEYS};

use axess_identity::SessionId;
use http::{HeaderMap, HeaderValue};
use std::{sync::Arc, time::Duration};

/// The longest a browser keeps a cookie.
///
/// 400 days (RFC 6265bis §5.5). A longer `Max-Age` is cut to it.
pub const MAX_COOKIE_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The session cookie of one application: reads it from requests and renders it for responses.
///
/// Cloning is cheap and clones share the key ring.
///
/// ```
/// use axess_http::{CookieKeyRing, SessionCookie, SessionCookieConfig, SessionCookieRead};
/// use axess_identity::SessionId;
/// use std::time::Duration;
///
/// let ring = CookieKeyRing::new([7u8; 32]).unwrap();
/// let cookie = SessionCookie::new(&SessionCookieConfig::default(), ring).unwrap();
/// let id = SessionId::from_bytes([1; 16]);
///
/// let set = cookie.issue(&id, Some(Duration::from_secs(3600)));
/// let pair = set.to_str().unwrap().split(';').next().unwrap();
/// assert!(pair.starts_with("__Host-session="));
///
/// let mut headers = http::HeaderMap::new();
/// headers.append("cookie", pair.parse().unwrap());
/// assert_eq!(cookie.read(&headers), SessionCookieRead::Valid { session_id: id, reissue: false });
/// ```
#[derive(Debug, Clone)]
pub struct SessionCookie {
    name: Arc<str>,
    attributes: Arc<str>,
    ring: CookieKeyRing,
}

/// Says what a request's session cookie is worth.
///
/// ```
/// use axess_http::{CookieRefusal, SessionCookieRead};
/// let read = SessionCookieRead::Refused(CookieRefusal::Duplicate);
/// assert_eq!(read.session_id(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionCookieRead {
    /// There is none.
    Absent,
    /// It verified.
    Valid {
        /// The id it carries.
        session_id: SessionId,
        /// Whether a previous key signed it, so that a fresh cookie should be sent.
        reissue: bool,
    },
    /// There is one, but it counts as none.
    Refused(CookieRefusal),
}

impl SessionCookie {
    /// Creates the cookie from checked settings.
    ///
    /// # Errors
    ///
    /// [`CookieConfigError`] names the setting that cannot work.
    pub fn new(config: &SessionCookieConfig, ring: CookieKeyRing) -> Result<Self, CookieConfigError> {
        Ok(Self {
            name: config.checked_name()?.into(),
            attributes: config.checked_attributes()?.into(),
            ring,
        })
    }

    /// Returns the cookie's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the key ring, through which keys are rotated.
    #[must_use]
    pub fn key_ring(&self) -> &CookieKeyRing {
        &self.ring
    }

    /// Reads the session cookie of a request.
    #[must_use]
    pub fn read(&self, headers: &HeaderMap) -> SessionCookieRead {
        match find_cookie(headers, &self.name) {
            CookieLookup::Absent => SessionCookieRead::Absent,
            CookieLookup::Refused(refusal) => SessionCookieRead::Refused(refusal),
            CookieLookup::Found(value) => match self.ring.open(&self.name, value) {
                Some((session_id, by_current)) => {
                    SessionCookieRead::Valid { session_id, reissue: !by_current }
                }
                None => SessionCookieRead::Refused(CookieRefusal::Invalid),
            },
        }
    }

    /// Renders the `Set-Cookie` value that gives the browser `id`.
    ///
    /// `max_age` is cut to [`MAX_COOKIE_AGE`] and to whole seconds; `None` makes a cookie that ends with the browser.
    #[must_use]
    pub fn issue(&self, id: &SessionId, max_age: Option<Duration>) -> HeaderValue {
        let value = self.ring.sign(&self.name, id);
        let age = max_age
            .map_or_else(String::new, |age| format!("; Max-Age={}", age.min(MAX_COOKIE_AGE).as_secs()));
        header_value(format!("{}={value}{age}{}", self.name, self.attributes))
    }

    /// Renders the `Set-Cookie` value that makes the browser forget the cookie.
    #[must_use]
    pub fn removal(&self) -> HeaderValue {
        header_value(format!("{}=; Max-Age=0{}", self.name, self.attributes))
    }
}

impl SessionCookieRead {
    /// Returns the id of a valid cookie.
    #[must_use]
    pub fn session_id(&self) -> Option<SessionId> {
        match self {
            Self::Valid { session_id, .. } => Some(*session_id),
            Self::Absent | Self::Refused(_) => None,
        }
    }
}

/// Makes a header value of checked ASCII and keeps it out of debug output and header compression tables.
pub(crate) fn header_value(text: String) -> HeaderValue {
    #[expect(clippy::expect_used, reason = "every part was checked to be printable ASCII")]
    let mut value = HeaderValue::try_from(text).expect("checked cookies are printable ASCII");
    value.set_sensitive(true);
    value
}
