//! The private folder on odd, full and read-only disks.

use crate::stage::{Home, NOBODY, as_nobody, credential, is_root};
use audex_cli::{
    deliver::file,
    environment::EmptyPlaces,
    private_folder::{FolderPlaces, PrivateFolder, PrivateFolderError},
};
use audex_core::session::SessionId;
use audex_policy::Provider;
use axess_clock::MockClock;
use axess_peers::{find_program, skip};
use axess_rng::MockRng;
use nix::{
    fcntl::{OFlag, open, openat},
    sys::stat::{Mode, mkdirat},
    unistd::mkfifo,
};
use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, chown, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::Command,
};

/// Fills a folder with what a command may leave.
fn leave_odd_things(folder: &Path, victim: &Path) {
    symlink(victim, folder.join("link")).unwrap();
    symlink(folder, folder.join("loop")).unwrap();
    mkfifo(&folder.join("pipe"), Mode::S_IRWXU).unwrap();
    drop(UnixListener::bind(folder.join("socket")).unwrap());
    fs::write(folder.join(OsStr::from_bytes(b"\xff\n*")), "x").unwrap();
    let closed = folder.join("closed");
    fs::create_dir_all(closed.join("inner/most")).unwrap();
    fs::write(closed.join("inner/file"), "x").unwrap();
    symlink(victim, closed.join("inner/link")).unwrap();
    for name in ["inner/most", "inner", ""] {
        fs::set_permissions(closed.join(name), fs::Permissions::from_mode(0o000)).unwrap();
    }
    // Deeper than any path can say.
    let folder_flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
    let mut at = open(folder, folder_flags, Mode::empty()).unwrap();
    for _ in 0..3_000 {
        mkdirat(&at, "deep", Mode::S_IRWXU).unwrap();
        at = openat(&at, "deep", folder_flags, Mode::empty()).unwrap();
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o500)).unwrap();
}

#[test]
fn odd_contents_go_with_it() {
    let home = Home::new();
    let victim = home.data.path().join("victim");
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("precious"), "x").unwrap();
    leave_odd_things(home.folder.path(), &victim);
    let path = home.folder.path().to_owned();
    home.folder.remove().unwrap();
    assert!(!path.exists());
    assert!(victim.join("precious").exists(), "links are not followed");
    assert_eq!(
        fs::metadata(&victim).unwrap().permissions().mode() & 0o777,
        0o755 & !umask(),
        "nor changed through"
    );
}

fn umask() -> u32 {
    let mask = nix::sys::stat::umask(Mode::empty());
    nix::sys::stat::umask(mask);
    mask.bits()
}

/// Root may enter what is closed to others, so the test before this one runs once more as somebody else.
#[test]
fn odd_contents_go_without_privileges() {
    const NAME: &str = "deliver folder::odd_contents_go_without_privileges";
    if !is_root() {
        return skip(NAME, "odd_contents_go_with_it ran without privileges already");
    }
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let home = place.path().join("home");
    fs::create_dir(&home).unwrap();
    chown(&home, Some(NOBODY), Some(NOBODY)).unwrap();
    let mut command = as_nobody(&program);
    command.args(["--exact", "folder::odd_contents_go_with_it"]).env("TMPDIR", &home).current_dir(&home);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_runtime_folder_of_another_user_is_passed_over() {
    if !is_root() {
        return skip(
            "deliver folder::a_runtime_folder_of_another_user_is_passed_over",
            "only root gives folders away",
        );
    }
    let home = tempfile::tempdir().unwrap();
    let (runtime, data) = (home.path().join("runtime"), home.path().join("data"));
    fs::create_dir(&runtime).unwrap();
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).unwrap();
    chown(&runtime, Some(NOBODY), Some(NOBODY)).unwrap();
    let id = SessionId::generate(&MockRng::new(1));
    let folder = PrivateFolder::create(&FolderPlaces::new(Some(runtime.clone()), data.clone()), id).unwrap();
    assert!(folder.path().starts_with(data.join("run")), "{folder:?}");

    // The same where it lies in a folder of theirs, which they could swap.
    let inner = runtime.join("inner");
    fs::create_dir(&inner).unwrap();
    let error = PrivateFolder::create(&FolderPlaces::new(None, inner), id).unwrap_err();
    assert_eq!(error.to_string().split_once(": ").unwrap().1, "a folder above it belongs to somebody else");
}

/// A disk of a few pages.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mount = find_program("mount")?;
        let mut command = Command::new(mount);
        command.args(["-t", "tmpfs", "-o", &format!("mode=0700,{options}"), "none"]).arg(at);
        let is_mounted = is_root() && command.output().unwrap().status.success();
        is_mounted.then(|| Self(at.to_owned()))
    }

    fn make_read_only(&self) {
        let status = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_keeps_the_credential_that_was_there() {
    let home = tempfile::tempdir().unwrap();
    let Some(_disk) = Disk::mount(&home.path().join("data"), "size=64k") else {
        return skip(
            "deliver folder::a_full_disk_keeps_the_credential_that_was_there",
            "only root mounts disks",
        );
    };
    let places = FolderPlaces::new(None, home.path().join("data"));
    let folder = PrivateFolder::create(&places, SessionId::generate(&MockRng::new(1))).unwrap();
    let clock = MockClock::default();
    let variables = file::write(&folder, &credential(Provider::Local, &clock, "1")).unwrap();

    let _ = fs::write(home.path().join("data/filler"), vec![0; 100_000]);
    let error = file::write(&folder, &credential(Provider::Local, &clock, &"2".repeat(8_000))).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.to_string().ends_with("cannot be written"), "{cause}");
    assert!(cause.source().unwrap().to_string().contains("No space left"), "{error:?}");
    assert_eq!(fs::read_to_string(variables.get("AUDEX_TOKEN_FILE").unwrap()).unwrap(), "token-1");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "what could not be finished is gone");

    let path = folder.path().to_owned();
    folder.remove().unwrap();
    assert!(!path.exists(), "removing needs no space");
}

#[test]
fn a_full_runtime_folder_is_passed_over() {
    let home = tempfile::tempdir().unwrap();
    let Some(_disk) = Disk::mount(&home.path().join("runtime"), "nr_inodes=2") else {
        return skip("deliver folder::a_full_runtime_folder_is_passed_over", "only root mounts disks");
    };
    let places = FolderPlaces::new(Some(home.path().join("runtime")), home.path().join("data"));
    let folder = PrivateFolder::create(&places, SessionId::generate(&MockRng::new(1))).unwrap();
    assert!(folder.path().starts_with(home.path().join("data")), "{folder:?}");
}

#[test]
fn a_read_only_disk_is_an_error_and_no_more() {
    let home = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&home.path().join("data"), "size=64k") else {
        return skip("deliver folder::a_read_only_disk_is_an_error_and_no_more", "only root mounts disks");
    };
    let places = FolderPlaces::new(None, home.path().join("data"));
    let folder = PrivateFolder::create(&places, SessionId::generate(&MockRng::new(1))).unwrap();
    folder.write("token", b"1").unwrap();
    disk.make_read_only();
    assert!(matches!(folder.write("token", b"2"), Err(PrivateFolderError::Io { .. })));
    assert!(EmptyPlaces::create(&folder).is_err());
    assert!(matches!(folder.remove(), Err(PrivateFolderError::Io { .. })));
    assert!(PrivateFolder::create(&places, SessionId::generate(&MockRng::new(2))).is_err());
}
