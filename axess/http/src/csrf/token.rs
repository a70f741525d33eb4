use super::{CsrfConfig, CsrfReason};
use crate::{
    cookie::{CookieLookup, find_cookie, header_value},
    session_facts::LiveSession,
    signing::TAG_BYTES,
};
use axess_identity::SessionId;
use axess_rng::random_array;
use axum::extract::{Extension, FromRequestParts, rejection::ExtensionRejection};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use subtle::ConstantTimeEq;

const X_CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

const NONCE_BYTES: usize = 16;
/// A token is a nonce and its tag in unpadded base64: 48 bytes, 64 characters.
const TOKEN_BYTES: usize = NONCE_BYTES + TAG_BYTES;
const TOKEN_CHARS: usize = 64;

/// The CSRF token of a request, in its extensions and as an extractor.
///
/// A page puts it where its script finds it, and the script sends it as `x-csrf-token`. Browsers that send
/// `Sec-Fetch-Site` or `Origin` pass without it. Reading it for the first time sets the CSRF cookie on the response, and a
/// response for which it was read is always `Cache-Control: no-store`.
///
/// ```
/// use axess_http::{CsrfConfig, CsrfLayer, CsrfToken};
/// use axum::{Router, response::Html, routing::get};
///
/// async fn page(token: CsrfToken) -> Html<String> {
///     Html(format!(r#"<meta name="csrf-token" content="{}">"#, token.token()))
/// }
/// let app: Router = Router::new()
///     .route("/", get(page))
///     .layer(CsrfLayer::new(CsrfConfig::new([7u8; 32]).unwrap()));
/// ```
#[derive(Clone)]
pub struct CsrfToken(Arc<Slot>);

struct Slot {
    config: Arc<CsrfConfig>,
    session: LiveSession,
    held: Mutex<Option<Held>>,
    /// Whether the response may show a token.
    read: AtomicBool,
}

/// A token that is known to be valid for `bound_to`.
#[derive(Clone)]
struct Held {
    token: String,
    bound_to: Option<SessionId>,
    /// Whether the browser does not have it yet.
    fresh: bool,
}

impl CsrfToken {
    /// Returns the token: 64 characters of unpadded base64url, which need no escaping in HTML.
    ///
    /// Within one request it stays the same unless the session id changes. Call it before the response is returned: a body
    /// that is still being made is too late for the headers.
    #[must_use]
    pub fn token(&self) -> String {
        self.0.read.store(true, Ordering::Release);
        self.current()
    }

    /// Takes over the token of the request's cookie when it is valid.
    pub(super) fn new(config: Arc<CsrfConfig>, session: LiveSession, headers: &HeaderMap) -> Self {
        let bound_to = session.authenticated_id();
        let held = match find_cookie(headers, config.cookie_name()) {
            CookieLookup::Found(token) if verify(&config, token, bound_to) => {
                Some(Held { token: token.to_owned(), bound_to, fresh: false })
            }
            _ => None,
        };
        Self(Arc::new(Slot { config, session, held: Mutex::new(held), read: AtomicBool::new(false) }))
    }

    /// Checks the signed double-submit token of a request.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), CsrfReason> {
        let mut sent = headers.get_all(X_CSRF_TOKEN).iter();
        let (sent, more) = (sent.next(), sent.next());
        let cookie = find_cookie(headers, self.0.config.cookie_name());
        let (Some(sent), None) = (sent, more) else {
            return Err(if more.is_some() { CsrfReason::TokenInvalid } else { CsrfReason::TokenMissing });
        };
        if cookie == CookieLookup::Absent {
            return Err(CsrfReason::TokenMissing);
        }
        // Held is the cookie's token when that verified for this session, so equality is all that is left.
        let held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some(held) if bool::from(held.token.as_bytes().ct_eq(sent.as_bytes())) => Ok(()),
            _ => Err(CsrfReason::TokenInvalid),
        }
    }

    /// Tells whether the token was read, so that the response may show it.
    pub(super) fn was_read(&self) -> bool {
        self.0.read.load(Ordering::Acquire)
    }

    /// Returns the `Set-Cookie` the response needs: for a token that was minted, or whose session got another id.
    pub(super) fn set_cookie(&self) -> Option<HeaderValue> {
        let known = {
            let held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.clone()?
        };
        let rebound = known.bound_to != self.0.session.authenticated_id();
        (known.fresh || rebound).then(|| {
            let config = &self.0.config;
            let secure = if config.secure { "; Secure" } else { "" };
            let (name, token) = (config.cookie_name(), self.current());
            header_value(format!("{name}={token}; Path=/; HttpOnly{secure}; SameSite=Lax"))
        })
    }

    fn current(&self) -> String {
        let bound_to = self.0.session.authenticated_id();
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some(known) if known.bound_to == bound_to => known.token.clone(),
            _ => {
                let token = mint(&self.0.config, bound_to);
                *held = Some(Held { token: token.clone(), bound_to, fresh: true });
                token
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CsrfToken {
    type Rejection = ExtensionRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ExtensionRejection> {
        Extension::from_request_parts(parts, state).await.map(|Extension(token)| token)
    }
}

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfToken([redacted])")
    }
}

fn mint(config: &CsrfConfig, bound_to: Option<SessionId>) -> String {
    let nonce: [u8; NONCE_BYTES] = random_array(&*config.rng);
    let mut bytes = nonce.to_vec();
    if let Some(key) = config.keys.first() {
        bytes.extend(covered(&nonce, bound_to, |parts| key.tag(parts)));
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

fn verify(config: &CsrfConfig, token: &str, bound_to: Option<SessionId>) -> bool {
    if token.len() != TOKEN_CHARS {
        return false;
    }
    let mut bytes = [0; TOKEN_BYTES];
    let Ok(TOKEN_BYTES) = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes) else {
        return false;
    };
    let (Some((nonce, _)), Some(tag)) = (bytes.split_first_chunk(), bytes.last_chunk()) else {
        return false;
    };
    covered(nonce, bound_to, |parts| config.keys.iter().any(|key| key.verify(parts, tag)))
}

/// The one place that says what the tag covers.
fn covered<R>(nonce: &[u8; NONCE_BYTES], bound_to: Option<SessionId>, with: impl FnOnce(&[&[u8]]) -> R) -> R {
    match bound_to {
        Some(id) => with(&[b"session", id.as_bytes(), nonce]),
        None => with(&[b"anonymous", nonce]),
    }
}
