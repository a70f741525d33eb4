use crate::{
    database::on_every_database,
    identity::{TENANT, envelope, number, tamper},
};
use axess_core::store::{
    Expected, IdpProtocol, SaveOutcome, StoreError, StoreErrorKind, TenantIdp, TenantIdpStore,
};
use axess_sql::SqlTenantIdpStore;
use axess_testing::conformance::{self, Setting};

on_every_database!(tenant_idp_store, |database: TestDatabase| async move {
    let store = SqlTenantIdpStore::new(database.db, envelope(1));
    conformance::tenant_idp_store(store, Setting::default()).check().await;
});

on_every_database!(tenant_idp_store_without_encryption, |database: TestDatabase| async move {
    let store = SqlTenantIdpStore::without_encryption(database.db);
    conformance::tenant_idp_store(store, Setting::default()).check().await;
});

fn idp(name: &str, secret: Option<&str>) -> TenantIdp {
    TenantIdp {
        tenant_id: TENANT,
        name: name.parse().unwrap(),
        protocol: IdpProtocol::Oidc,
        issuer: "https://idp.example".into(),
        settings: serde_json::json!({ "client_id": "axess" }),
        secret: secret.map(Into::into),
        enabled: true,
    }
}

async fn save(store: &SqlTenantIdpStore, idp: TenantIdp) {
    assert_eq!(store.save_idp(idp, Expected::Absent).await.unwrap(), SaveOutcome::Saved);
}

async fn secret(store: &SqlTenantIdpStore, name: &str) -> Result<String, StoreErrorKind> {
    let found = store.get_idp(TENANT, name.parse().unwrap()).await;
    let found = found.map_err(|error: StoreError| error.kind())?.unwrap();
    Ok(found.value.secret.unwrap().expose().to_owned())
}

on_every_database!(a_secret_opens_only_beside_what_it_was_stored_with, |database: TestDatabase| async move {
    let store = SqlTenantIdpStore::new(database.db.clone(), envelope(1));
    save(&store, idp("okta", Some("of okta"))).await;
    for (change, back) in [
        ("UPDATE axess_tenant_idp SET name = 'evil'", "UPDATE axess_tenant_idp SET name = 'okta'"),
        (
            "UPDATE axess_tenant_idp SET issuer = 'https://evil.example'",
            "UPDATE axess_tenant_idp SET issuer = 'https://idp.example'",
        ),
        ("UPDATE axess_tenant_idp SET protocol = 'oauth2'", "UPDATE axess_tenant_idp SET protocol = 'oidc'"),
        (
            "UPDATE axess_tenant_idp SET settings = '{\"client_id\":\"evil\"}'",
            "UPDATE axess_tenant_idp SET settings = '{\"client_id\":\"axess\"}'",
        ),
    ] {
        assert_eq!(tamper(&database, change).await, 1);
        let name = if change.contains("name") { "evil" } else { "okta" };
        assert_eq!(secret(&store, name).await, Err(StoreErrorKind::Corrupt), "{change}");
        tamper(&database, back).await;
        assert_eq!(secret(&store, "okta").await, Ok("of okta".into()));
    }
    let plain = SqlTenantIdpStore::without_encryption(database.db.clone());
    assert_eq!(secret(&plain, "okta").await, Err(StoreErrorKind::Corrupt));
});

on_every_database!(a_secret_under_an_old_key_is_sealed_again, |database: TestDatabase| async move {
    let old = SqlTenantIdpStore::new(database.db.clone(), envelope(1));
    for name in ["a", "b", "c"] {
        save(&old, idp(name, Some(name))).await;
    }
    save(&old, idp("none", None)).await;
    let key = envelope(2).with_previous_key([1; 32]).unwrap();
    let rotated = SqlTenantIdpStore::new(database.db.clone(), key);
    let before = number(&database, "SELECT key_id FROM axess_tenant_idp WHERE name = 'b'").await;
    assert_eq!(secret(&rotated, "b").await, Ok("b".into()));
    let after = number(&database, "SELECT key_id FROM axess_tenant_idp WHERE name = 'b'").await;
    assert_ne!(after, before);
    assert_eq!(rotated.reseal(100).await.unwrap(), 2);
    assert_eq!(rotated.reseal(100).await.unwrap(), 0);
    let retired = SqlTenantIdpStore::new(database.db.clone(), envelope(2));
    let listed = retired.find_idps(TENANT).await.unwrap();
    let versions: Vec<_> = listed.iter().map(|idp| (idp.value.name.as_str(), idp.version)).collect();
    assert_eq!(versions, [("a", 1), ("b", 1), ("c", 1), ("none", 1)]);
});
