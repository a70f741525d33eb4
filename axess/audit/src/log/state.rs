//! Where the log stands, and how a handle learns what others appended.

use super::{
    LogError,
    book::Book,
    cache::Saved,
    core::Core,
    disk,
    entry::{LogPosition, NewEntry},
    folder::Mark,
    recent::Recent,
    segment::{self, ScanEnd, Segment},
};
use crate::chain::{AuditKeys, CHECKPOINTS_FILE, Entry, Heads, Link, chain_name, genesis};
use std::{io::ErrorKind, os::unix::fs::MetadataExt, path::Path};

/// How many bytes a handle reads of what others appended before it looks for kept heads.
const LEAP_BYTES: u64 = 1024 * 1024;

/// What one handle knows of the log. Others may have appended since; [`Core::catch_up`] reads only that.
#[derive(Debug)]
pub(super) struct State {
    pub(super) heads: Heads,
    /// The active segment.
    pub(super) segment: Segment,
    /// Up to where it was read or written.
    pub(super) bytes: u64,
    /// How many entries that are.
    pub(super) entries: u64,
    /// Where the last of them begins.
    pub(super) last: u64,
    /// Up to where the active segment is on the disk for certain.
    pub(super) synced: u64,
    /// The disk refused to keep what is behind `synced`.
    pub(super) sync_failed: bool,
    pub(super) book: Book,
    /// Read when it is first needed.
    pub(super) recent: Option<Recent>,
    /// How many chains there are.
    pub(super) chains: usize,
    /// The first segments were deleted, so that a chain may begin later than at 1.
    front_cut: bool,
    /// The log was not compared with its checkpoints yet.
    unchecked: bool,
}

impl State {
    fn at_start(heads: Heads, segment: Segment, book: Book, front_cut: bool) -> Self {
        let first = segment.first;
        let chains = heads.iter().count();
        Self {
            heads,
            segment,
            bytes: first,
            entries: 0,
            last: first,
            synced: 0,
            sync_failed: false,
            book,
            recent: None,
            chains,
            front_cut,
            unchecked: true,
        }
    }

    fn at_saved(saved: Saved, segment: Segment, book: Book, front_cut: bool) -> Self {
        let Saved { bytes, entries, last, heads, .. } = saved;
        Self { bytes, entries, last, ..Self::at_start(heads, segment, book, front_cut) }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { segment: self.segment.number, bytes: self.bytes, entries: self.entries }
    }

    pub(super) fn position(&self) -> LogPosition {
        LogPosition { segment: self.segment.number, offset: self.entries }
    }

    /// Goes on behind an entry that was written at the end.
    pub(super) fn advance(&mut self, entry: &NewEntry, link: Link, line_bytes: usize) {
        self.chains += usize::from(self.heads.head(entry.scope).is_none());
        self.heads.advance(entry.scope, link);
        self.last = self.bytes;
        self.bytes += line_bytes as u64;
        self.entries += 1;
        if let Some(recent) = &mut self.recent {
            recent.insert(entry.event_id);
        }
    }

    /// Goes on in a segment that was just begun.
    pub(super) fn enter(&mut self, segment: Segment) {
        self.bytes = segment.first;
        self.last = segment.first;
        self.synced = 0;
        self.sync_failed = false;
        self.entries = 0;
        self.segment = segment;
    }

    /// Takes the entries between `bytes` and `end`.
    fn absorb(&mut self, keys: &AuditKeys, end: u64) -> Result<ScanEnd, LogError> {
        let Self { heads, segment, bytes, entries, last, recent, chains, front_cut, .. } = self;
        segment.scan(*bytes, end, |at, line, entry| {
            *chains += usize::from(heads.head(entry.scope()).is_none());
            follow(heads, keys, &segment.path, entry, *front_cut)?;
            if let Some(recent) = recent {
                recent.insert(entry.event_id());
            }
            *last = at;
            *bytes = at + line.len() as u64 + 1;
            *entries += 1;
            Ok(())
        })
    }
}

/// Fails when the log lost entries that were there.
fn check_seen(heads: &Heads, seen: &Heads, path: &Path) -> Result<(), LogError> {
    let lost = seen.iter().find(|(scope, was)| {
        heads.head(*scope).is_none_or(|head| head.seq < was.seq || (head.seq == was.seq && head != *was))
    });
    match lost {
        None => Ok(()),
        Some((scope, was)) => {
            let chain = chain_name(scope);
            Err(LogError::damaged(
                path,
                format!("entry {} of the chain {chain} was there and is gone", was.seq),
            ))
        }
    }
}

