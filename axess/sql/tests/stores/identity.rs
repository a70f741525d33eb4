use crate::database::{TestDatabase, on_every_database};
use axess_core::{
    authn::{AuthnScope, FactorConfig, PasswordRecord},
    envelope::Envelope,
    store::{
        AttemptOutcome, AttemptRequest, Expected, FactorStore, IdentityAdmin, IdentityAuthnLog,
        IdentityLookup, NewUser, Reservation, SaveOutcome, StoreErrorKind, TenantBootstrap, UserChange,
    },
};
use axess_identity::{
    AttemptId, FactorKind, Identifier, LockoutPolicy, LockoutScale, Tenant, TenantId, User, UserId,
    UserStatus,
};
use axess_sql::SqlBackend;
use axess_testing::conformance::{self, Setting};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Executor, Row};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

pub(crate) const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(1));

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

pub(crate) fn user_id(n: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(n))
}

pub(crate) fn envelope(key: u8) -> Envelope {
    Envelope::new([key; 32]).unwrap()
}

pub(crate) fn user(n: u128, name: &str) -> NewUser {
    User {
        user_id: user_id(n),
        tenant_id: TENANT,
        identifier: Identifier::parse(name).unwrap(),
        display_name: None,
        email: None,
        email_verified: false,
        status: UserStatus::Active,
        created_at: now(),
    }
}

pub(crate) fn bootstrap(tenant_id: TenantId, slug: &str) -> TenantBootstrap {
    TenantBootstrap {
        tenant_id,
        slug: slug.parse().unwrap(),
        display_name: slug.into(),
        methods: vec![],
        fingerprint_pepper: [7; 32].into(),
        lockout_policy: None,
        device_retention_days: 90,
        created_at: now(),
    }
}

/// A backend with one tenant.
pub(crate) async fn backend(database: &TestDatabase) -> SqlBackend {
    let backend = SqlBackend::new(database.db.clone(), envelope(1));
    let created = backend.create_tenant(bootstrap(TENANT, "acme")).await.unwrap();
    assert_eq!(created, SaveOutcome::Saved);
    backend
}

pub(crate) async fn create(backend: &SqlBackend, user: NewUser) {
    assert_eq!(backend.create_user(user).await.unwrap(), SaveOutcome::Saved);
}

async fn enrol(backend: &SqlBackend, user: UserId) {
    let record = password("$argon2id$x");
    let saved = backend.save_factor(TENANT, user, record, Expected::Absent).await.unwrap();
    assert_eq!(saved, SaveOutcome::Saved);
}

/// Changes a database behind the store's back.
pub(crate) async fn tamper(database: &TestDatabase, sql: &'static str) -> u64 {
    match &*database.url {
        url if url.starts_with("sqlite") => {
            sqlx::SqlitePool::connect(url).await.unwrap().execute(sql).await.unwrap().rows_affected()
        }
        url if url.starts_with("postgres") => {
            sqlx::PgPool::connect(url).await.unwrap().execute(sql).await.unwrap().rows_affected()
        }
        url => sqlx::MySqlPool::connect(url).await.unwrap().execute(sql).await.unwrap().rows_affected(),
    }
}

/// Reads one number, behind the store's back.
pub(crate) async fn number(database: &TestDatabase, sql: &'static str) -> i64 {
    match &*database.url {
        url if url.starts_with("sqlite") => {
            sqlx::SqlitePool::connect(url).await.unwrap().fetch_one(sql).await.unwrap().get(0)
        }
        url if url.starts_with("postgres") => {
            sqlx::PgPool::connect(url).await.unwrap().fetch_one(sql).await.unwrap().get(0)
        }
        url => sqlx::MySqlPool::connect(url).await.unwrap().fetch_one(sql).await.unwrap().get(0),
    }
}

fn request(n: u128, at: DateTime<Utc>) -> AttemptRequest {
    AttemptRequest {
        attempt_id: AttemptId::from_uuid(Uuid::from_u128(n)),
        tenant_id: TENANT,
        user_id: user_id(n),
        factor: FactorKind::Password,
        client_ip: Some("192.0.2.1".parse().unwrap()),
        trusted_device: None,
        at,
        default_policy: LockoutPolicy::default(),
    }
}

