use super::OidcProvider;
use crate::{caller, client_auth::ClientAuth, config::is_scope, dpop::DpopKey, fapi::SenderConstraint};
use axess_factors::federated::{FederatedTokens, FederationError};

impl OidcProvider {
    /// Gets an access token for this application itself (RFC 6749 §4.4), good at `resources` (RFC 8707).
    ///
    /// Where the configuration binds tokens by DPoP, the token is bound to `key`, or to the key of all logins.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] for a client that cannot authenticate, a scope that cannot be one, or a `key` where the
    /// configuration binds tokens to none; any other [`FederationError`].
    pub async fn client_credentials(
        &self,
        scopes: &[&str],
        resources: &[&str],
        key: Option<&DpopKey>,
    ) -> Result<FederatedTokens, FederationError> {
        if matches!(self.config.auth, ClientAuth::None) {
            return Err(FederationError::Configuration {
                what: "a public client has no credentials of its own".to_owned(),
            });
        }
        if !scopes.iter().all(|scope| is_scope(scope)) {
            return Err(FederationError::Configuration {
                what: "a scope holds a character it must not".into(),
            });
        }
        if key.is_some() && self.config.sender_constraint != Some(SenderConstraint::DPoP) {
            return Err(FederationError::Configuration {
                what: "there is a key, and tokens are not bound to keys: see with_sender_constraint".into(),
            });
        }
        let known = self.known().await?;
        let key = self.key_or_instance(key)?;
        let mut form = caller::form([("grant_type", "client_credentials")]);
        if !scopes.is_empty() {
            form.push(("scope".to_owned(), scopes.join(" ")));
        }
        form.extend(resources.iter().map(|one| ("resource".to_owned(), (*one).to_owned())));
        self.request_tokens(&known, &form, key, self.clock.now(), self.rng.as_ref()).await
    }
}
