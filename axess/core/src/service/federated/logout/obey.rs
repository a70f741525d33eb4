//! Obeying a provider's logout:
//!
//! 1. What is bound ends while the binding is there. If that stops half-way, the provider's next try finds it again.
//! 2. The binding goes, so that a login that is being written at the same time notices.
//! 3. What was written just before that ends too.

use super::{ProviderLogoutOutcome, link_issuer};
use crate::{
    audit::EventContext,
    authn::AuthnError,
    federation::ProviderLogout,
    service::{AuthnService, cut_off::By, federated::Call},
    session::{Bond, EndedLineage},
    store::{Claim, ReplayKey, SidBinding},
};
use axess_events::{
    Actor, AuthEvent,
    authentication::{Logout, LogoutReason},
    federation::FederatedLogoutReceived,
    refresh::RefreshRevocationReason,
};
use axess_factors::federated::{FederationError, LogoutNotice};
use axess_identity::TenantId;
use chrono::TimeDelta;
use std::collections::BTreeMap;

/// How long a message may be valid: it is remembered until then.
const MAX_REMEMBERED: TimeDelta = TimeDelta::days(1);
/// How often a message may be taken when obeying it fails.
const MAX_TRIES: u32 = 3;

impl<I, F> AuthnService<I, F> {
    /// Takes a message that must be taken once: one of its tries. The others are there in case obeying it fails.
    pub(super) async fn claim(
        &self,
        call: &Call<'_>,
        logout: &ProviderLogout,
        notice: &LogoutNotice,
    ) -> Result<Result<(), FederationError>, AuthnError> {
        let Some((id, until)) = &notice.replay else { return Ok(Ok(())) };
        let now = self.now();
        if *until > now + MAX_REMEMBERED {
            let what = "the message is valid for more than a day";
            return Ok(Err(FederationError::WeakerThanConfigured { what }));
        }
        for attempt in 0..MAX_TRIES {
            let key = try_key(call, notice, id, attempt);
            if logout.replay.claim(key, *until, now).await? == Claim::Fresh {
                return Ok(Ok(()));
            }
        }
        Ok(Err(FederationError::Replayed))
    }

    /// Uses up the tries of a message that was obeyed.
    pub(super) async fn close(
        &self,
        call: &Call<'_>,
        logout: &ProviderLogout,
        notice: &LogoutNotice,
    ) -> Result<(), AuthnError> {
        let Some((id, until)) = &notice.replay else { return Ok(()) };
        for attempt in 0..MAX_TRIES {
            let _ = logout.replay.claim(try_key(call, notice, id, attempt), *until, self.now()).await?;
        }
        Ok(())
    }

