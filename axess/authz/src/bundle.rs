mod read;

use std::{
    io,
    path::{Path, PathBuf},
};

/// The most files in one bundle.
pub const MAX_BUNDLE_FILES: usize = 1_000;
/// The largest file of a bundle, in bytes.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// The largest bundle, in bytes.
pub const MAX_BUNDLE_BYTES: usize = 16 << 20;
/// How deep the folders of a bundle may be nested.
pub const MAX_BUNDLE_DEPTH: usize = 16;

/// Policies and schemas that are loaded together, as text.
///
/// Bundles are layered by [`PolicyStore::compose`](crate::PolicyStore::compose): the shipped base first, then one or
/// more of the deployment.
///
/// ```
/// use axess_authz::{PolicyBundle, PolicyStore};
/// let app = PolicyBundle::new("app")
///     .with_file("app.cedarschema", r#"
///         entity Document = { tenant_id: String, owner: User };
///         action "read" appliesTo { principal: [User], resource: [Document], context: RequestContext };
///     "#)
///     .with_file("documents.cedar", r#"
///         @id("owners-read")
///         permit (principal, action == Action::"read", resource) when { resource.owner == principal };
///     "#);
/// let policies = PolicyStore::compose(vec![PolicyBundle::base(), app]).unwrap();
/// assert_eq!(policies.policies().count(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyBundle {
    pub(crate) name: String,
    pub(crate) files: Vec<PolicyFile>,
}

/// One file of a bundle: its name and its text.
///
/// ```
/// use axess_authz::{PolicyFile, SourceKind};
/// let file = PolicyFile { name: "a.cedar".into(), text: "permit (principal, action, resource);".into() };
/// assert_eq!(file.kind(), Some(SourceKind::Policies));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// The path inside the bundle, with `/` between its parts. Faults name it.
    pub name: String,
    /// The content.
    pub text: String,
}

/// What a file of a bundle holds, by the end of its name.
///
/// ```
/// use axess_authz::SourceKind;
/// assert_eq!(SourceKind::of("schema.cedarschema.json"), Some(SourceKind::JsonSchema));
/// assert_eq!(SourceKind::of("README.md"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// Policies, `.cedar`.
    Policies,
    /// A schema in Cedar's own syntax, `.cedarschema`.
    CedarSchema,
    /// A schema as JSON, `.cedarschema.json`.
    JsonSchema,
}

/// Says why a folder could not be read as a bundle.
///
/// ```
/// use axess_authz::{BundleError, PolicyBundle};
/// let error = PolicyBundle::load_dir("no/such/folder").unwrap_err();
/// assert!(matches!(error, BundleError::Read { .. }));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file or folder could not be read, or is not UTF-8.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A limit was passed.
    #[error("{}: {limit}", path.display())]
    TooLarge {
        /// Where.
        path: PathBuf,
        /// Which.
        limit: &'static str,
    },
    /// There is neither a policy nor a schema in the folder.
    #[error("{}: no .cedar, .cedarschema or .cedarschema.json file", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

impl PolicyBundle {
    /// Creates an empty bundle; the name appears in faults.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), files: Vec::new() }
    }

    /// Returns the shipped bundle: the base schema and the policies that always hold.
    ///
    /// Its one policy, `axess.tenant-isolation`, forbids whatever crosses tenants. A resource whose type or entity has
    /// no `tenant_id` is out of reach, unless the provider of entities puts it inside `Shared::"deployment"`.
    #[must_use]
    pub fn base() -> Self {
        Self::new("axess base")
            .with_file("base.cedarschema", include_str!("../policies/base.cedarschema"))
            .with_file("base.cedar", include_str!("../policies/base.cedar"))
    }

    /// Reads every policy and schema file of a folder and of the folders inside it.
    ///
    /// Files of other kinds are passed over, and so are names that begin with a dot, which keeps the hidden folders
    /// of a mounted Kubernetes volume from being read twice.
    ///
    /// # Errors
    ///
    /// [`BundleError`] when something cannot be read, a limit is passed or nothing is found.
    pub fn load_dir(path: impl AsRef<Path>) -> Result<Self, BundleError> {
        read::folder(path.as_ref())
    }

    /// Adds a file.
    ///
    /// A name of no known kind is a fault when the bundle is composed.
    #[must_use]
    pub fn with_file(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.files.push(PolicyFile { name: name.into(), text: text.into() });
        self
    }

    /// Returns the files, in the order they are read.
    #[must_use]
    pub fn files(&self) -> &[PolicyFile] {
        &self.files
    }
}

impl PolicyFile {
    /// Tells what the file holds; `None` for a name of no known kind.
    #[must_use]
    pub fn kind(&self) -> Option<SourceKind> {
        SourceKind::of(&self.name)
    }

    /// Returns the line, from 1, of a byte of the text.
    pub(crate) fn line_at(&self, byte: usize) -> usize {
        1 + self.text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
    }

    /// Returns the first line, from 1, on which `word` stands alone.
    pub(crate) fn line_of(&self, word: &str) -> Option<usize> {
        let inner = |c: char| c.is_alphanumeric() || c == '_';
        let whole = |line: &str| {
            line.match_indices(word).any(|(at, _)| {
                let before = line.get(..at).and_then(|text| text.chars().next_back());
                let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
                !before.is_some_and(inner) && !after.is_some_and(inner)
            })
        };
        let found = self.text.lines().position(|line| !line.trim_start().starts_with("//") && whole(line));
        found.map(|index| index + 1)
    }
}

impl SourceKind {
    /// Tells what a file of that name holds.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [
            (".cedar", Self::Policies),
            (".cedarschema", Self::CedarSchema),
            (".cedarschema.json", Self::JsonSchema),
        ]
        .into_iter()
        .find_map(|(end, kind)| name.ends_with(end).then_some(kind))
    }
}
