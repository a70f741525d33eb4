//! An operation and its event are one transaction of the database that has both.

use crate::kit::*;
use axess_audit::pipe::{AuditPipeConfig, BufferStrategy};
use axess_core::{
    authn::AuthnScope,
    envelope::Envelope,
    service::{AuthnService, Operator},
    session::{RequestContext, Sessions},
    store::{
        AuditOutbox, Expected, FactorStore, IdentityAdmin, IdentityLookup, OutboxDepth, OutboxEntry,
        OutboxRecord, Owner, SessionStore, StoreError, StoreErrorKind, TenantBootstrap,
    },
};
use axess_identity::{FactorKind, UserStatus};
use axess_sql::{Db, SqlAuditOutbox, SqlBackend, SqlSessionStore};
use axess_testing::{PASSWORD, TENANT, TestSuite, USER};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// An outbox that refuses events while it is told to, after it has written them.
#[derive(Clone)]
struct Refusing {
    outbox: SqlAuditOutbox,
    refuses: Arc<AtomicBool>,
}

impl AuditOutbox for Refusing {
    async fn append(&self, records: Vec<OutboxRecord>) -> Result<(), StoreError> {
        AuditOutbox::append(&self.outbox, records).await?;
        match self.refuses.load(Ordering::SeqCst) {
            true => Err(StoreError::bare(StoreErrorKind::Full)),
            false => Ok(()),
        }
    }

    async fn peek(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        AuditOutbox::peek(&self.outbox, limit).await
    }

    async fn complete(&self, sequences: Vec<u64>) -> Result<(), StoreError> {
        AuditOutbox::complete(&self.outbox, sequences).await
    }

    async fn depth(&self) -> Result<OutboxDepth, StoreError> {
        AuditOutbox::depth(&self.outbox).await
    }
}

/// Copies the account that can log in into the database.
async fn move_in(suite: &TestSuite, backend: &SqlBackend) -> Owner {
    let owner = suite.owner().await;
    let user = suite.user(USER, TENANT).await;
    let bootstrap = TenantBootstrap {
        tenant_id: owner.tenant_id,
        slug: TENANT.parse().unwrap(),
        display_name: TENANT.to_owned(),
        methods: Vec::new(),
        fingerprint_pepper: [7; 32].into(),
        lockout_policy: None,
        device_retention_days: 90,
        created_at: user.created_at,
    };
    let methods = suite.backend.get_methods(AuthnScope::Global).await.unwrap();
    backend.save_methods(AuthnScope::Global, methods).await.unwrap();
    let _ = backend.create_tenant(bootstrap).await.unwrap();
    let _ = backend.create_user(user).await.unwrap();
    let found =
        suite.backend.load_factor(owner.tenant_id, owner.user_id, FactorKind::Password).await.unwrap();
    let record = found.record.unwrap().value;
    let saved = backend.save_factor(owner.tenant_id, owner.user_id, record, Expected::Absent).await;
    let _ = saved.unwrap();
    owner
}

#[tokio::test]
async fn an_operation_whose_event_is_refused_did_not_happen() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::connect(&format!("sqlite:{}", folder.path().join("app.db").display())).await.unwrap();
    db.migrate().await.unwrap();
    let suite = TestSuite::default();
    let backend = SqlBackend::new(db.clone(), Envelope::new([7; 32]).unwrap());
    let owner = move_in(&suite, &backend).await;
    let (store, refuses) = (SqlSessionStore::new(db.clone()), Arc::new(AtomicBool::new(false)));
    let outbox = Refusing { outbox: SqlAuditOutbox::new(db), refuses: Arc::clone(&refuses) };
    let sink = Taker::good("s");
    let strategy = BufferStrategy::Database { outbox: Arc::new(outbox), log: open_log(folder.path()) };
    let pipe = start(impatient(AuditPipeConfig::new(strategy)).with_sink(sink.clone())).await;
    let service: AuthnService<_, _> =
        suite.service_over(backend.clone(), backend.clone()).with_audit_sink(Arc::new(pipe.clone()));
    let sessions: Sessions = suite.sessions_over(store.clone());
    let log_in = async || {
        let session = sessions.open(None, RequestContext::default()).await.unwrap();
        service.begin_login(&session, USER, TENANT).await.unwrap();
        session.finish().await.unwrap();
        session
    };
    let live = async || {
        let now = axess_clock::Clock::now(&suite.clock);
        store.find_sessions_for_user(owner, now, 10).await.unwrap().len()
    };

    let session = log_in().await;
    refuses.store(true, Ordering::SeqCst);
    service
        .verify_factor(&session, axess_core::authn::FactorCredential::Password(PASSWORD.into()))
        .await
        .unwrap_err();
    assert_eq!(live().await, 0, "no session is the user's that is not on record");
    let operator = Operator::new("carol@ops", "request 12");
    service.suspend_user(&sessions, owner.tenant_id, owner.user_id, &operator).await.unwrap_err();
    let user = backend.get_user(owner.tenant_id, owner.user_id).await.unwrap().unwrap();
    assert_eq!(user.status, UserStatus::Active, "nobody is suspended off the record");

    refuses.store(false, Ordering::SeqCst);
    let session = log_in().await;
    let right = axess_core::authn::FactorCredential::Password(PASSWORD.into());
    assert!(service.verify_factor(&session, right).await.unwrap().is_authenticated());
    assert_eq!(live().await, 1);
    service.suspend_user(&sessions, owner.tenant_id, owner.user_id, &operator).await.unwrap();
    let user = backend.get_user(owner.tenant_id, owner.user_id).await.unwrap().unwrap();
    assert_eq!(user.status, UserStatus::Suspended);
    end(pipe).await;
    let names: Vec<_> =
        sink.taken().iter().map(|record| record.envelope.payload.event_type.clone()).collect();
    assert_eq!(
        names,
        ["LoginStarted", "LoginStarted", "FactorVerified", "LoginCompleted", "UserSuspended"],
        "what was refused left no trace"
    );
}