/// Takes an entry that stands in the log, if it continues its chain.
fn follow(
    heads: &mut Heads,
    keys: &AuditKeys,
    path: &Path,
    entry: &Entry<'_>,
    front_cut: bool,
) -> Result<(), LogError> {
    let scope = entry.scope();
    let Some(key) = keys.macs().find(|key| key.id() == entry.key()) else {
        let path = path.parent().unwrap_or(path).to_owned();
        return Err(LogError::ForeignKey { path, key: entry.key().to_string() });
    };
    let continues = match heads.head(scope) {
        Some(head) => entry.seq() == head.seq.saturating_add(1) && entry.prev() == head.hash,
        None if entry.seq() == 1 => entry.prev() == genesis(heads.log(), scope),
        None => front_cut,
    };
    let fault = if !continues {
        "does not follow the one before it"
    } else if !(entry.holds(heads.log()) && entry.mac_holds(heads.log(), key)) {
        "was changed, or written without the log's key"
    } else {
        heads.advance(scope, entry.link());
        return Ok(());
    };
    let (seq, chain) = (entry.seq(), chain_name(scope));
    Err(LogError::damaged(path, format!("entry {seq} of the chain {chain} {fault}")))
}

impl Core {
    /// Reads where the log stands from the disk, as far as it was kept; [`Self::catch_up`] reads the rest.
    ///
    /// `known` is where it stood by what this handle has seen.
    pub(super) fn load(&self, known: Option<&Heads>) -> Result<State, LogError> {
        let numbers = self.folder.segments()?;
        let saved = Saved::read(&self.folder, self.id, &self.keys);
        if saved.as_ref().is_some_and(Saved::has_checkpoints) {
            self.check_book_there()?;
        }
        let mut book = self.open_book()?;
        if let Some(saved) = &saved {
            saved.restore(&mut book);
        }
        book.catch_up()?;
        saved.as_ref().map_or(Ok(()), |saved| saved.check_kept(&book))?;
        let (Some(first), Some(last)) = (numbers.first().copied(), numbers.last().copied()) else {
            let kept = saved.as_ref().map(|saved| &saved.heads);
            if book.whole.is_some() || known.or(kept).is_some_and(|heads| heads.entries() > 0) {
                return Err(LogError::damaged(self.folder.path(), "the segments are gone"));
            }
            let mut heads = Heads::new(self.id);
            let header = heads.begin_segment(1);
            let segment = Segment::create(&self.folder, 1, &header, &[])?;
            return Ok(State::at_start(heads, segment, book, false));
        };
        if let Some(missing) = (first..=last).zip(&numbers).find(|(expected, found)| expected != *found) {
            let path = self.folder.segment_path(missing.0);
            return Err(LogError::damaged(&path, "it is not there, and later segments are"));
        }
        let front_cut = first > 1;
        // Whoever began the segments may have died before their names were safe.
        self.sync_names()?;
        if let Some(saved) = saved
            && let Some(segment) = self.kept_segment(&saved, &numbers)?
        {
            return Ok(State::at_saved(saved, segment, book, front_cut));
        }
        match Segment::open(&self.folder, first)? {
            Some(segment) => {
                self.check_log(&segment)?;
                let mut heads = if front_cut { Heads::before(&segment.header) } else { Heads::new(self.id) };
                heads.continue_segment(segment.header.to_line().trim_ascii_end());
                Ok(State::at_start(heads, segment, book, front_cut))
            }
            None if first == 1 && last == 1 => {
                book.check(&Heads::new(self.id))?;
                let (heads, segment, entry) = self.rebuild(&Heads::new(self.id), 1)?;
                let mut state = State::at_start(heads, segment, book, false);
                self.take_rebuilt(&mut state, &entry);
                Ok(state)
            }
            None => Err(LogError::damaged(
                &self.folder.segment_path(first),
                "its first line is torn, and nothing says how it began",
            )),
        }
    }

    fn open_book(&self) -> Result<Book, LogError> {
        Book::open(&self.folder, self.id, self.keys.signing.public_key())
    }

