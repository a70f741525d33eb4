//! Removing a folder whatever is in it.

use super::place::FOLDER;
use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::{AT_FDCWD, OFlag, openat, renameat},
    sys::stat::{FchmodatFlags, Mode, fchmodat},
    unistd::{UnlinkatFlags, unlinkat},
};
use std::{
    ffi::{OsStr, OsString},
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
};

/// How many entries are removed before giving up on a command that makes them faster.
const MAX_ENTRIES: usize = 1_000_000;
/// How often a folder that fills up again meanwhile is emptied.
const ATTEMPTS: usize = 3;

/// Removes an entry of a folder, with everything in it.
///
/// Folders in it are emptied one by one after they were moved up to its first level: this needs two open folders however
/// deep it is.
pub(super) fn remove_entry(root: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let mut outcome = Ok(());
    for _ in 0..ATTEMPTS {
        if unlink(root, name)? {
            return Ok(());
        }
        let emptied = open_folder(root, name).and_then(|folder| empty(&folder));
        outcome = emptied.and(rmdir(root, name));
        if outcome.is_ok() {
            return Ok(());
        }
    }
    outcome
}

/// Opens a folder that its maker may have kept from us; never through a link.
pub(super) fn open_folder(above: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    make_accessible(above, name)?;
    Ok(openat(above, name, FOLDER, Mode::empty())?)
}

/// Removes everything in a folder; an error is the first of those met.
fn empty(top: &OwnedFd) -> io::Result<()> {
    let mut first_error = Ok(());
    let mut waiting = names(top)?;
    let mut count = waiting.len();
    while let Some(name) = waiting.pop() {
        let removed = match unlink(top, &name) {
            Ok(true) => Ok(()),
            Ok(false) => flatten(top, &name, &mut waiting, &mut count),
            Err(error) => Err(error),
        };
        first_error = first_error.and(removed);
        if count > MAX_ENTRIES {
            return Err(io::Error::other("there is too much in it"));
        }
    }
    first_error
}

/// Removes a folder in `top`, the folders in which are moved to `top`.
fn flatten(top: &OwnedFd, name: &OsStr, waiting: &mut Vec<OsString>, count: &mut usize) -> io::Result<()> {
    let folder = open_folder(top, name)?;
    let mut first_error = Ok(());
    for child in names(&folder)? {
        *count += 1;
        let removed = match unlink(&folder, &child) {
            Ok(true) => Ok(()),
            Ok(false) => make_accessible(&folder, &child).and_then(|()| {
                let moved = OsString::from(format!(".removed-{count}"));
                renameat(&folder, child.as_os_str(), top, moved.as_os_str())?;
                waiting.push(moved);
                Ok(())
            }),
            Err(error) => Err(error),
        };
        first_error = first_error.and(removed);
    }
    first_error.and(rmdir(top, name))
}

/// Removes what is no folder; returns false for a folder.
fn unlink(folder: &OwnedFd, name: &OsStr) -> io::Result<bool> {
    match unlinkat(folder, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(true),
        Err(Errno::EISDIR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

fn rmdir(folder: &OwnedFd, name: &OsStr) -> io::Result<()> {
    match unlinkat(folder, name, UnlinkatFlags::RemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Gives us all rights to a folder that its maker may have kept from us.
fn make_accessible(above: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let folder = openat(above, name, flags, Mode::empty())?;
    // What is opened is the folder itself, so this cannot be led elsewhere by a link.
    let itself = format!("/proc/self/fd/{}", folder.as_fd().as_raw_fd());
    Ok(fchmodat(AT_FDCWD, itself.as_str(), Mode::S_IRWXU, FchmodatFlags::FollowSymlink)?)
}

fn names(folder: &OwnedFd) -> io::Result<Vec<OsString>> {
    let mut reader = Dir::openat(folder, ".", FOLDER, Mode::empty())?;
    let mut names = Vec::new();
    for entry in reader.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
        if names.len() > MAX_ENTRIES {
            break;
        }
    }
    Ok(names)
}
