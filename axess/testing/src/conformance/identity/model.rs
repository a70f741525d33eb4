//! The same random attempts on the store and on the reference; every answer must be the same.

use super::*;
use axess_core::{
    memory::InMemoryBackend,
    store::{AttemptOutcome, AttemptRecord, IdentityAuthnLog, Reservation},
};
use axess_identity::DeviceId;
use axess_rng::MockRng;
use std::sync::Arc;

const STEPS: i64 = 250;
const OUTCOMES: [AttemptOutcome; 6] = [
    AttemptOutcome::Failure,
    AttemptOutcome::Failure,
    AttemptOutcome::Failure,
    AttemptOutcome::Success,
    AttemptOutcome::Abandoned,
    AttemptOutcome::Locked,
];

/// Both stores, and what the calls draw from.
struct Twins<'s, S> {
    store: &'s S,
    model: InMemoryBackend,
    ground: Ground,
    users: Vec<(TenantId, UserId)>,
    addresses: Vec<Option<IpAddr>>,
    devices: Vec<Option<DeviceId>>,
    open: Vec<AttemptRequest>,
    second: i64,
}

pub(super) async fn any_sequence_of_attempts_answers_as_in_memory<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let mut twins = Twins::new(&*store, &ground).await?;
    for _ in 0..STEPS {
        twins.step().await?;
    }
    Ok(())
}

impl<'s, S: IdentityAdmin> Twins<'s, S> {
    /// Makes two tenants of two accounts each in both stores, and a stranger in each.
    async fn new(store: &'s S, ground: &Ground) -> Result<Self, Breach> {
        let model = InMemoryBackend::with_rng(Arc::new(MockRng::new(0)));
        let policy = LockoutPolicy {
            per_user: scale(3, 20, 30),
            per_tenant: scale(12, 20, 10),
            per_ip: scale(6, 20, 10),
            max_consecutive_failures: 9,
        };
        let mut users = Vec::new();
        for _ in 0..2 {
            let home = tenant(store, ground).await?;
            same("creation", model.create_tenant(home.clone()).await?, SaveOutcome::Saved)?;
            let tenant_id = home.tenant_id;
            set_policy(store, tenant_id, policy.clone()).await?;
            set_policy(&model, tenant_id, policy.clone()).await?;
            for _ in 0..2 {
                let user = created(store, new_user(ground, tenant_id)).await?;
                users.push((tenant_id, created(&model, user).await?.user_id));
            }
            users.push((tenant_id, ground.user()));
        }
        Ok(Self {
            store,
            model,
            users,
            addresses: vec![None, Some(address(ground)), Some(address(ground))],
            devices: vec![None, None, None, Some(ground.device()), Some(ground.device())],
            open: Vec::new(),
            second: 0,
            ground: ground.clone(),
        })
    }

    async fn step(&mut self) -> Verdict {
        self.second += i64::try_from(self.ground.below(3)).unwrap_or(0);
        if self.ground.chance(3) {
            self.second += 40;
        }
        let (tenant, user) = self.user();
        match self.ground.below(20) {
            0..=9 => self.reserve().await?,
            10..=17 => self.settle().await?,
            18 => {
                self.store.clear_lockout(tenant, user).await?;
                self.model.clear_lockout(tenant, user).await?;
            }
            _ => {
                let got = self.store.last_attempts(tenant, user, 5).await?;
                let want = self.model.last_attempts(tenant, user, 5).await?;
                let ids =
                    |records: &[AttemptRecord]| records.iter().map(|record| record.at).collect::<Vec<_>>();
                same(&self.what("the log"), ids(&got), ids(&want))?;
            }
        }
        Ok(())
    }

    async fn reserve(&mut self) -> Verdict {
        let (tenant, user) = self.user();
        let factor = if self.ground.chance(70) { FactorKind::Password } else { FactorKind::Totp };
        let request = AttemptRequest {
            factor,
            client_ip: self.ground.pick(&self.addresses).flatten(),
            trusted_device: self.ground.pick(&self.devices).flatten(),
            ..attempt(&self.ground, tenant, user, self.second)
        };
        let got = self.store.reserve_attempt(request.clone()).await?;
        let want = self.model.reserve_attempt(request.clone()).await?;
        if matches!(want, Reservation::Granted { .. }) {
            self.open.push(request);
        }
        same(&self.what("a reservation"), got, want)
    }

    /// Settles an open attempt, sometimes long after it was reserved.
    async fn settle(&mut self) -> Verdict {
        if self.open.is_empty() {
            return Ok(());
        }
        let at = self.ground.below(u64::try_from(self.open.len()).unwrap_or(1));
        let request = self.open.swap_remove(usize::try_from(at).unwrap_or(0));
        let request = AttemptRequest { at: self.ground.at(self.second), ..request };
        let outcome = self.ground.pick(&OUTCOMES).unwrap_or(AttemptOutcome::Failure);
        let got = self.store.settle_attempt(request.clone(), outcome).await?;
        let want = self.model.settle_attempt(request, outcome).await?;
        same(&self.what(&format!("settling as {outcome:?}")), got, want)
    }

    fn user(&self) -> (TenantId, UserId) {
        self.ground.pick(&self.users).unwrap_or_else(|| (self.ground.tenant(), self.ground.user()))
    }

    fn what(&self, what: &str) -> String {
        format!("second {}, {what}", self.second)
    }
}
