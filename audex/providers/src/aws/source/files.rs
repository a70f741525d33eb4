//! The two files of AWS's own tools.

use super::read_file;
use audex_core::{ProviderError, ProviderFault};
use std::{collections::BTreeMap, io, path::Path};
use zeroize::Zeroizing;

/// The most bytes of a file.
const MAX_FILE: u64 = 1024 * 1024;

/// The settings of a profile.
#[derive(Default)]
pub(super) struct Profile(BTreeMap<String, Zeroizing<String>>);

impl Profile {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads a profile. What is in both files is taken from the one with the credentials.
pub(super) fn read(
    name: &str,
    config: Option<&Path>,
    credentials: Option<&Path>,
) -> Result<Profile, ProviderError> {
    let mut profile = Profile::default();
    let headers = [format!("profile {name}"), name.to_owned()];
    for (path, headers) in [(config, &headers[..]), (credentials, &headers[1..])] {
        let Some(path) = path else { continue };
        let text = match read_file(path, MAX_FILE) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                let what = format!("{} cannot be read", path.display());
                return Err(ProviderError::new(ProviderFault::NotLoggedIn, what).with_source(error));
            }
        };
        // In the file of configurations only the default profile stands without the word.
        let is_own = |header: &str| {
            let bare_is_fine = headers.len() == 1 || name == "default";
            headers.first().is_some_and(|first| first == header) || (bare_is_fine && header == name)
        };
        collect(&text, is_own, &mut profile);
    }
    Ok(profile)
}

fn collect(text: &str, is_own: impl Fn(&str) -> bool, profile: &mut Profile) {
    let mut is_inside = false;
    for line in text.lines() {
        // Settings of settings are indented; none of them is needed.
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let Some(header) = line.trim_end().strip_prefix('[') {
            let header = header.split(']').next().unwrap_or_default();
            let words: Vec<&str> =
                header.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
            is_inside = is_own(&words.join(" "));
        } else if let Some((name, value)) = line.split_once('=').filter(|_| is_inside) {
            // A remark may follow after a blank.
            let value = value.trim();
            let value = [" #", " ;", "\t#", "\t;"]
                .iter()
                .fold(value, |value, mark| value.split(mark).next().unwrap_or(value));
            profile.0.insert(name.trim().to_ascii_lowercase(), Zeroizing::new(value.trim().to_owned()));
        }
    }
}
