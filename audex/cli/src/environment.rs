//! What the command inherits: everything but credentials, and no way back to them through default files.
//!
//! This closes what programs read on their own. It is no sandbox: a command that opens `~/.aws/credentials` by name, or
//! asks a metadata server by its address, is stopped by neither. `LD_PRELOAD`, `PATH` and the like stay as they are, since
//! whoever set them runs the command anyway. So do accounts of other services (`GITHUB_TOKEN`, `DIGITALOCEAN_TOKEN`, ...) and
//! `KUBECONFIG`: a cluster of a cloud is reached through that cloud's own tool, which has what was granted.

mod pattern;
mod places;
mod rules;
#[cfg(test)]
mod tests;

pub use places::EmptyPlaces;

use crate::deliver::Variables;
use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// Variables that name a proxy, in either case.
const PROXIES: [&str; 3] = ["http_proxy", "https_proxy", "all_proxy"];

/// Is the environment of a command before, and after, something is granted to it.
///
/// ```
/// use audex_cli::environment::{EmptyPlaces, for_child};
/// let ambient = [("PATH", "/bin"), ("AWS_SECRET_ACCESS_KEY", "wJalr"), ("AWS_REGION", "eu-west-1")];
/// let ambient = ambient.map(|(name, value)| (name.into(), value.into()));
/// let environment = for_child(ambient, &EmptyPlaces::below("/run/user/1000/audex/x".as_ref()));
/// assert_eq!(environment.taken(), ["AWS_SECRET_ACCESS_KEY"]);
/// assert_eq!(environment.get("AWS_REGION").unwrap(), "eu-west-1");
/// assert_eq!(environment.get("AWS_EC2_METADATA_DISABLED").unwrap(), "true");
/// ```
#[derive(Clone)]
pub struct ChildEnvironment {
    variables: Vec<(OsString, OsString)>,
    taken: Vec<OsString>,
}

/// Takes every ambient cloud credential out of an environment, and points what programs read by default at empty places.
///
/// Names are compared without regard to case, byte by byte, so they need not be UTF-8. Of a name that is there twice the
/// first stays, which is the one that programs see; a name that is empty or has a `=` is taken out, as it cannot be set again.
pub fn for_child(
    ambient: impl IntoIterator<Item = (OsString, OsString)>,
    empty: &EmptyPlaces,
) -> ChildEnvironment {
    let mut environment = ChildEnvironment { variables: Vec::new(), taken: Vec::new() };
    let mut seen = HashSet::new();
    for (name, value) in ambient {
        let cannot_be_set = name.is_empty() || name.as_bytes().iter().any(|byte| matches!(byte, b'=' | 0));
        if cannot_be_set || rules::is_taken(name.as_bytes()) {
            environment.taken.push(name);
        } else if seen.insert(name.clone()) {
            environment.variables.push((name, value));
        }
    }
    environment.taken.sort();
    environment.taken.dedup();
    for (name, value) in empty.variables() {
        environment.set(name.into(), value);
    }
    environment
}

impl ChildEnvironment {
    /// Adds what was granted; it replaces what is there.
    ///
    /// Where a server of ours on loopback is granted and a proxy is set, programs are told not to ask it through the proxy,
    /// which would see the token.
    #[must_use]
    pub fn granted(mut self, granted: &Variables) -> Self {
        for (name, value) in granted.iter() {
            self.set(name.into(), value.expose().into());
        }
        if granted.iter().any(|(_, value)| value.expose().starts_with("http://127.0.0.1:")) {
            self.bypass_proxies();
        }
        self
    }

    /// Finds a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_os_str())
    }

    /// Returns the names of what was taken out, sorted, each once.
    pub fn taken(&self) -> &[OsString] {
        &self.taken
    }

    /// Returns the variables, each name once.
    pub fn into_variables(self) -> Vec<(OsString, OsString)> {
        self.variables
    }

    fn set(&mut self, name: OsString, value: OsString) {
        match self.variables.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.variables.push((name, value)),
        }
    }

    fn bypass_proxies(&mut self) {
        let is_proxy = |name: &OsStr| PROXIES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy));
        if !self.variables.iter().any(|(name, value)| is_proxy(name) && !value.is_empty()) {
            return;
        }
        // Programs differ in which of the two they read.
        for name in ["no_proxy", "NO_PROXY"] {
            let mut list = self.get(name).map(|list| list.as_bytes().to_vec()).unwrap_or_default();
            if list.split(|byte| *byte == b',').any(|host| host.trim_ascii() == b"127.0.0.1") {
                continue;
            }
            if !list.is_empty() {
                list.push(b',');
            }
            list.extend_from_slice(b"127.0.0.1");
            self.set(name.into(), OsString::from_vec(list));
        }
    }
}

impl std::fmt::Debug for ChildEnvironment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.variables.iter().map(|(name, _)| name).collect();
        f.debug_struct("ChildEnvironment").field("names", &names).field("taken", &self.taken).finish()
    }
}
