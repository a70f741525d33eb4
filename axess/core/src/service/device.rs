//! Recognising, trusting and revoking devices.

use super::{
    AuthnService, Operator,
    cut_off::{By, Whose},
};
use crate::{
    authn::AuthnError,
    device::{
        Device, DeviceMatch, DeviceRetention, DeviceSignals, DeviceTrustLevel, Devices,
        MAX_DEVICE_NAME_CHARS, MAX_DEVICES_PER_USER, RetentionVerdict,
    },
    session::{AuthState, Change, SessionHandle, Sessions},
    store::{IdentityLookup, Owner, SaveOutcome, Swept, TrustChange},
};
use axess_events::{
    AuditText,
    authentication::LogoutReason,
    device::{
        DeviceDemoted, DeviceFingerprintMismatch, DeviceFirstSeen, DevicePurged, DeviceRecognised,
        DeviceRenamed, DeviceRevoked, DeviceTrustGranted, GrantedBy, PolicyAction, RevokedBy,
    },
    refresh::RefreshRevocationReason,
};
use axess_identity::{DeviceId, TenantId};

/// How many devices the sweep looks at in one step.
const SWEEP_STEP: usize = 500;
/// How many steps one sweep takes at most; the next one goes on.
const MAX_SWEEP_STEPS: usize = 1_000;

impl<I: IdentityLookup, F> AuthnService<I, F> {
    /// Recognises the device a request comes from, or registers it, and binds the authenticated session to it.
    ///
    /// Call it when a login has completed. A device that is new is *unknown*; in an authenticated session it becomes *seen*
    /// at once. It may be called in a login of several steps as well, once a factor was proved: before that nobody knows
    /// whether the account exists, and the answer is `None`. It is `None` too when there is nothing to recognise by.
    ///
    /// A session that is bound already stays with its device; a request that does not look like it is recorded.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotConfigured`]; [`AuthnError::SessionEnded`] when the device was revoked meanwhile, or the session
    /// ended; a store's or the trail's failure.
    pub async fn resolve_device(
        &self,
        session: &SessionHandle,
        signals: &DeviceSignals,
    ) -> Result<Option<DeviceMatch>, AuthnError> {
        let devices = self.configured_devices()?;
        let Some((owner, authenticated)) = session.with_state(proven_owner) else { return Ok(None) };
        let Some(tenant) = self.identity.get_tenant(owner.tenant_id).await? else { return Ok(None) };
        let pepper = &tenant.fingerprint_pepper;
        if let Some(bound) = session.device_id()
            && let Some(device) = devices.store().load(owner, bound).await?
        {
            if !devices.fits(&device, signals, pepper) {
                self.record_mismatch(session, owner, bound).await?;
            }
            devices.store().record_sighting(owner, bound, self.now()).await?;
            return Ok(Some(DeviceMatch::Existing(bound)));
        }
        let resolved = devices.resolve(owner, signals, pepper, self.now(), self.rng()).await?;
        let Some(resolved) = resolved else { return Ok(None) };
        let device_id = resolved.found.device_id();
        if let DeviceMatch::NewDevice(_) = resolved.found {
            let fingerprint_features = resolved.described.iter().map(String::as_str).collect();
            let event = DeviceFirstSeen { device_id, user_id: owner.user_id, fingerprint_features };
            self.emit(session, Some(owner.tenant_id), event.into()).await?;
        }
        if resolved.mismatch {
            self.record_mismatch(session, owner, device_id).await?;
        }
        if authenticated {
            self.bind_device(session, devices, owner, device_id, resolved.trust_level).await?;
            if let DeviceMatch::Existing(_) = resolved.found {
                let session_id = session.session_id();
                let event = DeviceRecognised { device_id, user_id: owner.user_id, session_id };
                self.emit(session, Some(owner.tenant_id), event.into()).await?;
            }
        }
        Ok(Some(resolved.found))
    }

    /// Demotes and deletes the devices of one tenant that were not seen for as long as the tenant keeps them.
    ///
    /// Also revokes the refresh tokens bound to those it deletes. Returns how many it deleted.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotConfigured`]; [`AuthnError::NoSuchRecord`] when the tenant does not exist; a store's or the trail's
    /// failure. It may be called again.
    pub async fn sweep_devices(&self, tenant_id: TenantId) -> Result<u64, AuthnError> {
        let devices = self.configured_devices()?;
        let tenant = self.identity.get_tenant(tenant_id).await?.ok_or(AuthnError::NoSuchRecord)?;
        let retention = DeviceRetention::for_tenant(tenant.device_retention_days);
        let mut purged = 0;
        for _ in 0..MAX_SWEEP_STEPS {
            let swept = devices.store().sweep(tenant_id, retention, self.now(), SWEEP_STEP).await?;
            for swept in &swept {
                purged += u64::from(self.record_swept(tenant_id, swept).await?);
            }
            if swept.len() < SWEEP_STEP {
                break;
            }
        }
        Ok(purged)
    }
}

