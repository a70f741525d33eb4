use super::*;
use crate::{
    audit::{AuditError, AuditFuture, AuditSink, MemoryAuditSink},
    memory::MemoryDelegatedCredentialStore,
    store::DelegatedCredentialStore,
};
use axess_events::{Actor, AuthEventEnvelope};
use axess_identity::{TenantId, UserId};
use axess_rng::MockRng;

fn owner(user: u8) -> Owner {
    Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [user; 10]) }
}

fn credential(token: &str) -> StoredCredential {
    StoredCredential {
        downstream: "mail".into(),
        access_token: token.into(),
        refresh_token: Some("refresh".into()),
        expires_at: chrono::DateTime::UNIX_EPOCH,
        scopes: vec!["read".into()],
    }
}

fn by() -> EventContext {
    EventContext { actor: Some(Actor::User(owner(1).user_id)), ..EventContext::default() }
}

fn recording(
    store: &MemoryDelegatedCredentialStore,
    envelope: Envelope,
    sink: impl AuditSink,
) -> DelegatedCredentials {
    let emitter = Emitter::new(Arc::new(sink)).with_rng(Arc::new(MockRng::new(1)));
    DelegatedCredentials::new(Arc::new(store.clone()), envelope, emitter)
}

fn credentials(store: &MemoryDelegatedCredentialStore, envelope: Envelope) -> DelegatedCredentials {
    recording(store, envelope, MemoryAuditSink::default())
}

#[track_caller]
fn kind(error: AuthnError) -> StoreErrorKind {
    match error {
        AuthnError::Store(error) => error.kind(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_store_sees_neither_token_and_a_row_of_somebody_else_does_not_open() {
    let store = MemoryDelegatedCredentialStore::new();
    let credentials = credentials(&store, Envelope::new([1; 32]).unwrap());
    let saved = credentials.grant(&by(), owner(1), &credential("access"), Expected::Absent).await.unwrap();
    assert_eq!(saved, SaveOutcome::Saved);

    let row = DelegatedCredentialStore::load_credential(&store, owner(1), "mail".into()).await.unwrap();
    let row = row.unwrap().value;
    for secret in ["access", "refresh"] {
        assert!(!row.payload.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
    }
    let _moved =
        DelegatedCredentialStore::save_credential(&store, owner(2), row, Expected::Absent).await.unwrap();
    assert_eq!(kind(credentials.load(owner(2), "mail").await.unwrap_err()), StoreErrorKind::Corrupt);
    assert!(credentials.load(owner(1), "mail").await.unwrap().is_some());
}

#[tokio::test]
async fn of_two_refreshes_one_wins_and_a_revoked_credential_does_not_come_back() {
    let (store, trail) = (MemoryDelegatedCredentialStore::new(), MemoryAuditSink::default());
    let credentials = recording(&store, Envelope::new([1; 32]).unwrap(), trail.clone());
    let (by, me) = (by(), owner(1));
    let refresh =
        async |token, version| credentials.refresh(&by, me, &credential(token), version).await.unwrap();
    let granted = credentials.grant(&by, me, &credential("a"), Expected::Absent).await.unwrap();
    assert_eq!(granted, SaveOutcome::Saved);
    assert_eq!(refresh("b", 1).await, SaveOutcome::Saved);
    assert_eq!(refresh("c", 1).await, SaveOutcome::Conflict);
    assert!(credentials.revoke(&by, me, "mail", RevokedBy::User).await.unwrap());
    assert!(!credentials.revoke(&by, me, "mail", RevokedBy::User).await.unwrap());
    assert_eq!(refresh("d", 2).await, SaveOutcome::Conflict);
    assert!(credentials.load(me, "mail").await.unwrap().is_none());
    assert!(credentials.downstreams(me).await.unwrap().is_empty());

    let events = trail.events();
    let names: Vec<_> = events.iter().map(|event| event.payload.wire_name()).collect();
    assert_eq!(names, ["DelegatedConsentGranted", "DelegatedCredentialUsed", "DelegatedConsentRevoked"]);
    for event in &events {
        assert_eq!((event.tenant_id, &event.actor), (Some(me.tenant_id), &by.actor));
    }
}

#[tokio::test]
async fn a_consent_that_cannot_be_recorded_is_not_kept() {
    struct Full;
    impl AuditSink for Full {
        fn record(&self, _: AuthEventEnvelope) -> AuditFuture<'_> {
            Box::pin(async { Err(AuditError::new("disk full")) })
        }
    }
    let store = MemoryDelegatedCredentialStore::new();
    let full = recording(&store, Envelope::new([1; 32]).unwrap(), Full);
    let error = full.grant(&by(), owner(1), &credential("a"), Expected::Absent).await.unwrap_err();
    assert!(matches!(error, AuthnError::Audit(_)), "{error:?}");
    assert!(full.load(owner(1), "mail").await.unwrap().is_none());
}

#[tokio::test]
async fn what_was_sealed_under_an_old_key_is_sealed_again_when_it_is_loaded() {
    let store = MemoryDelegatedCredentialStore::new();
    let old = credentials(&store, Envelope::new([1; 32]).unwrap());
    let saved = old.grant(&by(), owner(1), &credential("access"), Expected::Absent).await.unwrap();
    assert_eq!(saved, SaveOutcome::Saved);

    let both = Envelope::new([2; 32]).unwrap().with_previous_key([1; 32]).unwrap();
    let loaded = credentials(&store, both).load(owner(1), "mail").await.unwrap().unwrap();
    assert_eq!(loaded.version, 2);
    let new = credentials(&store, Envelope::new([2; 32]).unwrap());
    let loaded = new.load(owner(1), "mail").await.unwrap().unwrap();
    assert!(loaded.value.access_token.ct_eq("access"), "the old key can be retired");
}

#[tokio::test]
async fn a_name_that_no_store_can_keep_is_refused() {
    let store = MemoryDelegatedCredentialStore::new();
    let credentials = credentials(&store, Envelope::new([1; 32]).unwrap());
    for downstream in [String::new(), "x".repeat(129)] {
        let credential = StoredCredential { downstream, ..credential("access") };
        let refused = credentials.grant(&by(), owner(1), &credential, Expected::Absent).await;
        assert_eq!(kind(refused.unwrap_err()), StoreErrorKind::Misuse);
    }
}
