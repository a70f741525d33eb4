use super::{FolderPlaces, PrivateFolder, PrivateFolderError, hold, leftover, remove};
use audex_core::session::SessionId;
use axess_rng::MockRng;
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

fn id(seed: u64) -> SessionId {
    SessionId::generate(&MockRng::new(seed))
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A runtime folder and a data folder, as a login has them.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["runtime", "data"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            chmod(&folder.path().join(name), 0o700);
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn places(&self) -> FolderPlaces {
        FolderPlaces::new(Some(self.path("runtime")), self.path("data"))
    }
}

#[test]
fn the_runtime_folder_is_preferred() {
    let home = Home::new();
    let folder = PrivateFolder::create(&home.places(), id(1)).unwrap();
    assert_eq!(folder.path(), home.path("runtime/audex").join(id(1).to_string()));
    assert_eq!(fs::metadata(folder.path()).unwrap().mode() & 0o7777, 0o700);
    let file = folder.write("token", b"1").unwrap();
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
    let path = folder.path().to_owned();
    drop(folder);
    assert!(!path.exists());
}

#[test]
fn a_runtime_folder_that_is_not_ours_alone_is_passed_over() {
    let in_data = |home: &Home, why: &str| {
        let folder = PrivateFolder::create(&home.places(), id(1)).unwrap();
        assert!(folder.path().starts_with(home.path("data/run")), "{why}");
    };
    let home = Home::new();
    chmod(&home.path("runtime"), 0o755);
    in_data(&home, "others may enter it");

    let home = Home::new();
    fs::create_dir(home.path("elsewhere")).unwrap();
    symlink(home.path("elsewhere"), home.path("runtime/audex")).unwrap();
    in_data(&home, "a link instead of our folder in it");
    assert_eq!(fs::read_dir(home.path("elsewhere")).unwrap().count(), 0);

    let home = Home::new();
    fs::create_dir(home.path("runtime/audex")).unwrap();
    chmod(&home.path("runtime/audex"), 0o770);
    in_data(&home, "our folder in it is open to the group");

    let home = Home::new();
    fs::remove_dir(home.path("runtime")).unwrap();
    in_data(&home, "it is missing");

    let home = Home::new();
    let places = FolderPlaces::new(Some("runtime".into()), home.path("data"));
    assert!(PrivateFolder::create(&places, id(1)).unwrap().path().is_absolute());
}

#[test]
fn unsafe_data_folders_are_refused() {
    let refused =
        |home: &Home| match PrivateFolder::create(&FolderPlaces::new(None, home.path("data")), id(1)) {
            Err(PrivateFolderError::Unsafe { why, .. }) => why,
            other => panic!("{other:?}"),
        };
    let home = Home::new();
    fs::create_dir(home.path("elsewhere")).unwrap();
    symlink(home.path("elsewhere"), home.path("data/run")).unwrap();
    assert_eq!(refused(&home), "it is no folder, or a link to one");

    let home = Home::new();
    fs::create_dir(home.path("data/run")).unwrap();
    chmod(&home.path("data/run"), 0o701);
    assert_eq!(refused(&home), "others may enter it (chmod 700)");

    let home = Home::new();
    chmod(&home.path("data"), 0o777);
    assert_eq!(refused(&home), "others may enter it (chmod 700)");

    let home = Home::new();
    chmod(home.folder.path(), 0o777);
    assert_eq!(refused(&home), "everybody may swap a folder above it");
    chmod(home.folder.path(), 0o1777);
    assert!(PrivateFolder::create(&FolderPlaces::new(None, home.path("data")), id(1)).is_ok(), "as in /tmp");
}

#[test]
fn a_folder_that_was_planted_is_not_taken() {
    let home = Home::new();
    let places = FolderPlaces::new(None, home.path("data"));
    let first = PrivateFolder::create(&places, id(1)).unwrap();
    assert!(matches!(PrivateFolder::create(&places, id(1)), Err(PrivateFolderError::Io { .. })));

    fs::create_dir(home.path("elsewhere")).unwrap();
    symlink(home.path("elsewhere"), home.path("data/run").join(id(2).to_string())).unwrap();
    assert!(PrivateFolder::create(&places, id(2)).is_err());
    first.remove().unwrap();
}

#[test]
fn links_that_were_planted_are_replaced_and_not_followed() {
    let home = Home::new();
    let folder = PrivateFolder::create(&home.places(), id(1)).unwrap();
    let victim = home.path("victim");
    fs::write(&victim, "precious").unwrap();
    for name in ["token", ".token.new"] {
        symlink(&victim, folder.path().join(name)).unwrap();
    }
    let file = folder.write("token", b"1").unwrap();
    assert!(fs::symlink_metadata(&file).unwrap().is_file());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn a_folder_above_that_was_swapped_gets_nothing() {
    let home = Home::new();
    let folder = PrivateFolder::create(&home.places(), id(1)).unwrap();
    fs::rename(home.path("runtime"), home.path("moved")).unwrap();
    fs::create_dir_all(folder.path()).unwrap();
    folder.write("token", b"secret").unwrap();
    assert!(!folder.path().join("token").exists());
    let real = home.path("moved/audex").join(id(1).to_string());
    assert!(real.join("token").exists());
    folder.remove().unwrap();
    assert!(!real.exists());
}

#[test]
fn paths_that_variables_cannot_hold_are_refused() {
    let home = Home::new();
    for name in ["new\nline".to_owned(), "long".repeat(20)] {
        let places = FolderPlaces::new(None, home.path(&name));
        let outcome = PrivateFolder::create(&places, id(1));
        assert!(matches!(outcome, Err(PrivateFolderError::Unsafe { .. })), "{outcome:?}");
    }
}

/// Leaves a folder as `kill -9` does.
fn abandon(mut folder: PrivateFolder) {
    folder.is_removed = true;
}

fn ids_of(found: &[super::Leftover]) -> Vec<SessionId> {
    found.iter().map(super::Leftover::session_id).collect()
}

#[test]
fn leftovers_are_folders_that_nobody_keeps() {
    let home = Home::new();
    let make = |seed, runtime: Option<_>| {
        let places = FolderPlaces::new(runtime, home.path("data"));
        let folder = PrivateFolder::create(&places, id(seed)).unwrap();
        folder.write("token", b"1").unwrap();
        folder
    };
    abandon(make(1, Some(home.path("runtime"))));
    abandon(make(2, None));
    let kept = make(3, None);
    fs::create_dir(home.path("data/run/not-a-session")).unwrap();
    // No folder can be kept.
    fs::write(home.path("data/run").join(id(4).to_string()), "").unwrap();
    symlink(kept.path(), home.path("data/run").join(id(5).to_string())).unwrap();

    let found = leftover(&home.places()).unwrap();
    let mut expected = vec![id(1), id(2), id(4), id(5)];
    expected.sort();
    assert_eq!(ids_of(&found), expected);
    for folder in found {
        let path = folder.path().to_owned();
        folder.remove().unwrap();
        assert!(fs::symlink_metadata(path).is_err());
    }
    assert!(leftover(&home.places()).unwrap().is_empty());
    assert!(kept.path().join("token").exists() && home.path("data/run/not-a-session").exists());
}

#[test]
fn a_folder_of_another_data_folder_is_no_leftover() {
    let home = Home::new();
    let theirs = FolderPlaces::new(Some(home.path("runtime")), home.path("elsewhere"));
    fs::create_dir(home.path("elsewhere")).unwrap();
    chmod(&home.path("elsewhere"), 0o700);
    let wrapper = PrivateFolder::create(&theirs, id(1)).unwrap();
    let keeper = hold(wrapper.path()).unwrap();
    assert_eq!(ids_of(&leftover(&home.places()).unwrap()), []);
    let path = wrapper.path().to_owned();
    abandon(wrapper);
    assert_eq!(ids_of(&leftover(&home.places()).unwrap()), [], "the keeper has it still");
    drop(keeper);
    assert_eq!(ids_of(&leftover(&home.places()).unwrap()), [id(1)]);

    // It is taken up again between being found and being removed.
    let found = leftover(&home.places()).unwrap();
    let keeper = hold(&path).unwrap();
    found.into_iter().for_each(|one| one.remove().unwrap());
    assert!(path.exists());
    drop(keeper);
}

#[test]
fn a_leftover_that_was_closed_to_us_is_found() {
    let home = Home::new();
    let folder = PrivateFolder::create(&home.places(), id(1)).unwrap();
    chmod(folder.path(), 0);
    abandon(folder);
    let found = leftover(&home.places()).unwrap();
    assert_eq!(ids_of(&found), [id(1)]);
    found.into_iter().for_each(|one| one.remove().unwrap());
    assert!(leftover(&home.places()).unwrap().is_empty());
}

#[test]
fn a_new_folder_survives_whoever_looks_for_leftovers() {
    let home = Home::new();
    let places = home.places();
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                leftover(&places).unwrap().into_iter().for_each(|one| one.remove().unwrap());
            }
        });
        for seed in 0..500 {
            let folder = PrivateFolder::create(&places, id(seed));
            let lives = folder.map(|folder| folder.write("token", b"1").is_ok() && folder.path().exists());
            if !matches!(lives, Ok(true)) {
                is_done.store(true, std::sync::atomic::Ordering::Relaxed);
                panic!("{seed}: {lives:?}");
            }
        }
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn only_folders_of_sessions_are_removed_by_path() {
    let home = Home::new();
    let precious = home.path("data/precious");
    fs::create_dir(&precious).unwrap();
    assert!(remove(&precious).is_err());
    let elsewhere = home.path("elsewhere");
    fs::create_dir_all(elsewhere.join(id(1).to_string())).unwrap();
    symlink(&elsewhere, home.path("data/run")).unwrap();
    assert!(remove(&home.path("data/run").join(id(1).to_string())).is_err());
    assert!(precious.exists() && elsewhere.join(id(1).to_string()).exists());

    assert!(remove(&home.path("runtime").join(id(1).to_string())).is_ok(), "it is gone already");
    assert!(remove(&home.path("nowhere").join(id(1).to_string())).is_ok(), "and so is its place");
}
