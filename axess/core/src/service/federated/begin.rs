use super::{Call, parse_provider};
use crate::{
    authn::AuthnError,
    federation::ListedProvider,
    service::AuthnService,
    session::{Change, DevicePace, PendingLogin, Purpose, SessionHandle},
    store::IdentityLookup,
};
use axess_factors::federated::{
    BegunFederation, FederationError, FederationOptions, PendingFederation, Redirection,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

/// How long the browser may take at the provider, whatever the provider's own limit is.
pub(super) const MAX_PENDING: TimeDelta = TimeDelta::hours(1);

impl<I: IdentityLookup, F> AuthnService<I, F> {
    /// Lists the identity providers a tenant's login page may offer.
    ///
    /// # Errors
    ///
    /// [`AuthnError::UnknownProvider`] when there is no such tenant; [`AuthnError::NotConfigured`]; [`AuthnError::Store`].
    pub async fn federation_providers(&self, tenant: &str) -> Result<Vec<ListedProvider>, AuthnError> {
        let tenant = self.federated_tenant(tenant).await?;
        Ok(self.federation()?.providers().list(tenant.tenant_id).await?)
    }

    /// Begins a login at an identity provider, and says where the browser goes.
    ///
    /// When a login or a step-up in this session waits for this very factor, the provider's answer is for that step, and must be
    /// about the same user; otherwise a login begins, of whoever it turns out to be. For a step-up the provider must
    /// authenticate the user anew, whatever the options say; one that cannot be told to refuses. The session keeps what the answer must
    /// fit; beginning again replaces it.
    ///
    /// # Errors
    ///
    /// [`AuthnError::AlreadyAuthenticated`]; [`AuthnError::UnknownProvider`] when the tenant takes no logins, or has no
    /// such provider; [`AuthnError::Federation`] when the provider cannot be asked or the options make no sense;
    /// [`AuthnError::NotConfigured`]; [`AuthnError::Store`]; [`AuthnError::Audit`].
    pub async fn begin_federated_login(
        &self,
        session: &SessionHandle,
        tenant: &str,
        provider: &str,
        mut options: FederationOptions,
    ) -> Result<Redirection, AuthnError> {
        let (call, purpose) = self.login_call(session, tenant, provider, &mut options).await?;
        self.send_to_provider(&call, purpose, options).await
    }

    /// Finds the provider, and what a login there would be for.
    pub(super) async fn login_call<'a>(
        &self,
        session: &'a SessionHandle,
        tenant: &str,
        provider: &str,
        options: &mut FederationOptions,
    ) -> Result<(Call<'a>, Purpose), AuthnError> {
        let name = parse_provider(provider)?;
        let tenant = self.federated_tenant(tenant).await?;
        if !tenant.status.admits_logins() {
            return Err(AuthnError::UnknownProvider);
        }
        let call = self.resolve(session, tenant.tenant_id, name).await?;
        let purpose = match session.with_state(|state| (state.expected_step().cloned(), state.subject())) {
            (Some(step), Some((of, user_id))) if of == call.tenant_id && step.admits(&call.kind) => {
                Purpose::Step(user_id)
            }
            _ if session.is_authenticated() => return Err(AuthnError::AlreadyAuthenticated),
            _ => Purpose::Login,
        };
        // That they are logged in there proves no more than the session does: a step-up wants the user.
        options.force |= matches!(purpose, Purpose::Step(_)) && session.is_authenticated();
        Ok((call, purpose))
    }
}

impl<I, F> AuthnService<I, F> {
    /// Asks the provider where the browser goes, and keeps what the answer must fit.
    pub(super) async fn send_to_provider(
        &self,
        call: &Call<'_>,
        purpose: Purpose,
        options: FederationOptions,
    ) -> Result<Redirection, AuthnError> {
        options.check().map_err(AuthnError::Federation)?;
        let (provider, context) = (&call.resolved.provider, self.federation_context(&call.name));
        match provider.begin(&options, context).await {
            Ok(BegunFederation { redirection, pending }) => {
                self.keep_pending(call, purpose, options.return_to, pending, None, Some(self.now())).await?;
                Ok(redirection)
            }
            Err(error) => Err(self.not_begun(call, error).await?),
        }
    }

    /// Keeps what the answer must fit, and when the login was begun, if that was here.
    pub(super) async fn keep_pending(
        &self,
        call: &Call<'_>,
        purpose: Purpose,
        return_to: Option<String>,
        mut pending: PendingFederation,
        device: Option<DevicePace>,
        begun_at: Option<DateTime<Utc>>,
    ) -> Result<(), AuthnError> {
        let issuer = call.resolved.provider.issuer();
        let fits = pending.check().and_then(|()| {
            let is_its_own = pending.provider == call.name && pending.issuer == issuer;
            is_its_own.then_some(()).ok_or(FederationError::MixUp)
        });
        if let Err(error) = fits {
            return Err(self.not_begun(call, error).await?);
        }
        pending.expires_at = pending.expires_at.min(self.now() + MAX_PENDING);
        let tenant_id = call.tenant_id;
        let login = PendingLogin { tenant_id, purpose, return_to, pending, device, begun_at };
        call.session.record(Change::SetFederation(Arc::new(login)));
        self.metrics.federation_begun(call.name.as_str());
        Ok(())
    }

    /// Records why no login was begun, and returns the error that says so.
    pub(super) async fn not_begun(
        &self,
        call: &Call<'_>,
        error: FederationError,
    ) -> Result<AuthnError, AuthnError> {
        self.provider_refused(call.session, Some(call.tenant_id), &call.name, &error).await?;
        Ok(AuthnError::Federation(error))
    }
}
