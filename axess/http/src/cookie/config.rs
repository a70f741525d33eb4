/// The longest cookie name, in bytes.
const MAX_NAME: usize = 64;
/// The longest `Path` attribute, in bytes.
const MAX_PATH: usize = 256;
/// The longest domain name, in bytes (RFC 1035 §2.3.4).
const MAX_DOMAIN: usize = 253;

/// The settings of the session cookie. `HttpOnly` is not among them: it is always on.
///
/// The default is the strictest a browser enforces: `__Host-session; Path=/; Secure; HttpOnly; SameSite=Lax`.
///
/// ```
/// use axess_http::SessionCookieConfig;
/// let local = SessionCookieConfig { secure: false, ..Default::default() };
/// assert_eq!(local.cookie_name(), "session"); // plain HTTP on a developer's machine
/// assert_eq!(SessionCookieConfig::default().cookie_name(), "__Host-session");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionCookieConfig {
    /// The name; `None` picks `__Host-session` when `secure`, `path == "/"` and no `domain`, else `session`.
    pub name: Option<String>,
    /// The paths the browser sends it to.
    pub path: String,
    /// The domain whose subdomains get it too; `None` keeps it on the exact host.
    pub domain: Option<String>,
    /// Whether the browser sends it over HTTPS only.
    pub secure: bool,
    /// Whether the browser sends it with requests that other sites cause.
    pub same_site: SameSite,
}

/// Says when a browser sends a cookie with a request caused by another site (RFC 6265bis §4.1.2.7).
///
/// ```
/// use axess_http::SameSite;
/// assert_eq!(SameSite::default(), SameSite::Lax);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SameSite {
    /// With top-level navigations only.
    #[default]
    Lax,
    /// Never.
    Strict,
    /// Always; needs `Secure`.
    None,
}

/// Says which cookie setting cannot work.
///
/// ```
/// use axess_http::{CookieConfigError, CookieKeyRing, SameSite, SessionCookie, SessionCookieConfig};
/// let config = SessionCookieConfig { secure: false, same_site: SameSite::None, ..Default::default() };
/// let ring = CookieKeyRing::new([7u8; 32]).unwrap();
/// assert_eq!(SessionCookie::new(&config, ring).unwrap_err(), CookieConfigError::SameSiteNoneNeedsSecure);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CookieConfigError {
    /// The name is empty, too long or has a character outside the token alphabet (RFC 6265 §4.1.1).
    #[error("a cookie name is 1 to 64 letters, digits or one of !#$%&'*+-.^_`|~")]
    Name,
    /// A `__Host-` name without `Secure` and `Path=/`, or with a domain: browsers drop such a cookie.
    #[error("a __Host- cookie needs secure, path \"/\" and no domain")]
    HostPrefix,
    /// A `__Secure-` name without `Secure`: browsers drop such a cookie.
    #[error("a __Secure- cookie needs secure")]
    SecurePrefix,
    /// The path does not begin with `/`, is too long or has a character that ends the attribute.
    #[error("a cookie path begins with \"/\" and has at most 256 visible characters other than ';' and ','")]
    Path,
    /// The domain is not a host name.
    #[error("a cookie domain is a host name of letters, digits, '-' and '.', without a leading dot")]
    Domain,
    /// `SameSite=None` without `Secure`: browsers drop such a cookie.
    #[error("SameSite=None needs secure")]
    SameSiteNoneNeedsSecure,
}

impl SessionCookieConfig {
    /// Returns the name the cookie will have.
    #[must_use]
    pub fn cookie_name(&self) -> &str {
        match &self.name {
            Some(name) => name,
            None if self.may_be_host_bound() => "__Host-session",
            None => "session",
        }
    }

    pub(super) fn checked_name(&self) -> Result<&str, CookieConfigError> {
        let name = self.cookie_name();
        let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(token) {
            return Err(CookieConfigError::Name);
        }
        if has_prefix(name, "__Host-") && !self.may_be_host_bound() {
            return Err(CookieConfigError::HostPrefix);
        }
        if has_prefix(name, "__Secure-") && !self.secure {
            return Err(CookieConfigError::SecurePrefix);
        }
        Ok(name)
    }

    /// Renders everything after the value and the age, with its leading `; `.
    pub(super) fn checked_attributes(&self) -> Result<String, CookieConfigError> {
        let visible = |c: u8| c.is_ascii_graphic() && c != b';' && c != b',';
        if !self.path.starts_with('/') || self.path.len() > MAX_PATH || !self.path.bytes().all(visible) {
            return Err(CookieConfigError::Path);
        }
        if self.same_site == SameSite::None && !self.secure {
            return Err(CookieConfigError::SameSiteNoneNeedsSecure);
        }
        let mut text = format!("; Path={}", self.path);
        if let Some(domain) = &self.domain {
            if !is_host_name(domain) {
                return Err(CookieConfigError::Domain);
            }
            text.push_str("; Domain=");
            text.push_str(domain);
        }
        text.push_str("; HttpOnly");
        if self.secure {
            text.push_str("; Secure");
        }
        text.push_str("; SameSite=");
        text.push_str(match self.same_site {
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
            SameSite::None => "None",
        });
        Ok(text)
    }

    fn may_be_host_bound(&self) -> bool {
        self.secure && self.path == "/" && self.domain.is_none()
    }
}

impl Default for SessionCookieConfig {
    fn default() -> Self {
        Self { name: None, path: "/".to_owned(), domain: None, secure: true, same_site: SameSite::Lax }
    }
}

/// Compares as browsers do: cookie name prefixes ignore case.
fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn is_host_name(domain: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
    };
    domain.len() <= MAX_DOMAIN && domain.split('.').all(label)
}
