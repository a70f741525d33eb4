//! Logging in at an identity provider with another device (RFC 8628): the session here waits, the user decides there.
//!
//! 1. [`begin_device_login`](AuthnService::begin_device_login) gets a code for the user to type, and an address to type it at.
//! 2. [`poll_device_login`](AuthnService::poll_device_login) asks whether they have. Before it asks, it moves the time of the next
//!    question in the stored session, by a conditional write: however many ask here, the provider is asked once in a while.
//! 3. What the provider grants is verified and used as a callback would be.

use super::{Call, FederatedCompletion, FederatedOutcome, complete::has_ended, parse_provider};
use crate::{
    authn::AuthnError,
    service::AuthnService,
    session::{Change, DevicePace, PendingLogin, SessionHandle},
    store::{FactorStore, IdentityAdmin, IdentityLookup},
};
use axess_factors::federated::{
    BegunDevice, DeviceProof, FederatedProof, FederationError, FederationFault, FederationOptions,
};
use axess_identity::ProviderName;
use chrono::{DateTime, TimeDelta, Utc};
use std::{sync::Arc, time::Duration};

/// How often a provider is asked at most, and at least.
const INTERVALS: std::ops::RangeInclusive<u32> = 1..=300;

/// A login that a user completes on another device.
///
/// ```
/// # fn example(login: axess_core::service::DeviceLogin) {
/// println!("Go to {} and enter {}", login.verification_uri, login.user_code);
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLogin {
    /// What the user types: visible ASCII.
    pub user_code: String,
    /// Where the user types it.
    pub verification_uri: String,
    /// The same address with the code in it, to be shown as a picture.
    pub verification_uri_complete: Option<String>,
    /// How long to wait before asking, each time.
    pub interval: Duration,
    /// When the user is too late.
    pub expires_at: DateTime<Utc>,
}

/// What came of asking about a login on another device.
///
/// ```
/// use axess_core::service::DeviceLoginOutcome;
/// # fn example(outcome: DeviceLoginOutcome) -> bool {
/// match outcome {
///     DeviceLoginOutcome::Pending { next_poll_at: _ } => false,
///     DeviceLoginOutcome::Completed(done) => done.outcome.is_authenticated(),
/// }
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub enum DeviceLoginOutcome {
    /// The user has not decided.
    Pending {
        /// When to ask next; earlier, the provider is not asked.
        next_poll_at: DateTime<Utc>,
    },
    /// It is over, in one way or another.
    Completed(Box<FederatedCompletion>),
}

impl<I: IdentityLookup, F> AuthnService<I, F> {
    /// Begins a login of which the user does the browser's part on another device.
    ///
    /// It is for a login, or for a step of one, as [`begin_federated_login`](AuthnService::begin_federated_login) says; a step-up
    /// wants the user anew, which nobody can ask for in this way, and is refused. Anybody can begin one and have somebody else
    /// type the code: say next to it what it is for, and offer it only where there is no browser.
    ///
    /// # Errors
    ///
    /// As [`begin_federated_login`](AuthnService::begin_federated_login); [`AuthnError::Federation`] also when the provider has no
    /// such logins.
    pub async fn begin_device_login(
        &self,
        session: &SessionHandle,
        tenant: &str,
        provider: &str,
        mut options: FederationOptions,
    ) -> Result<DeviceLogin, AuthnError> {
        let (call, purpose) = self.login_call(session, tenant, provider, &mut options).await?;
        options.check().map_err(AuthnError::Federation)?;
        let context = self.federation_context(&call.name);
        let begun = match call.resolved.provider.begin_device(&options, context).await {
            Ok(begun) => begun,
            Err(error) => return Err(self.not_begun(&call, error).await?),
        };
        let BegunDevice { user_code, verification_uri, verification_uri_complete, interval, pending } = begun;
        let (now, expires_at) = (self.now(), pending.expires_at);
        let pace = DevicePace::after(seconds(interval), now);
        let interval = Duration::from_secs(pace.interval_secs.into());
        self.keep_pending(&call, purpose, options.return_to, pending, Some(pace), Some(now)).await?;
        Ok(DeviceLogin { user_code, verification_uri, verification_uri_complete, interval, expires_at })
    }
}

