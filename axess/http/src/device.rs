//! The cookie of a trusted device, and what a request shows of the device it comes from.
//!
//! Who has such a cookie cannot be locked out by strangers: the service counts the login attempts of a trusted device
//! apart from all others. The cookie proves which device of whom a request comes from and nothing else. It logs nobody in,
//! and it counts only while the store says that the device is trusted.

#[cfg(test)]
mod tests;

use crate::{
    CookieLookup, MAX_COOKIE_AGE, MAX_PREVIOUS_KEYS, find_cookie, header_value,
    session::{browser, primary_language},
    signing::{KEY_ID_CHARS, KeyPurpose, MacKey, SigningKeyError, TAG_BYTES},
};
use axess_core::{
    device::DeviceSignals,
    session::{ProvenDevice, SessionHandle},
    store::Owner,
};
use axess_identity::{DeviceId, SigningKey, TenantId, UserId};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::sync::Arc;
use uuid::Uuid;

/// The cookie's name over HTTPS.
const NAME: &str = "__Host-axess_device";
/// Its name on a developer's machine, where the prefix would make browsers drop it.
const PLAIN_NAME: &str = "axess_device";
/// Tenant, user and device.
const IDS_BYTES: usize = 48;
/// The exact length of every value: `<ids>.<key id>.<tag>`.
const VALUE_CHARS: usize = IDS_BYTES / 3 * 4 + 1 + KEY_ID_CHARS + 1 + (TAG_BYTES * 8).div_ceil(6);
/// The most of one header that is looked at, in bytes.
const MAX_HEADER: usize = 512;

/// The cookie that tells a user's trusted device from strangers: `<tenant, user, device>.<key id>.<HMAC-SHA256>`.
///
/// Give one clone to [`SessionLayer::with_device_cookie`](crate::SessionLayer::with_device_cookie), which reads it, and let
/// the handler that trusts a device set it with [`DeviceCookie::issue`]. Browsers keep it for 400 days.
///
/// ```
/// use axess_core::store::Owner;
/// use axess_http::DeviceCookie;
/// use axess_identity::{DeviceId, TenantId, UserId};
/// let cookie = DeviceCookie::new([7u8; 32]).unwrap();
/// let owner = Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) };
/// let set = cookie.issue(owner, DeviceId::from_parts(0, [3; 10]));
/// assert!(set.to_str().unwrap().starts_with("__Host-axess_device="));
///
/// let mut headers = http::HeaderMap::new();
/// let pair = set.to_str().unwrap().split(';').next().unwrap();
/// headers.append("cookie", pair.parse().unwrap());
/// assert_eq!(cookie.read(&headers).unwrap().owner, owner);
/// ```
#[derive(Debug, Clone)]
pub struct DeviceCookie {
    current: Arc<MacKey>,
    previous: Vec<Arc<MacKey>>,
    secure: bool,
}

impl DeviceCookie {
    /// Signs with `key`: at least 32 random bytes, the same on every instance.
    ///
    /// The session layer's key will do.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`] when the key is shorter, or all zeros.
    pub fn new(key: impl Into<SigningKey>) -> Result<Self, SigningKeyError> {
        Ok(Self { current: derive(key)?, previous: Vec::new(), secure: true })
    }

    /// Adds a key that verifies but does not sign.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`] when the key is too weak or there are [`MAX_PREVIOUS_KEYS`] already.
    pub fn with_previous_key(mut self, key: impl Into<SigningKey>) -> Result<Self, SigningKeyError> {
        if self.previous.len() >= MAX_PREVIOUS_KEYS {
            return Err(SigningKeyError::TooManyKeys { max: MAX_PREVIOUS_KEYS });
        }
        self.previous.push(derive(key)?);
        Ok(self)
    }

