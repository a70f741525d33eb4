use super::*;
use axess_keyring::KeyringError;
use axess_rng::SystemRng;
use std::sync::Barrier;

fn mock() -> Keyring {
    Keyring::new(keyring_core::mock::Store::new().unwrap())
}

fn text(keys: &AuditKeys) -> Vec<String> {
    let secrets = keys.macs().map(AuditMacKey::expose).chain([keys.signing.expose()]);
    secrets.map(|secret| secret.to_string()).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn only_the_public_key_is_in_the_folder() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), mock());
    let dir = folder.path().join("keys");
    assert!(AuditKeys::load_from_keyring(&dir, &keyring).is_err(), "there are none yet");
    let (made, moved) = AuditKeys::load_or_create_in_keyring(&dir, &keyring, &SystemRng).unwrap();
    assert_eq!((moved, names(&dir)), (false, vec![PUBLIC_FILE.to_owned(), LOCK_FILE.to_owned()]));
    let (again, moved) = AuditKeys::load_or_create_in_keyring(&dir, &keyring, &SystemRng).unwrap();
    assert_eq!((text(&again), moved), (text(&made), false));
    assert_eq!(text(&AuditKeys::load_from_keyring(&dir, &keyring).unwrap()), text(&made));
    assert_eq!(AuditPublicKey::from_file(&dir.join(PUBLIC_FILE)).unwrap(), made.signing.public_key());
    // Files are not made beside it, and a new folder has keys of its own.
    assert!(matches!(AuditKeys::load_or_create(&dir, &SystemRng), Err(KeyError::Gone { .. })));
    assert_eq!(names(&dir), [PUBLIC_FILE, LOCK_FILE]);
    let other = folder.path().join("other");
    let (other, _) = AuditKeys::load_or_create_in_keyring(&other, &keyring, &SystemRng).unwrap();
    assert_ne!(text(&other), text(&made));
}

#[test]
fn files_are_moved_with_the_older_keys() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), mock());
    let dir = folder.path();
    let _ = AuditKeys::load_or_create(dir, &SystemRng).unwrap();
    let older: Vec<String> = (0..MAX_PREVIOUS_MACS)
        .map(|at| AuditMacKey::from_bytes([at as u8; 32]).expose().to_string())
        .collect();
    super::super::create(&dir.join(PREVIOUS_FILE), 0o600).unwrap();
    fs::write(dir.join(PREVIOUS_FILE), older.join("\n")).unwrap();
    let before = AuditKeys::load(dir).unwrap();
    assert_eq!(text(&AuditKeys::load_from_keyring(dir, &keyring).unwrap()), text(&before), "still in files");
    let (moved, has_moved) = AuditKeys::load_or_create_in_keyring(dir, &keyring, &SystemRng).unwrap();
    assert!(has_moved && text(&moved) == text(&before) && text(&before).len() == MAX_PREVIOUS_MACS + 2);
    assert_eq!(names(dir), [PUBLIC_FILE, LOCK_FILE]);
    assert_eq!(text(&AuditKeys::load_from_keyring(dir, &keyring).unwrap()), text(&before));
}

#[test]
fn a_move_that_is_cut_short_is_finished() {
    for left in [[MAC_FILE].as_slice(), &[MAC_FILE, PREVIOUS_FILE], &[MAC_FILE, SIGNING_FILE]] {
        let (folder, keyring) = (tempfile::tempdir().unwrap(), mock());
        let dir = folder.path();
        let files = AuditKeys::load_or_create(dir, &SystemRng).unwrap();
        super::super::create(&dir.join(PREVIOUS_FILE), 0o600).unwrap();
        let copies: Vec<_> = left.iter().map(|name| (name, fs::read(dir.join(name)).unwrap())).collect();
        AuditKeys::load_or_create_in_keyring(dir, &keyring, &SystemRng).unwrap();
        for (name, copy) in copies {
            super::super::create(&dir.join(name), 0o600).unwrap();
            fs::write(dir.join(name), copy).unwrap();
        }
        let (keys, moved) = AuditKeys::load_or_create_in_keyring(dir, &keyring, &SystemRng).unwrap();
        assert!(moved && text(&keys) == text(&files), "{left:?}");
        assert_eq!(names(dir), [PUBLIC_FILE, LOCK_FILE]);
    }
}

#[test]
fn a_key_that_the_keyring_has_not_is_left_where_it_is() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), mock());
    let (keys, _) = AuditKeys::load_or_create_in_keyring(folder.path(), &keyring, &SystemRng).unwrap();
    let path = folder.path().join(MAC_FILE);
    super::super::create(&path, 0o600).unwrap();
    fs::write(&path, AuditMacKey::generate(&SystemRng).expose().as_bytes()).unwrap();
    let (again, moved) = AuditKeys::load_or_create_in_keyring(folder.path(), &keyring, &SystemRng).unwrap();
    assert!(!moved && path.exists() && text(&again) == text(&keys));
}

#[test]
fn a_crash_while_files_were_made_is_made_good_and_then_moved() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), mock());
    let _ = AuditKeys::load_or_create(folder.path(), &SystemRng).unwrap();
    for name in [SIGNING_FILE, PUBLIC_FILE] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    assert!(AuditKeys::load_or_create_in_keyring(folder.path(), &keyring, &SystemRng).unwrap().1);
    assert_eq!(names(folder.path()), [PUBLIC_FILE, LOCK_FILE]);
}

