use crate::exit::{Exit, Failure};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    io::IsTerminal,
    path::{Path, PathBuf},
};

/// What the process finds when it starts: its environment, folder, user and terminals.
///
/// This is the only place that asks the operating system for them; everything else is handed what it needs.
///
/// ```
/// use audex_cli::config::Surroundings;
/// let surroundings = Surroundings::with_vars([("HOME", "/home/alice"), ("XDG_DATA_HOME", "relative")]);
/// assert_eq!(surroundings.var("HOME"), Some("/home/alice"));
/// assert_eq!(surroundings.paths()?.data, std::path::Path::new("/home/alice/.local/share/audex"));
/// # Ok::<(), audex_cli::exit::Failure>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Surroundings {
    env: BTreeMap<OsString, OsString>,
    /// The current folder, unless it is gone.
    pub folder: Option<PathBuf>,
    /// Where this program is, unless its file is gone.
    pub program: Option<PathBuf>,
    /// The user the kernel says we are.
    pub uid: u32,
    /// What the user database has for them.
    pub user: Option<String>,
    /// Their home folder in the user database.
    user_home: Option<PathBuf>,
    /// Whether standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
}

/// Where things are kept.
///
/// ```
/// let paths = audex_cli::config::Surroundings::with_vars([("HOME", "/h")]).paths()?;
/// assert_eq!(paths.sessions(), std::path::Path::new("/h/.local/share/audex/sessions"));
/// assert_eq!(paths.config, std::path::Path::new("/h/.config/audex/config.toml"));
/// # Ok::<(), audex_cli::exit::Failure>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The folder of everything that is kept.
    pub data: PathBuf,
    /// The configuration file that is used when none is named.
    pub config: PathBuf,
    /// The folder of the login session (`$XDG_RUNTIME_DIR`), where there is one; whether it may be used is not checked.
    pub runtime: Option<PathBuf>,
}

impl Surroundings {
    /// Asks the operating system.
    pub fn of_process() -> Self {
        let uid = nix::unistd::getuid();
        let user = nix::unistd::User::from_uid(uid).ok().flatten();
        Self {
            env: std::env::vars_os().collect(),
            folder: std::env::current_dir().ok(),
            program: std::env::current_exe().ok().filter(|program| program.exists()),
            uid: uid.as_raw(),
            user_home: user.as_ref().map(|user| user.dir.clone()).filter(|home| home.is_absolute()),
            user: user.map(|user| user.name),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Makes surroundings with nothing in them: no environment, no home, no terminal.
    pub const fn empty() -> Self {
        Self {
            env: BTreeMap::new(),
            folder: None,
            program: None,
            uid: u32::MAX,
            user: None,
            user_home: None,
            stdin_is_terminal: false,
            stdout_is_terminal: false,
            stderr_is_terminal: false,
        }
    }

    /// Makes surroundings with nothing but these variables.
    pub fn with_vars<'a>(vars: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let env = vars.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { env, ..Self::empty() }
    }

    /// Returns a variable, if it is set and is Unicode.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env.get(OsStr::new(name))?.to_str()
    }

    /// Returns every variable.
    pub const fn env(&self) -> &BTreeMap<OsString, OsString> {
        &self.env
    }

    /// Returns an absolute path of a relative one.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.folder.as_ref().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// Returns the home folder: `$HOME`, else that of the user database.
    pub fn home(&self) -> Option<PathBuf> {
        self.folder_var("HOME").or_else(|| self.user_home.clone())
    }

    /// Returns where things are kept, as the XDG Base Directory Specification has it.
    ///
    /// A relative path in a variable counts as none.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`] without a home folder.
    pub fn paths(&self) -> Result<Paths, Failure> {
        let below_home = |parts: &str| self.home().map(|home| home.join(parts));
        let data = self.folder_var("XDG_DATA_HOME").or_else(|| below_home(".local/share"));
        let config = self.folder_var("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
        let (Some(data), Some(config)) = (data, config) else {
            let message = format!("there is no home folder: HOME is not set, and user {} has none", self.uid);
            let help = "set HOME, or XDG_DATA_HOME and XDG_CONFIG_HOME, to absolute paths";
            return Err(Failure::new(Exit::LocalState, message).with_help(help));
        };
        Ok(Paths {
            data: data.join("audex"),
            config: config.join("audex/config.toml"),
            runtime: self.folder_var("XDG_RUNTIME_DIR"),
        })
    }

    fn folder_var(&self, name: &str) -> Option<PathBuf> {
        self.env.get(OsStr::new(name)).map(PathBuf::from).filter(|path| path.is_absolute())
    }
}

impl Paths {
    /// Returns the folder of the session records.
    pub fn sessions(&self) -> PathBuf {
        self.data.join("sessions")
    }

    /// Returns the folder of the audit log, unless the configuration names another.
    pub fn audit(&self) -> PathBuf {
        self.data.join("audit")
    }

    /// Returns the folder of the audit log's keys.
    pub fn keys(&self) -> PathBuf {
        self.data.join("keys")
    }

    /// Returns the folder of the local issuer's keys.
    pub fn issuer(&self) -> PathBuf {
        self.data.join("issuer")
    }

    /// Returns the folder of what is counted between runs: rates, approvals.
    pub fn state(&self) -> PathBuf {
        self.data.join("state")
    }

    /// Returns the folders that hold the private folders of sessions: below the runtime folder, and below the data.
    pub fn private(&self) -> Vec<PathBuf> {
        let runtime = self.runtime.as_ref().map(|runtime| runtime.join("audex"));
        runtime.into_iter().chain([self.data.join("run")]).collect()
    }
}

impl fmt::Debug for Surroundings {
    /// Names the variables and hides their values, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("folder", &self.folder)
            .field("uid", &self.uid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_follow_the_variables_and_relative_ones_count_as_none() {
        let paths = |vars: &[(&str, &str)]| Surroundings::with_vars(vars.iter().copied()).paths();
        let found = paths(&[
            ("HOME", "/h"),
            ("XDG_DATA_HOME", "/d"),
            ("XDG_CONFIG_HOME", "c"),
            ("XDG_RUNTIME_DIR", "/r"),
        ]);
        let found = found.unwrap();
        assert_eq!(found.data, Path::new("/d/audex"));
        assert_eq!(found.config, Path::new("/h/.config/audex/config.toml"));
        assert_eq!(found.private(), [Path::new("/r/audex"), Path::new("/d/audex/run")]);
        assert_eq!(paths(&[("HOME", "h")]).unwrap_err().exit, Exit::LocalState);
        assert!(paths(&[("XDG_DATA_HOME", "/d"), ("XDG_CONFIG_HOME", "/c")]).is_ok());
    }

    #[test]
    fn values_are_not_shown() {
        let shown = format!("{:?}", Surroundings::with_vars([("AWS_SECRET_ACCESS_KEY", "hunter2")]));
        assert!(shown.contains("AWS_SECRET_ACCESS_KEY") && !shown.contains("hunter2"));
    }
}
