//! One segment: its file, its first line, and its entries.

use super::{
    LogError, disk,
    folder::Folder,
    lines::{Lines, Piece},
};
use crate::chain::{Entry, LogId, SegmentHeader};
use std::{
    fs::{self, File},
    io,
    path::PathBuf,
};

const MAX_HEADER_BYTES: u64 = 1_024;

/// A segment's file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) header: SegmentHeader,
    /// Where its first entry begins.
    pub(super) first: u64,
}

/// What reading a segment's entries ended with.
pub(super) enum ScanEnd {
    /// Every line is an entry.
    Whole,
    /// From here on nothing is an entry.
    Torn {
        /// Where the last entry ends.
        at: u64,
    },
}

impl Segment {
    /// Begins a segment with these lines: they are there with the file or not at all.
    pub(super) fn create(
        folder: &Folder,
        number: u64,
        header: &[u8],
        entries: &[u8],
    ) -> Result<Self, LogError> {
        let path = folder.segment_path(number);
        disk::replace(&path, &[header, entries].concat()).map_err(LogError::io("begin", &path))?;
        Self::open(folder, number)?.ok_or_else(|| LogError::damaged(&path, "its first line did not reach it"))
    }

    /// Opens a segment; none when its first line is torn and nothing follows it.
    pub(super) fn open(folder: &Folder, number: u64) -> Result<Option<Self>, LogError> {
        let path = folder.segment_path(number);
        let file = disk::open_existing(&path).map_err(LogError::io("open", &path))?;
        let Some((header, first)) = read_header(&file).map_err(LogError::io("read", &path))? else {
            let length = file.metadata().map_err(LogError::io("look at", &path))?.len();
            if has_entry(&file, 0, length).map_err(LogError::io("read", &path))? {
                return Err(LogError::damaged(&path, "its first line is not that of a segment"));
            }
            return Ok(None);
        };
        if header.segment != number {
            return Err(LogError::damaged(&path, format!("it says that it is segment {}", header.segment)));
        }
        Ok(Some(Self { number, path, file, header, first }))
    }

    pub(super) fn length(&self) -> Result<u64, LogError> {
        self.file.metadata().map(|meta| meta.len()).map_err(LogError::io("look at", &self.path))
    }

    /// Hands every entry between two offsets to `take`, with where it begins and its line.
    ///
    /// What is no entry and has entries behind it is refused, whatever it is: after a power cut within a batch that
    /// nobody was told of, a disk may hold zeros there and what follows, and nothing tells that from a tampered log.
    pub(super) fn scan(
        &self,
        start: u64,
        end: u64,
        mut take: impl FnMut(u64, &[u8], &Entry<'_>) -> Result<(), LogError>,
    ) -> Result<ScanEnd, LogError> {
        let mut lines = Lines::new(&self.file, start, end);
        let broken = loop {
            match lines.next().map_err(LogError::io("read", &self.path))? {
                None => return Ok(ScanEnd::Whole),
                Some(Piece::Broken { at }) => break at,
                Some(Piece::Line { at, bytes }) => match Entry::parse(bytes) {
                    Ok(entry) => take(at, bytes, &entry)?,
                    Err(_) => break at,
                },
            }
        };
        if has_entry(&self.file, broken, end).map_err(LogError::io("read", &self.path))? {
            let what = format!("what stands at byte {broken} is not an entry, and entries follow it");
            return Err(LogError::damaged(&self.path, what));
        }
        Ok(ScanEnd::Torn { at: broken })
    }

    /// Like [`Self::scan`] up to the end, for a segment that is not the last: it must be whole. Returns where it ends.
    pub(super) fn scan_sealed(
        &self,
        start: u64,
        take: impl FnMut(u64, &[u8], &Entry<'_>) -> Result<(), LogError>,
    ) -> Result<u64, LogError> {
        let length = self.length()?;
        match self.scan(start, length, take)? {
            ScanEnd::Whole => Ok(length),
            ScanEnd::Torn { at } => {
                let what = format!("what stands at byte {at} is not an entry, and later segments follow");
                Err(LogError::damaged(&self.path, what))
            }
        }
    }
}

/// Returns the log that the segments say they are of, as far as a first line can be read.
pub(super) fn log_of(folder: &Folder) -> Result<Option<LogId>, LogError> {
    for number in folder.segments()? {
        let path = folder.segment_path(number);
        let file = File::open(&path).map_err(LogError::io("open", &path))?;
        if let Some((header, _)) = read_header(&file).map_err(LogError::io("read", &path))? {
            return Ok(Some(header.log));
        }
    }
    Ok(None)
}

/// Opens a segment for reading, with where its first entry begins; none when it is not there.
pub(super) fn open_to_read(
    folder: &Folder,
    number: u64,
) -> Result<Option<(File, SegmentHeader, u64)>, LogError> {
    let path = folder.segment_path(number);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LogError::io("open", &path)(error)),
    };
    match read_header(&file).map_err(LogError::io("read", &path))? {
        Some((header, first)) => Ok(Some((file, header, first))),
        None => Err(LogError::damaged(&path, "its first line is not that of a segment")),
    }
}

/// Says whether a segment's file is there.
pub(super) fn exists(folder: &Folder, number: u64) -> Result<bool, LogError> {
    let path = folder.segment_path(number);
    match fs::symlink_metadata(&path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(LogError::io("look at", &path)(error)),
    }
}

/// Reads the first line, and where the second begins.
fn read_header(file: &File) -> io::Result<Option<(SegmentHeader, u64)>> {
    let end = file.metadata()?.len().min(MAX_HEADER_BYTES);
    let mut lines = Lines::new(file, 0, end);
    let header = match lines.next()? {
        Some(Piece::Line { bytes, .. }) => SegmentHeader::parse(bytes).ok(),
        _ => None,
    };
    Ok(header.map(|header| (header, lines.offset())))
}

fn has_entry(file: &File, start: u64, end: u64) -> io::Result<bool> {
    let mut lines = Lines::new(file, start, end);
    while let Some(piece) = lines.next()? {
        if matches!(piece, Piece::Line { bytes, .. } if Entry::parse(bytes).is_ok()) {
            return Ok(true);
        }
    }
    Ok(false)
}
