use crate::store::Owner;
use axess_identity::DeviceId;
use std::{net::IpAddr, sync::Arc};

/// What is known about the request a session is used in.
///
/// It feeds lockout, the audit trail, and the checks of a callback.
///
/// ```
/// use axess_core::session::RequestContext;
/// let context = RequestContext { client_ip: Some("192.0.2.1".parse().unwrap()), ..RequestContext::default() };
/// assert!(context.user_agent.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// Where the request comes from, as far as the proxies in front are trusted.
    pub client_ip: Option<IpAddr>,
    /// The user agent, as sent.
    pub user_agent: Option<Arc<str>>,
    /// The request's id.
    pub request_id: Option<Arc<str>>,
    /// The trace the request belongs to.
    pub trace_id: Option<Arc<str>>,
    /// A keyed digest of the browser's features, bound to the session when it is created or rotated.
    pub fingerprint: Option<[u8; 32]>,
    /// What the parameter `iss` of its address says, with which an authorization server names itself in a callback (RFC 9207);
    /// empty when it is there more than once. It is as trustworthy as the address.
    pub issuer_parameter: Option<Arc<str>>,
    /// The device the request proved to come from, by a signed cookie that the device got when it was trusted.
    pub device: Option<ProvenDevice>,
}

/// A device of a user, as a signature proved it.
///
/// Whether it is still trusted is for the store to say.
///
/// ```
/// use axess_core::{session::ProvenDevice, store::Owner};
/// use axess_identity::{DeviceId, TenantId, UserId};
/// let owner = Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) };
/// let device = ProvenDevice { owner, device_id: DeviceId::from_parts(0, [3; 10]) };
/// assert_eq!(device.owner, owner);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvenDevice {
    /// Whose device it is.
    pub owner: Owner,
    /// The device.
    pub device_id: DeviceId,
}
