//! The configuration: environment variables, read once, with every fault reported at once.

mod key;
mod variables;

pub(crate) use key::Key;

use crate::mail::{Smtp, smtp};
use axess::middleware::TrustedProxies;
use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};
use variables::Variables;

const DAY: u64 = 86_400;
/// The longest life of a session, and the longest pause between two sweeps.
const MOST_SECONDS: u64 = 365 * DAY;
/// The most requests with credentials that one address may make in a minute.
const MOST_TRIES: u64 = 100_000;

/// Everything that can be set.
#[derive(Debug)]
pub(crate) struct Config {
    /// `BIND`: where to listen.
    pub(crate) bind: SocketAddr,
    /// `PUBLIC_ORIGIN`: what browsers call this application.
    pub(crate) origin: Option<String>,
    /// `TRUSTED_PROXIES`: whose `X-Forwarded-For` is believed.
    pub(crate) proxies: TrustedProxies,
    pub(crate) storage: Storage,
    pub(crate) keys: Keys,
    /// `SMTP_URL`, `SMTP_CA`, `MAIL_FROM`: what sends mails; without it they are printed.
    pub(crate) mail: Option<Smtp>,
    /// `SESSION_SECONDS`: how long a session lives after its last change.
    pub(crate) session_ttl: Duration,
    /// `TRIES_PER_MINUTE`: how many requests with credentials one address may make.
    pub(crate) tries_per_minute: u32,
    /// `SWEEP_SECONDS`: how often what has expired is deleted.
    pub(crate) sweep_every: Duration,
    /// `DRAIN_SECONDS`: how long requests may take to end when the process is told to.
    pub(crate) drain_for: Duration,
    /// `DEMO_ACCOUNTS`: whether the accounts of the README are there.
    pub(crate) demo_accounts: bool,
    pub(crate) log_format: LogFormat,
}

/// What outlives the process.
#[derive(Debug)]
pub(crate) enum Storage {
    /// Nothing: a new folder, deleted at the end.
    Throwaway,
    /// `DATABASE_URL` and `AUDIT_FILE`.
    Kept { url: String, audit_file: PathBuf },
}

/// `SIGNING_KEY` (cookies, CSRF tokens) and `ENVELOPE_KEY` (what is in the database), each with `..._PREVIOUS`.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) signing: Key,
    pub(crate) previous_signing: Vec<Key>,
    pub(crate) envelope: Key,
    pub(crate) previous_envelope: Vec<Key>,
}

/// `LOG_FORMAT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Every fault of the configuration, each with the variable and what to write. Values are not repeated: some are secrets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Faults(Vec<String>);

impl Config {
    pub(crate) fn from_environment() -> Result<Self, Faults> {
        Self::read(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    fn read(environment: impl Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut variables = Variables::of(&environment);
        let config = Self::of(&mut variables);
        let faults = variables.faults();
        if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
    }

    /// Reads what can be read. Where something is wrong, a default stands in and the fault is noted.
    fn of(variables: &mut Variables<'_>) -> Self {
        let bind = variables.parse("BIND", "an address and a port, such as 127.0.0.1:3002");
        let bind = bind.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 3002)));
        let origin = variables.read("PUBLIC_ORIGIN", "https://host, without a path", origin);
        if origin.is_none() && !bind.ip().is_loopback() {
            variables.missing("PUBLIC_ORIGIN", "https://host: BIND can be reached from elsewhere");
        }
        let list = "addresses or CIDR ranges separated by commas, such as 10.0.0.0/8";
        let proxies = variables
            .read("TRUSTED_PROXIES", list, |text| TrustedProxies::parse(text.split(',').map(str::trim)).ok());
        let storage = storage(variables);
        let kept = variables.is_set("DATABASE_URL");
        let demo_accounts = variables.read("DEMO_ACCOUNTS", "yes or no", yes_or_no).unwrap_or(!kept);
        let log_format = variables.read("LOG_FORMAT", "text or json", |text| match text {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        });
        Self {
            bind,
            origin,
            proxies: proxies.unwrap_or_default(),
            storage,
            keys: keys(variables, kept),
            mail: mail(variables, kept),
            session_ttl: variables.seconds("SESSION_SECONDS", 1, MOST_SECONDS, DAY),
            tries_per_minute: variables.number("TRIES_PER_MINUTE", 1, MOST_TRIES, 20).try_into().unwrap_or(1),
            sweep_every: variables.seconds("SWEEP_SECONDS", 1, MOST_SECONDS, 3_600),
            drain_for: variables.seconds("DRAIN_SECONDS", 1, 3_600, 10),
            demo_accounts,
            log_format: log_format.unwrap_or(LogFormat::Text),
        }
    }

    /// Tells whether browsers come over HTTPS, and cookies may go over nothing else.
    pub(crate) fn is_secure(&self) -> bool {
        self.origin.as_deref().is_some_and(|origin| origin.starts_with("https://"))
    }
}

