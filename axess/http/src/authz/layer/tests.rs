use super::*;
use axess_authz::{NoEntities, PolicyBundle, PolicyStore};
use axess_clock::MockClock;
use axess_core::{
    device::{Device, DeviceTrustLevel, FingerprintHash},
    memory::MemoryDeviceStore,
    store::{DeviceStore, TrustChange},
};
use axess_identity::{HumanPrincipal, TenantId, UserId};

const SCHEMA: &str =
    "action \"administer\" appliesTo { principal: [User], resource: [Shared], context: RequestContext };";
const POLICY: &str =
    "permit (principal, action, resource) when { context has device && context.device.trusted };";

fn owner(user: u8) -> Owner {
    Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [user; 10]) }
}

fn laptop() -> Device {
    Device {
        device_id: DeviceId::from_parts(0, [3; 10]),
        owner: owner(1),
        trust_level: DeviceTrustLevel::Seen,
        fingerprint_hash: FingerprintHash::from_bytes([4; 32]),
        display_name: None,
        first_seen_at: chrono::DateTime::UNIX_EPOCH,
        last_seen_at: chrono::DateTime::UNIX_EPOCH,
        trusted_at: None,
        demoted_at: None,
        revoked_at: None,
    }
}

fn layer() -> AuthzLayer {
    let app = PolicyBundle::new("app").with_file("app.cedarschema", SCHEMA).with_file("app.cedar", POLICY);
    let policies = PolicyStore::compose(vec![PolicyBundle::base(), app]).unwrap();
    AuthzLayer::new(Arc::new(AuthzStore::new(policies)), Arc::new(NoEntities))
        .with_clock(Arc::new(MockClock::default()))
}

/// Asks on behalf of a user whose session is on the laptop.
async fn allowed(layer: &AuthzLayer, user: u8) -> bool {
    let owner = owner(user);
    let principal = Principal::Human(HumanPrincipal {
        user_id: owner.user_id,
        tenant_id: owner.tenant_id,
        session_id: None,
        attributes: [].into(),
    });
    let device = Some((owner, laptop().device_id));
    let caller = Caller { principal, proofs: None, device, request: RequestContext::default() };
    let session = layer.open(caller).await.unwrap();
    session.decide("administer", &ResourceUid::deployment()).await.unwrap().is_allow()
}

#[tokio::test]
async fn a_device_is_trusted_while_its_store_says_so() {
    let devices = MemoryDeviceStore::new();
    let (bare, knowing) = (layer(), layer().with_device_store(Arc::new(devices.clone())));
    assert!(!allowed(&knowing, 1).await, "nobody knows it");
    DeviceStore::register(&devices, laptop()).await.unwrap();
    for (level, trusted) in
        [(None, false), (Some(DeviceTrustLevel::Trusted), true), (Some(DeviceTrustLevel::Revoked), false)]
    {
        if let Some(level) = level {
            let now = chrono::DateTime::UNIX_EPOCH;
            let change =
                DeviceStore::set_trust_level(&devices, owner(1), laptop().device_id, level, now).await;
            assert!(matches!(change.unwrap(), TrustChange::Changed { .. }));
        }
        assert_eq!(allowed(&knowing, 1).await, trusted, "{level:?}");
        assert!(!allowed(&knowing, 2).await, "it is not theirs");
        assert!(!allowed(&bare, 1).await, "nobody can tell");
    }
}
