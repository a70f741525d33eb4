//! The configuration of `tryaudex server`: its file, and the variables over it.

mod address;
mod read;
mod secrets;
mod sso;

use super::{
    document::Document,
    fault::{ConfigError, ConfigFault},
    file,
    overlay::{fault, unknown, variable},
    settings::Settings,
    surroundings::Surroundings,
};
use audex_core::Ttl;
use audex_server::{
    notify::Notifier,
    settings::{AuditBackend, ServerSettings, SsoProtocol, SsoSettings},
};
use std::{
    fmt::Display,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

/// The file that is read when none is named, beside that of the other commands.
const FILE: &str = "server-config.toml";

/// What is said of a SAML provider without a name.
const NAMELESS: &str = "sso.idp_entity_id is not written: whoever signs with a certificate of sso.idp_cert_path is taken for the \
     provider, whatever it calls itself (write the entityID of the provider's metadata)";

/// What a file of the server says: the server, how providers are asked, and where the issuer listens.
type ReadServer = (ServerSettings, Settings, Option<SocketAddr>);

/// What the server goes by, and what those go by who mint for it.
///
/// ```
/// use audex_cli::config::{ServerConfig, Surroundings};
/// let home = tempfile::tempdir().unwrap();
/// let vars = [("HOME", home.path().to_str().unwrap()), ("AUDEX_TTL", "5m")];
/// let config = ServerConfig::load(&Surroundings::with_vars(vars), None)?;
/// assert_eq!(config.server.rules.default_ttl.to_string(), "5m");
/// assert!(config.server.data.ends_with("audex/server"));
/// # Ok::<(), audex_cli::config::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// What the server goes by.
    pub server: ServerSettings,
    /// How providers are asked, and where keys are kept.
    pub broker: Settings,
    /// Where services fetch the keys of the local issuer (`server.issuer_listen`).
    pub issuer_listen: Option<SocketAddr>,
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// What a person should know, each a sentence without its full stop.
    pub warnings: Vec<String>,
}

impl ServerConfig {
    /// Reads the file and lays the variables over it.
    ///
    /// The file is the one that is named, by the flag or by `AUDEX_CONFIG`, else `server-config.toml` at its usual place
    /// where there is one.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every fault of file and variables.
    pub fn load(surroundings: &Surroundings, flag: Option<&Path>) -> Result<Self, ConfigError> {
        let (mut config, mut faults) = Self::examine(surroundings, flag, false)?;
        config.check_sso(false, &mut faults);
        config.without(faults)
    }

    /// Does what [`load`](Self::load) does, and returns what is wrong beside what can be read all the same.
    ///
    /// `enables_sso` turns `[sso]` on, whatever the file says. It is to be checked once flags are laid over it
    /// ([`check_sso`](Self::check_sso)).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a file that cannot be read or is no TOML.
    pub fn examine(
        surroundings: &Surroundings,
        flag: Option<&Path>,
        enables_sso: bool,
    ) -> Result<(Self, Vec<ConfigFault>), ConfigError> {
        let variable = surroundings.env().get(std::ffi::OsStr::new("AUDEX_CONFIG"));
        let named = flag.or(variable.filter(|path| !path.is_empty()).map(Path::new));
        let paths = surroundings.paths().ok();
        let path = match named {
            Some(path) => Some(surroundings.absolute(path)),
            None => paths.as_ref().map(|paths| paths.config.with_file_name(FILE)),
        };
        let text = match &path {
            Some(path) => file::read(path, named.is_some(), surroundings.uid)?,
            None => None,
        };
        let data = paths.map_or_else(|| PathBuf::from("/var/lib/audex"), |paths| paths.data.join("server"));
        let path = path.filter(|_| text.is_some());
        let (read, mut faults) = Self::read(text.as_deref().unwrap_or_default(), &data, enables_sso);
        let Some((server, broker, issuer_listen)) = read else {
            return Err(ConfigError::Faults { path: path.unwrap_or_default(), faults });
        };
        let mut config =
            Self { server, broker, issuer_listen, file: path.clone(), warnings: unknown(surroundings) };
        if let Some(path) = &path {
            faults.extend(secrets::exposed(&config.server, path));
        }
        faults.extend(secrets::exposed_keys(&config.server, surroundings.uid));
        faults.extend(config.lay(surroundings));
        for fault in Notifier::check(&config.server) {
            // What could not be read is not missing as well.
            if !faults.iter().any(|known| known.key == fault.key) {
                faults.push(of(fault.key, fault.why.to_owned()));
            }
        }
        Ok((config, faults))
    }