impl<I, F> AuthnService<I, F> {
    /// Trusts the device the session is on, and optionally names it; returns it, so that it can be given its cookie.
    ///
    /// `None` when the session is bound to no device, or to one that is gone.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotConfigured`]; [`AuthnError::NotAuthenticated`]; [`AuthnError::StepUpRequired`] unless the session's
    /// latest proof is recent; a store's or the trail's failure.
    pub async fn trust_device(
        &self,
        session: &SessionHandle,
        name: Option<&str>,
    ) -> Result<Option<DeviceId>, AuthnError> {
        let devices = self.configured_devices()?;
        let owner = session.owner().ok_or(AuthnError::NotAuthenticated)?;
        self.require_fresh(session)?;
        let Some(device_id) = session.device_id() else { return Ok(None) };
        let level = DeviceTrustLevel::Trusted;
        match devices.store().set_trust_level(owner, device_id, level, self.now()).await? {
            TrustChange::Refused => return Ok(None),
            TrustChange::Unchanged => {}
            TrustChange::Changed { .. } => {
                let event =
                    DeviceTrustGranted { device_id, user_id: owner.user_id, granted_by: GrantedBy::User };
                self.emit(session, Some(owner.tenant_id), event.into()).await?;
            }
        }
        if name.is_some() {
            let _ = self.rename_device(session, device_id, name).await?;
        }
        Ok(Some(device_id))
    }

    /// Lists the authenticated user's devices, last seen first, revoked ones included until they are swept.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotConfigured`]; [`AuthnError::NotAuthenticated`]; a store's failure.
    pub async fn find_devices(&self, session: &SessionHandle) -> Result<Vec<Device>, AuthnError> {
        let owner = session.owner().ok_or(AuthnError::NotAuthenticated)?;
        Ok(self.configured_devices()?.store().find_for_user(owner, MAX_DEVICES_PER_USER).await?)
    }

    /// Names one of the authenticated user's devices; `None` takes the name away.
    ///
    /// Returns whether it did: there is such a device, and the name has at most [`MAX_DEVICE_NAME_CHARS`] characters, none
    /// of them a control character.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotConfigured`]; [`AuthnError::NotAuthenticated`]; a store's failure.
    pub async fn rename_device(
        &self,
        session: &SessionHandle,
        device_id: DeviceId,
        name: Option<&str>,
    ) -> Result<bool, AuthnError> {
        let devices = self.configured_devices()?;
        let owner = session.owner().ok_or(AuthnError::NotAuthenticated)?;
        let name = name.map(str::trim).filter(|name| !name.is_empty());
        let unfit =
            |name: &str| name.chars().count() > MAX_DEVICE_NAME_CHARS || name.chars().any(char::is_control);
        if name.is_some_and(unfit) {
            return Ok(false);
        }
        if devices.store().rename(owner, device_id, name.map(str::to_owned)).await? == SaveOutcome::Conflict {
            return Ok(false);
        }
        let event =
            DeviceRenamed { device_id, user_id: owner.user_id, display_name: name.map(AuditText::from) };
        self.emit(session, Some(owner.tenant_id), event.into()).await?;
        Ok(true)
    }

    /// Revokes one of the authenticated user's devices, with the refresh tokens bound to it and the sessions on it.
    ///
    /// When it is the device of this session, this session ends as well. Returns whether there is such a device.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotConfigured`]; [`AuthnError::NotAuthenticated`]; a store's or the trail's failure. The device is
    /// revoked first, and the verb may be called again.
    pub async fn revoke_device(
        &self,
        session: &SessionHandle,
        device_id: DeviceId,
    ) -> Result<bool, AuthnError> {
        self.configured_devices()?;
        let owner = session.owner().ok_or(AuthnError::NotAuthenticated)?;
        let by = By::Session(session);
        let Some(change) = self.cut_off_device(session.sessions(), owner, device_id, by).await? else {
            return Ok(false);
        };
        if let TrustChange::Changed { .. } = change {
            let (user_id, revoked_by) = (owner.user_id, RevokedBy::User);
            let event =
                DeviceRevoked { device_id, user_id, revoked_by, reason: "removed by its user".into() };
            self.emit(session, Some(owner.tenant_id), event.into()).await?;
        }
        if session.device_id() == Some(device_id) {
            self.end_session(session, LogoutReason::DeviceRevoked).await?;
        }
        Ok(true)
    }

