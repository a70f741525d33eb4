//! What was broken off, and what strangers locked: it can be mended.

use super::door::{Door, Enrolled, PASSWORD};
use audex_core::{Requester, audit::BrokerEvent};
use aws_lc_rs::{hkdf, hmac};
use axess::{
    FactorConfig, FactorKind, TenantId, User, UserId,
    backends::sqlite::Backend,
    clock::Clock,
    envelope::Envelope,
    factors::TotpConfig,
    identity::{AttemptId, Identifier, LockoutPolicy, UserStatus},
    store::{
        AttemptOutcome, AttemptRequest, Expected, FactorStore, IdentityAdmin, IdentityAuthnLog,
        IdentityLookup, Reservation,
    },
};
use chrono::TimeDelta;
use serde_json::json;

/// The accounts of the login, read and written beside the server.
struct Accounts {
    backend: Backend,
    tenant_id: TenantId,
}

struct Len;

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        32
    }
}

impl Accounts {
    async fn of(door: &Door) -> Self {
        // The secret of the fixture, and what the server makes of it.
        let door_key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]), b"access");
        let mut key = [0; 32];
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]);
        let info = [b"audex access: ".as_slice(), b"accounts at rest"];
        salt.extract(door_key.as_ref()).expand(&info, Len).unwrap().fill(&mut key).unwrap();
        let backend = Backend::new(door.app.store.db().clone(), Envelope::new(key).unwrap());
        let tenant = backend.find_tenant("default".parse().unwrap()).await.unwrap().unwrap();
        Self { backend, tenant_id: tenant.tenant_id }
    }

    /// Fails at somebody's password until the account is locked for good.
    async fn lock(&self, door: &Door, user_id: UserId) {
        for _ in 0..1_000 {
            let at = door.clock.now();
            let attempt = AttemptRequest {
                attempt_id: AttemptId::generate(at, &*door.app.rng),
                tenant_id: self.tenant_id,
                user_id,
                factor: FactorKind::Password,
                client_ip: None,
                trusted_device: None,
                at,
                default_policy: LockoutPolicy::default(),
            };
            match self.backend.reserve_attempt(attempt.clone()).await.unwrap() {
                Reservation::Locked { until: None } => return,
                Reservation::Locked { .. } => door.clock.jump(TimeDelta::hours(24)),
                Reservation::Granted { .. } => {
                    self.backend.settle_attempt(attempt, AttemptOutcome::Failure).await.unwrap();
                }
            }
        }
        panic!("it is never locked for good");
    }
}

/// Writes down that somebody is disabled or not, and does nothing else of what that means.
async fn mark(door: &Door, who: &Enrolled, is_disabled: bool) {
    let mut person = door.app.store.person_by_email(&who.email).await.unwrap().unwrap();
    person.is_disabled = is_disabled;
    let event =
        BrokerEvent::Administered { action: "test".to_owned(), subject: who.email.clone(), detail: None };
    let operator = Requester::LocalUser { uid: 0, name: None };
    door.app.store.save_person(&operator, &person, event).await.unwrap();
}

#[tokio::test]
async fn an_account_that_is_nobodys_is_taken_over() {
    let door = Door::new().await;
    let accounts = Accounts::of(&door).await;
    let now = door.clock.now();
    for email in ["admin@example.com", "bob@example.com"] {
        let user = User {
            user_id: UserId::generate(now, &*door.app.rng),
            tenant_id: accounts.tenant_id,
            identifier: Identifier::parse_new(email).unwrap(),
            display_name: None,
            email: Some(email.parse().unwrap()),
            email_verified: true,
            status: UserStatus::Active,
            created_at: now,
        };
        let _ = accounts.backend.create_user(user).await.unwrap();
    }
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &[]).await;
    door.log_in(&bob).await;
    let again = admin.browser.post("/people", json!({ "email": "bob@example.com" })).await;
    assert_eq!(again.code(), (409, "conflict"), "now it is somebody's");
}

