use super::*;
use chrono::TimeDelta;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn token(number: usize) -> ReplayKey {
    ReplayKey::new("https://id.example.com", &number.to_string())
}

#[tokio::test]
async fn a_token_stays_revoked_until_its_end_in_every_process() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (
        FileRevocationStore::open(folder.path()).unwrap(),
        FileRevocationStore::open(folder.path()).unwrap(),
    );
    let end = NOW + TimeDelta::minutes(5);
    assert!(!other.is_revoked(token(1), NOW).await.unwrap());
    one.revoke(token(1), end, NOW).await.unwrap();
    assert!(other.is_revoked(token(1), end - TimeDelta::seconds(1)).await.unwrap());
    assert!(!other.is_revoked(token(1), end).await.unwrap());
    assert!(!other.is_revoked(token(2), NOW).await.unwrap());
    // Whoever revokes again does not shorten it.
    other.revoke(token(1), NOW + TimeDelta::seconds(1), NOW).await.unwrap();
    assert!(one.is_revoked(token(1), end - TimeDelta::seconds(1)).await.unwrap());
}

#[tokio::test]
async fn a_full_store_fails_and_makes_room_by_time_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileRevocationStore::open(folder.path()).unwrap().with_room_for(2);
    for number in 0..2 {
        store.revoke(token(number), NOW + TimeDelta::minutes(1), NOW).await.unwrap();
    }
    let error = store.revoke(token(2), NOW + TimeDelta::minutes(9), NOW).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
    store.revoke(token(1), NOW + TimeDelta::minutes(1), NOW).await.unwrap();
    let later = NOW + TimeDelta::minutes(1);
    store.revoke(token(2), NOW + TimeDelta::minutes(9), later).await.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the lock and one token");
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_not_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileRevocationStore::open(folder.path()).unwrap();
    for content in [&b""[..], b"soon", b"\xff", b"99999999999999999999999999999999999"] {
        fs::write(store.path(token(1)), content).unwrap();
        assert_eq!(store.is_revoked(token(1), NOW).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_do_not_lose_each_others_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let end = NOW + TimeDelta::minutes(5);
    let tasks = (0..40).map(|number| {
        let store = FileRevocationStore::open(folder.path()).unwrap();
        tokio::spawn(async move { store.revoke(token(number), end, NOW).await })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    let store = FileRevocationStore::open(folder.path()).unwrap();
    for number in 0..40 {
        assert!(store.is_revoked(token(number), NOW).await.unwrap());
    }
}
