//! What is done with the files of session records.

use super::SessionStoreError;
use crate::session::{SCHEMA_VERSION, SessionId, SessionRecord};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

/// The longest record that is read, in bytes.
const MAX_RECORD: u64 = 256 * 1_024;

pub(super) fn is_still_at(file: &File, path: &Path) -> bool {
    let there = fs::metadata(path);
    matches!((file.metadata(), there), (Ok(ours), Ok(there)) if ours.dev() == there.dev() && ours.ino() == there.ino())
}

/// Returns the ids that files of a folder are named after.
pub(super) fn ids_in(folder: &Path, suffix: &str) -> Result<Vec<SessionId>, SessionStoreError> {
    let entries = fs::read_dir(folder).map_err(failed("list", folder))?;
    let mut ids = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed("list", folder))?.file_name();
        let id = name
            .to_str()
            .and_then(|name| name.strip_suffix(suffix))
            .and_then(|name| name.parse::<SessionId>().ok());
        ids.extend(id);
    }
    Ok(ids)
}

pub(super) fn read(path: &Path) -> Result<Option<SessionRecord>, SessionStoreError> {
    let unreadable = |why: String| SessionStoreError::Unreadable { path: path.to_owned(), why };
    let text = match read_limited(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(unreadable(error.to_string()));
        }
        Err(error) => return Err(failed("read", path)(error)),
    };
    #[derive(serde::Deserialize)]
    struct Versioned {
        schema_version: u32,
    }
    let versioned: Versioned =
        serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    if versioned.schema_version > SCHEMA_VERSION {
        let why = format!(
            "it has version {}, and this program reads up to {SCHEMA_VERSION}: use the newer program",
            versioned.schema_version
        );
        return Err(unreadable(why));
    }
    serde_json::from_slice(&text).map(Some).map_err(|error| unreadable(error.to_string()))
}

pub(super) fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    file.take(MAX_RECORD + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_RECORD {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than any record"));
    }
    Ok(bytes)
}

pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

pub(super) fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SessionStoreError {
    let path = path.to_owned();
    move |source| SessionStoreError::Io { what, path, source }
}
