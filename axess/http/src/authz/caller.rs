use crate::{
    guard::{AuthnInfo, GuardRejection},
    session_facts::{CallersAreSought, request_context},
};
use axess_core::{
    session::{RequestContext, SessionHandle},
    store::Owner,
};
use axess_identity::{DeviceId, FactorKind, HumanPrincipal, Principal};
use chrono::{DateTime, Utc};
use http::{Extensions, HeaderMap};
use std::collections::BTreeMap;

/// Who is calling, as far as the layers outside have established it.
pub(super) struct Caller {
    pub(super) principal: Principal,
    /// What was proved in the session, and when last.
    pub(super) proofs: Option<(Vec<FactorKind>, DateTime<Utc>)>,
    pub(super) device: Option<(Owner, DeviceId)>,
    pub(super) request: RequestContext,
}

impl Caller {
    /// Reads the session first, then the principal that another layer put in place.
    pub(super) fn of(extensions: &Extensions, headers: &HeaderMap) -> Result<Self, GuardRejection> {
        let session = extensions.get::<SessionHandle>();
        let nobody = match session.map(|session| (session, AuthnInfo::of(session))) {
            Some((session, Ok(info))) => return Ok(Self::in_session(session, info)),
            Some((_, Err(nobody))) => nobody,
            None if extensions.get::<CallersAreSought>().is_some() => GuardRejection::Unauthenticated,
            None => GuardRejection::NoSessionLayer,
        };
        let principal = extensions.get::<Principal>().cloned().ok_or(nobody)?;
        let request = match session {
            Some(session) => session.context().clone(),
            None => request_context(extensions, headers),
        };
        Ok(Self { principal, proofs: None, device: None, request })
    }

    fn in_session(session: &SessionHandle, info: AuthnInfo) -> Self {
        let owner = Owner { tenant_id: info.tenant_id, user_id: info.user_id };
        Self {
            principal: Principal::Human(HumanPrincipal {
                user_id: info.user_id,
                tenant_id: info.tenant_id,
                session_id: Some(info.session_id),
                attributes: BTreeMap::new(),
            }),
            proofs: Some((info.factors_completed, info.authn_time)),
            device: session.device_id().map(|id| (owner, id)),
            request: session.context().clone(),
        }
    }
}
