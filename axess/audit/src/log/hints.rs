//! Where entries begin, so that a reader that goes on need not count from the beginning of the segment.

use super::{LogPosition, core::lock};
use std::{collections::VecDeque, fs::Metadata, os::unix::fs::MetadataExt, sync::Mutex};

const MAX_HINTS: usize = 64;

/// Tells the file of a segment from the one that replaces it when the segment is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileIdentity {
    inode: u64,
    /// When it was written, and its length: an inode may be used again. Of the active segment, which grows and is never
    /// rewritten, they are left out.
    written: Option<(i64, i64, u64)>,
}

/// The places where reading ended last.
#[derive(Debug, Default)]
pub(super) struct Hints(Mutex<VecDeque<Hint>>);

#[derive(Debug, Clone, Copy)]
struct Hint {
    file: FileIdentity,
    position: LogPosition,
    byte: u64,
}

impl FileIdentity {
    pub(super) fn of(meta: &Metadata, active: bool) -> Self {
        let written = (meta.mtime(), meta.mtime_nsec(), meta.len());
        Self { inode: meta.ino(), written: (!active).then_some(written) }
    }
}

impl Hints {
    pub(super) fn keep(&self, file: FileIdentity, position: LogPosition, byte: u64) {
        let mut hints = lock(&self.0);
        hints.retain(|hint| hint.position != position);
        if hints.len() >= MAX_HINTS {
            hints.pop_front();
        }
        hints.push_back(Hint { file, position, byte });
    }

    /// Returns the nearest known place at or before `position` in its segment: how many entries come before it, and
    /// its byte.
    pub(super) fn nearest(&self, file: FileIdentity, position: LogPosition) -> Option<(u64, u64)> {
        let hints = lock(&self.0);
        let before = hints.iter().filter(|hint| {
            hint.file == file
                && hint.position.segment == position.segment
                && hint.position.offset <= position.offset
        });
        before.max_by_key(|hint| hint.position.offset).map(|hint| (hint.position.offset, hint.byte))
    }
}