fn policy(user: u32, tenant: u32, address: u32) -> LockoutPolicy {
    let default = LockoutPolicy::default();
    let scale = |failures, scale: LockoutScale| LockoutScale { failures_before_lockout: failures, ..scale };
    LockoutPolicy {
        per_user: scale(user, default.per_user),
        per_tenant: scale(tenant, default.per_tenant),
        per_ip: scale(address, default.per_ip),
        max_consecutive_failures: 100,
    }
}

pub(crate) fn password(hash: &str) -> FactorConfig {
    let record = PasswordRecord { hash: hash.into(), history: vec![], changed_at: now() };
    FactorConfig::Password(record)
}

async fn granted(attempts: Vec<tokio::task::JoinHandle<Reservation>>) -> usize {
    let mut granted = 0;
    for attempt in attempts {
        granted += usize::from(matches!(attempt.await.unwrap(), Reservation::Granted { .. }));
    }
    granted
}

on_every_database!(racing_attempts_are_never_more_than_allowed, |database: TestDatabase| async move {
    let backend = backend(&database).await;
    // Whichever lever is the narrow one, and whether its counter is there already or not.
    for (round, policy) in
        (0_u32..).zip([policy(4, 0, 0), policy(0, 4, 0), policy(0, 0, 4), policy(4, 100, 100)])
    {
        for again in 0..2 {
            let at = now() + TimeDelta::days(i64::from(2 * round + again));
            backend.save_lockout_policy(AuthnScope::Global, Some(policy.clone())).await.unwrap();
            let attempt = |n: u128| {
                let backend = backend.clone();
                // One account where its lever is the narrow one, else many.
                let who = if policy.per_user.failures_before_lockout > 0 { 1_000 } else { n };
                tokio::spawn(async move { backend.reserve_attempt(request(who, at)).await.unwrap() })
            };
            let attempts: Vec<_> = (1..=24).map(attempt).collect();
            assert_eq!(granted(attempts).await, 4, "round {round}.{again}");
        }
    }
});

on_every_database!(
    attempts_of_many_accounts_of_one_tenant_do_not_fail_each_other,
    |database: TestDatabase| async move {
        let backend = backend(&database).await;
        backend.save_lockout_policy(AuthnScope::Global, Some(policy(3, 10_000, 10_000))).await.unwrap();
        let login = |n: u128| {
            let backend = backend.clone();
            tokio::spawn(async move {
                for _ in 0..5 {
                    let reserved = backend.reserve_attempt(request(n, now())).await.unwrap();
                    assert_eq!(reserved, Reservation::Granted { active: false, lapsed: vec![] });
                    backend.settle_attempt(request(n, now()), AttemptOutcome::Success).await.unwrap();
                }
            })
        };
        for task in (1..=16).map(login).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(number(&database, "SELECT COUNT(*) FROM axess_lockout WHERE failures <> 0").await, 0);
    }
);

on_every_database!(racing_sign_ups_have_one_winner, |database: TestDatabase| async move {
    let backend = Arc::new(backend(&database).await);
    let pending = User { status: UserStatus::Pending, ..user(99, "alice") };
    create(&backend, pending).await;
    enrol(&backend, user_id(99)).await;
    let sign_up = |n| {
        let backend = Arc::clone(&backend);
        tokio::spawn(async move { (n, backend.create_user(user(n, "alice")).await.unwrap()) })
    };
    let mut winners = Vec::new();
    for task in (1..=16).map(sign_up).collect::<Vec<_>>() {
        let (n, outcome) = task.await.unwrap();
        winners.extend((outcome == SaveOutcome::Saved).then(|| user_id(n)));
    }
    let found = backend.find_user(TENANT, Identifier::parse("alice").unwrap()).await.unwrap().unwrap();
    assert_eq!(winners, [found.user_id]);
    assert_eq!(backend.get_user(TENANT, user_id(99)).await.unwrap(), None);
    let left = backend.find_factors(TENANT, user_id(99)).await.unwrap();
    assert_eq!(left, [], "what the pending account enrolled is gone");
});

on_every_database!(
    an_id_that_is_taken_leaves_a_pending_account_as_it_is,
    |database: TestDatabase| async move {
        let backend = backend(&database).await;
        let pending = User { status: UserStatus::Pending, ..user(1, "alice") };
        create(&backend, pending.clone()).await;
        create(&backend, user(2, "bob")).await;
        assert_eq!(backend.create_user(user(2, "alice")).await.unwrap(), SaveOutcome::Conflict);
        assert_eq!(backend.get_user(TENANT, user_id(1)).await.unwrap(), Some(pending));
        assert_eq!(backend.get_user(TENANT, user_id(2)).await.unwrap(), Some(user(2, "bob")));
    }
);