    /// Revokes a device of anybody, as [`AuthnService::revoke_device`] does.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotConfigured`]; [`AuthnError::NoSuchRecord`] when there is no such device; a store's or the trail's
    /// failure.
    pub async fn revoke_device_of(
        &self,
        sessions: &Sessions,
        owner: Owner,
        device_id: DeviceId,
        operator: &Operator,
    ) -> Result<(), AuthnError> {
        self.configured_devices()?;
        let by = By::Operator(operator);
        let change = self.cut_off_device(sessions, owner, device_id, by).await?;
        if let TrustChange::Changed { .. } = change.ok_or(AuthnError::NoSuchRecord)? {
            let reason = operator.reason.as_str().into();
            let (user_id, revoked_by) = (owner.user_id, RevokedBy::Admin);
            let event = DeviceRevoked { device_id, user_id, revoked_by, reason };
            self.emit_by(by, Some(owner.tenant_id), event.into()).await?;
        }
        Ok(())
    }

    /// Returns the device an attempt on `owner` comes from, if it proved itself and is trusted right now.
    pub(super) async fn trusted_device(
        &self,
        session: &SessionHandle,
        owner: Owner,
    ) -> Result<Option<DeviceId>, AuthnError> {
        let (Some(devices), Some(proven)) = (&self.devices, session.context().device) else {
            return Ok(None);
        };
        // Another user's device saves the look into the store: it would not be found among this user's.
        if proven.owner != owner {
            return Ok(None);
        }
        Ok(devices.is_trusted(owner, proven.device_id).await?.then_some(proven.device_id))
    }

    async fn bind_device(
        &self,
        session: &SessionHandle,
        devices: &Devices,
        owner: Owner,
        device_id: DeviceId,
        trust_level: DeviceTrustLevel,
    ) -> Result<(), AuthnError> {
        if trust_level == DeviceTrustLevel::Unknown {
            let level = DeviceTrustLevel::Seen;
            let _ = devices.store().set_trust_level(owner, device_id, level, self.now()).await?;
        }
        if !session.commit(Change::BindDevice(owner, device_id)).await? {
            return Err(AuthnError::SessionEnded);
        }
        // Written first, asked second: a revocation that came meanwhile is either found here or finds the session.
        let device = devices.store().load(owner, device_id).await?;
        if device.is_some_and(|device| device.trust_level == DeviceTrustLevel::Revoked) {
            self.end_session(session, LogoutReason::DeviceRevoked).await?;
            return Err(AuthnError::SessionEnded);
        }
        Ok(())
    }

    /// Revokes what was bound to a device that is gone, and records what became of it. Tells whether it is gone.
    async fn record_swept(&self, tenant_id: TenantId, swept: &Swept) -> Result<bool, AuthnError> {
        let (device_id, user_id, days) = (swept.device_id, swept.owner.user_id, swept.idle_days);
        let gone = swept.verdict == RetentionVerdict::Purge;
        if let (true, Some(tokens)) = (gone, &self.refresh) {
            let revoked = tokens.store().revoke_for_device(swept.owner, device_id, self.now()).await?;
            let why = RefreshRevocationReason::DeviceRevoked;
            self.record_revoked(By::System, Whose::User(swept.owner), revoked.tokens, why).await?;
        }
        let event = if gone {
            DevicePurged { device_id, user_id, purged_at_age_days: days }.into()
        } else {
            DeviceDemoted { device_id, user_id, demoted_at_age_days: days }.into()
        };
        self.emit_by(By::System, Some(tenant_id), event).await?;
        Ok(gone)
    }

    async fn record_mismatch(
        &self,
        session: &SessionHandle,
        owner: Owner,
        device_id: DeviceId,
    ) -> Result<(), AuthnError> {
        self.metrics.fingerprint_mismatch();
        let event = DeviceFingerprintMismatch {
            device_id,
            user_id: owner.user_id,
            session_id: session.session_id(),
            policy_action: PolicyAction::Warn,
        };
        self.emit(session, Some(owner.tenant_id), event.into()).await.map(|_| ())
    }

    fn configured_devices(&self) -> Result<&Devices, AuthnError> {
        self.devices.as_ref().ok_or(AuthnError::NotConfigured("devices"))
    }
}

/// Returns whose session it is, and whether the login is complete; `None` while nothing was proved.
fn proven_owner(state: &AuthState) -> Option<(Owner, bool)> {
    match state {
        AuthState::Authenticated { user_id, tenant_id, .. } => {
            Some((Owner { tenant_id: *tenant_id, user_id: *user_id }, true))
        }
        AuthState::Authenticating { user_id, tenant_id, completed, .. } if !completed.is_empty() => {
            Some((Owner { tenant_id: *tenant_id, user_id: *user_id }, false))
        }
        _ => None,
    }
}
