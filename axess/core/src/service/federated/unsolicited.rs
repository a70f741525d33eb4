use super::{FederatedCompletion, FederatedOutcome, parse_provider};
use crate::{
    authn::AuthnError,
    service::AuthnService,
    session::{Purpose, SessionHandle},
    store::{FactorStore, IdentityAdmin},
};
use axess_factors::federated::{CallbackResponse, FederationError, FederationOptions, UnsolicitedFederation};

impl<I: IdentityAdmin, F: FactorStore> AuthnService<I, F> {
    /// Takes what an identity provider sent the browser with, also when nobody here asked for it.
    ///
    /// It is for the callback of a provider whose configuration takes such answers (SAML 2.0, SAML Profiles §4.1.5); every other
    /// refuses them. A session that waits for an answer takes that and nothing else, so one route needs this verb alone:
    /// then it is [`complete_federated_login`](AuthnService::complete_federated_login). Otherwise the session must be a guest's,
    /// and a login begins and completes here, in `tenant`.
    ///
    /// `return_to` is what the answer names and the provider's configuration lists. Nothing binds such an answer to a browser:
    /// anybody with an account at the provider can send theirs into somebody else's.
    ///
    /// # Errors
    ///
    /// As [`complete_federated_login`](AuthnService::complete_federated_login); [`AuthnError::UnknownProvider`] also when the tenant
    /// takes no logins.
    pub async fn complete_unsolicited_login(
        &self,
        session: &SessionHandle,
        tenant: &str,
        provider: &str,
        response: CallbackResponse,
    ) -> Result<FederatedCompletion, AuthnError> {
        if session.pending_federation().is_some() {
            return self.complete_federated_login(session, provider, response).await;
        }
        let name = parse_provider(provider)?;
        let tenant = self.federated_tenant(tenant).await?;
        if !tenant.status.admits_logins() {
            return Err(AuthnError::UnknownProvider);
        }
        let call = self.resolve(session, tenant.tenant_id, name).await?;
        let context = self.federation_context(&call.name);
        let begun = match session.is_guest() {
            true => call.resolved.provider.unsolicited(&response, context).and_then(checked),
            false => Err(FederationError::StateMismatch),
        };
        match begun {
            Ok(UnsolicitedFederation { pending, return_to }) => {
                self.keep_pending(&call, Purpose::Login, return_to, pending, None, None).await?;
                self.complete_federated_login(session, provider, response).await
            }
            Err(error) => {
                self.provider_refused(session, Some(call.tenant_id), &call.name, &error).await?;
                let outcome = FederatedOutcome::Refused(error);
                Ok(FederatedCompletion { outcome, identity: None, return_to: None })
            }
        }
    }
}

/// Whatever a provider lists, the way back is a path of this site.
fn checked(begun: UnsolicitedFederation) -> Result<UnsolicitedFederation, FederationError> {
    let options = FederationOptions { return_to: begun.return_to.clone(), ..FederationOptions::default() };
    options.check().map_err(|_| FederationError::StateMismatch)?;
    Ok(begun)
}
