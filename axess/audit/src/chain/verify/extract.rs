//! One chain of a log as a log of its own.

use super::{
    VerifyError,
    folder::{CHECKPOINTS_FILE, Folder, LOG_FILE, segment_name},
    lines::{Lines, Piece},
};
use crate::chain::{
    checkpoint::{MAX_CHECKPOINT_BYTES, SignedCheckpoint},
    entry::{Entry, MAX_LINE_BYTES},
    heads::Heads,
    link::LogId,
    wire::chain_name,
};
use axess_core::store::AuditScope;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufWriter, ErrorKind, Write},
    path::Path,
};

/// Copies one chain, with its checkpoints, into a new folder; returns how many entries it has.
///
/// The copy is verified with [`VerifyOptions::only`](super::VerifyOptions) set to the chain: it proves that nothing in
/// that chain was changed or left out, and says nothing about other chains. Lines are copied as they stand, right or
/// wrong. Blocks on reading and writing files.
///
/// # Errors
///
/// [`VerifyError`] when the folder holds no log or no entry of the chain, a file cannot be read or written, or `to`
/// exists. What was copied until then is removed.
pub fn extract_folder(path: &Path, scope: AuditScope, to: &Path) -> Result<u64, VerifyError> {
    let folder = Folder::open(path)?;
    let log = folder.log.clone().map_err(|what| VerifyError::Io {
        path: path.join(LOG_FILE),
        source: io::Error::new(ErrorKind::InvalidData, what),
    })?;
    let at = |target: &Path| {
        let path = target.to_owned();
        move |source| VerifyError::Io { path, source }
    };
    create_folder(to).map_err(at(to))?;
    let copied = fill(&folder, log, scope, to).and_then(|entries| match entries {
        0 => Err(VerifyError::NoChain { path: path.to_owned(), chain: chain_name(scope) }),
        entries => Ok(entries),
    });
    if copied.is_err() {
        // Nothing else stands in it; the call may be repeated.
        let _ = fs::remove_dir_all(to);
    }
    copied
}

/// Copies the chain into a folder that is empty.
fn fill(folder: &Folder, log: LogId, scope: AuditScope, to: &Path) -> Result<u64, VerifyError> {
    let at = |target: &Path| {
        let path = target.to_owned();
        move |source| VerifyError::Io { path, source }
    };
    let path = &folder.path;
    let id = to.join(LOG_FILE);
    create(&id).and_then(|mut file| writeln!(file, r#"{{"v":1,"id":"{log}"}}"#)).map_err(at(&id))?;

    // Checkpoints first: the log may grow meanwhile, and the copy must hold what they promise.
    let target = to.join(CHECKPOINTS_FILE);
    let mut out = BufWriter::new(create(&target).map_err(at(&target))?);
    if let Some(file) = folder.file(CHECKPOINTS_FILE)? {
        let source = path.join(CHECKPOINTS_FILE);
        copy(file, MAX_CHECKPOINT_BYTES, &source, &target, &mut out, |line| {
            SignedCheckpoint::parse(line).is_ok_and(|signed| signed.checkpoint.scope == Some(scope))
        })?;
    }
    finish(out).map_err(at(&target))?;

    let target = to.join(segment_name(1));
    let mut out = BufWriter::new(create(&target).map_err(at(&target))?);
    out.write_all(&Heads::new(log).begin_segment(1)).map_err(at(&target))?;
    let mut entries = 0;
    for segment in folder.segments()? {
        let Some(file) = folder.file(&segment_name(segment))? else { continue };
        let source = path.join(segment_name(segment));
        entries += copy(file, MAX_LINE_BYTES, &source, &target, &mut out, |line| {
            Entry::place_of(line).is_some_and(|(chain, _)| chain == scope)
        })?;
    }
    finish(out).map_err(at(&target))?;
    Ok(entries)
}

/// Copies the whole lines that are wanted, and counts them.
fn copy(
    file: File,
    max: usize,
    source: &Path,
    target: &Path,
    out: &mut impl Write,
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<u64, VerifyError> {
    let mut lines = Lines::new(file, max);
    let mut copied = 0;
    loop {
        let piece =
            lines.next().map_err(|error| VerifyError::Io { path: source.to_owned(), source: error })?;
        match piece {
            Piece::End(_) => return Ok(copied),
            Piece::Line(line) if wanted(line) => {
                let written = out.write_all(line).and_then(|()| out.write_all(b"\n"));
                written.map_err(|error| VerifyError::Io { path: target.to_owned(), source: error })?;
                copied += 1;
            }
            Piece::Line(_) | Piece::TooLong => {}
        }
    }
}

fn finish(out: BufWriter<File>) -> io::Result<()> {
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}

fn create_folder(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::metadata(parent)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