#[tokio::test]
async fn an_account_that_has_something_to_log_in_with_is_not_taken_over() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let accounts = Accounts::of(&door).await;
    let now = door.clock.now();
    let user = User {
        user_id: UserId::generate(now, &*door.app.rng),
        tenant_id: accounts.tenant_id,
        identifier: Identifier::parse_new("bob@example.com").unwrap(),
        display_name: None,
        email: None,
        email_verified: false,
        status: UserStatus::Active,
        created_at: now,
    };
    let (tenant_id, user_id) = (user.tenant_id, user.user_id);
    let _ = accounts.backend.create_user(user).await.unwrap();
    let totp = FactorConfig::Totp(TotpConfig::new(vec![7; 20].into()).unwrap());
    let _ = accounts.backend.save_factor(tenant_id, user_id, totp, Expected::Any).await.unwrap();
    let taken = admin.browser.post("/people", json!({ "email": "bob@example.com" })).await;
    assert_eq!(taken.code(), (409, "conflict"));
}

#[tokio::test]
async fn what_was_disabled_half_way_is_disabled_by_doing_it_again() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &[]).await;
    let (_, token) = door.token(&bob, &["read"]).await;
    let link = format!("/people/{}", bob.id);
    mark(&door, &bob, true).await;
    assert_eq!(admin.browser.patch(&link, json!({ "disabled": true })).await.status, 200);
    mark(&door, &bob, false).await;
    assert!(!bob.browser.is_signed_in().await, "its sessions were ended");
    assert_eq!(door.get("/me", &token).await.status, 401, "its tokens were revoked");
    // And half-way back.
    let login = json!({ "email": bob.email, "password": PASSWORD });
    assert_eq!(door.browser().post("/login", login).await.code(), (401, "login_failed"));
    assert_eq!(admin.browser.patch(&link, json!({ "disabled": false })).await.status, 200);
    door.log_in(&bob).await;
}

#[tokio::test]
async fn where_everybody_who_administers_is_locked_the_next_start_has_a_link() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let accounts = Accounts::of(&door).await;
    assert!(door.app.access.first_admin("admin@example.com").await.unwrap().is_none());
    let admin_id = admin.id.parse().unwrap();
    accounts.lock(&door, admin_id).await;
    let login = json!({ "email": admin.email, "password": PASSWORD });
    assert_eq!(door.browser().post("/login", login).await.code(), (401, "login_failed"));
    let link = door.app.access.first_admin("admin@example.com").await.unwrap().unwrap();
    let path = link.url.strip_prefix(&door.url).unwrap();
    let browser = door.browser();
    let begun = browser.post(path, json!({ "password": "another lantern, quite blue, in fog" })).await;
    assert_eq!(begun.body["status"], "totp_required", "{begun:?}");
    door.enrol_totp(&browser).await;
    assert_eq!(browser.get("/me").await.body["roles"], json!(["admin"]));
    assert!(door.app.access.first_admin("admin@example.com").await.unwrap().is_none());
}

#[tokio::test]
async fn of_two_who_administer_one_that_is_locked_is_for_the_other_to_invite() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let second = door.invited(&admin, "second@example.com", &["admin"]).await;
    let accounts = Accounts::of(&door).await;
    accounts.lock(&door, admin.id.parse().unwrap()).await;
    assert!(door.app.access.first_admin("admin@example.com").await.unwrap().is_none());
    let second = door.log_in(&second).await;
    let link = second.post(&format!("/people/{}/invite", admin.id), json!({})).await;
    assert_eq!(link.status, 200, "{link:?}");
}

#[tokio::test]
async fn a_link_sets_no_password_of_somebody_who_has_an_authenticator() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let added = admin.browser.post("/people", json!({ "email": "bob@example.com" })).await;
    let user_id = added.body["id"].as_str().unwrap().parse().unwrap();
    let accounts = Accounts::of(&door).await;
    let totp = FactorConfig::Totp(TotpConfig::new(vec![7; 20].into()).unwrap());
    let _ = accounts.backend.save_factor(accounts.tenant_id, user_id, totp, Expected::Any).await.unwrap();
    let path = added.body["enrolment"]["url"].as_str().unwrap().strip_prefix(&door.url).unwrap();
    let refused = door.browser().post(path, json!({ "password": PASSWORD })).await;
    assert_eq!(refused.code(), (410, "link_used"));
    // Invited anew, the authenticator is gone.
    let again = admin.browser.post(&format!("/people/{user_id}/invite"), json!({})).await;
    door.enrol(again.body["enrolment"]["url"].as_str().unwrap(), "bob@example.com").await;
}
