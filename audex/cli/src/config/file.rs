//! The file: who may write it may decide what is issued.

use super::fault::ConfigError;
use crate::exit::{Exit, Failure};
use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// The largest configuration file, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Reads a file; none where there is none and it need not be there.
pub(super) fn read(path: &Path, has_to_be: bool, uid: u32) -> Result<Option<String>, ConfigError> {
    let failed = |source| ConfigError::Io { path: path.to_owned(), source };
    // Also where there is no file: whoever can remove it can remove the rules.
    folders(path, uid)?;
    // A pipe would block at opening.
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(failed(std::io::Error::other("it is not a file"))),
        Err(error) if error.kind() == ErrorKind::NotFound && has_to_be => {
            return Err(ConfigError::Missing { path: path.to_owned() });
        }
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) && !has_to_be =>
        {
            return match dangling(path) {
                None => Ok(None),
                Some(link) => Err(ConfigError::Dangling { path: path.to_owned(), link: link.to_owned() }),
            };
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

/// Refuses a folder that others can write, when it is to hold what must be ours alone; one that is not there is not refused.
///
/// # Errors
///
/// [`Exit::LocalState`] with the command that mends it.
pub fn refuse_shared(path: &Path, uid: u32) -> Result<(), Failure> {
    let refused = |why: String| Failure::new(Exit::LocalState, format!("{} {why}", path.display()));
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(refused(format!("cannot be looked at: {error}"))),
        Ok(found) => match shared(path, found.uid(), found.mode(), uid) {
            None => Ok(()),
            Some((why, mend)) => Err(refused(format!("can be written by others ({why})")).with_help(mend)),
        },
    }
}

/// Refuses a file that others can put another in place of, or its link.
fn folders(path: &Path, uid: u32) -> Result<(), ConfigError> {
    let target = fs::canonicalize(path).ok();
    for folder in [path.parent(), target.as_deref().and_then(Path::parent)].into_iter().flatten() {
        let Ok(found) = fs::metadata(folder) else { continue };
        // In a folder as /tmp is, only its owner replaces a file.
        let is_sticky = found.mode() & 0o1000 != 0;
        let mode = if is_sticky { 0 } else { found.mode() };
        if let Some((why, mend)) = shared(folder, found.uid(), mode, uid) {
            return Err(ConfigError::Exposed { path: folder.to_owned(), why, mend });
        }
    }
    Ok(())
}

/// Returns the link to nothing that a path goes through.
fn dangling(path: &Path) -> Option<&Path> {
    let there = path.ancestors().find(|above| fs::symlink_metadata(above).is_ok())?;
    fs::metadata(there).is_err_and(|error| error.kind() == ErrorKind::NotFound).then_some(there)
}

/// Says by whom a folder can be written but us and root, and what mends it.
fn shared(path: &Path, owner: u32, mode: u32, uid: u32) -> Option<(String, String)> {
    if owner != uid && owner != 0 {
        return Some((format!("it belongs to user {owner}"), "use a folder of your own".to_owned()));
    }
    let mend = || format!("run: chmod go-w {}", quoted(path));
    (mode & 0o022 != 0).then(|| (format!("its mode is {:03o}", mode & 0o777), mend()))
}

/// Says by whom a file can be written but us and root, and the command that mends it.
fn exposure(path: &Path, owner: u32, mode: u32, uid: u32) -> Option<(String, String)> {
    let shown = quoted(path);
    if owner != uid && owner != 0 {
        let mend = format!("run: cp {shown} {shown}.mine && mv {shown}.mine {shown}, once you have read it");
        return Some((format!("it belongs to user {owner}"), mend));
    }
    (mode & 0o022 != 0)
        .then(|| (format!("its mode is {:03o}", mode & 0o777), format!("run: chmod go-w {shown}")))
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
        assert_eq!(exposure(Path::new("/a b's"), 1, 0o666, 1).unwrap().1, r"run: chmod go-w '/a b'\''s'");
    }
}
