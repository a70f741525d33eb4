use super::OidcProvider;
use axess_factors::federated::{
    BegunFederation, BoxFuture, CallbackResponse, FederatedIdentity, FederationContext, FederationError,
    FederationOptions, FederationProtocol, FederationProvider, LogoutHint, LogoutNotice, PendingFederation,
    Redirection,
};

impl FederationProvider for OidcProvider {
    fn protocol(&self) -> FederationProtocol {
        FederationProtocol::Oidc
    }

    fn issuer(&self) -> &str {
        self.config.issuer()
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
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<LogoutNotice, FederationError>> {
        Box::pin(self.verify_logout_token(message, context.now))
    }

    fn begin_logout<'a>(
        &'a self,
        hint: &'a LogoutHint,
        _: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<Option<Redirection>, FederationError>> {
        Box::pin(async move { Ok(self.build_end_session_url(hint).await?.map(Redirection::Get)) })
    }
}
