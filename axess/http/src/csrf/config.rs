use super::{CsrfReason, origin::Origin};
use crate::{
    ShellAudit,
    cookie::MAX_PREVIOUS_KEYS,
    signing::{KeyPurpose, MacKey, SigningKeyError},
};
use axess_identity::SigningKey;
use axess_rng::{SecureRng, SystemRng};
use http::Method;
use std::{fmt, net::IpAddr, sync::Arc};

/// The most origins, and the most exempt paths, of one configuration.
pub const MAX_CSRF_RULES: usize = 256;

/// Called for every refused request.
pub type OnCsrfReject = Arc<dyn Fn(&CsrfRejection<'_>) + Send + Sync>;

/// The settings of the CSRF protection.
///
/// ```
/// use axess_http::CsrfConfig;
/// # fn main() -> Result<(), axess_http::CsrfConfigError> {
/// let config = CsrfConfig::new([7u8; 32])?
///     .allow_origin("https://app.example.com")?
///     .exempt_path("/webhooks/*")?;
/// # let _ = config; Ok(()) }
/// ```
#[derive(Clone)]
pub struct CsrfConfig {
    /// The key that signs, then those that still verify.
    pub(super) keys: Vec<MacKey>,
    pub(super) origins: Vec<Origin>,
    pub(super) exempt: Vec<String>,
    pub(super) bearer_is_exempt: bool,
    pub(super) secure: bool,
    pub(super) rng: Arc<dyn SecureRng>,
    pub(super) audit: Option<ShellAudit>,
    pub(super) on_reject: Option<OnCsrfReject>,
}

/// Says which CSRF setting cannot work.
///
/// ```
/// use axess_http::{CsrfConfig, CsrfConfigError};
/// let error = CsrfConfig::new([7u8; 32]).unwrap().allow_origin("https://example.com/path").unwrap_err();
/// assert!(matches!(error, CsrfConfigError::Origin { .. }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsrfConfigError {
    /// A signing key cannot be used.
    #[error("the CSRF signing key cannot be used")]
    Key(#[from] SigningKeyError),
    /// Not an origin.
    #[error("not an origin (write scheme://host or scheme://host:port): {text:?}")]
    Origin {
        /// The text, from the configuration.
        text: String,
    },
    /// Not an exempt path.
    #[error("not an exempt path (write /exact or /below/*): {text:?}")]
    Path {
        /// The text, from the configuration.
        text: String,
    },
    /// More rules than [`MAX_CSRF_RULES`].
    #[error("at most 256 origins and 256 exempt paths")]
    TooManyRules,
}

/// One refused request.
///
/// ```
/// use axess_http::{CsrfConfig, CsrfRejection};
/// let config = CsrfConfig::new([7u8; 32]).unwrap().on_reject(std::sync::Arc::new(|rejection: &CsrfRejection<'_>| {
///     println!("{} {:?}", rejection.reason, rejection.matched_path);
/// }));
/// # let _ = config;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsrfRejection<'a> {
    /// The rule that refused it.
    pub reason: CsrfReason,
    /// The request's method.
    pub method: &'a Method,
    /// The route as it was declared, such as `/users/{id}`, when routing came before.
    pub matched_path: Option<&'a str>,
    /// The caller's address, when it is known.
    pub client_ip: Option<IpAddr>,
}

impl CsrfConfig {
    /// Begins a configuration that signs tokens with a key derived from `key`, at least 32 random bytes.
    ///
    /// It may be the key of the session cookie, since each purpose derives its own.
    ///
    /// # Errors
    ///
    /// [`CsrfConfigError::Key`] when the key is too weak.
    pub fn new(key: impl Into<SigningKey>) -> Result<Self, CsrfConfigError> {
        Ok(Self {
            keys: vec![MacKey::derive(&key.into(), KeyPurpose::Csrf)?],
            origins: Vec::new(),
            exempt: Vec::new(),
            bearer_is_exempt: false,
            secure: true,
            rng: Arc::new(SystemRng),
            audit: None,
            on_reject: None,
        })
    }