    pub(super) async fn obey(
        &self,
        call: &Call<'_>,
        logout: &ProviderLogout,
        notice: &LogoutNotice,
    ) -> Result<ProviderLogoutOutcome, AuthnError> {
        if notice.is_answer {
            // Our session was over before we asked.
            return Ok(ProviderLogoutOutcome::Ended { sessions: 0, answer: None });
        }
        let (of, issuer, now) = (call.resolved.of, link_issuer(call, notice), self.now());
        let named = match (notice.session_ids.as_slice(), &notice.subject) {
            ([], Some(subject)) => {
                logout.sids.find_by_subject(of, issuer.clone(), subject.clone(), now).await?
            }
            ([], None) => {
                let error = FederationError::Malformed { what: "the logout names nobody" };
                self.provider_refused(call.session, Some(call.tenant_id), &call.name, &error).await?;
                return Ok(ProviderLogoutOutcome::Refused(error));
            }
            (sids, subject) => {
                let mut found = Vec::new();
                for sid in sids {
                    found.extend(logout.sids.find_by_sid(of, issuer.clone(), sid.clone(), now).await?);
                }
                found.retain(|binding| subject.as_ref().is_none_or(|subject| *subject == binding.subject));
                if let Some(subject) = subject {
                    // At whose login the provider named no session may be the one that is meant.
                    let all = logout.sids.find_by_subject(of, issuer.clone(), subject.clone(), now).await?;
                    found.extend(all.into_iter().filter(|binding| binding.sid.is_none()));
                }
                found
            }
        };
        // The tenant that was called has a record of it, whether anything of it ended or not.
        let (mut ended, mut failed) = (BTreeMap::from([(call.tenant_id, 0_u64)]), None);
        for binding in named {
            let of_tenant = ended.entry(binding.owner.tenant_id).or_default();
            match self.end_bound_session(call, logout, binding).await {
                Ok(one) => *of_tenant += u64::from(one),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        for (tenant_id, sessions) in &ended {
            let event = FederatedLogoutReceived {
                provider: call.name.as_str().into(),
                issuer: notice.issuer.as_str().into(),
                sessions_ended: u32::try_from(*sessions).unwrap_or(u32::MAX),
            };
            let context = provider_context(call, *tenant_id);
            self.emitter.emit(&context, AuthEvent::FederatedLogoutReceived(event)).await?;
        }
        Ok(ProviderLogoutOutcome::Ended { sessions: ended.values().sum(), answer: notice.answer.clone() })
    }

    /// Ends the one session that is bound, with the refresh tokens of its login. Tells whether there still was one.
    async fn end_bound_session(
        &self,
        call: &Call<'_>,
        logout: &ProviderLogout,
        binding: SidBinding,
    ) -> Result<bool, AuthnError> {
        let (owner, lineage, sessions) = (binding.owner, binding.lineage, call.session.sessions());
        // First, because only the session says which family it is.
        if self.refresh.is_some()
            && let Some(family) = sessions.family_of_lineage(owner, lineage).await?
        {
            self.revoke_family(owner, family, By::System, RefreshRevocationReason::Logout).await?;
        }
        let ended = sessions.end_lineage(owner, lineage).await?;
        if ended == EndedLineage::Nothing {
            // Nobody can tell any more which refresh tokens its login began.
            self.cut_off_refreshed(sessions, owner, By::System, RefreshRevocationReason::Logout).await?;
        }
        let before = self.end_rest(call, &binding, ended).await?;
        logout.sids.unbind(owner.tenant_id, binding.issuer.clone(), lineage).await?;
        let after = match sessions.end_lineage(owner, lineage).await {
            Ok(ended) => self.end_rest(call, &binding, ended).await,
            Err(error) => Err(error.into()),
        };
        if after.is_err() {
            // The next try must find it.
            logout.sids.bind(binding).await?;
        }
        Ok(after? || before)
    }

    /// Ends what belongs to an ended session, and records that it ended. Tells whether there was one.
    async fn end_rest(
        &self,
        call: &Call<'_>,
        binding: &SidBinding,
        ended: EndedLineage,
    ) -> Result<bool, AuthnError> {
        let (owner, sessions, why) =
            (binding.owner, call.session.sessions(), RefreshRevocationReason::Logout);
        let session_id = match ended {
            EndedLineage::Nothing => return Ok(false),
            EndedLineage::Session { id, family } => {
                if let Some(family) = family {
                    self.revoke_family(owner, family, By::System, why).await?;
                    sessions.end_bound(owner, Bond::Family(family), None).await?;
                }
                id
            }
            EndedLineage::All { sessions: ended } => {
                self.cut_off_refreshed(sessions, owner, By::System, why).await?;
                if ended == 0 {
                    return Ok(false);
                }
                binding.lineage
            }
        };
        self.metrics.session_invalidated();
        let reason = LogoutReason::IdpInitiated;
        let event = Logout { user_id: owner.user_id, session_id, reason };
        self.emitter.emit(&provider_context(call, owner.tenant_id), AuthEvent::Logout(event)).await?;
        Ok(true)
    }
}

/// A provider asked for it, whoever's session the request came in.
fn provider_context(call: &Call<'_>, tenant_id: TenantId) -> EventContext {
    EventContext {
        tenant_id: Some(tenant_id),
        actor: Some(Actor::System),
        request: call.session.context().clone(),
    }
}

/// Names one try of a message. What a provider that serves all tenants sends is good once in all of them together.
fn try_key(call: &Call<'_>, notice: &LogoutNotice, id: &str, attempt: u32) -> ReplayKey {
    let of = call.resolved.of.map_or_else(|| "all".to_owned(), |tenant_id| tenant_id.to_string());
    ReplayKey::new(&notice.issuer, &format!("logout:{of}:{id}:{attempt}"))
}
