//! A provider that mints when it is let, and fails when it is told to.

use audex_core::{
    Credential, CredentialProvider, Fate, Health, MintOrder, Minted, ProviderError, ProviderFault,
    ProviderFuture, Revocation, RevokeOrder, Shape,
};
use audex_policy::{Grant, Provider, Refusal};
use axess::clock::{Clock, MockClock};
use chrono::TimeDelta;
use ipnet::IpNet;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// More than are minted in a test.
const OPEN: usize = 10_000;

#[derive(Debug)]
pub(super) struct Gate {
    clock: Arc<MockClock>,
    /// Who mints needs a permit.
    open: Semaphore,
    /// How many began to mint.
    asked: Semaphore,
    number: AtomicUsize,
    fails: Mutex<Option<ProviderFault>>,
    pub(super) revoked: Mutex<Vec<String>>,
}

impl Gate {
    pub(super) fn new(clock: Arc<MockClock>) -> Self {
        Self {
            clock,
            open: Semaphore::new(OPEN),
            asked: Semaphore::new(0),
            number: AtomicUsize::new(0),
            fails: Mutex::new(None),
            revoked: Mutex::new(Vec::new()),
        }
    }

    /// Lets nobody mint until what is returned is dropped.
    pub(super) async fn close(&self) -> SemaphorePermit<'_> {
        self.asked.forget_permits(OPEN);
        self.open.acquire_many(u32::try_from(OPEN).unwrap()).await.unwrap()
    }

    /// Waits until somebody wants to mint.
    pub(super) async fn asked(&self) {
        self.asked.acquire().await.unwrap().forget();
    }

    pub(super) fn fail(&self, fault: Option<ProviderFault>) {
        *self.fails.lock().unwrap() = fault;
    }
}

impl CredentialProvider for Gate {
    fn provider(&self) -> Provider {
        Provider::Local
    }

    fn default_target(&self) -> Option<&str> {
        Some("gate")
    }

    fn shape(&self, _: &Grant, target: Option<&str>, _: &[IpNet]) -> Result<Shape, Refusal> {
        Ok(Shape {
            document: "{}".to_owned(),
            target: target.map(str::to_owned),
            lifetimes: TimeDelta::seconds(1)..=TimeDelta::hours(12),
            notes: Vec::new(),
        })
    }

    fn mint<'a>(&'a self, order: &'a MintOrder) -> ProviderFuture<'a, Minted> {
        Box::pin(async move {
            self.asked.add_permits(1);
            let _open = self.open.acquire().await.unwrap();
            if let Some(fault) = *self.fails.lock().unwrap() {
                return Err(ProviderError::new(fault, "it was told to fail"));
            }
            let id = format!("jti{}", self.number.fetch_add(1, Ordering::Relaxed));
            let credential = Credential::new(Provider::Local, id.clone(), self.clock.now() + order.lifetime);
            let credential = credential.with_part("AUDEX_TOKEN", id.into());
            Ok(Minted { credential, account: None, subject: None })
        })
    }

    fn revoke<'a>(&'a self, order: &'a RevokeOrder) -> ProviderFuture<'a, Revocation> {
        self.revoked.lock().unwrap().extend(order.credential_ids.iter().cloned());
        let fates = order.credential_ids.iter().map(|id| (id.clone(), Fate::Dead)).collect();
        Box::pin(std::future::ready(Ok(Revocation { fates })))
    }

    fn check(&self) -> ProviderFuture<'_, Health> {
        Box::pin(std::future::ready(Ok(Health::default())))
    }
}