#[test]
fn a_move_that_fails_leaves_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let before = AuditKeys::load_or_create(dir, &SystemRng).unwrap();
    let store = keyring_core::mock::Store::new().unwrap();
    let name = before.signing.public_key().to_string();
    let entry = keyring_core::api::CredentialStoreApi::build(&*store, SERVICE, &name, None).unwrap();
    let mock: &keyring_core::mock::Cred = entry.as_any().downcast_ref().unwrap();
    mock.set_error(keyring_core::Error::NoStorageAccess("locked".into()));
    let keyring = Keyring::new(store);
    let error = AuditKeys::load_or_create_in_keyring(dir, &keyring, &SystemRng).unwrap_err();
    let KeyError::Keyring { source, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(source.downcast_ref(), Some(KeyringError::Locked(_))), "{error:?}");
    assert_eq!(text(&AuditKeys::load(dir).unwrap()), text(&before));
    assert!(
        AuditKeys::load_or_create_in_keyring(dir, &keyring, &SystemRng).unwrap().1,
        "the next time it works"
    );
}

#[test]
fn lost_and_foreign_keys_are_not_made_anew() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), mock());
    let dir = folder.path();
    let (keys, _) = AuditKeys::load_or_create_in_keyring(dir, &keyring, &SystemRng).unwrap();
    let name = keys.signing.public_key().to_string();
    let refused = |keyring: &Keyring| {
        let created = AuditKeys::load_or_create_in_keyring(dir, keyring, &SystemRng).unwrap_err();
        let loaded = AuditKeys::load_from_keyring(dir, keyring).unwrap_err();
        assert_eq!(created.to_string(), loaded.to_string());
        created
    };
    assert!(matches!(refused(&mock()), KeyError::Lost { name: lost, .. } if lost == name));
    let other = AuditKeys::generate(&SystemRng);
    for (value, mismatch) in [
        (format!("{}\n{}", *other.signing.expose(), *other.mac.expose()), true),
        (keys.signing.expose().to_string(), false),
        ("secret words".to_owned(), false),
        (format!("{}\nsecret words", *keys.signing.expose()), false),
    ] {
        keyring.write(SERVICE, &name, value.as_bytes(), ()).unwrap();
        let error = refused(&keyring);
        assert_eq!(matches!(error, KeyError::Mismatch { .. }), mismatch, "{error:?}");
        assert_eq!(matches!(error, KeyError::NotAKey { .. }), !mismatch, "{error:?}");
        assert!(!format!("{error:?}").contains("words"), "{error:?}");
    }
    let many = vec![other.mac.expose().to_string(); MAX_PREVIOUS_MACS + 2].join("\n");
    keyring.write(SERVICE, &name, format!("{}\n{many}", *keys.signing.expose()).as_bytes(), ()).unwrap();
    assert!(matches!(refused(&keyring), KeyError::TooMany { .. }));
}

#[test]
fn racing_processes_use_the_same_keys() {
    for starts_in_files in [false, true] {
        let (folder, keyring, start) = (tempfile::tempdir().unwrap(), mock(), Barrier::new(8));
        if starts_in_files {
            let _ = AuditKeys::load_or_create(folder.path(), &SystemRng).unwrap();
        }
        let racer = || {
            start.wait();
            let made = AuditKeys::load_or_create_in_keyring(folder.path(), &keyring, &SystemRng);
            let (keys, moved) = made.unwrap();
            (text(&keys), moved)
        };
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(racer)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(all.iter().all(|(keys, _)| *keys == all[0].0));
        assert_eq!(all.iter().filter(|(_, moved)| *moved).count(), usize::from(starts_in_files));
    }
}

#[test]
fn a_real_keyring_takes_every_key_and_may_be_locked_or_gone() {
    let test =
        "chain::key_files::in_keyring::tests::a_real_keyring_takes_every_key_and_may_be_locked_or_gone";
    let Some(desktop) = axess_peers::Desktop::enter(test) else { return };
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::secret_service());
    let made = AuditKeys::load_or_create(folder.path(), &SystemRng).unwrap();
    let make = || AuditKeys::load_or_create_in_keyring(folder.path(), &keyring, &SystemRng);
    desktop.lock_keyring().unwrap();
    let because = |error: KeyError| std::error::Error::source(&error).unwrap().to_string();
    assert!(because(make().unwrap_err()).contains("locked"));
    assert_eq!(text(&AuditKeys::load(folder.path()).unwrap()), text(&made), "still in files");
    desktop.kill_keyring().unwrap();
    assert!(because(make().unwrap_err()).contains("no keyring answers"));
    desktop.start_keyring().unwrap();
    let (keys, moved) = make().unwrap();
    assert!(moved && text(&keys) == text(&made));
    desktop.lock_keyring().unwrap();
    assert!(because(make().unwrap_err()).contains("locked"));
    desktop.kill_keyring().unwrap();
    desktop.start_keyring().unwrap();
    assert_eq!(text(&AuditKeys::load_from_keyring(folder.path(), &keyring).unwrap()), text(&made));
}
