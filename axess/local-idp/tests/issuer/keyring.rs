//! The ring in GNOME Keyring, shared by processes, and what goes wrong on the way.

use crate::processes::{Worker, all_say, issuer, turn};
use axess_clock::MockClock;
use axess_core::store::{StoreError, StoreErrorKind};
use axess_keyring::{Keyring, KeyringError};
use axess_local_idp::{
    FileKeyStoreError, FileLocalIdpKeyStore, KeyRingBytes, KeyRingError, KeyringKeyStoreError,
    KeyringLocalIdpKeyStore, LocalIdp, LocalIdpConfig, LocalIdpError, LocalIdpKeyStore, MAX_KEYS,
    MAX_LIFETIME, SigningAlgorithm,
};
use axess_peers::Desktop;
use axess_rng::SystemRng;
use chrono::TimeDelta;
use std::{fs, path::Path, sync::Arc, time::Duration};

const SERVICE: &str = "axess-local-idp";

fn bytes(text: &str) -> KeyRingBytes {
    KeyRingBytes::from(text.as_bytes().to_vec())
}

fn text(ring: Option<KeyRingBytes>) -> Option<String> {
    Some(String::from_utf8(ring?.expose().to_vec()).unwrap())
}

fn mock() -> Keyring {
    Keyring::new(keyring_core::mock::Store::new().unwrap())
}

fn open(folder: &Path, keyring: &Keyring) -> KeyringLocalIdpKeyStore {
    KeyringLocalIdpKeyStore::open(folder, keyring.clone()).unwrap()
}

fn causes(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn it_is_compared_before_it_is_replaced() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, keyring) = (parent.path().join("keys"), mock());
    let (one, two) = (open(&folder, &keyring), open(&folder, &keyring));
    assert_eq!(text(one.load().await.unwrap()), None);
    assert!(one.replace(None, &bytes("first")).await.unwrap());
    assert!(!two.replace(None, &bytes("late")).await.unwrap());
    assert!(two.replace(Some(&bytes("first")), &bytes("second")).await.unwrap());
    assert!(!one.replace(Some(&bytes("first")), &bytes("third")).await.unwrap());
    assert_eq!(text(one.load().await.unwrap()).unwrap(), "second");
    let long = KeyRingBytes::from(vec![b' '; 65_537]);
    let error = one.replace(Some(&bytes("second")), &long).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert_eq!(text(one.load().await.unwrap()).unwrap(), "second");
}

#[tokio::test]
async fn a_ring_in_a_file_is_moved_once() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, keyring) = (parent.path().join("keys"), mock());
    let file = FileLocalIdpKeyStore::open(&folder).unwrap();
    assert!(file.replace(None, &bytes("ring")).await.unwrap());
    let copy = fs::read(folder.join("keys.json")).unwrap();
    let store = open(&folder, &keyring);
    assert!(store.has_moved() && !folder.join("keys.json").exists());
    assert_eq!(text(store.load().await.unwrap()).unwrap(), "ring");
    assert!(!open(&folder, &keyring).has_moved());

    // Files are for nobody any more, lest there be two rings.
    let opened = FileLocalIdpKeyStore::open(&folder);
    assert!(matches!(opened, Err(FileKeyStoreError::InKeyring { .. })), "{opened:?}");
    assert_eq!(file.load().await.unwrap_err().kind(), StoreErrorKind::Misuse);
    assert_eq!(file.replace(None, &bytes("other")).await.unwrap_err().kind(), StoreErrorKind::Misuse);

    // Who moved it died before the file was gone: done again. Another ring in the file is for a person to look at.
    put(&folder.join("keys.json"), &copy);
    assert!(open(&folder, &keyring).has_moved());
    put(&folder.join("keys.json"), b"another");
    let opened = KeyringLocalIdpKeyStore::open(&folder, keyring.clone());
    assert!(matches!(opened, Err(KeyringKeyStoreError::Both { .. })), "{opened:?}");
    assert!(folder.join("keys.json").exists());
}

#[tokio::test]
async fn a_move_that_fails_leaves_the_file() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    let file = FileLocalIdpKeyStore::open(&folder).unwrap();
    assert!(file.replace(None, &bytes("ring")).await.unwrap());
    let store = keyring_core::mock::Store::new().unwrap();
    let name = folder.canonicalize().unwrap();
    let entry =
        keyring_core::api::CredentialStoreApi::build(&*store, SERVICE, name.to_str().unwrap(), None).unwrap();
    let mock: &keyring_core::mock::Cred = entry.as_any().downcast_ref().unwrap();
    mock.set_error(keyring_core::Error::NoStorageAccess("locked".into()));
    let keyring = Keyring::new(store);
    let opened = KeyringLocalIdpKeyStore::open(&folder, keyring.clone());
    assert!(matches!(opened, Err(KeyringKeyStoreError::Keyring(KeyringError::Locked(_)))), "{opened:?}");
    assert_eq!(text(file.load().await.unwrap()).unwrap(), "ring", "as before");
    assert!(open(&folder, &keyring).has_moved(), "the next time it works");
}

