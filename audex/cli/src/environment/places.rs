//! Empty files and folders that programs are pointed at instead of those in the home folder.

use super::rules::{GIVEN, Given};
use crate::private_folder::{PrivateFolder, PrivateFolderError};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Names the empty places of a session, below its private folder.
///
/// Programs may write to them (`aws configure set`, `gcloud config set`): what they wrote ends with the session.
///
/// ```
/// use audex_cli::environment::EmptyPlaces;
/// let places = EmptyPlaces::below("/run/user/1000/audex/x".as_ref());
/// assert_eq!(places, EmptyPlaces::below("/run/user/1000/audex/x".as_ref()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmptyPlaces {
    folder: PathBuf,
}

impl EmptyPlaces {
    /// Names the places below a folder without making them, as for a dry run.
    pub fn below(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Makes the places.
    ///
    /// # Errors
    ///
    /// The system refused, as for a full disk.
    pub fn create(folder: &PrivateFolder) -> Result<Self, PrivateFolderError> {
        for (_, given, _) in GIVEN {
            match given {
                Given::File(name, content) => drop(folder.write(name, content.as_bytes())?),
                Given::Folder(name) => drop(folder.make_folder(name)?),
                Given::Value(_) => {}
            }
        }
        Ok(Self::below(folder.path()))
    }

    /// Lists the variables that point at them.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, OsString)> {
        GIVEN.iter().map(|(variable, given, _)| {
            let value = match given {
                Given::File(name, _) | Given::Folder(name) => self.folder.join(name).into_os_string(),
                Given::Value(value) => value.into(),
            };
            (*variable, value)
        })
    }
}