/// A database that is kept needs everything else that has to be the same after a restart.
fn storage(variables: &mut Variables<'_>) -> Storage {
    let wants = "sqlite:PATH, such as sqlite:/var/lib/app/app.db";
    let url = variables.read("DATABASE_URL", wants, |text| {
        text.strip_prefix("sqlite:")
            .filter(|path| !path.is_empty() && !path.contains(":memory:"))
            .map(|_| text.to_owned())
    });
    let audit_file = variables.read("AUDIT_FILE", "the path of a file", |text| Some(PathBuf::from(text)));
    if variables.is_set("DATABASE_URL") {
        variables.missing(
            "AUDIT_FILE",
            "the path of a file: DATABASE_URL keeps data, and so must the audit trail",
        );
    }
    match url.zip(audit_file) {
        Some((url, audit_file)) => Storage::Kept { url, audit_file },
        None => Storage::Throwaway,
    }
}

fn keys(variables: &mut Variables<'_>, kept: bool) -> Keys {
    const WANTS: &str = "32 bytes as base64 or hex: openssl rand -base64 32";
    let mut current = |name| {
        let key = variables.read(name, WANTS, Key::parse);
        if kept {
            variables.missing(name, WANTS);
        }
        key.unwrap_or_else(Key::random)
    };
    let (signing, envelope) = (current("SIGNING_KEY"), current("ENVELOPE_KEY"));
    let mut previous = |name| {
        let wants = "keys separated by commas, each 32 bytes as base64 or hex, at most 8";
        let keys = |text: &str| text.split(',').map(|key| Key::parse(key.trim())).collect::<Option<Vec<_>>>();
        variables.read(name, wants, |text| keys(text).filter(|keys| keys.len() <= 8)).unwrap_or_default()
    };
    Keys {
        signing,
        envelope,
        previous_signing: previous("SIGNING_KEY_PREVIOUS"),
        previous_envelope: previous("ENVELOPE_KEY_PREVIOUS"),
    }
}

fn mail(variables: &mut Variables<'_>, kept: bool) -> Option<Smtp> {
    const URL: &str = "smtp://user:password@host:587 (STARTTLS), smtps://user:password@host:465, or log, which prints mails";
    let from = variables.parse("MAIL_FROM", "a mail address, such as App <app@example.com>");
    let ca = variables.read("SMTP_CA", "the path of a PEM file with certificates", smtp::read_ca);
    if kept {
        variables.missing("SMTP_URL", URL);
    }
    if !variables.is_set("SMTP_URL") || variables.is("SMTP_URL", "log") {
        return None;
    }
    variables.missing("MAIL_FROM", "the address mails come from, such as App <app@example.com>");
    let server = variables.read("SMTP_URL", URL, |text| smtp::server(text, ca))?;
    Some(Smtp::new(server, from?))
}

fn origin(text: &str) -> Option<String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    (!host.is_empty() && !host.contains(['/', '@', '?', '#', ' '])).then(|| text.to_owned())
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "yes" | "true" | "1" => Some(true),
        "no" | "false" | "0" => Some(false),
        _ => None,
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the configuration has {} fault(s):", self.0.len())?;
        self.0.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}

#[cfg(test)]
mod tests;
