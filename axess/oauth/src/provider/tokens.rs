use super::OidcProvider;
use crate::{
    caller::Form,
    dpop::DpopKey,
    fapi::SenderConstraint,
    metadata::{Endpoint, Known},
    token::{Binding, read},
};
use axess_factors::federated::{FederatedTokens, FederationError};
use axess_rng::SecureRng;
use chrono::{DateTime, Utc};

/// Which part of the provider a message means.
pub(super) const TOKEN_ENDPOINT: &str = "its token endpoint";

impl OidcProvider {
    /// Asks the token endpoint, with whatever grant, and checks that what comes is bound as it must be.
    pub(super) async fn request_tokens(
        &self,
        known: &Known,
        form: &Form,
        key: Option<&DpopKey>,
        now: DateTime<Utc>,
        rng: &dyn SecureRng,
    ) -> Result<FederatedTokens, FederationError> {
        let url = self.endpoint(known, Endpoint::Token, "token endpoint")?;
        let answer = self.caller(known, now, rng).post(TOKEN_ENDPOINT, url, form, key).await?;
        read(&answer, self.binding(key), now)
    }

    pub(super) fn binding<'a>(&'a self, key: Option<&'a DpopKey>) -> Binding<'a> {
        let certificate = self.http.certificate_thumbprint();
        Binding { constraint: self.config.sender_constraint, key, certificate }
    }

    /// Returns the key that tokens are to be bound to: the caller's, or that of all logins.
    pub(super) fn key_or_instance<'a>(
        &'a self,
        key: Option<&'a DpopKey>,
    ) -> Result<Option<&'a DpopKey>, FederationError> {
        if self.config.sender_constraint != Some(SenderConstraint::DPoP) {
            return Ok(None);
        }
        let key = key.or(self.instance_key.as_ref());
        key.map(Some).ok_or_else(|| FederationError::Configuration {
            what: "tokens are bound to a key here (DPoP): hand over the one of the login, or one of the instance".to_owned(),
        })
    }
}
