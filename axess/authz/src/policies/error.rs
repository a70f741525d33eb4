use crate::{BundleError, PolicyFile};
use cedar_policy::ffi::DetailedError;
use std::fmt;

/// Something wrong, or odd, in a policy or schema file.
///
/// It prints as `documents.cedar:12: policy "owners-read": what is wrong`, as far as each part is known.
///
/// ```
/// use axess_authz::{PolicyBundle, PolicyLoadError, PolicyStore};
/// let app = PolicyBundle::new("app").with_file("bad.cedar", "permit (\n  principal,\n  axion);");
/// let Err(PolicyLoadError::Faults(faults)) = PolicyStore::compose(vec![PolicyBundle::base(), app]) else {
///     panic!("it passed");
/// };
/// assert!(faults[0].to_string().starts_with("bad.cedar:3: "), "{}", faults[0]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFault {
    /// The file; empty when the fault lies between files.
    pub file: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The policy.
    pub policy: Option<String>,
    /// What is wrong, and a hint when there is one.
    pub message: String,
}

/// Says why policies could not be loaded.
///
/// ```
/// use axess_authz::{PolicyLoadError, PolicyStore};
/// let error = PolicyStore::load_dir("no/such/folder").unwrap_err();
/// assert!(matches!(error, PolicyLoadError::Bundle(_)));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum PolicyLoadError {
    /// The files could not be read.
    #[error("the policy files cannot be read")]
    Bundle(#[source] BundleError),
    /// The files are wrong; never empty.
    #[error("the policies are refused:{}", lines(.0))]
    Faults(Vec<PolicyFault>),
}

fn lines(faults: &[PolicyFault]) -> String {
    faults.iter().map(|fault| format!("\n  {fault}")).collect()
}

impl PolicyFault {
    pub(super) fn new(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, policy: None, message: message.into() }
    }

    pub(super) fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    pub(super) fn of_policy(mut self, id: &str) -> Self {
        self.policy = Some(id.to_owned());
        self
    }

    /// Takes message, hint and place from what the engine says about a file.
    pub(super) fn in_file(file: &PolicyFile, error: &DetailedError) -> Self {
        let fault = Self::new(&file.name, message(error));
        match place(error) {
            Some(byte) => fault.at(file.line_at(byte)),
            None => fault,
        }
    }
}

/// Returns the first byte an error points to.
fn place(error: &DetailedError) -> Option<usize> {
    let own = error.source_locations.first().map(|label| label.loc.start);
    own.or_else(|| error.related.iter().find_map(place))
}

pub(super) fn message(error: &DetailedError) -> String {
    match &error.help {
        Some(help) => format!("{} ({help})", error.message),
        None => error.message.clone(),
    }
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            f.write_str(&self.file)?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
        }
        if let Some(policy) = &self.policy {
            write!(f, "policy {policy:?}: ")?;
        }
        f.write_str(&self.message)
    }
}
