//! Devices: one per fingerprint, a ladder of trust, and a sweep that keeps to its tenant.

mod model;
mod races;
mod rows;
mod sweeps;

use super::{
    ground::Ground,
    suite::{Setting, Suite, suite},
    verdict::{Breach, Verdict, same},
};
use axess_core::{
    device::{Device, DeviceTrustLevel, FingerprintHash},
    store::{DeviceStore, Owner, Registered},
};
use axess_identity::DeviceId;

/// The most devices a case looks for.
const MANY: usize = 1_000;

/// Makes the suite of [`DeviceStore`].
///
/// ```
/// use axess_core::memory::MemoryDeviceStore;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::device_store(MemoryDeviceStore::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "of_racing_registrations_one_creates"));
/// ```
pub fn device_store<S: DeviceStore>(store: S, setting: Setting) -> Suite {
    suite!("DeviceStore", store, setting, [
        rows:
            every_field_comes_back,
            a_fingerprint_is_registered_once_per_owner,
            a_revoked_device_comes_back_as_a_new_one,
            no_verb_reaches_another_account,
            a_sighting_moves_forward_only,
            a_device_is_renamed,
            the_ladder_is_climbed_and_left_for_good,
            devices_are_listed_last_seen_first,
            the_devices_of_a_user_are_deleted_together,
            the_devices_of_a_tenant_are_deleted_together;
        sweeps:
            a_sweep_does_what_the_retention_says,
            a_sweep_has_a_limit_and_comes_to_an_end,
            a_sweep_keeps_to_its_tenant;
        races:
            of_racing_registrations_one_creates,
            of_racing_changes_of_trust_one_changes,
            a_revocation_beats_racing_trust,
            racing_sightings_leave_the_latest,
            racing_sweeps_do_each_thing_once,
            a_sighting_or_a_sweep_wins,
            a_call_cut_off_leaves_nothing_half_done;
        model:
            any_sequence_answers_as_in_memory;
    ])
}

fn fingerprint(ground: &Ground) -> FingerprintHash {
    FingerprintHash::from_bytes(axess_rng::random_array(ground.rng()))
}

/// A device first seen at second 0.
fn fresh(ground: &Ground, owner: Owner) -> Device {
    Device {
        device_id: ground.device(),
        owner,
        trust_level: DeviceTrustLevel::Unknown,
        fingerprint_hash: fingerprint(ground),
        display_name: None,
        first_seen_at: ground.at(0),
        last_seen_at: ground.at(0),
        trusted_at: None,
        demoted_at: None,
        revoked_at: None,
    }
}

async fn registered(store: &impl DeviceStore, device: Device) -> Result<Device, Breach> {
    same("registration", store.register(device.clone()).await?, Registered::Created)?;
    Ok(device)
}

/// Demands that the device reads as it should be, by id and, unless it is revoked, by fingerprint.
async fn reads(store: &impl DeviceStore, what: &str, want: &Device) -> Verdict {
    let got = store.load(want.owner, want.device_id).await?;
    same(what, got.as_ref(), Some(want))?;
    if want.trust_level == DeviceTrustLevel::Revoked {
        return Ok(());
    }
    let got = store.find_by_fingerprint(want.owner, want.fingerprint_hash).await?;
    same(&format!("{what}, by fingerprint"), got.as_ref(), Some(want))
}

/// Demands that exactly these devices of `owner` are listed, in any order.
async fn lists(store: &impl DeviceStore, what: &str, owner: Owner, want: &[DeviceId]) -> Verdict {
    let listed = store.find_for_user(owner, MANY).await?;
    let mut got: Vec<_> = listed.into_iter().map(|device| device.device_id).collect();
    let mut want = want.to_vec();
    got.sort_unstable();
    want.sort_unstable();
    same(what, got, want)
}
