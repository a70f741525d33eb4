use super::{
    CallbackResponse, DevicePoll, FederatedIdentity, FederationContext, FederationError, FederationProvider,
    PendingFederation,
};
use crate::proof::{Subject, Verified};
use axess_identity::FactorKind;
use std::time::Duration;

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
        check_pending(provider, pending, &context)?;
        response.check()?;
        let identity = provider.complete(pending, response, context).await?;
        Self::of(provider, identity)
    }

    /// Has the provider say whether the user of another device has agreed, and who that is (RFC 8628 §3.4).
    ///
    /// # Errors
    ///
    /// As [`FederatedProof::complete`]; otherwise what [`FederationProvider::poll_device`] says.
    pub async fn poll(
        provider: &dyn FederationProvider,
        pending: &PendingFederation,
        interval: Duration,
        context: FederationContext<'_>,
    ) -> Result<DeviceProof, FederationError> {
        check_pending(provider, pending, &context)?;
        match provider.poll_device(pending, interval, context).await? {
            DevicePoll::Pending { interval } => Ok(DeviceProof::Pending { interval }),
            DevicePoll::Granted(identity) => {
                Ok(DeviceProof::Proved(Box::new(Self::of(provider, *identity)?)))
            }
        }
    }

    fn of(provider: &dyn FederationProvider, identity: FederatedIdentity) -> Result<Self, FederationError> {
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

/// What came of asking about a login on another device.
///
/// ```
/// use axess_factors::federated::DeviceProof;
/// let later = DeviceProof::Pending { interval: std::time::Duration::from_secs(10) };
/// assert!(matches!(later, DeviceProof::Pending { .. }));
/// ```
#[derive(Debug)]
#[must_use = "a proof that is dropped proves nothing"]
pub enum DeviceProof {
    /// The user has not decided.
    Pending {
        /// How long to wait from now on.
        interval: Duration,
    },
    /// The user agreed, and the provider vouched for them.
    Proved(Box<FederatedProof>),
}

fn check_pending(
    provider: &dyn FederationProvider,
    pending: &PendingFederation,
    context: &FederationContext<'_>,
) -> Result<(), FederationError> {
    if pending.provider != *context.provider || pending.issuer != provider.issuer() {
        return Err(FederationError::MixUp);
    }
    if context.now >= pending.expires_at {
        return Err(FederationError::Expired);
    }
    Ok(())
}
