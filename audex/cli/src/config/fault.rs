use std::{fmt, path::PathBuf};

/// Describes one fault of a configuration: where, what, and what to write instead.
///
/// ```
/// use audex_cli::config::ConfigFault;
/// let fault = ConfigFault {
///     key: "aws.regoin".to_owned(),
///     line: Some(3),
///     message: "there is no such key".to_owned(),
///     hint: Some("did you mean region?".to_owned()),
/// };
/// assert_eq!(fault.to_string(), "line 3: aws.regoin: there is no such key (did you mean region?)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// The key with those it is under, as in `aws.region`; empty for the file as such.
    pub key: String,
    /// The line, counted from 1; absent for an environment variable or flag.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

/// Says why a configuration cannot be used.
///
/// ```
/// use audex_cli::config::{ConfigError, Settings};
/// let error = Settings::parse("default_ttl = \"15\"").unwrap_err();
/// assert_eq!(error[0].line, Some(1));
/// let error = ConfigError::Faults { path: "c.toml".into(), faults: error };
/// assert_eq!(error.to_string(), "c.toml cannot be used\nline 1: default_ttl: a lifetime needs a unit, as in 90s, 15m or 1h30m");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is named and not there.
    #[error("there is no file {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than [`MAX_CONFIG_BYTES`](super::MAX_CONFIG_BYTES).
    #[error("{} is larger than {} bytes", path.display(), super::MAX_CONFIG_BYTES)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is behind a link to nothing: somebody wanted there to be rules.
    #[error("there is no {}: {} is a link to nothing", path.display(), link.display())]
    Dangling {
        /// The file.
        path: PathBuf,
        /// The link.
        link: PathBuf,
    },
    /// Others can write the file or its folder, and so decide what is issued to us.
    #[error("{} can be written by others ({why})", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// By whom.
        why: String,
        /// What mends it.
        mend: String,
    },
    /// What the file says is wrong, every fault.
    #[error("{} cannot be used{}", path.display(), listed(faults))]
    Faults {
        /// The file.
        path: PathBuf,
        /// The faults, in the order of their lines.
        faults: Vec<ConfigFault>,
    },
    /// What environment variables say is wrong.
    #[error("the environment cannot be used{}", listed(faults))]
    Environment {
        /// The faults.
        faults: Vec<ConfigFault>,
    },
}

fn listed(faults: &[ConfigFault]) -> String {
    faults.iter().map(|fault| format!("\n{fault}")).collect()
}
