use crate::{
    database::on_every_database,
    identity::{TENANT, now},
};
use axess_core::store::{AuditOutbox, AuditRow, AuditStore, OutboxRecord, StoreErrorKind};
use axess_identity::{EventId, TenantId};
use axess_sql::{SqlAuditOutbox, SqlAuditStore};
use axess_testing::conformance::{self, Setting};
use uuid::Uuid;

on_every_database!(audit_store, |database: TestDatabase| async move {
    conformance::audit_store(SqlAuditStore::new(database.db), Setting::default()).check().await;
});

on_every_database!(audit_outbox, |database: TestDatabase| async move {
    conformance::audit_outbox(SqlAuditOutbox::new(database.db), Setting::default()).check().await;
});

on_every_database!(many_events_are_one_batch_and_too_long_ones_none, |database: TestDatabase| async move {
    let (store, outbox) = (SqlAuditStore::new(database.db.clone()), SqlAuditOutbox::new(database.db));
    let row = |n: u128, bytes: usize| AuditRow {
        event_id: EventId::from_uuid(Uuid::from_u128(n)),
        tenant_id: Some(TENANT),
        user_id: None,
        event_type: "LoginFailed".into(),
        at: now(),
        body: vec![7; bytes].into(),
    };
    let record = |n, bytes| {
        let AuditRow { event_id, tenant_id, at, body, .. } = row(n, bytes);
        OutboxRecord { event_id, tenant_id, at, body }
    };
    let full = 256 * 1024;
    assert_eq!(store.append((1..=40).map(|n| row(n, full)).collect()).await.unwrap(), 40);
    outbox.append((1..=40).map(|n| record(n, full)).collect()).await.unwrap();
    let kept = outbox.peek(100).await.unwrap();
    assert_eq!(kept.len(), 40);
    outbox.complete(kept.iter().map(|entry| entry.sequence).collect()).await.unwrap();
    assert_eq!(outbox.depth().await.unwrap().records, 0);
    let nobody = Some(TenantId::from_uuid(Uuid::nil()));
    for refused in [
        store.append(vec![row(41, full + 1)]).await.map(drop),
        store.append(vec![AuditRow { event_type: "x".repeat(129), ..row(41, 1) }]).await.map(drop),
        store.append(vec![AuditRow { tenant_id: nobody, ..row(41, 1) }]).await.map(drop),
        outbox.append(vec![record(41, full + 1)]).await,
    ] {
        assert_eq!(refused.map_err(|error| error.kind()), Err(StoreErrorKind::Misuse));
    }
});
