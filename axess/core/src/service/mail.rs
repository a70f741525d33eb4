use crate::{
    authn::AuthnError,
    delivery::{CodeDelivery, DeliveryError, OutboundMail},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// How many mails may be on their way at once.
const MAX_IN_FLIGHT: usize = 64;
/// When a caller should try again while that many are.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How long one delivery may take.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// Hands mail over in the background, so that an answer takes as long with a mail as without one.
pub(super) struct Outbox {
    delivery: Option<Arc<dyn CodeDelivery>>,
    in_flight: Arc<Semaphore>,
}

impl Outbox {
    pub(super) fn new(delivery: Arc<dyn CodeDelivery>) -> Self {
        Self { delivery: Some(delivery), in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)) }
    }

    pub(super) fn closed() -> Self {
        Self { delivery: None, in_flight: Arc::new(Semaphore::new(0)) }
    }

    pub(super) fn is_configured(&self) -> bool {
        self.delivery.is_some()
    }

    /// Refuses before any work is done when mail cannot be sent at all, whoever it would be for.
    pub(super) fn check_open(&self) -> Result<(), AuthnError> {
        match self.delivery {
            // Judged for everybody alike: an address that gets no mail must not be the one that is never refused.
            Some(_) if self.in_flight.available_permits() == 0 => {
                Err(AuthnError::Overloaded { retry_after: RETRY_AFTER })
            }
            Some(_) => Ok(()),
            None => Err(AuthnError::Delivery(DeliveryError::new(
                "no CodeDelivery is configured; give the service one with with_delivery",
            ))),
        }
    }

    /// Starts sending `mail`.
    pub(super) fn send(&self, mail: OutboundMail) -> Result<(), AuthnError> {
        let Some(delivery) = self.delivery.clone() else {
            return self.check_open();
        };
        let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            return Err(AuthnError::Overloaded { retry_after: RETRY_AFTER });
        };
        tokio::spawn(async move {
            let _in_flight = permit;
            let purpose = mail.purpose;
            match tokio::time::timeout(DELIVERY_TIMEOUT, delivery.deliver(mail)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(
                    ?purpose,
                    error = &error as &dyn std::error::Error,
                    "a mail was not delivered"
                ),
                Err(_) => tracing::error!(?purpose, "a mail was not delivered in time"),
            }
        });
        Ok(())
    }
}
