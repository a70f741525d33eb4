//! Reads a folder into a bundle.

use super::{
    BundleError, MAX_BUNDLE_BYTES, MAX_BUNDLE_DEPTH, MAX_BUNDLE_FILES, MAX_FILE_BYTES, PolicyBundle,
    PolicyFile, SourceKind,
};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

pub(super) fn folder(path: &Path) -> Result<PolicyBundle, BundleError> {
    let mut bundle = PolicyBundle::new(path.display().to_string());
    walk(path, "", 0, &mut bundle.files)?;
    if bundle.files.is_empty() {
        return Err(BundleError::Empty { path: path.to_owned() });
    }
    // One order on every file system, so that a reading can be compared with an earlier one.
    bundle.files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(bundle)
}

fn walk(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<PolicyFile>) -> Result<(), BundleError> {
    if depth > MAX_BUNDLE_DEPTH {
        return Err(too_large(folder, "the folders are nested too deep"));
    }
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            let source = io::Error::new(io::ErrorKind::InvalidData, "the name is not UTF-8");
            return Err(BundleError::Read { path, source });
        };
        if name.starts_with('.') {
            continue;
        }
        let name = format!("{prefix}{name}");
        if fs::metadata(&path).map_err(unreadable(&path))?.is_dir() {
            walk(&path, &format!("{name}/"), depth + 1, files)?;
        } else if SourceKind::of(&name).is_some() {
            if files.len() >= MAX_BUNDLE_FILES {
                return Err(too_large(&path, "the bundle has too many files"));
            }
            let text = text_of(&path)?;
            let total: usize = files.iter().map(|file| file.text.len()).sum();
            if total + text.len() > MAX_BUNDLE_BYTES {
                return Err(too_large(&path, "the bundle is too large"));
            }
            files.push(PolicyFile { name, text });
        }
    }
    Ok(())
}

fn text_of(path: &Path) -> Result<String, BundleError> {
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable(path))?;
    file.take(limit.saturating_add(1)).read_to_string(&mut text).map_err(unreadable(path))?;
    if text.len() > MAX_FILE_BYTES {
        return Err(too_large(path, "the file is too large"));
    }
    Ok(text)
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> BundleError {
    let path = path.to_owned();
    move |source| BundleError::Read { path: path.clone(), source }
}

fn too_large(path: &Path, limit: &'static str) -> BundleError {
    BundleError::TooLarge { path: path.to_owned(), limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_in_one_order_without_hidden_names() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in
            [("b.cedar", "b"), ("a/z.cedarschema", "z"), (".data/b.cedar", "x"), ("note.md", "n")]
        {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let bundle = PolicyBundle::load_dir(folder.path()).unwrap();
        let names: Vec<&str> = bundle.files().iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["a/z.cedarschema", "b.cedar"]);
    }

    #[test]
    fn limits_hold() {
        let folder = tempfile::tempdir().unwrap();
        let load = || PolicyBundle::load_dir(folder.path());
        assert!(matches!(load(), Err(BundleError::Empty { .. })));
        let path = folder.path().join("a.cedar");
        fs::write(&path, " ".repeat(MAX_FILE_BYTES)).unwrap();
        load().unwrap();
        fs::write(&path, " ".repeat(MAX_FILE_BYTES + 1)).unwrap();
        assert!(matches!(load(), Err(BundleError::TooLarge { .. })));
        fs::write(&path, [0xff]).unwrap();
        assert!(matches!(load(), Err(BundleError::Read { .. })));
        fs::remove_file(&path).unwrap();
        let mut deep = folder.path().to_owned();
        for _ in 0..=MAX_BUNDLE_DEPTH {
            deep.push("d");
        }
        fs::create_dir_all(&deep).unwrap();
        assert!(matches!(load(), Err(BundleError::TooLarge { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_its_own_folder_ends() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("self")).unwrap();
        assert!(PolicyBundle::load_dir(folder.path()).is_err());
    }
}
