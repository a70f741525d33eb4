//! The writes that must not go wrong silently, in one place.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::Path,
};

/// The extension of a file that is to be put in place.
pub(super) const BESIDE: &str = "tmp";

/// Opens a file for reading and writing, and makes it when it is not there.
pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Opens a file that is there for reading and writing.
pub(super) fn open_existing(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Makes a folder, and those above it.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes all of `bytes` at `offset`.
pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(test)]
    if let Some(kept) = faults::write(bytes.len()) {
        file.write_all_at(bytes.get(..kept).unwrap_or(bytes), offset)?;
        return Err(io::Error::from_raw_os_error(28));
    }
    file.write_all_at(bytes, offset)
}

/// Forces a file's content to the disk.
pub(super) fn sync(file: &File) -> io::Result<()> {
    #[cfg(test)]
    if faults::sync() {
        return Err(io::Error::from_raw_os_error(5));
    }
    file.sync_data()
}

/// Cuts a file to `length`.
pub(super) fn cut(file: &File, length: u64) -> io::Result<()> {
    #[cfg(test)]
    if faults::cut() {
        return Err(io::Error::from_raw_os_error(5));
    }
    file.set_len(length)
}

/// Forces the names in a folder to the disk.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Puts a file in place in one step: whoever looks sees the old content or the new, after a power cut too.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put_in_place(path, |file| write_at(file, bytes, 0).and_then(|()| sync(file)))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Like [`replace`], without waiting for the disk: after a power cut anything may be there.
pub(super) fn replace_lazily(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put_in_place(path, |file| write_at(file, bytes, 0))
}

fn put_in_place(path: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let beside = path.with_extension(BESIDE);
    let written = create_anew(&beside).and_then(|file| write(&file));
    let result = written.and_then(|()| fs::rename(&beside, path));
    if result.is_err() {
        // What stays is overwritten by the next attempt, or removed at the next opening.
        let _ = fs::remove_file(&beside);
    }
    result
}

/// Makes a file where nothing is: what a crash left there goes, and a link is not followed.
fn create_anew(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// What tests make the disk refuse, in the thread that asks.
#[cfg(test)]
pub(super) mod faults {
    use std::cell::Cell;

    thread_local! {
        static WRITE: Cell<Option<usize>> = const { Cell::new(None) };
        static SYNCS: Cell<u32> = const { Cell::new(0) };
        static CUTS: Cell<u32> = const { Cell::new(0) };
    }

    /// The next write keeps this many bytes and then finds the disk full.
    pub(crate) fn fail_write_after(bytes: usize) {
        WRITE.set(Some(bytes));
    }

    /// The next syncs fail.
    pub(crate) fn fail_syncs(count: u32) {
        SYNCS.set(count);
    }

    /// The next cuts fail.
    pub(crate) fn fail_cuts(count: u32) {
        CUTS.set(count);
    }

    pub(super) fn write(length: usize) -> Option<usize> {
        WRITE.take().map(|kept| kept.min(length))
    }

    pub(super) fn sync() -> bool {
        let left = SYNCS.get();
        SYNCS.set(left.saturating_sub(1));
        left > 0
    }

    pub(super) fn cut() -> bool {
        let left = CUTS.get();
        CUTS.set(left.saturating_sub(1));
        left > 0
    }
}