#[tokio::test]
async fn a_ring_that_vanishes_is_not_made_again_in_silence_and_one_nobody_knew_is_no_ring() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, keyring) = (parent.path().join("keys"), mock());
    let store = open(&folder, &keyring);
    let name = folder.canonicalize().unwrap().to_str().unwrap().to_owned();
    // Left by a writer that died, or by a folder that somebody removed to begin anew.
    keyring.write(SERVICE, &name, b"left over", ()).unwrap();
    assert_eq!(text(store.load().await.unwrap()), None);
    assert!(store.replace(None, &bytes("ring")).await.unwrap());
    assert_eq!(text(store.load().await.unwrap()).unwrap(), "ring");
    // The name goes with the folder.
    let moved = parent.path().join("moved");
    fs::rename(&folder, &moved).unwrap();
    assert_eq!(text(open(&moved, &keyring).load().await.unwrap()).unwrap(), "ring");
    let elsewhere = open(&moved, &mock());
    for error in
        [elsewhere.load().await.unwrap_err(), elsewhere.replace(None, &bytes("new")).await.unwrap_err()]
    {
        assert!(causes(&error).contains(&format!("has no entry `{name}`")), "{}", causes(&error));
    }
}

fn put(path: &Path, content: &[u8]) {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut options = fs::OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .unwrap()
        .write_all(content)
        .unwrap();
}

#[tokio::test]
async fn the_largest_ring_fits() {
    let Some(_desktop) = Desktop::enter("keyring::the_largest_ring_fits") else { return };
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    let clock = MockClock::default();
    let config = LocalIdpConfig {
        algorithm: SigningAlgorithm::Rs256,
        max_lifetime: MAX_LIFETIME,
        ..LocalIdpConfig::new("https://id.example.com".parse().unwrap())
    };
    let propagation = config.propagation;
    let store = Arc::new(open(&folder, &Keyring::secret_service()));
    let idp = LocalIdp::from_key_store(
        config,
        Arc::clone(&store) as _,
        Arc::new(clock.clone()),
        Arc::new(SystemRng),
    );
    let idp = idp.await.unwrap();
    let error = loop {
        clock.set(axess_clock::Clock::now(&clock) + propagation + TimeDelta::seconds(1));
        if let Err(error) = idp.rotate().await {
            break error;
        }
    };
    assert!(matches!(error, LocalIdpError::Ring(KeyRingError::Full)), "{error:?}");
    assert_eq!(idp.keys().await.unwrap().len(), MAX_KEYS);
    let ring = store.load().await.unwrap().unwrap();
    assert!(ring.expose().len() > 16 * 1_024, "{}", ring.expose().len());
    // The longest that is ever written.
    let longest = KeyRingBytes::from(vec![b'k'; 65_536]);
    assert!(store.replace(Some(&ring), &longest).await.unwrap());
    assert!(store.load().await.unwrap().unwrap().ct_eq(longest.expose()));
}

#[tokio::test]
async fn racing_processes_agree_through_the_keyring() {
    let Some(_desktop) = Desktop::enter("keyring::racing_processes_agree_through_the_keyring") else {
        return;
    };
    for _ in 0..3 {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("keys");
        let first = all_say("open", &folder);
        let next = all_say("rotate", &folder);
        let keys = issuer(&folder, &MockClock::default()).await.keys().await.unwrap();
        assert_eq!(keys.len(), 2);
        assert!(first.iter().all(|kid| *kid == keys[0].kid), "{first:?}");
        assert!(next.iter().all(|kid| *kid == keys[1].kid), "{next:?}");
        assert!(!folder.join("keys.json").exists());
    }
}

#[tokio::test]
async fn a_keyring_that_dies_in_a_rotation_loses_nothing() {
    let Some(desktop) = Desktop::enter("keyring::a_keyring_that_dies_in_a_rotation_loses_nothing") else {
        return;
    };
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    for round in 0..8_u64 {
        let mut worker = Worker::start("for ever", &folder);
        let mut said: Vec<String> = (0..=round % 3).map(|_| worker.key().unwrap()).collect();
        std::thread::sleep(Duration::from_micros((round * 3_137) % 20_000));
        desktop.kill_keyring().unwrap();
        // It fails at the next turn, and ends.
        said.extend(std::iter::from_fn(|| worker.key()));
        desktop.start_keyring().unwrap();
        let clock = MockClock::default();
        let idp = issuer(&folder, &clock).await;
        let keys = idp.keys().await.unwrap();
        // What was said to be done is done; at most one more was done and not said.
        let last = said.last().unwrap();
        let at = keys.iter().position(|key| key.kid == *last);
        assert!(at.is_some_and(|at| at + 2 >= keys.len()), "round {round}: {last} in {keys:?}");
        turn(&idp, &clock).await;
    }
}

#[tokio::test]
async fn a_keyring_that_is_locked_or_gone_says_so_and_keeps_the_ring() {
    let Some(desktop) =
        Desktop::enter("keyring::a_keyring_that_is_locked_or_gone_says_so_and_keeps_the_ring")
    else {
        return;
    };
    let parent = tempfile::tempdir().unwrap();
    let store = open(&parent.path().join("keys"), &Keyring::secret_service());
    assert!(store.replace(None, &bytes("ring")).await.unwrap());
    desktop.lock_keyring().unwrap();
    for error in [
        store.load().await.unwrap_err(),
        store.replace(None, &bytes("new")).await.unwrap_err(),
        store.replace(Some(&bytes("ring")), &bytes("new")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(causes(&error).contains("the keyring is locked"), "{}", causes(&error));
    }
    desktop.kill_keyring().unwrap();
    let error = store.load().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(causes(&error).contains("no keyring answers"), "{}", causes(&error));
    desktop.start_keyring().unwrap();
    assert_eq!(text(store.load().await.unwrap()).unwrap(), "ring");
}
