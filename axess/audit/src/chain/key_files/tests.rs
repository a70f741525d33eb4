use super::*;
use axess_rng::{MockRng, SystemRng};
use std::sync::Barrier;

fn text(keys: &AuditKeys) -> (String, String) {
    (keys.mac.expose().to_string(), keys.signing.expose().to_string())
}

#[test]
fn keys_are_made_once_and_then_stay() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("a/b");
    let made = AuditKeys::load_or_create(&dir, &SystemRng).unwrap();
    assert_eq!(text(&AuditKeys::load_or_create(&dir, &SystemRng).unwrap()), text(&made));
    assert_eq!(text(&AuditKeys::load(&dir).unwrap()), text(&made));
    assert_eq!(AuditPublicKey::from_file(&dir.join(PUBLIC_FILE)).unwrap(), made.signing.public_key());
    let mut names: Vec<_> = fs::read_dir(&dir).unwrap().map(|item| item.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [PUBLIC_FILE, MAC_FILE, SIGNING_FILE], "no drafts are left");
    assert!(matches!(AuditKeys::load(&folder.path().join("c")), Err(KeyError::Io { .. })));
}

#[cfg(unix)]
#[test]
fn secret_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("keys");
    let _ = AuditKeys::load_or_create(&dir, &SystemRng).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!((mode(&dir.join(MAC_FILE)), mode(&dir.join(SIGNING_FILE))), (0o600, 0o600));
    assert_eq!(mode(&dir.join(PUBLIC_FILE)), 0o644);
    for (name, bits) in [(MAC_FILE, 0o640), (SIGNING_FILE, 0o604), (MAC_FILE, 0o620)] {
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(bits)).unwrap();
        let error = AuditKeys::load_or_create(&dir, &SystemRng).unwrap_err();
        let expected = format!("run: chmod 600 {}", dir.join(name).display());
        assert!(
            error.to_string().ends_with(&expected) && error.to_string().contains(&format!("{bits:03o}")),
            "{error}"
        );
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(dir.join(MAC_FILE), fs::Permissions::from_mode(0o400)).unwrap();
    let _ = AuditKeys::load(&dir).unwrap();
}

#[test]
fn racing_processes_use_the_same_keys() {
    for round in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let start = Barrier::new(8);
        let all: Vec<_> = std::thread::scope(|scope| {
            let racer = |seed: u64| {
                let (dir, start) = (folder.path(), &start);
                scope.spawn(move || {
                    let rng = MockRng::new(round * 100 + seed);
                    start.wait();
                    text(&AuditKeys::load_or_create(dir, &rng).unwrap())
                })
            };
            let threads: Vec<_> = (0..8).map(racer).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(all.iter().all(|keys| *keys == all[0]));
    }
}

#[test]
fn a_crash_while_keys_are_made_is_made_good() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".mac.key.1.0000000000000000"), "half a k").unwrap();
    let made = AuditKeys::load_or_create(folder.path(), &SystemRng).unwrap();
    for name in [PUBLIC_FILE, SIGNING_FILE] {
        fs::remove_file(folder.path().join(name)).unwrap();
        let again = AuditKeys::load_or_create(folder.path(), &SystemRng).unwrap();
        assert_eq!(text(&again).0, text(&made).0);
        if name == PUBLIC_FILE {
            assert_eq!(text(&again), text(&made));
        }
        fs::remove_file(folder.path().join(PUBLIC_FILE)).unwrap();
    }
}

#[test]
fn a_lost_key_is_not_made_anew() {
    for names in [[MAC_FILE].as_slice(), &[SIGNING_FILE], &[MAC_FILE, SIGNING_FILE]] {
        let folder = tempfile::tempdir().unwrap();
        let _ = AuditKeys::load_or_create(folder.path(), &SystemRng).unwrap();
        for name in names {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        let error = AuditKeys::load_or_create(folder.path(), &SystemRng).unwrap_err();
        assert!(matches!(&error, KeyError::Gone { path } if path.ends_with(names[0])), "{error}");
        assert!(!folder.path().join(names[0]).exists(), "made on the way to the error");
    }
}

#[test]
fn what_is_no_key_is_refused_without_saying_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let keys = AuditKeys::load_or_create(folder.path(), &SystemRng).unwrap();
    let public = folder.path().join(PUBLIC_FILE);
    fs::write(&public, AuditKeys::generate(&SystemRng).signing.public_key().to_string()).unwrap();
    assert!(matches!(AuditKeys::load(folder.path()), Err(KeyError::Mismatch { .. })));
    fs::write(&public, keys.signing.public_key().to_string()).unwrap();

    for content in ["", "secret words", &"x".repeat(100_000), &keys.mac.expose()[..42]] {
        fs::write(folder.path().join(MAC_FILE), content).unwrap();
        let error = AuditKeys::load(folder.path()).unwrap_err();
        assert!(
            matches!(error, KeyError::NotAKey { .. }) && !format!("{error:?}").contains("words"),
            "{error:?}"
        );
    }
    fs::write(folder.path().join(MAC_FILE), [0xff; 43]).unwrap();
    assert!(AuditKeys::load(folder.path()).is_err());
    fs::remove_file(folder.path().join(MAC_FILE)).unwrap();
    fs::create_dir(folder.path().join(MAC_FILE)).unwrap();
    assert!(matches!(AuditKeys::load(folder.path()), Err(KeyError::Io { .. })));
}

#[test]
fn previous_keys_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let keys = AuditKeys::load_or_create(folder.path(), &SystemRng).unwrap();
    let older = [AuditMacKey::from_bytes([1; 32]), AuditMacKey::from_bytes([2; 32])];
    let path = folder.path().join(PREVIOUS_FILE);
    create(&path, 0o600)
        .unwrap()
        .write_all(format!("{}\n{}\n", *older[0].expose(), *older[1].expose()).as_bytes())
        .unwrap();
    let loaded = AuditKeys::load(folder.path()).unwrap();
    let ids: Vec<_> = loaded.macs().map(AuditMacKey::id).collect();
    assert_eq!(ids, [keys.mac.id(), older[0].id(), older[1].id()]);
    fs::write(&path, format!("{}\n", *older[0].expose()).repeat(MAX_PREVIOUS_MACS + 1)).unwrap();
    assert!(matches!(AuditKeys::load(folder.path()), Err(KeyError::TooMany { .. })));
}
