//! Reads lines of bounded length from a file that may still grow.

use std::io::{self, BufRead, BufReader, Read};

const READ_BYTES: usize = 256 * 1_024;

/// Reads a file line by line. A longer line than allowed is passed over, so that memory stays bounded.
pub(crate) struct Lines<R> {
    source: BufReader<R>,
    max: usize,
    line: Vec<u8>,
    /// How many bytes of the current line were read, kept or not.
    length: u64,
    number: u64,
    /// The line was handed out.
    done: bool,
}

/// What comes next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A line, without its line feed.
    Line(&'a [u8]),
    /// A line that is longer than allowed.
    TooLong,
    /// Nothing yet; so many bytes of a line stand at the end. Reading on may find more.
    End(u64),
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(source: R, max: usize) -> Self {
        let source = BufReader::with_capacity(READ_BYTES, source);
        Self { source, max, line: Vec::new(), length: 0, number: 0, done: false }
    }

    /// Returns the number of the line that comes next, from 1.
    pub(crate) fn upcoming(&self) -> u64 {
        self.number + u64::from(self.done || self.number == 0)
    }

    pub(crate) fn get_ref(&self) -> &R {
        self.source.get_ref()
    }

    pub(crate) fn next(&mut self) -> io::Result<Piece<'_>> {
        if self.done || self.number == 0 {
            self.number = self.upcoming();
            self.line.clear();
            (self.length, self.done) = (0, false);
        }
        loop {
            let read = match self.source.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if read.is_empty() {
                return Ok(Piece::End(self.length));
            }
            let feed = memchr::memchr(b'\n', read);
            let part = read.get(..feed.unwrap_or(read.len())).unwrap_or_default();
            self.length += u64::try_from(part.len()).unwrap_or(u64::MAX);
            let room = self.max.saturating_sub(self.line.len());
            self.line.extend_from_slice(part.get(..room).unwrap_or(part));
            let used = part.len() + usize::from(feed.is_some());
            self.source.consume(used);
            if feed.is_some() {
                self.done = true;
                let whole = u64::try_from(self.line.len()) == Ok(self.length);
                return Ok(if whole { Piece::Line(&self.line) } else { Piece::TooLong });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_reading_goes_on_at_the_end() {
        let text = b"one\n\nfour4\nfive55\nrest".as_slice();
        let mut lines = Lines::new(text, 5);
        assert_eq!(lines.next().unwrap(), Piece::Line(b"one"));
        assert_eq!(lines.next().unwrap(), Piece::Line(b""));
        assert_eq!(lines.next().unwrap(), Piece::Line(b"four4"));
        assert_eq!(lines.next().unwrap(), Piece::TooLong);
        assert_eq!(lines.next().unwrap(), Piece::End(4));
        assert_eq!(lines.next().unwrap(), Piece::End(4));
        assert_eq!(lines.upcoming(), 5);
    }

    #[test]
    fn a_line_that_grows_is_read_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "ab").unwrap();
        let mut lines = Lines::new(file.reopen().unwrap(), 10);
        assert_eq!(lines.next().unwrap(), Piece::End(2));
        std::fs::write(file.path(), "abcd\n").unwrap();
        assert_eq!(lines.next().unwrap(), Piece::Line(b"abcd"));
    }
}