    /// Checks single sign-on: addresses, files, and whether there is any where it is asked for.
    ///
    /// What is no fault and should be known is added to the warnings.
    pub fn check_sso(&mut self, is_asked: bool, faults: &mut Vec<ConfigFault>) {
        let is_read = !faults.iter().any(|fault| fault.key.starts_with("sso"));
        match &self.server.sso {
            Some(sso) => {
                let found = audex_server::access::sso::check(sso, &self.server.public_url);
                faults.extend(found.into_iter().map(|fault| of(fault.key, fault.why)));
                if matches!(&sso.protocol, SsoProtocol::Saml(saml) if saml.idp_entity_id.is_none()) {
                    self.warnings.push(NAMELESS.to_owned());
                }
            }
            None if is_asked && is_read => {
                let message = "--enable-sso needs to be told where people sign in: write a table [sso]";
                faults.push(of("sso.type", message.to_owned()));
            }
            None => {}
        }
    }

    /// Returns the configuration where nothing is wrong with it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the faults.
    pub fn without(self, faults: Vec<ConfigFault>) -> Result<Self, ConfigError> {
        match self.file {
            _ if faults.is_empty() => Ok(self),
            Some(path) => Err(ConfigError::Faults { path, faults }),
            None => Err(ConfigError::Environment { faults }),
        }
    }

    /// Returns a fault for each address that something else listens on already.
    ///
    /// First what is wrong with the flags, then what with the rest. Ask once the flags are laid over it: `flags` are the
    /// keys that one of them stands for, and its name.
    pub fn clashes(&self, flags: &[(&'static str, &'static str)]) -> (Vec<ConfigFault>, Vec<ConfigFault>) {
        let listen = ("server.listen", Some(self.server.listen));
        let metrics = self.server.metrics_port.map(|port| SocketAddr::new(self.server.listen.ip(), port));
        let metrics = ("server.metrics_port", metrics);
        let issuer = ("server.issuer_listen", self.issuer_listen);
        let flag = |key| flags.iter().find_map(|(of, flag)| (*of == key).then_some(*flag));
        let (mut of_flags, mut of_rest) = (Vec::new(), Vec::new());
        for ((key, one), (other, first)) in [(metrics, listen), (issuer, listen), (issuer, metrics)] {
            let Some((at, _)) = one.zip(first).filter(|(one, first)| are_same(*one, *first)) else {
                continue;
            };
            // What a flag says is laid over the rest: it is the flag that has to change.
            let (said, there) = match (flag(key), flag(other)) {
                (None, Some(flag)) => (flag, key),
                (said, there) => (said.unwrap_or(key), there.unwrap_or(other)),
            };
            let message = format!("{there} listens there already ({at}): another port is needed");
            let faults = if said.starts_with("--") { &mut of_flags } else { &mut of_rest };
            faults.push(of(said, message));
        }
        (of_flags, of_rest)
    }

    /// Reads the text of a file; `data` is the folder where the file names none.
    ///
    /// # Errors
    ///
    /// Returns every fault, in the order of their lines; there is one at least.
    pub fn parse(text: &str, data: &Path) -> Result<ReadServer, Vec<ConfigFault>> {
        let (read, faults) = Self::read(text, data, false);
        read.filter(|_| faults.is_empty()).ok_or(faults)
    }

    /// Reads the text of a file; there is nothing to go by in what is no TOML.
    fn read(text: &str, data: &Path, enables_sso: bool) -> (Option<ReadServer>, Vec<ConfigFault>) {
        let document = Document::new(text);
        let (table, errors) = toml::de::DeTable::parse_recoverable(text);
        document.syntax(&errors);
        let read =
            errors.is_empty().then(|| read::settings(document.root(table.get_ref()), data, enables_sso));
        (read, document.end().err().unwrap_or_default())
    }

