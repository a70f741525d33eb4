//! Where private folders may be, and what makes a place safe.

use super::PrivateFolderError;
use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::{FileStat, Mode, fchmod, fstat, mkdirat},
    unistd::geteuid,
};
use std::{
    fs::{self, DirBuilder},
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

/// How folders are opened: never through a link.
pub(super) const FOLDER: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

const GROUP_AND_OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Names where private folders are made.
///
/// ```
/// use audex_cli::private_folder::FolderPlaces;
/// let places = FolderPlaces::new(Some("/run/user/1000".into()), "/home/ada/.local/share/audex".into());
/// assert!(format!("{places:?}").contains("/run/user/1000"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderPlaces {
    runtime: Option<PathBuf>,
    data: PathBuf,
}

/// A folder that holds the folders of sessions, and is ours alone.
pub(super) struct Root {
    pub(super) path: PathBuf,
    pub(super) folder: OwnedFd,
}

impl FolderPlaces {
    /// Takes the login's runtime folder (`$XDG_RUNTIME_DIR`), where there is one, and our data folder.
    ///
    /// Folders are made in `<runtime>/audex`, or else in `<data>/run`.
    pub const fn new(runtime: Option<PathBuf>, data: PathBuf) -> Self {
        Self { runtime, data }
    }

    pub(super) fn runtime_root(&self) -> Option<Result<Root, PrivateFolderError>> {
        let runtime = self.runtime.as_deref().filter(|path| path.is_absolute())?;
        Some(make_root(runtime, "audex", GROUP_AND_OTHERS))
    }

    pub(super) fn data_root(&self) -> Result<Root, PrivateFolderError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.data);
        made.map_err(|source| io_error(&self.data, "cannot be made", source))?;
        // The group may write to it as to the home folder above it: whoever may do that can do worse.
        make_root(&self.data, "run", OTHERS_WRITE)
    }

    /// Lists the roots that are there.
    pub(super) fn roots(&self) -> impl Iterator<Item = PathBuf> {
        let runtime = self.runtime.as_deref().filter(|path| path.is_absolute());
        runtime.map(|path| path.join("audex")).into_iter().chain([self.data.join("run")])
    }
}

/// Opens a root that is there; nothing where there is none.
pub(super) fn open_root(path: &Path) -> Result<Option<Root>, PrivateFolderError> {
    match nix::fcntl::open(path, FOLDER, Mode::empty()) {
        Ok(folder) => {
            check(&folder, path, GROUP_AND_OTHERS)?;
            Ok(Some(Root { path: path.to_owned(), folder }))
        }
        Err(Errno::ENOENT) => Ok(None),
        Err(Errno::ELOOP | Errno::ENOTDIR) => Err(PrivateFolderError::Unsafe {
            path: path.to_owned(),
            why: "it is no folder, or a link to one",
        }),
        Err(errno) => Err(io_error(path, "cannot be opened", errno.into())),
    }
}

/// Makes the root `name` below `above`, whose mode must have none of the `forbidden` bits.
fn make_root(above: &Path, name: &str, forbidden: u32) -> Result<Root, PrivateFolderError> {
    let above = fs::canonicalize(above).map_err(|source| io_error(above, "cannot be found", source))?;
    check_ancestors(&above)?;
    let folder = nix::fcntl::open(&above, FOLDER, Mode::empty());
    let folder = folder.map_err(|errno| io_error(&above, "cannot be opened", errno.into()))?;
    check(&folder, &above, forbidden)?;

    let path = above.join(name);
    let is_new = match mkdirat(&folder, name, Mode::S_IRWXU) {
        Ok(()) => true,
        Err(Errno::EEXIST) => false,
        Err(errno) => return Err(io_error(&path, "cannot be made", errno.into())),
    };
    let root = match openat(&folder, name, FOLDER, Mode::empty()) {
        Ok(root) => root,
        Err(Errno::ELOOP | Errno::ENOTDIR) => {
            return Err(PrivateFolderError::Unsafe { path, why: "it is no folder, or a link to one" });
        }
        Err(errno) => return Err(io_error(&path, "cannot be opened", errno.into())),
    };
    if is_new {
        // The umask took what it wanted.
        fchmod(&root, Mode::S_IRWXU)
            .map_err(|errno| io_error(&path, "cannot be made private", errno.into()))?;
    }
    check(&root, &path, GROUP_AND_OTHERS)?;
    Ok(Root { path, folder: root })
}

fn check(folder: &OwnedFd, path: &Path, forbidden: u32) -> Result<(), PrivateFolderError> {
    let stat: FileStat = fstat(folder).map_err(|errno| io_error(path, "cannot be examined", errno.into()))?;
    if stat.st_uid != geteuid().as_raw() {
        return Err(PrivateFolderError::Unsafe { path: path.to_owned(), why: "it belongs to somebody else" });
    }
    if stat.st_mode & forbidden != 0 {
        return Err(PrivateFolderError::Unsafe {
            path: path.to_owned(),
            why: "others may enter it (chmod 700)",
        });
    }
    Ok(())
}

/// Checks that nobody but root and us can swap a folder above this one.
fn check_ancestors(path: &Path) -> Result<(), PrivateFolderError> {
    let is_trusted = |uid: u32| uid == 0 || uid == geteuid().as_raw() || is_unmapped(uid);
    for above in path.ancestors().skip(1) {
        let meta =
            fs::symlink_metadata(above).map_err(|source| io_error(above, "cannot be examined", source))?;
        if !is_trusted(meta.uid()) {
            let why = "a folder above it belongs to somebody else";
            return Err(PrivateFolderError::Unsafe { path: path.to_owned(), why });
        }
        if meta.mode() & OTHERS_WRITE != 0 && meta.mode() & STICKY == 0 {
            let why = "everybody may swap a folder above it";
            return Err(PrivateFolderError::Unsafe { path: path.to_owned(), why });
        }
    }
    Ok(())
}

/// Tells whether an owner is one from outside our user namespace, as root is in a sandbox without privileges.
fn is_unmapped(uid: u32) -> bool {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let overflow = read("/proc/sys/kernel/overflowuid");
    let all: Vec<_> = ["0", "0", "4294967295"].to_vec();
    overflow.trim() == uid.to_string() && read("/proc/self/uid_map").split_whitespace().ne(all)
}

pub(super) fn io_error(path: &Path, what: &'static str, source: io::Error) -> PrivateFolderError {
    PrivateFolderError::Io { path: path.to_owned(), what, source }
}
