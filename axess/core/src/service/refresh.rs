//! Continuing a login with a refresh token.
//!
//! 1. [`issue_refresh_token`](AuthnService::issue_refresh_token) begins a family for an authenticated session and binds
//!    the session to it, so that logging out ends both.
//! 2. [`refresh_session`](AuthnService::refresh_session) judges the token, asks whether its user may log in right now,
//!    spends it, puts the proof into the state machine, and looks once more whether the token was revoked meanwhile.
//! 3. A token that was spent before ends its family, the devices bound to it and the sessions opened with it.

use super::{
    AuthnService,
    cut_off::{By, Whose},
};
use crate::{
    authn::AuthnError,
    device::DeviceTrustLevel,
    refresh::{
        Continued, Exchanged, IssuedRefreshToken, Judged, RefreshGrant, RefreshOutcome, RefreshToken,
        RefreshTokens, TokenCompromise, collect_family_device_targets,
    },
    session::{Advance, AuthState, Bond, Change, Input, SessionError, SessionHandle},
    store::{IdentityLookup, Owner, StoreError, StoreErrorKind, TrustChange},
};
use axess_events::{
    AuthEvent,
    device::{DeviceBindingAdded, DeviceRevoked, RevokedBy},
    refresh::{
        RefreshRevocationReason as Why, RefreshTokenIssued, RefreshTokenReuseDetected, RefreshTokenRotated,
    },
};
use axess_identity::{DeviceId, RefreshTokenId, TokenSecret};

/// How often a token is judged again when another request changed its row meanwhile. Each time something has happened
/// to it, and not much can.
const MAX_TURNS: usize = 4;

