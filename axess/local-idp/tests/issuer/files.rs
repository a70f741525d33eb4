use axess_clock::SystemClock;
use axess_core::store::StoreErrorKind;
use axess_local_idp::{
    Expiry, FileKeyStoreError, FileLocalIdpKeyStore, KeyRingBytes, LocalIdp, LocalIdpConfig,
    LocalIdpKeyStore, MintClaims,
};
use axess_rng::SystemRng;
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    sync::Arc,
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

async fn issuer(folder: &Path) -> LocalIdp {
    let config = LocalIdpConfig::new("https://id.example.com".parse().unwrap());
    let store = Arc::new(FileLocalIdpKeyStore::open(folder).unwrap());
    LocalIdp::from_key_store(config, store, Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap()
}

#[tokio::test]
async fn keys_survive_a_restart_in_files_of_their_owner() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/keys");
    let claims = MintClaims::new("a", Expiry::Default).with_audience("api");
    let first = issuer(&folder).await;
    let minted = first.mint(&claims).await.unwrap();
    first.rotate().await.unwrap();
    assert_eq!(mode(&folder), 0o700);
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["keys.json", "keys.lock"], "and nothing is left over");
    assert!(names.iter().all(|name| mode(&folder.join(name)) == 0o600));
    let again = issuer(&folder).await;
    assert!(again.verifier("api").verify(minted.token.expose()).await.is_ok());
    assert_eq!(again.jwks().await.unwrap(), first.jwks().await.unwrap());
}

#[tokio::test]
async fn what_others_can_reach_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    let store = {
        issuer(&folder).await;
        FileLocalIdpKeyStore::open(&folder).unwrap()
    };
    let ring = store.load().await.unwrap().unwrap();
    for (name, path, modes) in [
        ("folder", folder.clone(), [0o750, 0o701, 0o777].as_slice()),
        ("ring", folder.join("keys.json"), &[0o640, 0o604, 0o620]),
        ("lock", folder.join("keys.lock"), &[0o622]),
    ] {
        let good = mode(&path);
        for bad in modes {
            set_mode(&path, *bad);
            let opened = FileLocalIdpKeyStore::open(&folder);
            assert!(matches!(opened, Err(FileKeyStoreError::Exposed { .. })), "{name} {bad:o}: {opened:?}");
            let replaced = store.replace(Some(&ring), &ring).await.unwrap_err();
            assert_eq!(replaced.kind(), StoreErrorKind::Misuse, "{name} {bad:o}");
            let told = std::error::Error::source(&replaced).unwrap().to_string();
            assert!(told.contains("chmod go= ") && told.contains(&format!("{bad:03o}")), "{told}");
            if name != "lock" {
                assert_eq!(store.load().await.unwrap_err().kind(), StoreErrorKind::Misuse, "{name} {bad:o}");
            }
        }
        set_mode(&path, good);
    }
    assert!(store.load().await.unwrap().is_some());
}

#[tokio::test]
async fn links_and_long_files_are_refused() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    let store = FileLocalIdpKeyStore::open(&folder).unwrap();
    let elsewhere = parent.path().join("elsewhere");
    fs::write(&elsewhere, "{}").unwrap();
    set_mode(&elsewhere, 0o600);
    symlink(&elsewhere, folder.join("keys.json")).unwrap();
    assert_eq!(store.load().await.unwrap_err().kind(), StoreErrorKind::Misuse);
    fs::remove_file(folder.join("keys.json")).unwrap();
    fs::create_dir(folder.join("keys.json")).unwrap();
    set_mode(&folder.join("keys.json"), 0o700);
    assert_eq!(store.load().await.unwrap_err().kind(), StoreErrorKind::Misuse);
    fs::remove_dir(folder.join("keys.json")).unwrap();
    let long = KeyRingBytes::from(vec![b' '; 65_537]);
    assert_eq!(store.replace(None, &long).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    assert!(store.load().await.unwrap().is_none());
    fs::write(folder.join("keys.json"), long.expose()).unwrap();
    set_mode(&folder.join("keys.json"), 0o600);
    assert_eq!(store.load().await.unwrap_err().kind(), StoreErrorKind::Corrupt);
}

/// Only a superuser can give files away, so only one can try.
#[tokio::test]
async fn what_belongs_to_somebody_else_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    issuer(&folder).await;
    let own = fs::metadata(&folder).unwrap().uid();
    let stranger = own + 12_345;
    for path in [folder.clone(), folder.join("keys.json"), folder.join("keys.lock")] {
        if std::os::unix::fs::chown(&path, Some(stranger), None).is_err() {
            return axess_peers::skip("what_belongs_to_somebody_else_is_refused", "not root");
        }
        let opened = FileLocalIdpKeyStore::open(&folder);
        assert!(
            matches!(opened, Err(FileKeyStoreError::Foreign { owner, .. }) if owner == stranger),
            "{opened:?}"
        );
        std::os::unix::fs::chown(&path, Some(own), None).unwrap();
    }
    assert!(FileLocalIdpKeyStore::open(&folder).is_ok());
}

#[tokio::test]
async fn what_a_dead_writer_left_is_replaced() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    let idp = issuer(&folder).await;
    fs::write(folder.join("keys.new"), "half a ri").unwrap();
    set_mode(&folder.join("keys.new"), 0o644);
    idp.rotate().await.unwrap();
    assert!(!folder.join("keys.new").exists());
    assert_eq!(mode(&folder.join("keys.json")), 0o600, "the old one's mode was taken over");
}

#[tokio::test]
async fn a_ring_that_vanishes_is_not_made_again_in_silence() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    let idp = issuer(&folder).await;
    fs::remove_file(folder.join("keys.json")).unwrap();
    let error = idp.rotate().await.unwrap_err();
    assert_eq!(error.to_string(), "the key ring is gone from its store");
    assert!(!folder.join("keys.json").exists());
}