    /// Adds a key whose tokens still pass, for the time after a key change.
    ///
    /// # Errors
    ///
    /// [`CsrfConfigError::Key`] when the key is too weak or there are [`MAX_PREVIOUS_KEYS`] already.
    pub fn with_previous_key(mut self, key: impl Into<SigningKey>) -> Result<Self, CsrfConfigError> {
        if self.keys.len() > MAX_PREVIOUS_KEYS {
            return Err(SigningKeyError::TooManyKeys { max: MAX_PREVIOUS_KEYS }.into());
        }
        self.keys.push(MacKey::derive(&key.into(), KeyPurpose::Csrf)?);
        Ok(self)
    }

    /// Lists an origin whose pages may make requests: your own, and any other you trust as much.
    ///
    /// # Errors
    ///
    /// [`CsrfConfigError::Origin`] unless it is `scheme://host` or `scheme://host:port`.
    pub fn allow_origin(mut self, origin: &str) -> Result<Self, CsrfConfigError> {
        let parsed =
            Origin::parse(origin).ok_or_else(|| CsrfConfigError::Origin { text: origin.to_owned() })?;
        bounded_push(&mut self.origins, parsed)?;
        Ok(self)
    }

    /// Exempts a path, such as a webhook that authenticates each request by a signature.
    ///
    /// `/a/b` is that path alone, `/a/*` everything below `/a/`. The path is the one the client asked for, also inside
    /// nested routers.
    ///
    /// # Errors
    ///
    /// [`CsrfConfigError::Path`] unless it begins with `/` and has no `*` but a last segment of its own.
    pub fn exempt_path(mut self, path: &str) -> Result<Self, CsrfConfigError> {
        let stem = path.strip_suffix("/*").unwrap_or(path);
        let below_everything = stem.is_empty();
        if below_everything || !path.starts_with('/') || stem.contains(['*', '?', '#']) {
            return Err(CsrfConfigError::Path { text: path.to_owned() });
        }
        bounded_push(&mut self.exempt, path.to_owned())?;
        Ok(self)
    }

    /// Exempts requests with one `Authorization: Bearer` header, whatever they are: those of programs.
    ///
    /// No browser adds that header by itself, and a page of another site that does is stopped by a preflight, unless the
    /// application's own CORS settings let it through. Other schemes (`Basic`) are not exempt: browsers remember those.
    #[must_use]
    pub fn exempt_bearer(mut self) -> Self {
        self.bearer_is_exempt = true;
        self
    }

    /// Says whether the site is for HTTPS only, which is the default.
    ///
    /// Then the CSRF cookie is too, and no `http` origin is the request's own target.
    ///
    /// Without it the cookie is called `csrf`, else `__Host-csrf`.
    #[must_use]
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// Takes randomness from `rng`.
    #[must_use]
    pub fn with_rng(mut self, rng: Arc<dyn SecureRng>) -> Self {
        self.rng = rng;
        self
    }

    /// Records every refused request in the audit trail before it is answered.
    #[must_use]
    pub fn with_audit(mut self, audit: ShellAudit) -> Self {
        self.audit = Some(audit);
        self
    }

    /// Calls `hook` for every refused request.
    ///
    /// It runs in the request: it must be quick and must not block.
    #[must_use]
    pub fn on_reject(mut self, hook: OnCsrfReject) -> Self {
        self.on_reject = Some(hook);
        self
    }

    pub(super) fn cookie_name(&self) -> &'static str {
        if self.secure { "__Host-csrf" } else { "csrf" }
    }

    pub(super) fn is_exempt(&self, path: &str) -> bool {
        self.exempt.iter().any(|rule| match rule.strip_suffix('*') {
            Some(below) => path.starts_with(below),
            None => path == rule,
        })
    }
}

impl fmt::Debug for CsrfConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsrfConfig")
            .field("keys", &self.keys)
            .field("origins", &self.origins)
            .field("exempt", &self.exempt)
            .field("bearer_is_exempt", &self.bearer_is_exempt)
            .field("secure", &self.secure)
            .finish_non_exhaustive()
    }
}

fn bounded_push<T>(rules: &mut Vec<T>, rule: T) -> Result<(), CsrfConfigError> {
    if rules.len() >= MAX_CSRF_RULES {
        return Err(CsrfConfigError::TooManyRules);
    }
    rules.push(rule);
    Ok(())
}