impl<I, F> AuthnService<I, F> {
    /// Issues a refresh token for the session's login: the first of a new family, bound to the session's device.
    ///
    /// What is opened with it later is as fresh as this session is now. The family ends when the session is logged out;
    /// asking again ends the family before and begins another. The tokens that have to make room for it stop working.
    ///
    /// After a login at an identity provider the family is not prolonged by use, and ends when the provider said that the
    /// login does.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotConfigured`]; [`AuthnError::NotAuthenticated`]; [`AuthnError::StepUpRequired`] when the session was
    /// itself opened with a token of such a family: its end stands; [`AuthnError::SessionEnded`] when it ended, or another
    /// request issued a token for it, meanwhile; a store's or the trail's failure. No token of this call works then.
    pub async fn issue_refresh_token(
        &self,
        session: &SessionHandle,
    ) -> Result<IssuedRefreshToken, AuthnError> {
        let tokens = self.refresh_tokens()?;
        let (owner, mut grant) = session.with_state(proved).ok_or(AuthnError::NotAuthenticated)?;
        let (login, federated) = (session.federated_login(), grant.is_federated());
        if federated && login.as_ref().is_none_or(|login| login.refreshed) {
            return Err(AuthnError::StepUpRequired);
        }
        let until = login.as_ref().and_then(|login| login.expires_at);
        grant.login = login.map(|login| Box::new(login.for_refresh()));
        let replaces = session.refresh_family();
        if let Some(before) = replaces {
            self.revoke_family(owner, before, By::Session(session), Why::Replaced).await?;
            if federated {
                // A logout at the provider finds the new family only.
                let keep = Some(session.session_id());
                session.sessions().end_bound(owner, Bond::Family(before), keep).await?;
            }
        }
        let device_id = session.device_id();
        let info = session.context().user_agent.as_deref();
        let (grant, device) = ((grant, until), (device_id, info));
        let (issued, evicted) = tokens.issue(owner, grant, device, self.now(), self.rng()).await?;
        let bind = Change::BindFamily { owner, family: issued.family_id, replaces };
        let kept = match session.commit(bind).await {
            Ok(true) => self.record_issued(session, owner, device_id, &issued, evicted.len()).await,
            Ok(false) | Err(SessionError::Ended) => Err(AuthnError::SessionEnded),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = kept {
            // Nothing is granted that is not bound to a session and on record.
            tokens.store().revoke_family(owner, issued.family_id, self.now()).await?;
            return Err(error);
        }
        Ok(issued)
    }

    async fn record_issued(
        &self,
        session: &SessionHandle,
        owner: Owner,
        device_id: Option<DeviceId>,
        issued: &IssuedRefreshToken,
        evicted: usize,
    ) -> Result<(), AuthnError> {
        let (user_id, refresh_token_id) = (owner.user_id, issued.id);
        let event = RefreshTokenIssued {
            user_id,
            refresh_token_id,
            family_id: issued.family_id,
            device_id,
            expires_at: issued.expires_at,
        };
        self.emit(session, Some(owner.tenant_id), event.into()).await?;
        if let Some(device_id) = device_id {
            let event = DeviceBindingAdded { device_id, user_id, refresh_token_id };
            self.emit(session, Some(owner.tenant_id), event.into()).await?;
        }
        let evicted = u64::try_from(evicted).unwrap_or(u64::MAX);
        self.record_revoked(By::Session(session), Whose::User(owner), evicted, Why::Limit).await
    }

    pub(super) fn refresh_tokens(&self) -> Result<&RefreshTokens, AuthnError> {
        self.refresh.as_ref().ok_or(AuthnError::NotConfigured("refresh tokens"))
    }
}

impl<I: IdentityLookup, F> AuthnService<I, F> {
    /// Opens a guest's session for the holder of a refresh token, under a new id.
    ///
    /// The session has the user, the factors and the login time of the login the token descends from: what asks for a
    /// fresh login still does. Where that was at an identity provider, a logout there ends it too. Unless rotation is off, the token is spent, and the outcome has the one to use next.
    ///
    /// Every token that does not work gets the same outcome. One that was spent before also has its family, the devices
    /// bound to it and the sessions opened with it revoked; one whose user may not log in has its family revoked.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotConfigured`]; [`AuthnError::AlreadyAuthenticated`] unless the session is a guest's (the token is
    /// not looked at then); a store's or the trail's failure. After a failure the token may be spent; presenting it again
    /// within the race window gets its successor.
    pub async fn refresh_session(
        &self,
        session: &SessionHandle,
        token: impl Into<TokenSecret>,
    ) -> Result<RefreshOutcome, AuthnError> {
        let tokens = self.refresh_tokens()?;
        if !session.is_guest() {
            return Err(AuthnError::AlreadyAuthenticated);
        }
        let presented = token.into();
        for _ in 0..MAX_TURNS {
            let claim = match tokens.judge(&presented, self.now()).await? {
                Judged::Refused => return Ok(RefreshOutcome::Refused),
                Judged::Reused(row) => return self.reused(session, tokens, row).await,
                Judged::Valid(claim) => claim,
            };
            let (owner, family, device) = (claim.row().owner, claim.row().family_id, claim.row().device_id);
            if !self.admits(owner).await? || self.is_revoked(owner, device).await? {
                self.revoke_family(owner, family, By::Session(session), Why::AccountInactive).await?;
                return Ok(RefreshOutcome::Refused);
            }
            match tokens.exchange(claim, self.now(), self.rng()).await? {
                Exchanged::Overtaken => {}
                Exchanged::Reused(row) => return self.reused(session, tokens, row).await,
                Exchanged::Done { proof, issued, previous } => {
                    return self.continue_login(session, tokens, proof, issued, previous).await;
                }
            }
        }
        Err(StoreError::bare(StoreErrorKind::Unavailable).into())
    }

    /// Tells whether account and tenant may log in right now.
    async fn admits(&self, owner: Owner) -> Result<bool, AuthnError> {
        let user = self.identity.get_user(owner.tenant_id, owner.user_id).await?;
        let tenant = self.identity.get_tenant(owner.tenant_id).await?;
        Ok(user.is_some_and(|user| user.status.admits_logins())
            && tenant.is_some_and(|tenant| tenant.status.admits_logins()))
    }

    /// Tells whether a device was revoked or is gone. Its tokens were revoked with it, unless that stopped half-way.
    async fn is_revoked(&self, owner: Owner, device_id: Option<DeviceId>) -> Result<bool, AuthnError> {
        let (Some(devices), Some(device_id)) = (&self.devices, device_id) else { return Ok(false) };
        let device = devices.store().load(owner, device_id).await?;
        Ok(device.is_none_or(|device| device.trust_level == DeviceTrustLevel::Revoked))
    }

