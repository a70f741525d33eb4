use super::OidcProvider;
use crate::config::TENANT;
use axess_factors::federated::{
    BegunDevice, BegunFederation, BoxFuture, CallbackResponse, DevicePoll, FederatedIdentity,
    FederationContext, FederationError, FederationOptions, FederationProtocol, FederationProvider,
    LogoutHint, LogoutNotice, PendingFederation, Redirection,
};
use std::time::Duration;

impl FederationProvider for OidcProvider {
    fn protocol(&self) -> FederationProtocol {
        FederationProtocol::Oidc
    }

    fn issuer(&self) -> &str {
        self.config.issuer()
    }

    fn is_issuer(&self, issuer: &str) -> bool {
        match self.config.issuer_template() {
            Some(template) => {
                self.config.entra_tenants.iter().any(|tenant| template.replace(TENANT, tenant) == issuer)
            }
            None => self.config.issuer == issuer,
        }
    }

    fn begin<'a>(
        &'a self,
        options: &'a FederationOptions,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<BegunFederation, FederationError>> {
        Box::pin(self.begin_login(options, context))
    }

    fn complete<'a>(
        &'a self,
        pending: &'a PendingFederation,
        response: &'a CallbackResponse,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<FederatedIdentity, FederationError>> {
        Box::pin(self.complete_login(pending, response, context))
    }

    fn verify_logout<'a>(
        &'a self,
        message: &'a CallbackResponse,
        _: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<LogoutNotice, FederationError>> {
        Box::pin(self.verify_logout_token(message))
    }

    fn begin_logout<'a>(
        &'a self,
        hint: &'a LogoutHint,
        _: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<Option<Redirection>, FederationError>> {
        Box::pin(async move { Ok(self.build_end_session_url(hint).await?.map(Redirection::Get)) })
    }

    fn begin_device<'a>(
        &'a self,
        options: &'a FederationOptions,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<BegunDevice, FederationError>> {
        Box::pin(self.begin_device_login(options, context))
    }

    fn poll_device<'a>(
        &'a self,
        pending: &'a PendingFederation,
        interval: Duration,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<DevicePoll, FederationError>> {
        Box::pin(self.poll_device_login(pending, interval, context))
    }
}
