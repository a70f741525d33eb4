use super::*;
use crate::memory::MemoryDelegatedCredentialStore;
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
        expires_at: DateTime::UNIX_EPOCH,
        scopes: vec!["read".into()],
    }
}

fn credentials(
    store: &MemoryDelegatedCredentialStore,
    envelope: Envelope,
) -> DelegatedCredentials<MemoryDelegatedCredentialStore> {
    DelegatedCredentials::new(store.clone(), envelope, Arc::new(MockRng::new(1)))
}

#[tokio::test]
async fn the_store_sees_neither_token_and_a_row_of_somebody_else_does_not_open() {
    let store = MemoryDelegatedCredentialStore::new();
    let credentials = credentials(&store, Envelope::new([1; 32]).unwrap());
    let now = DateTime::UNIX_EPOCH;
    let saved = credentials.save(owner(1), &credential("access"), Expected::Absent, now).await.unwrap();
    assert_eq!(saved, SaveOutcome::Saved);

    let row = store.load_credential(owner(1), "mail".into()).await.unwrap().unwrap().value;
    for secret in ["access", "refresh"] {
        assert!(!row.payload.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
    }
    let _moved = store.save_credential(owner(2), row, Expected::Absent).await.unwrap();
    let error = credentials.load(owner(2), "mail", now).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(credentials.load(owner(1), "mail", now).await.unwrap().is_some());
}

#[tokio::test]
async fn of_two_refreshes_one_wins_and_a_revoked_credential_does_not_come_back() {
    let store = MemoryDelegatedCredentialStore::new();
    let credentials = credentials(&store, Envelope::new([1; 32]).unwrap());
    let (now, first) = (DateTime::UNIX_EPOCH, Expected::Version(1));
    let save =
        async |token, expected| credentials.save(owner(1), &credential(token), expected, now).await.unwrap();
    assert_eq!(save("a", Expected::Absent).await, SaveOutcome::Saved);
    assert_eq!(save("b", first).await, SaveOutcome::Saved);
    assert_eq!(save("c", first).await, SaveOutcome::Conflict);
    assert!(credentials.revoke(owner(1), "mail").await.unwrap());
    assert_eq!(save("d", Expected::Version(2)).await, SaveOutcome::Conflict);
    assert!(credentials.load(owner(1), "mail", now).await.unwrap().is_none());
    assert!(credentials.downstreams(owner(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_sealed_under_an_old_key_is_sealed_again_when_it_is_loaded() {
    let (store, now) = (MemoryDelegatedCredentialStore::new(), DateTime::UNIX_EPOCH);
    let old = credentials(&store, Envelope::new([1; 32]).unwrap());
    let saved = old.save(owner(1), &credential("access"), Expected::Absent, now).await.unwrap();
    assert_eq!(saved, SaveOutcome::Saved);

    let both = Envelope::new([2; 32]).unwrap().with_previous_key([1; 32]).unwrap();
    let loaded = credentials(&store, both).load(owner(1), "mail", now).await.unwrap().unwrap();
    assert_eq!(loaded.version, 2);
    let new = credentials(&store, Envelope::new([2; 32]).unwrap());
    let loaded = new.load(owner(1), "mail", now).await.unwrap().unwrap();
    assert!(loaded.value.access_token.ct_eq("access"), "the old key can be retired");
}

#[tokio::test]
async fn a_name_that_no_store_can_keep_is_refused() {
    let store = MemoryDelegatedCredentialStore::new();
    let credentials = credentials(&store, Envelope::new([1; 32]).unwrap());
    for downstream in [String::new(), "x".repeat(129)] {
        let credential = StoredCredential { downstream, ..credential("access") };
        let refused = credentials.save(owner(1), &credential, Expected::Absent, DateTime::UNIX_EPOCH).await;
        assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Misuse);
    }
}