    /// Fails when the file of checkpoints is gone, before one is made in its place.
    fn check_book_there(&self) -> Result<(), LogError> {
        let path = self.folder.join(CHECKPOINTS_FILE);
        match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(LogError::damaged(&path, "it is not there, and checkpoints were signed"))
            }
            _ => Ok(()),
        }
    }

    fn sync_names(&self) -> Result<(), LogError> {
        let path = self.folder.path();
        disk::sync_folder(path).map_err(LogError::io("force to disk", path))
    }

    /// Opens the segment that the kept heads are of, if it holds what they say.
    fn kept_segment(&self, saved: &Saved, numbers: &[u64]) -> Result<Option<Segment>, LogError> {
        if !numbers.contains(&saved.segment) {
            return Ok(None);
        }
        let segment = Segment::open(&self.folder, saved.segment)?.filter(|segment| saved.fits(segment));
        segment.as_ref().map_or(Ok(()), |segment| self.check_log(segment))?;
        Ok(segment)
    }

    /// Goes to where another process kept the heads, when it did so in a later segment and much lies in between; nobody
    /// else can append while that is read.
    fn leap(&self, state: &State, unread: u64) -> Result<Option<State>, LogError> {
        let far = state.segment.number.saturating_add(2);
        if unread < LEAP_BYTES && !segment::exists(&self.folder, far)? {
            return Ok(None);
        }
        let saved = Saved::read(&self.folder, self.id, &self.keys);
        let Some(saved) = saved.filter(|saved| saved.segment > state.segment.number) else { return Ok(None) };
        let numbers = self.folder.segments()?;
        let Some(segment) = self.kept_segment(&saved, &numbers)? else { return Ok(None) };
        let front_cut = numbers.first().is_some_and(|first| *first > 1);
        Ok(Some(State::at_saved(saved, segment, self.open_book()?, front_cut)))
    }

    fn check_log(&self, segment: &Segment) -> Result<(), LogError> {
        if segment.header.log == self.id {
            return Ok(());
        }
        Err(LogError::damaged(&segment.path, "it is a segment of another log"))
    }

    /// Learns what was appended since, by reading only that. The lock must be held.
    ///
    /// A torn end is cut off and recorded. What was read and is not yet readable for others is forced to the disk first.
    pub(super) fn catch_up(&self, state: &mut State) -> Result<(), LogError> {
        let known = (state.segment.number, state.bytes);
        let (mut seen, mut leapt) = (None, false);
        loop {
            let meta = state.segment.file.metadata();
            let meta = meta.map_err(LogError::io("look at", &state.segment.path))?;
            if meta.nlink() == 0 {
                // An erasure replaced the segment, or retention deleted it: it is not the active one.
                state.book.catch_up()?;
                let fresh = self.load(Some(&state.heads))?;
                seen = Some(std::mem::replace(state, fresh).heads);
                continue;
            }
            if meta.len() < state.bytes {
                let (kept, known) = (meta.len(), state.bytes);
                let what = format!("it was cut to {kept} bytes while it was open and held {known}");
                return Err(LogError::damaged(&state.segment.path, what));
            }
            let next = state.segment.number.saturating_add(1);
            let sealed = segment::exists(&self.folder, next)?;
            if sealed
                && !std::mem::replace(&mut leapt, true)
                && let Some(ahead) = self.leap(state, meta.len() - state.bytes)?
            {
                check_seen(&ahead.heads, &state.heads, self.folder.path())?;
                let behind = std::mem::replace(state, ahead);
                state.book = behind.book;
                continue;
            }
            if meta.len() > state.bytes
                && let ScanEnd::Torn { at } = state.absorb(&self.keys, meta.len())?
            {
                if sealed {
                    let what = format!("what stands at byte {at} is not an entry, and later segments follow");
                    return Err(LogError::damaged(&state.segment.path, what));
                }
                self.repair(state, at, meta.len())?;
            }
            if !sealed {
                break;
            }
            self.follow_to(state, next)?;
        }
        if let Some(seen) = seen {
            check_seen(&state.heads, &seen, self.folder.path())?;
        }
        if state.unchecked {
            state.book.check(&state.heads)?;
            state.unchecked = false;
        }
        if known != (state.segment.number, state.bytes) || state.synced == 0 {
            self.publish_if_new(state)?;
        }
        Ok(())
    }

    fn publish_if_new(&self, state: &mut State) -> Result<(), LogError> {
        let mark = state.mark();
        if self.folder.published()? != Some(mark) {
            disk::sync(&state.segment.file).map_err(LogError::io("force to disk", &state.segment.path))?;
            self.folder.publish(mark)?;
            state.synced = state.bytes;
        }
        // The first line was on the disk before the segment had its name.
        state.synced = state.synced.max(state.segment.first);
        Ok(())
    }

    /// Goes on in the next segment, which another process began.
    fn follow_to(&self, state: &mut State, number: u64) -> Result<(), LogError> {
        if let Some(segment) = Segment::open(&self.folder, number)? {
            self.check_log(&segment)?;
            let line = segment.header.to_line();
            state.heads.continue_segment(line.trim_ascii_end());
            state.enter(segment);
            // Whoever began it may have died before its name was safe.
            return self.sync_names();
        }
        if segment::exists(&self.folder, number.saturating_add(1))? {
            let path = self.folder.segment_path(number);
            return Err(LogError::damaged(&path, "its first line is torn, and later segments follow"));
        }
        state.book.catch_up()?;
        state.book.check(&state.heads)?;
        let (heads, segment, entry) = self.rebuild(&state.heads, number)?;
        state.heads = heads;
        state.enter(segment);
        self.take_rebuilt(state, &entry);
        Ok(())
    }
}