    /// Lays the variables over what the file says; returns what is wrong with them.
    fn lay(&mut self, surroundings: &Surroundings) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        let Self { server, broker, .. } = self;
        if let Some(ttl) = take::<Ttl>(surroundings, "AUDEX_TTL", &mut faults) {
            server.rules.default_ttl = ttl;
            if ttl > server.rules.max_ttl {
                let message =
                    format!("this is longer than server.max_ttl, which is {}", server.rules.max_ttl);
                faults.push(fault("AUDEX_TTL", message));
            }
        }
        if let Some(role) = take::<String>(surroundings, "AUDEX_ROLE_ARN", &mut faults) {
            if !role.starts_with("arn:") || !role.contains(":role/") {
                let message = "this is no role (write its ARN, as in arn:aws:iam::123456789012:role/NAME)";
                faults.push(fault("AUDEX_ROLE_ARN", message.to_owned()));
            }
            broker.aws.role_arn = Some(role);
        }
        if let Some(region) = take(surroundings, "AUDEX_REGION", &mut faults) {
            broker.aws.region = Some(region);
        }
        if let Some(url) = take::<address::DatabaseUrl>(surroundings, "AUDEX_DATABASE_URL", &mut faults) {
            server.database = Some(url.0);
        }
        if let Some(url) =
            take::<address::PostgresUrl>(surroundings, "AUDEX_AUDIT_CONNECTION_STRING", &mut faults)
        {
            server.audit.backend = AuditBackend::Postgres { connection_string: url.0 };
        }
        if let Some(smtp) = take::<address::SmtpUrl>(surroundings, "AUDEX_SMTP_URL", &mut faults) {
            server.notifications.smtp = Some(smtp.0);
        }
        if let Some(secret) = take(surroundings, "AUDEX_SSO_CLIENT_SECRET", &mut faults)
            && let Some(SsoSettings { protocol: SsoProtocol::Oidc(oidc), .. }) = &mut server.sso
        {
            oidc.client_secret = Some(secret);
        }
        if let Some(key) = take(surroundings, "AUDEX_WEBHOOK_KEY", &mut faults) {
            server.notifications.webhook_key = Some(key);
        }
        // The one place where nothing is said and something is missing all the same.
        if matches!(&server.audit.backend, AuditBackend::Postgres { connection_string } if connection_string.is_empty())
        {
            faults.push(ConfigFault {
                key: "audit.connection_string".to_owned(),
                line: None,
                message: "this is needed for the backend postgres".to_owned(),
                hint: Some("write it, or set AUDEX_AUDIT_CONNECTION_STRING".to_owned()),
            });
        }
        faults
    }

    /// Returns the address that people use, where the file names none: one that a browser on this machine can open.
    pub(crate) fn public_url_of(listen: SocketAddr) -> String {
        match listen.ip() {
            ip if !ip.is_unspecified() => format!("http://{listen}"),
            _ => format!("http://127.0.0.1:{}", listen.port()),
        }
    }
}

fn of(key: &str, message: String) -> ConfigFault {
    ConfigFault { key: key.to_owned(), line: None, message, hint: None }
}

/// Tells whether of two listeners the second would find its address taken. IPv6's `::` takes IPv4 as well.
fn are_same(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = |wide: IpAddr, narrow: IpAddr| {
        wide == narrow || (wide.is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4()))
    };
    one.port() != 0
        && one.port() == other.port()
        && (covers(one.ip(), other.ip()) || covers(other.ip(), one.ip()))
}

fn take<T: FromStr<Err: Display>>(
    surroundings: &Surroundings,
    name: &str,
    faults: &mut Vec<ConfigFault>,
) -> Option<T> {
    variable(surroundings, name).unwrap_or_else(|message| {
        faults.push(fault(name, message));
        None
    })
}

#[cfg(test)]
mod tests;
