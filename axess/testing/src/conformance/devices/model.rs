//! The same random calls on the store and on the reference; every answer must be the same.

use super::{sweeps::retention, *};
use axess_core::memory::MemoryDeviceStore;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

const STEPS: i64 = 300;
const LEVELS: [DeviceTrustLevel; 3] =
    [DeviceTrustLevel::Seen, DeviceTrustLevel::Trusted, DeviceTrustLevel::Revoked];

/// Both stores, and what the calls draw from.
struct Twins<'s, S> {
    store: &'s S,
    model: MemoryDeviceStore,
    ground: Ground,
    owners: [Owner; 3],
    known: Vec<Device>,
    now: DateTime<Utc>,
}

pub(super) async fn any_sequence_answers_as_in_memory<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let mut twins = Twins {
        store: &*store,
        model: MemoryDeviceStore::new(),
        owners: ground.owners(),
        known: Vec::new(),
        now: ground.at(0),
        ground: ground.clone(),
    };
    for step in 0..STEPS {
        // Two hours and a bit: no two sightings are at the same time, and days pass.
        twins.now = ground.at(0) + TimeDelta::hours(2) * i32::try_from(step).unwrap_or(0);
        twins.step(step).await?;
    }
    Ok(())
}

impl<S: DeviceStore> Twins<'_, S> {
    async fn step(&mut self, step: i64) -> Verdict {
        let what = format!("step {step}");
        match self.ground.below(12) {
            0..=3 => self.register(&what).await?,
            4..=5 => self.sight().await?,
            6..=8 => self.trust(&what).await?,
            9 => self.rename(&what).await?,
            10 => self.sweep(&what).await?,
            _ if self.ground.chance(10) => {
                let owner = self.owner();
                let got = self.store.delete_for_user(owner).await?;
                same(&what, got, self.model.delete_for_user(owner).await?)?;
            }
            _ => {}
        }
        self.compare(&what).await
    }

    async fn register(&mut self, what: &str) -> Verdict {
        let mut device =
            Device { first_seen_at: self.now, last_seen_at: self.now, ..fresh(&self.ground, self.owner()) };
        if let Some(known) = self.ground.pick(&self.known).filter(|_| self.ground.chance(50)) {
            device.fingerprint_hash = known.fingerprint_hash;
        }
        let got = self.store.register(device.clone()).await?;
        let want = self.model.register(device.clone()).await?;
        self.known.push(device);
        same(&format!("{what}, registration"), got, want)
    }

    async fn sight(&self) -> Verdict {
        let Some((owner, id)) = self.known() else { return Ok(()) };
        self.store.record_sighting(owner, id, self.now).await?;
        Ok(self.model.record_sighting(owner, id, self.now).await?)
    }

    async fn trust(&self, what: &str) -> Verdict {
        let (Some((owner, id)), Some(level)) = (self.known(), self.ground.pick(&LEVELS)) else {
            return Ok(());
        };
        let got = self.store.set_trust_level(owner, id, level, self.now).await?;
        same(
            &format!("{what}, {level:?}"),
            got,
            self.model.set_trust_level(owner, id, level, self.now).await?,
        )
    }

    async fn rename(&self, what: &str) -> Verdict {
        let Some((owner, id)) = self.known() else { return Ok(()) };
        let name = self.ground.chance(70).then(|| self.ground.word());
        let got = self.store.rename(owner, id, name.clone()).await?;
        same(&format!("{what}, renaming"), got, self.model.rename(owner, id, name).await?)
    }

    async fn sweep(&self, what: &str) -> Verdict {
        let tenant = self.owner().tenant_id;
        let mut got = self.store.sweep(tenant, retention(), self.now, MANY).await?;
        let mut want = self.model.sweep(tenant, retention(), self.now, MANY).await?;
        got.sort_by_key(|swept| swept.device_id);
        want.sort_by_key(|swept| swept.device_id);
        same(&format!("{what}, sweep"), got, want)
    }

    async fn compare(&self, what: &str) -> Verdict {
        if let Some(Device { owner, device_id, fingerprint_hash, .. }) = self.ground.pick(&self.known) {
            let got = self.store.load(owner, device_id).await?;
            same(&format!("{what}, read"), got, self.model.load(owner, device_id).await?)?;
            let got = self.store.find_by_fingerprint(owner, fingerprint_hash).await?;
            let want = self.model.find_by_fingerprint(owner, fingerprint_hash).await?;
            same(&format!("{what}, by fingerprint"), got, want)?;
        }
        let owner = self.owner();
        let limit = usize::try_from(self.ground.below(6)).unwrap_or(0);
        let got = self.store.find_for_user(owner, limit).await?;
        same(&format!("{what}, list"), got, self.model.find_for_user(owner, limit).await?)
    }

    fn owner(&self) -> Owner {
        self.ground.pick(&self.owners).unwrap_or_else(|| self.ground.owner())
    }

    /// Draws a device; now and then with an owner it does not have.
    fn known(&self) -> Option<(Owner, DeviceId)> {
        let device = self.ground.pick(&self.known)?;
        Some((if self.ground.chance(95) { device.owner } else { self.owner() }, device.device_id))
    }
}