    async fn continue_login(
        &self,
        session: &SessionHandle,
        tokens: &RefreshTokens,
        proof: Continued,
        issued: IssuedRefreshToken,
        previous: Option<RefreshTokenId>,
    ) -> Result<RefreshOutcome, AuthnError> {
        let (owner, token_id, device_id) = (proof.owner(), proof.token_id(), proof.device_id());
        if let Advance::Refused = session.advance(Input::Continue(proof)).await? {
            // Another request has logged in in this very session meanwhile.
            return Err(AuthnError::AlreadyAuthenticated);
        }
        // Written first, asked second: a revocation that came meanwhile is either found here or finds the session.
        let active = match self.bind_provider_session(session, owner).await {
            Ok(()) => tokens.is_active(owner, token_id, self.now()).await.map_err(AuthnError::from),
            Err(error) => Err(error),
        };
        let confirmed = match active {
            Ok(true) => self.record_refreshed(session, owner, &issued, previous).await,
            Ok(false) => {
                session.clear().await?;
                return Ok(RefreshOutcome::Refused);
            }
            Err(error) => Err(error),
        };
        if let Err(error) = confirmed {
            session.clear().await?;
            return Err(error);
        }
        if let (Some(devices), Some(device_id)) = (&self.devices, device_id)
            && let Err(error) = devices.store().record_sighting(owner, device_id, self.now()).await
        {
            // The token is spent and the session is open: the client must get the next token.
            tracing::warn!(%error, "the sighting of a device could not be noted");
        }
        Ok(RefreshOutcome::Refreshed(issued))
    }

    async fn record_refreshed(
        &self,
        session: &SessionHandle,
        owner: Owner,
        issued: &IssuedRefreshToken,
        previous_refresh_token_id: Option<RefreshTokenId>,
    ) -> Result<(), AuthnError> {
        let event = RefreshTokenRotated {
            user_id: owner.user_id,
            refresh_token_id: issued.id,
            previous_refresh_token_id,
            family_id: issued.family_id,
            session_id: session.session_id(),
        };
        self.emit(session, Some(owner.tenant_id), event.into()).await.map(|_| ())
    }

    /// Ends everything that descends from a token that was presented once too often.
    ///
    /// A token that was revoked itself, of a family in which nothing works any more, proves nothing: an evicted or logged
    /// out client tries once more. That is recorded and alarms nobody.
    async fn reused(
        &self,
        session: &SessionHandle,
        tokens: &RefreshTokens,
        row: RefreshToken,
    ) -> Result<RefreshOutcome, AuthnError> {
        let (owner, family_id, at) = (row.owner, row.family_id, self.now());
        let revoked = tokens.store().revoke_family(owner, family_id, at).await?;
        let stolen = row.rotated_at.is_some() || revoked.tokens > 0;
        let devices = if stolen { collect_family_device_targets(owner, &revoked) } else { Vec::new() };
        if stolen {
            session.sessions().end_bound(owner, Bond::Family(family_id), None).await?;
        }
        for (_, device_id) in &devices {
            self.revoke_stolen(session, owner, *device_id).await?;
        }
        let event = RefreshTokenReuseDetected {
            user_id: owner.user_id,
            refresh_token_id: row.id,
            family_id,
            tokens_revoked: u32::try_from(revoked.tokens).unwrap_or(u32::MAX),
            devices_revoked: devices.iter().map(|(_, device_id)| device_id.to_string()).collect(),
        };
        let recorded = self.emit(session, Some(owner.tenant_id), event.into()).await;
        if stolen {
            let client_ip = session.context().client_ip;
            tokens.tell(&TokenCompromise { owner, family_id, token_id: row.id, devices, client_ip, at });
        }
        recorded.map(|_| RefreshOutcome::Refused)
    }

    async fn revoke_stolen(
        &self,
        session: &SessionHandle,
        owner: Owner,
        device_id: DeviceId,
    ) -> Result<(), AuthnError> {
        let by = By::Session(session);
        let change = self.cut_off_device(session.sessions(), owner, device_id, by).await?;
        if let Some(TrustChange::Changed { .. }) = change {
            let event = DeviceRevoked {
                device_id,
                user_id: owner.user_id,
                revoked_by: RevokedBy::System,
                reason: "a refresh token bound to it was reused".into(),
            };
            self.emit(session, Some(owner.tenant_id), AuthEvent::DeviceRevoked(event)).await?;
        }
        Ok(())
    }
}

/// Returns whose session it is and what they proved, in one look.
fn proved(state: &AuthState) -> Option<(Owner, RefreshGrant)> {
    match state {
        AuthState::Authenticated { user_id, tenant_id, authn_time, factors_completed, .. } => Some((
            Owner { tenant_id: *tenant_id, user_id: *user_id },
            RefreshGrant::new(*authn_time, factors_completed.clone()),
        )),
        _ => None,
    }
}
