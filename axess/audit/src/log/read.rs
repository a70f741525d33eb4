//! Reading, without the lock and while others append.

use super::{
    LogDepth, LogEntry, LogError, LogPosition, MAX_READ_ENTRIES, SegmentInfo,
    core::Core,
    folder::Mark,
    hints::FileIdentity,
    lines::{Lines, Piece},
    segment::open_to_read,
};
use crate::{
    AuditRecord,
    chain::{Entry, MAX_LINE_BYTES, SegmentHeader},
};
use bytes::Bytes;
use std::{fs::File, io, os::unix::fs::FileExt, path::PathBuf};

/// A segment that is open for reading.
struct Open {
    file: File,
    path: PathBuf,
    header: SegmentHeader,
    identity: FileIdentity,
    /// Where its first entry begins.
    first: u64,
    /// Up to where it may be read.
    end: u64,
    /// How many entries that are, when it is the active one.
    active: Option<u64>,
}

impl Core {
    /// Reads on after a position.
    pub(super) fn read(
        &self,
        after: LogPosition,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Vec<LogEntry>, LogError> {
        let max_entries = max_entries.min(MAX_READ_ENTRIES);
        let (mut position, mut open) = self.open_at(after)?;
        let mut read = Vec::new();
        let mut left = max_bytes;
        loop {
            let byte = self.locate(&open, position)?;
            let full = self.read_from(&open, byte, &mut position, &mut read, (max_entries, &mut left))?;
            if full || open.active.is_some() {
                return Ok(read);
            }
            let next = LogPosition { segment: position.segment.saturating_add(1), offset: 0 };
            (position, open) = match self.open_at(next) {
                Ok(next) => next,
                // What was read is good; whoever asks again is told.
                Err(LogError::Retired { .. }) if !read.is_empty() => return Ok(read),
                Err(error) => return Err(error),
            };
        }
    }

    /// Returns how much lies after a position.
    pub(super) fn depth_after(&self, after: LogPosition) -> Result<LogDepth, LogError> {
        let (position, open) = self.open_at(after)?;
        let mut bytes = open.end.saturating_sub(self.locate(&open, position)?);
        let mut last = open;
        while last.active.is_none() {
            let segment = last.header.segment.saturating_add(1);
            (_, last) = self.open_at(LogPosition { segment, offset: 0 })?;
            bytes += last.end;
        }
        let ever = last.header.entries.saturating_add(last.active.unwrap_or_default());
        let before = self.entries_before(position)?;
        Ok(LogDepth { entries: ever.saturating_sub(before), bytes })
    }

    /// Returns what is known of the segments, the oldest first.
    pub(super) fn segments(&self) -> Result<Vec<SegmentInfo>, LogError> {
        let mut found: Vec<SegmentInfo> = Vec::new();
        let mut before = 0;
        let mut next = LogPosition::default();
        loop {
            let (position, open) = match self.open_at(next) {
                Err(LogError::Retired { first }) => {
                    found.clear();
                    self.open_at(first)?
                }
                other => other?,
            };
            if let Some(previous) = found.last_mut() {
                previous.entries = open.header.entries.saturating_sub(before);
            }
            before = open.header.entries;
            found.push(SegmentInfo {
                segment: position.segment,
                entries: open.active.unwrap_or_default(),
                bytes: open.end,
                until: self.last_time(&open)?,
                active: open.active.is_some(),
            });
            if open.active.is_some() {
                return Ok(found);
            }
            next = LogPosition { segment: position.segment.saturating_add(1), offset: 0 };
        }
    }

    fn entries_before(&self, position: LogPosition) -> Result<u64, LogError> {
        let (_, open) = self.open_at(position)?;
        Ok(open.header.entries.saturating_add(position.offset))
    }

    /// Opens the segment of a position; the default position is the beginning of the log.
    fn open_at(&self, after: LogPosition) -> Result<(LogPosition, Open), LogError> {
        loop {
            let mark = self.readable()?;
            let mut position = after;
            if position.segment == 0 {
                position.segment = self.first_segment(mark)?;
            }
            if position.segment > mark.segment {
                return Err(LogError::NoSuchPosition(after));
            }
            let path = self.folder.segment_path(position.segment);
            let Some((file, header, first)) = open_to_read(&self.folder, position.segment)? else {
                let oldest = self.first_segment(mark)?;
                if oldest > position.segment {
                    if after.segment == 0 {
                        continue;
                    }
                    return Err(LogError::Retired { first: LogPosition { segment: oldest, offset: 0 } });
                }
                return Err(LogError::damaged(&path, "it is not there, and later segments are"));
            };
            let meta = file.metadata().map_err(LogError::io("look at", &path))?;
            let is_active = position.segment == mark.segment;
            if is_active && self.readable()?.segment != mark.segment {
                // It was ended meanwhile and may even be rewritten: then the mark is not about this file.
                continue;
            }
            let (end, active) = if is_active { (mark.bytes, Some(mark.entries)) } else { (meta.len(), None) };
            let identity = FileIdentity::of(&meta, is_active);
            return Ok((position, Open { file, path, header, identity, first, end, active }));
        }
    }

    fn first_segment(&self, mark: Mark) -> Result<u64, LogError> {
        match self.folder.segments()?.first() {
            Some(first) => Ok(*first),
            None => {
                let path = self.folder.segment_path(mark.segment);
                Err(LogError::io("open", &path)(io::ErrorKind::NotFound.into()))
            }
        }
    }

    /// Returns the byte at which a position lies in its segment.
    fn locate(&self, open: &Open, position: LogPosition) -> Result<u64, LogError> {
        let start = self.hints.nearest(open.identity, position).unwrap_or((0, open.first));
        let (mut index, byte) = start;
        let mut lines = Lines::new(&open.file, byte, open.end);
        while index < position.offset {
            match lines.next().map_err(LogError::io("read", &open.path))? {
                Some(Piece::Line { .. }) => index += 1,
                Some(Piece::Broken { at }) => return Err(not_an_entry(open, at)),
                None => return Err(LogError::NoSuchPosition(position)),
            }
        }
        if lines.offset() != byte {
            self.hints.keep(open.identity, position, lines.offset());
        }
        Ok(lines.offset())
    }

    /// Reads from a byte to the end of a segment; true when there is no room for more.
    fn read_from(
        &self,
        open: &Open,
        byte: u64,
        position: &mut LogPosition,
        read: &mut Vec<LogEntry>,
        (max_entries, left): (usize, &mut usize),
    ) -> Result<bool, LogError> {
        let mut lines = Lines::new(&open.file, byte, open.end);
        loop {
            let before = lines.offset();
            if read.len() >= max_entries {
                self.hints.keep(open.identity, *position, before);
                return Ok(true);
            }
            match lines.next().map_err(LogError::io("read", &open.path))? {
                None => break,
                Some(Piece::Broken { at }) => return Err(not_an_entry(open, at)),
                Some(Piece::Line { at, bytes }) => {
                    if bytes.len() > *left && !read.is_empty() {
                        self.hints.keep(open.identity, *position, at);
                        return Ok(true);
                    }
                    *left = left.saturating_sub(bytes.len());
                    position.offset += 1;
                    let record = record_of(bytes).ok_or_else(|| not_an_entry(open, at))?;
                    read.push(LogEntry { position: *position, record });
                }
            }
        }
        self.hints.keep(open.identity, *position, lines.offset());
        Ok(false)
    }

    /// Returns when the event of a segment's last entry happened.
    fn last_time(&self, open: &Open) -> Result<Option<chrono::DateTime<chrono::Utc>>, LogError> {
        let start = open.first.max(open.end.saturating_sub(MAX_LINE_BYTES as u64 + 2));
        let length = usize::try_from(open.end.saturating_sub(start)).unwrap_or_default();
        let mut tail = vec![0; length];
        open.file.read_exact_at(&mut tail, start).map_err(LogError::io("read", &open.path))?;
        let Some(tail) = tail.strip_suffix(b"\n") else { return Ok(None) };
        let line = memchr::memrchr(b'\n', tail).map_or(tail, |at| tail.get(at + 1..).unwrap_or_default());
        let record = record_of(line).ok_or_else(|| not_an_entry(open, start))?;
        Ok(Some(record.occurred_at()))
    }
}

fn record_of(line: &[u8]) -> Option<AuditRecord> {
    let line = Bytes::copy_from_slice(line);
    let event = line.slice_ref(Entry::parse(&line).ok()?.event());
    let record = AuditRecord::from_event(event).ok()?;
    Some(AuditRecord { line: Some(line), ..record })
}

fn not_an_entry(open: &Open, at: u64) -> LogError {
    LogError::damaged(&open.path, format!("what stands at byte {at} is not an entry"))
}
