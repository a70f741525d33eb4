//! The file: who may write it may decide what is issued.

use super::fault::ConfigError;
use std::{
    fs::File,
    io::{ErrorKind, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// The largest configuration file, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Reads a file; none where there is none and it need not be there.
pub(super) fn read(path: &Path, has_to_be: bool, uid: u32) -> Result<Option<String>, ConfigError> {
    let failed = |source| ConfigError::Io { path: path.to_owned(), source };
    // A pipe would block at opening.
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(failed(std::io::Error::other("it is not a file"))),
        Err(error) if error.kind() == ErrorKind::NotFound && has_to_be => {
            return Err(ConfigError::Missing { path: path.to_owned() });
        }
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) && !has_to_be =>
        {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if let Some((why, mend)) = exposure(path, metadata.uid(), metadata.mode(), uid) {
        return Err(ConfigError::Exposed { path: path.to_owned(), why, mend });
    }
    let mut bytes = Vec::new();
    file.take(MAX_CONFIG_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_CONFIG_BYTES) {
        return Err(ConfigError::TooLarge { path: path.to_owned() });
    }
    let text = String::from_utf8(bytes).map_err(|error| failed(std::io::Error::other(error.utf8_error())))?;
    Ok(Some(text))
}

/// Says by whom a file can be written but us and root, and the command that mends it.
fn exposure(path: &Path, owner: u32, mode: u32, uid: u32) -> Option<(String, String)> {
    let shown = quoted(path);
    if owner != uid && owner != 0 {
        let mend = format!("cp {shown} {shown}.mine && mv {shown}.mine {shown}, once you have read it");
        return Some((format!("it belongs to user {owner}"), mend));
    }
    (mode & 0o022 != 0).then(|| (format!("its mode is {:03o}", mode & 0o777), format!("chmod go-w {shown}")))
}

/// Returns a path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_we_and_root_may_write_it() {
        let path = Path::new("/c.toml");
        for (owner, mode, is_exposed) in [
            (1_000, 0o600, false),
            (1_000, 0o644, false),
            (0, 0o644, false),
            (1_000, 0o664, true),
            (1_000, 0o602, true),
            (1_001, 0o600, true),
        ] {
            assert_eq!(exposure(path, owner, mode, 1_000).is_some(), is_exposed, "{owner} {mode:o}");
        }
        assert_eq!(exposure(Path::new("/a b's"), 1, 0o666, 1).unwrap().1, r"chmod go-w '/a b'\''s'");
    }
}