    /// Sets whether the browser sends the cookie over HTTPS only.
    ///
    /// Default: yes; switch it off for development only. The name loses its prefix then.
    #[must_use]
    pub fn with_secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// Returns the cookie's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        if self.secure { NAME } else { PLAIN_NAME }
    }

    /// Returns the device a request proves to come from; a cookie that is forged, malformed or there twice proves nothing.
    #[must_use]
    pub fn read(&self, headers: &HeaderMap) -> Option<ProvenDevice> {
        match find_cookie(headers, self.name()) {
            CookieLookup::Found(value) => self.open(value),
            CookieLookup::Absent | CookieLookup::Refused(_) => None,
        }
    }

    /// Renders the `Set-Cookie` value for a device that was just trusted.
    #[must_use]
    pub fn issue(&self, owner: Owner, device_id: DeviceId) -> HeaderValue {
        let ids = [owner.tenant_id.as_uuid(), owner.user_id.as_uuid(), device_id.as_uuid()];
        let ids: Vec<u8> = ids.iter().flat_map(|id| *id.as_bytes()).collect();
        let key = &self.current;
        let tag = key.tag(&[self.name().as_bytes(), key.id(), &ids]);
        let (ids, tag) = (URL_SAFE_NO_PAD.encode(ids), URL_SAFE_NO_PAD.encode(tag));
        let key_id: String = key.id().iter().map(|c| char::from(*c)).collect();
        self.render(&format!("{ids}.{key_id}.{tag}"), MAX_COOKIE_AGE.as_secs())
    }

    /// Renders the `Set-Cookie` value that makes the browser forget the device.
    #[must_use]
    pub fn removal(&self) -> HeaderValue {
        self.render("", 0)
    }

    fn render(&self, value: &str, max_age: u64) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let name = self.name();
        header_value(format!("{name}={value}; Max-Age={max_age}; Path=/; HttpOnly{secure}; SameSite=Lax"))
    }

    /// The length is checked before anything is decoded, only canonical base64 is accepted, and tags are compared in
    /// constant time.
    fn open(&self, value: &str) -> Option<ProvenDevice> {
        if value.len() != VALUE_CHARS {
            return None;
        }
        let mut parts = value.split('.');
        let (ids, key_id, tag) = (parts.next()?, parts.next()?, parts.next()?);
        let ids = URL_SAFE_NO_PAD.decode(ids).ok()?;
        let tag: [u8; TAG_BYTES] = URL_SAFE_NO_PAD.decode(tag).ok()?.try_into().ok()?;
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        let key = keys.find(|key| key.id() == key_id.as_bytes())?;
        if parts.next().is_some() || !key.verify(&[self.name().as_bytes(), key.id(), &ids], &tag) {
            return None;
        }
        let (tenant, rest) = ids.split_first_chunk::<16>()?;
        let (user, device) = rest.split_first_chunk::<16>()?;
        Some(ProvenDevice {
            owner: Owner {
                tenant_id: TenantId::from_uuid(Uuid::from_bytes(*tenant)),
                user_id: UserId::from_uuid(Uuid::from_bytes(*user)),
            },
            device_id: DeviceId::from_uuid(Uuid::from_bytes(*device.first_chunk()?)),
        })
    }
}

/// Returns what a request shows of its device.
///
/// It is for [`AuthnService::resolve_device`](axess_core::service::AuthnService::resolve_device): the browser's family and
/// major version, its first language, the client's address, and the device its cookie named. The cookie of another user's
/// device does not count.
#[must_use]
pub fn device_signals(headers: &HeaderMap, session: &SessionHandle) -> DeviceSignals {
    let read = |name: HeaderName| {
        let value = headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
        String::from_utf8_lossy(value.get(..MAX_HEADER).unwrap_or(value)).into_owned()
    };
    let present = |text: String| (!text.is_empty()).then_some(text);
    let context = session.context();
    let subject = session.with_state(|state| state.tenant_id().zip(state.user_id()));
    let own = |device: &ProvenDevice| subject == Some((device.owner.tenant_id, device.owner.user_id));
    DeviceSignals {
        user_agent: present(read(header::USER_AGENT)).map(|agent| browser(&agent)),
        accept_language: present(primary_language(&read(header::ACCEPT_LANGUAGE))),
        client_ip: context.client_ip,
        device_cookie: context.device.filter(own).map(|device| device.device_id),
    }
}

fn derive(key: impl Into<SigningKey>) -> Result<Arc<MacKey>, SigningKeyError> {
    MacKey::derive(&key.into(), KeyPurpose::DeviceCookie).map(Arc::new)
}
