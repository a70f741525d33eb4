//! The configuration: flags over environment over file over defaults, with every fault at once.
//!
//! [`Surroundings`] is what the process finds when it starts. [`Config::load`] reads the file and the variables.

mod document;
mod fault;
mod file;
mod overlay;
mod read;
mod server;
mod settings;
mod show;
mod surroundings;

pub use fault::{ConfigError, ConfigFault};
pub use file::{MAX_CONFIG_BYTES, refuse_shared};
pub use overlay::Variable;
pub(crate) use overlay::output_format;
pub use server::ServerConfig;
pub use settings::{
    AuditSettings, AwsSettings, BudgetSettings, LocalSettings, PolicySettings, ProfileDefaults, Settings,
};
pub use show::Shown;
pub use surroundings::{Paths, Surroundings};

use crate::exit::{Exit, Failure};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// The resolved configuration, and where each part of it is from.
///
/// ```
/// use audex_cli::config::{Config, Surroundings};
/// let home = tempfile::tempdir().unwrap();
/// let vars = [("HOME", home.path().to_str().unwrap()), ("AUDEX_TTL", "5m")];
/// let config = Config::load(&Surroundings::with_vars(vars), None)?;
/// assert_eq!(config.settings.default_ttl.to_string(), "5m");
/// assert_eq!(config.source("default_ttl").to_string(), "AUDEX_TTL");
/// # Ok::<(), audex_cli::config::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    /// What it comes to.
    pub settings: Settings,
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// What a person should know of the environment, each a sentence without its full stop.
    pub warnings: Vec<String>,
    sources: BTreeMap<String, Source>,
}

/// Says where a value is from.
///
/// ```
/// use audex_cli::config::Source;
/// assert_eq!(Source::Default.to_string(), "default");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// This line of the file.
    File {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// This variable.
    Variable(&'static str),
}

impl Config {
    /// Reads the file and lays the variables over it.
    ///
    /// The file is the one that is named, by the flag or by `AUDEX_CONFIG`, else the one at its usual place where there is
    /// one.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn load(surroundings: &Surroundings, flag: Option<&Path>) -> Result<Self, ConfigError> {
        let (path, is_named) = Self::path(surroundings, flag);
        let mut config = Self {
            settings: Settings::default(),
            file: None,
            warnings: Vec::new(),
            sources: BTreeMap::new(),
        };
        if let Some(path) = path
            && let Some(text) = file::read(&path, is_named, surroundings.uid)?
        {
            let read = Settings::read(&text);
            let (settings, keys) =
                read.map_err(|faults| ConfigError::Faults { path: path.clone(), faults })?;
            let from = |(key, line)| (key, Source::File { path: path.clone(), line });
            (config.settings, config.sources) = (settings, keys.into_iter().map(from).collect());
            config.file = Some(path);
        }
        overlay::lay(surroundings, &mut config)?;
        Ok(config)
    }

    /// Returns which file is read, and whether it was named: if so, it has to be there.
    pub fn path(surroundings: &Surroundings, flag: Option<&Path>) -> (Option<PathBuf>, bool) {
        let variable =
            surroundings.env().get(std::ffi::OsStr::new("AUDEX_CONFIG")).filter(|path| !path.is_empty());
        match flag.or(variable.map(Path::new)) {
            Some(path) => (Some(surroundings.absolute(path)), true),
            None => (surroundings.paths().ok().map(|paths| paths.config), false),
        }
    }

    /// Returns where the value of a key is from.
    pub fn source(&self, key: &str) -> Source {
        self.sources.get(key).cloned().unwrap_or(Source::Default)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// The sections that only the team server's file has.
const SERVERS: [&str; 8] = [
    "server",
    "sso",
    "database",
    "workload",
    "notifications",
    "authorization",
    "session_store",
    "leader_election",
];

/// Says how to go on: a file of the team server's is checked by another command.
fn help(path: &Path, faults: &[ConfigFault]) -> String {
    let path = path.display();
    match faults.iter().any(|fault| SERVERS.contains(&fault.key.as_str())) {
        true => format!(
            "if this file is the team server's, `tryaudex --config {path} server --check-config` checks it; else edit it, then run \
             `tryaudex --config {path} config check`"
        ),
        false => format!("edit {path}, then run `tryaudex --config {path} config check`"),
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let failure = Self::of(Exit::Config, &error);
        match error {
            ConfigError::Missing { .. } => {
                failure.with_help("run `tryaudex init` to make one, or leave --config out")
            }
            ConfigError::Exposed { mend, .. } => failure.with_help(mend),
            ConfigError::Dangling { link, .. } => {
                failure.with_help(format!("put back what {} points at, or remove the link", link.display()))
            }
            ConfigError::Faults { path, faults } => failure.with_help(help(&path, &faults)),
            ConfigError::Io { .. } | ConfigError::TooLarge { .. } | ConfigError::Environment { .. } => {
                failure
            }
        }
    }
}