on_every_database!(erasing_leaves_nothing_about_the_person, |database: TestDatabase| async move {
    let backend = backend(&database).await;
    let alice = User {
        display_name: Some("Alice".into()),
        email: Some("alice@example.com".parse().unwrap()),
        email_verified: true,
        ..user(1, "alice")
    };
    create(&backend, alice).await;
    enrol(&backend, user_id(1)).await;
    backend.reserve_attempt(request(1, now())).await.unwrap();
    backend.settle_attempt(request(1, now()), AttemptOutcome::Failure).await.unwrap();
    for _ in 0..2 {
        let erased = backend.erase_user(TENANT, user_id(1), "asked for".into()).await.unwrap();
        assert_eq!(erased, SaveOutcome::Saved);
    }
    let left = backend.get_user(TENANT, user_id(1)).await.unwrap().unwrap();
    assert_eq!(left.identifier.as_str(), format!("axess:erased:{}", user_id(1)));
    assert_eq!((left.status, left.display_name, left.email), (UserStatus::Erased, None, None));
    assert_eq!(backend.find_user(TENANT, left.identifier).await.unwrap(), None);
    assert_eq!(backend.find_factors(TENANT, user_id(1)).await.unwrap(), []);
    let attempts = backend.last_attempts(TENANT, user_id(1), 9).await.unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.client_ip).collect::<Vec<_>>(), [None]);
    create(&backend, user(2, "alice")).await;
    let revived = UserChange { status: Some(UserStatus::Active), ..UserChange::default() };
    assert_eq!(backend.update_user(TENANT, user_id(1), revived).await.unwrap(), SaveOutcome::Conflict);
    let erase = UserChange { status: Some(UserStatus::Erased), ..UserChange::default() };
    assert_eq!(backend.update_user(TENANT, user_id(2), erase).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(backend.find_user(TENANT, Identifier::parse("alice").unwrap()).await.unwrap(), None);
});

on_every_database!(
    a_suspended_account_locks_as_one_that_does_not_exist,
    |database: TestDatabase| async move {
        let backend = backend(&database).await;
        create(&backend, User { status: UserStatus::Suspended, ..user(1, "alice") }).await;
        let own = AuthnScope::User { tenant_id: TENANT, user_id: user_id(1) };
        backend.save_lockout_policy(own, Some(policy(1, 0, 0))).await.unwrap();
        backend.save_lockout_policy(AuthnScope::Tenant(TENANT), Some(policy(2, 0, 0))).await.unwrap();
        for (name, stand_in) in [("alice", 50), ("nobody", 51)] {
            for allowed in [true, true, false] {
                let name = Identifier::parse(name).unwrap();
                let (_, reservation) = backend
                    .reserve_login("acme".parse().unwrap(), name, request(stand_in, now()))
                    .await
                    .unwrap();
                assert_eq!(reservation == Reservation::Granted { active: false, lapsed: vec![] }, allowed);
            }
        }
    }
);

on_every_database!(counters_that_nobody_needs_go_and_the_others_stay, |database: TestDatabase| async move {
    let backend = backend(&database).await;
    create(&backend, user(1, "alice")).await;
    backend.save_lockout_policy(AuthnScope::Global, Some(policy(10, 0, 100))).await.unwrap();
    // An account and a stranger are guessed at three times, another stranger once.
    for n in [1, 1, 1, 2, 2, 2, 3] {
        backend.reserve_attempt(request(n, now())).await.unwrap();
    }
    assert_eq!(number(&database, "SELECT COUNT(*) FROM axess_lockout").await, 5);
    // Whoever comes along much later takes out what is idle by itself: the tenant's and the address's.
    let later = now() + TimeDelta::days(3);
    let trusted = AttemptRequest {
        trusted_device: Some(axess_identity::DeviceId::from_uuid(Uuid::from_u128(9))),
        ..request(4, later)
    };
    backend.reserve_attempt(trusted).await.unwrap();
    assert_eq!(number(&database, "SELECT COUNT(*) FROM axess_lockout").await, 4);
    backend.purge_attempts(later + TimeDelta::days(30), 100).await.unwrap();
    assert_eq!(number(&database, "SELECT COUNT(*) FROM axess_lockout").await, 1, "the account's");
    backend.clear_lockout(TENANT, user_id(1)).await.unwrap();
    assert_eq!(number(&database, "SELECT COUNT(*) FROM axess_lockout").await, 0);
});

