//! Lines of a file between two offsets, in bounded memory.

use crate::chain::MAX_LINE_BYTES;
use std::{fs::File, io, os::unix::fs::FileExt};

const CHUNK_BYTES: usize = 256 * 1024;

/// Reads lines one after the other.
pub(super) struct Lines<'f> {
    file: &'f File,
    /// Where the buffer begins in the file.
    base: u64,
    /// Where reading ends in the file.
    end: u64,
    buffer: Vec<u8>,
    /// How much of the buffer was handed out.
    used: usize,
}

/// What comes next.
pub(super) enum Piece<'a> {
    /// A line, without its line feed.
    Line {
        /// Where it begins in the file.
        at: u64,
        /// The line.
        bytes: &'a [u8],
    },
    /// What is not a line: it is too long, or the end comes before a line feed.
    Broken {
        /// Where it begins in the file.
        at: u64,
    },
}

impl<'f> Lines<'f> {
    /// Reads from `start`, which must be the beginning of a line, up to `end`.
    pub(super) fn new(file: &'f File, start: u64, end: u64) -> Self {
        Self { file, base: start, end, buffer: Vec::new(), used: 0 }
    }

    /// Returns the next line; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        let mut searched = 0;
        loop {
            let rest = self.buffer.get(self.used..).unwrap_or_default();
            let fresh = rest.get(searched..).unwrap_or_default();
            if let Some(found) = memchr::memchr(b'\n', fresh) {
                let (at, start) = (self.offset(), self.used);
                let length = searched + found;
                self.used += length + 1;
                let bytes = self.buffer.get(start..start + length).unwrap_or_default();
                return Ok(Some(Piece::Line { at, bytes }));
            }
            searched = rest.len();
            if searched > MAX_LINE_BYTES {
                return self.skip_line().map(Some);
            }
            if !self.fill()? {
                let at = self.offset();
                self.used = self.buffer.len();
                return Ok((searched > 0).then_some(Piece::Broken { at }));
            }
        }
    }

    /// Returns where the next line begins in the file.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.used as u64
    }

    /// Passes over a line that is too long to hold.
    fn skip_line(&mut self) -> io::Result<Piece<'_>> {
        let at = self.offset();
        loop {
            self.used = self.buffer.len();
            if !self.fill()? {
                return Ok(Piece::Broken { at });
            }
            if let Some(found) = memchr::memchr(b'\n', &self.buffer) {
                self.used = found + 1;
                return Ok(Piece::Broken { at });
            }
        }
    }

    /// Reads more behind what was not handed out yet; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.used);
        self.base += self.used as u64;
        self.used = 0;
        let held = self.buffer.len();
        let left = self.end.saturating_sub(self.base + held as u64);
        let wanted = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        if wanted == 0 {
            return Ok(false);
        }
        self.buffer.resize(held + wanted, 0);
        let mut read = 0;
        while read < wanted {
            let into = self.buffer.get_mut(held + read..).unwrap_or_default();
            match self.file.read_at(into, self.base + (held + read) as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buffer.truncate(held + read);
        Ok(read > 0)
    }
}