impl<I: IdentityAdmin, F: FactorStore> AuthnService<I, F> {
    /// Asks the provider whether the user has agreed on the other device, unless it is too early for that.
    ///
    /// What comes of it is what comes of a callback ([`complete_federated_login`](AuthnService::complete_federated_login)). A
    /// refusal, and a user who is too late, are refusals of that.
    ///
    /// # Errors
    ///
    /// As [`complete_federated_login`](AuthnService::complete_federated_login). When the provider cannot be asked the login
    /// goes on: ask again, after twice the time.
    pub async fn poll_device_login(
        &self,
        session: &SessionHandle,
        provider: &str,
    ) -> Result<DeviceLoginOutcome, AuthnError> {
        let (name, now) = (parse_provider(provider)?, self.now());
        let begun = session.pending_federation().filter(|login| login.pending.provider == name);
        let Some((login, pace)) = begun.and_then(|login| login.device.map(|pace| (login, pace))) else {
            return self.no_device_login(session, &name, FederationError::StateMismatch).await;
        };
        if now < pace.next_poll_at && now < login.pending.expires_at {
            return Ok(DeviceLoginOutcome::Pending { next_poll_at: pace.next_poll_at });
        }
        let next = DevicePace::after(pace.interval_secs, now);
        let Some(login) = self.pace(session, &login, next).await? else {
            // Another request asks at this moment.
            return Ok(DeviceLoginOutcome::Pending { next_poll_at: next.next_poll_at });
        };
        let call = self.resolve(session, login.tenant_id, name).await?;
        let context = self.federation_context(&call.name);
        let interval = Duration::from_secs(pace.interval_secs.into());
        let polled = FederatedProof::poll(&*call.resolved.provider, &login.pending, interval, context).await;
        match polled {
            Ok(DeviceProof::Pending { interval }) => {
                let slower = DevicePace::after(seconds(interval), now);
                if slower != next {
                    self.pace(session, &login, slower).await?;
                }
                Ok(DeviceLoginOutcome::Pending { next_poll_at: slower.next_poll_at })
            }
            Ok(DeviceProof::Proved(proof)) => self.agreed(&call, login, *proof).await,
            Err(error) if error.fault() == FederationFault::Provider => {
                let slower = DevicePace::after(pace.interval_secs.saturating_mul(2), now);
                self.pace(session, &login, slower).await?;
                Err(self.not_begun(&call, error).await?)
            }
            Err(error) => {
                session.commit(Change::TakeFederation(Arc::clone(&login))).await?;
                let outcome = self.not_proved(session, &login, error).await?;
                Ok(completed(outcome, &login))
            }
        }
    }

    /// Uses what the provider granted, in place of the login that waited for it.
    async fn agreed(
        &self,
        call: &Call<'_>,
        login: Arc<PendingLogin>,
        proof: FederatedProof,
    ) -> Result<DeviceLoginOutcome, AuthnError> {
        let ended = has_ended(&proof, self.now());
        if !call.session.commit(Change::TakeFederation(Arc::clone(&login))).await? {
            return self.no_device_login(call.session, &call.name, FederationError::StateMismatch).await;
        }
        if ended {
            let outcome = self.not_proved(call.session, &login, FederationError::Expired).await?;
            return Ok(completed(outcome, &login));
        }
        let return_to = login.return_to.clone();
        let done = self.proved(call, &login, proof, return_to).await?;
        Ok(DeviceLoginOutcome::Completed(Box::new(done)))
    }

    /// Sets when the provider may be asked next; `None` when another request did something about the login meanwhile.
    async fn pace(
        &self,
        session: &SessionHandle,
        login: &Arc<PendingLogin>,
        pace: DevicePace,
    ) -> Result<Option<Arc<PendingLogin>>, AuthnError> {
        let paced = Arc::new(PendingLogin { device: Some(pace), ..PendingLogin::clone(login) });
        let change = Change::ReplaceFederation(Arc::clone(login), Arc::clone(&paced));
        Ok(session.commit(change).await?.then_some(paced))
    }

    async fn no_device_login(
        &self,
        session: &SessionHandle,
        name: &ProviderName,
        error: FederationError,
    ) -> Result<DeviceLoginOutcome, AuthnError> {
        self.provider_refused(session, None, name, &error).await?;
        let outcome = FederatedOutcome::Refused(error);
        let done = FederatedCompletion { outcome, identity: None, return_to: None };
        Ok(DeviceLoginOutcome::Completed(Box::new(done)))
    }
}

impl DevicePace {
    fn after(interval_secs: u32, now: DateTime<Utc>) -> Self {
        let interval_secs = interval_secs.clamp(*INTERVALS.start(), *INTERVALS.end());
        Self { interval_secs, next_poll_at: now + TimeDelta::seconds(interval_secs.into()) }
    }
}

fn seconds(interval: Duration) -> u32 {
    u32::try_from(interval.as_secs()).unwrap_or(u32::MAX)
}

fn completed(outcome: FederatedOutcome, login: &PendingLogin) -> DeviceLoginOutcome {
    let return_to = login.return_to.clone();
    DeviceLoginOutcome::Completed(Box::new(FederatedCompletion { outcome, identity: None, return_to }))
}