on_every_database!(what_not_every_database_can_keep_is_refused, |database: TestDatabase| async move {
    let backend = backend(&database).await;
    let nobody = TenantId::from_uuid(Uuid::nil());
    let named = |name: String| User { display_name: Some(name), ..user(1, "alice") };
    for refused in [
        backend.create_user(named("x".repeat(5_000))).await.map(drop),
        backend.create_user(named("x\0".into())).await.map(drop),
        backend.create_user(user(0, "alice")).await.map(drop),
        backend.create_tenant(bootstrap(nobody, "nobody")).await.map(drop),
        backend.save_methods(AuthnScope::Tenant(nobody), vec![]).await,
        backend.save_lockout_policy(AuthnScope::User { tenant_id: TENANT, user_id: user_id(0) }, None).await,
        backend.save_factor_policy(AuthnScope::Tenant(nobody), FactorKind::Totp, None).await,
    ] {
        assert_eq!(refused.map_err(|error| error.kind()), Err(StoreErrorKind::Misuse));
    }
});

on_every_database!(a_tenants_pepper_is_sealed_for_it, |database: TestDatabase| async move {
    let backend = backend(&database).await;
    let other = TenantId::from_uuid(Uuid::from_u128(2));
    let created = backend.create_tenant(bootstrap(other, "other")).await.unwrap();
    assert_eq!(created, SaveOutcome::Saved);
    let rotated = SqlBackend::new(database.db.clone(), envelope(2).with_previous_key([1; 32]).unwrap());
    let key = || number(&database, "SELECT key_id FROM axess_tenant WHERE slug = 'acme'");
    let old = key().await;
    let pepper = |found: Option<Tenant>| found.unwrap().fingerprint_pepper.expose().to_vec();
    assert_eq!(pepper(rotated.find_tenant("acme".parse().unwrap()).await.unwrap()), [7; 32]);
    assert_ne!(key().await, old, "sealed again by its reader");
    assert_eq!(rotated.reseal(10).await.unwrap(), 1, "the other one");
    assert_eq!(rotated.reseal(10).await.unwrap(), 0);
    let retired = SqlBackend::new(database.db.clone(), envelope(2));
    assert_eq!(pepper(retired.get_tenant(other).await.unwrap()), [7; 32]);
    let copy = "UPDATE axess_tenant SET pepper = (SELECT p FROM (SELECT pepper AS p FROM axess_tenant WHERE slug = 'acme') AS a)
                WHERE slug = 'other'";
    assert_eq!(tamper(&database, copy).await, 1);
    let moved = retired.get_tenant(other).await.unwrap_err();
    assert_eq!(moved.kind(), StoreErrorKind::Corrupt);
    let login = retired.find_login("other".parse().unwrap(), Identifier::parse("alice").unwrap()).await;
    assert_eq!(login.unwrap_err().kind(), StoreErrorKind::Corrupt);
});

on_every_database!(a_window_is_kept_to_the_microsecond, |database: TestDatabase| async move {
    let backend = backend(&database).await;
    backend.save_lockout_policy(AuthnScope::Global, Some(policy(1, 0, 0))).await.unwrap();
    let at = now() + TimeDelta::microseconds(123_456);
    backend.reserve_attempt(request(1, at)).await.unwrap();
    let settled = backend.settle_attempt(request(1, at), AttemptOutcome::Failure).await.unwrap();
    let until = Some(at + LockoutPolicy::default().per_user.base_lockout);
    assert_eq!(settled.triggered, [axess_core::store::Lockout::User { user_id: user_id(1), until }]);
    let locked = backend.reserve_attempt(request(1, at + Duration::from_secs(899))).await.unwrap();
    assert_eq!(locked, Reservation::Locked { until });
});

on_every_database!(identity_store, |database: TestDatabase| async move {
    conformance::identity_store(SqlBackend::new(database.db, envelope(1)), Setting::default()).check().await;
});
