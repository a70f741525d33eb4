//! The lines of a log's segments, from its end or from its beginning, without a lock and never all of them in memory.

use axess_audit::chain::MAX_LINE_BYTES;
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// How many bytes are read at once, going backward.
const CHUNK: usize = 64 * 1_024;

/// Returns the segments of a log, oldest first; none where there is no log.
pub(super) fn segments(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let is_segment = name
            .to_str()
            .and_then(|name| name.strip_suffix(".jsonl"))
            .is_some_and(|number| number.len() >= 12 && number.bytes().all(|byte| byte.is_ascii_digit()));
        names.extend(is_segment.then_some(name));
    }
    // Of equal length, so that their order is that of their numbers.
    names.sort_by_key(|name| (name.len(), name.clone()));
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// The lines of one segment from its last to its second; the first is no entry.
#[derive(Debug)]
pub(super) struct Backward {
    file: File,
    /// Where what was read begins.
    begin: u64,
    /// What was read and not handed out: the end of it is the end of a line.
    held: Vec<u8>,
}

impl Backward {
    /// Begins at the end of a segment; what follows its last line feed is a write that is under way, or was cut off.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let begin = file.metadata()?.len();
        let mut lines = Self { file, begin, held: Vec::new() };
        while !lines.held.contains(&b'\n') && lines.read_more()? {}
        let whole = memchr::memrchr(b'\n', &lines.held).unwrap_or(0);
        lines.held.truncate(whole);
        Ok(lines)
    }

    /// Returns the line before.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(feed) = memchr::memrchr(b'\n', &self.held) {
                let line = self.held.split_off(feed + 1);
                self.held.truncate(feed);
                return Ok(Some(line));
            }
            if self.held.len() > MAX_LINE_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than any entry"));
            }
            if !self.read_more()? {
                return Ok(None);
            }
        }
    }

    fn read_more(&mut self) -> io::Result<bool> {
        let length = self.begin.min(u64::try_from(CHUNK).unwrap_or(u64::MAX));
        if length == 0 || self.held.len() > MAX_LINE_BYTES + CHUNK {
            return Ok(false);
        }
        self.begin -= length;
        let mut chunk = vec![0; usize::try_from(length).unwrap_or(CHUNK)];
        self.file.read_exact_at(&mut chunk, self.begin)?;
        chunk.append(&mut self.held);
        self.held = chunk;
        Ok(true)
    }
}

/// The lines of one segment from its second on.
#[derive(Debug)]
pub(super) struct Forward {
    file: BufReader<File>,
}

impl Forward {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut lines = Self { file: BufReader::new(File::open(path)?) };
        lines.next()?;
        Ok(lines)
    }

    /// Returns the next whole line.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let most = u64::try_from(MAX_LINE_BYTES + 1).unwrap_or(u64::MAX);
        self.file.by_ref().take(most).read_until(b'\n', &mut line)?;
        if line.pop_if(|last| *last == b'\n').is_some() {
            return Ok(Some(line));
        }
        if line.len() > MAX_LINE_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than any entry"));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(content: &[u8]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("000000000001.jsonl");
        fs::write(&path, content).unwrap();
        let mut lines = Backward::open(&path).unwrap();
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(String::from_utf8(line).unwrap());
        }
        let mut forward = Forward::open(&path).unwrap();
        let mut other = Vec::new();
        while let Some(line) = forward.next().unwrap() {
            other.push(String::from_utf8(line).unwrap());
        }
        other.reverse();
        assert_eq!(found, other);
        found
    }

    #[test]
    fn both_ways_find_the_same_whole_lines_behind_the_first() {
        assert_eq!(back(b""), [""; 0]);
        assert_eq!(back(b"head"), [""; 0]);
        assert_eq!(back(b"head\n"), [""; 0]);
        assert_eq!(back(b"head\na\nb\n"), ["b", "a"]);
        assert_eq!(back(b"head\na\nb\ntorn"), ["b", "a"]);
        let long = |c: &str| c.repeat(CHUNK - 1);
        let text = format!("head\n{}\n{}\n{}\n", long("a"), long("b"), long("c").repeat(3));
        assert_eq!(back(text.as_bytes()), [long("c").repeat(3), long("b"), long("a")]);
    }

    #[test]
    fn a_line_that_never_ends_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("000000000001.jsonl");
        fs::write(&path, [b"head\n".as_slice(), &vec![b'x'; 2 * MAX_LINE_BYTES], b"\n"].concat()).unwrap();
        assert!(Backward::open(&path).unwrap().next().is_err());
        assert!(Forward::open(&path).unwrap().next().is_err());
    }

    #[test]
    fn segments_are_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["000000000010.jsonl", "000000000002.jsonl", "checkpoints.jsonl", "audit.jsonl", "x"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = segments(folder.path()).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["000000000002.jsonl", "000000000010.jsonl"]);
        assert!(segments(&folder.path().join("none")).unwrap().is_empty());
    }
}
