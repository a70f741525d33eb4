use super::{
    CallbackResponse, FederatedIdentity, FederationContext, FederationError, FederationProvider,
    PendingFederation,
};
use crate::proof::{Subject, Verified};
use axess_identity::FactorKind;

/// Proof that a provider vouched for somebody, of whom nobody has said yet which account it is.
///
/// It cannot be copied: one answer of a provider proves one step of one user.
///
/// ```
/// use axess_factors::federated::{
///     CallbackResponse, FederatedProof, FederationContext, FederationError, FederationProvider, PendingFederation,
/// };
/// async fn subject_of(
///     provider: &dyn FederationProvider,
///     pending: &PendingFederation,
///     response: &CallbackResponse,
///     context: FederationContext<'_>,
/// ) -> Result<String, FederationError> {
///     let proof = FederatedProof::complete(provider, pending, response, context).await?;
///     Ok(proof.identity().subject.clone())
/// }
/// # let _ = subject_of;
/// ```
///
/// It cannot be made elsewhere:
///
/// ```compile_fail,E0451
/// use axess_factors::federated::{FederatedIdentity, FederatedProof};
/// fn forge(identity: FederatedIdentity) -> FederatedProof {
///     FederatedProof { identity }
/// }
/// ```
#[derive(Debug)]
#[must_use = "a proof that is dropped proves nothing"]
pub struct FederatedProof {
    identity: FederatedIdentity,
}

impl FederatedProof {
    /// Has the provider verify what came back.
    ///
    /// # Errors
    ///
    /// [`FederationError::MixUp`] when the login was begun at another provider; [`FederationError::Expired`] when it took
    /// too long; [`FederationError::IssuerMismatch`] when the provider vouches in the name of another one;
    /// [`FederationError::Malformed`] beyond the limits; otherwise what [`FederationProvider::complete`] says.
    pub async fn complete(
        provider: &dyn FederationProvider,
        pending: &PendingFederation,
        response: &CallbackResponse,
        context: FederationContext<'_>,
    ) -> Result<Self, FederationError> {
        if pending.provider != *context.provider || pending.issuer != provider.issuer() {
            return Err(FederationError::MixUp);
        }
        if context.now >= pending.expires_at {
            return Err(FederationError::Expired);
        }
        response.check()?;
        let identity = provider.complete(pending, response, context).await?;
        if identity.issuer != provider.issuer() {
            return Err(FederationError::IssuerMismatch);
        }
        identity.check()?;
        Ok(Self { identity })
    }

    /// Returns whom the provider vouched for.
    #[must_use]
    pub fn identity(&self) -> &FederatedIdentity {
        &self.identity
    }

    /// Turns into the proof of a factor of the account that the identity was found to be linked to.
    pub fn into_verified(self, subject: Subject, kind: FactorKind) -> (Verified, FederatedIdentity) {
        (Verified::new(subject, kind), self.identity)
    }
}
