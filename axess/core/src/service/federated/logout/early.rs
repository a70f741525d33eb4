//! A provider's logout that overtakes the login it is about: it comes while that login's answer is on its way.
//!
//! A logout is noted before the bindings are looked for, and a login looks for notes after it is bound: one of the two sees
//! the other. A front-channel logout is not noted, since nobody has signed it: anybody could fill the store.

use crate::{
    authn::AuthnError,
    federation::ProviderLogout,
    service::{
        AuthnService,
        federated::{Call, begin::MAX_PENDING},
    },
    session::{FederatedLogin, PendingLogin},
    store::{LoggedOut, LogoutKey, Owner},
};
use axess_factors::federated::LogoutNotice;
use chrono::{DateTime, TimeDelta, Utc};

/// How far a provider's clock may be ahead of ours.
const CLOCK_LEEWAY: TimeDelta = TimeDelta::minutes(1);

impl<I, F> AuthnService<I, F> {
    /// Remembers a logout for as long as a login that was begun before may take.
    pub(super) async fn note(
        &self,
        call: &Call<'_>,
        logout: &ProviderLogout,
        notice: &LogoutNotice,
    ) -> Result<(), AuthnError> {
        if notice.is_answer {
            return Ok(());
        }
        let (issuer, now) = (super::link_issuer(call, notice), self.now());
        let subject = notice.subject.as_deref();
        let sessions = notice.session_ids.iter().map(|sid| match subject {
            Some(subject) => LoggedOut::SessionOf(sid, subject),
            None => LoggedOut::Session(sid),
        });
        let user = subject.map(|subject| match notice.session_ids.is_empty() {
            true => LoggedOut::User(subject),
            false => LoggedOut::Nameless(subject),
        });
        for what in sessions.chain(user) {
            let key = LogoutKey::new(call.resolved.of, &issuer, what);
            logout.sids.note_logout(key, now, now + MAX_PENDING).await?;
        }
        Ok(())
    }

    /// Takes the binding of a login away that the provider has logged out since it was begun, as the logout would have done had
    /// it come later: whoever writes the session notices.
    pub(in crate::service::federated) async fn obey_earlier_logout(
        &self,
        call: &Call<'_>,
        owner: Owner,
        begun: &PendingLogin,
        login: &FederatedLogin,
    ) -> Result<(), AuthnError> {
        let (Some(logout), Some(lineage)) = (self.provider_logout(), call.session.lineage()) else {
            return Ok(());
        };
        let (issuer, now, subject) = (login.link_issuer(), self.now(), login.subject.as_str());
        // Who authenticated there since, was not logged out by what came before.
        let authenticated_at = login.auth_time.and_then(|at| at.checked_sub_signed(CLOCK_LEEWAY));
        // Where nobody here asked for it, that is all there is to tell by.
        let begun_at = begun.begun_at.or(authenticated_at).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let since = authenticated_at.map_or(begun_at, |at| at.max(begun_at));
        let named: &[_] = match &login.session_id {
            Some(sid) => {
                &[(LoggedOut::Session(sid), begun_at), (LoggedOut::SessionOf(sid, subject), begun_at)]
            }
            None => &[(LoggedOut::Nameless(subject), since)],
        };
        for (what, since) in named.iter().chain(&[(LoggedOut::User(subject), since)]) {
            let key = LogoutKey::new(call.resolved.of, &issuer, *what);
            if logout.sids.last_logout(key, now).await?.is_some_and(|at| at > *since) {
                return Ok(logout.sids.unbind(owner.tenant_id, issuer, lineage).await?);
            }
        }
        Ok(())
    }
}
