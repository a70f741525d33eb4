//! What the server goes by, resolved and typed. Configuration files are read elsewhere.

mod sso;

pub use sso::{OidcSettings, SamlSettings, SsoGroup, SsoProtocol, SsoSettings};

use audex_core::{IssueRules, approval::ApprovalRules};
use ipnet::IpNet;
use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

/// Everything the server goes by.
///
/// ```
/// use audex_server::settings::ServerSettings;
/// let settings = ServerSettings::new("/var/lib/audex");
/// assert_eq!(settings.database_url(), "sqlite:/var/lib/audex/audex.db");
/// assert_eq!(settings.listen.port(), 8080);
/// ```
#[derive(Clone)]
pub struct ServerSettings {
    /// Where it listens (`server.listen`, `--listen`).
    pub listen: SocketAddr,
    /// Where metrics are served, beside the API (`--metrics-port`, `server.metrics_port`); the host is that of `listen`.
    pub metrics_port: Option<u16>,
    /// The address that people and links use, as in `https://audex.example.com` (`server.public_url`).
    pub public_url: String,
    /// The folder of the embedded database, the audit log and the keys (`server.data`).
    pub data: PathBuf,
    /// The proxies whose forwarding headers are believed (`server.trusted_proxies`).
    pub trusted_proxies: Vec<IpNet>,
    /// The database, unless it is the embedded one (`database.url`).
    pub database: Option<String>,
    /// What requests are held against: lifetimes, denials, boundary, approvals, rates, networks, roles.
    pub rules: IssueRules,
    /// How long a request waits for its approval, and an approval to be picked up (`approvals.expires`).
    pub approval_expires: Duration,
    /// How many requests of one identity may wait for approval at once (`approvals.max_waiting`).
    pub max_waiting: u32,
    /// Whether a vote has to be signed by a key of the approver's (`approvals.require_signature`).
    pub require_signature: bool,
    /// Who is told of requests and decisions (`[notifications]`).
    pub notifications: NotificationSettings,
    /// Where evidence goes (`[audit]`).
    pub audit: AuditSettings,
    /// The folder of the operator's own Cedar policies, in place of those that come along (`authorization.policies`).
    pub policies: Option<PathBuf>,
    /// Whose workload tokens are believed (`[[workload.issuers]]`).
    pub workload_issuers: Vec<WorkloadIssuer>,
    /// At which identity provider people sign in (`[sso]`, `--enable-sso`); nowhere unless it is said.
    pub sso: Option<SsoSettings>,
    /// Where traces go (`[telemetry]`).
    pub telemetry: TelemetrySettings,
    /// How much is taken from strangers.
    pub limits: ServeLimits,
    /// Development mode: plain HTTP cookies, a generated administrator, a printed link.
    pub is_dev: bool,
}

/// Where evidence goes.
///
/// The chained log is always written first; a database gets a copy of every event to search in.
///
/// ```
/// use audex_server::settings::{AuditBackend, AuditSettings};
/// assert_eq!(AuditSettings::default().backend, AuditBackend::Jsonl);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditSettings {
    /// Where events are searched and exported from (`audit.backend`).
    pub backend: AuditBackend,
    /// The log's folder, or `audit.jsonl` in it (`audit.path`); `audit` in the data folder unless it is said.
    pub path: Option<PathBuf>,
    /// Whether the tables are made, or brought up to date, at the start (`audit.auto_migrate`).
    pub auto_migrate: bool,
    /// How many days events are kept (`audit.retention_days`); for ever where nothing is said.
    pub retention_days: Option<u32>,
}

/// Where events are searched and exported from.
///
/// ```
/// use audex_server::settings::AuditBackend;
/// assert_ne!(AuditBackend::Jsonl, AuditBackend::Sqlite { path: "audit.db".into() });
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub enum AuditBackend {
    /// The chained log itself.
    #[default]
    Jsonl,
    /// A SQLite database.
    Sqlite {
        /// Its file (`audit.path`).
        path: PathBuf,
    },
    /// A PostgreSQL database.
    Postgres {
        /// `audit.connection_string`. It may hold a password.
        connection_string: String,
    },
}

/// Whose workload tokens are believed.
///
/// ```
/// fn allows(issuer: &audex_server::settings::WorkloadIssuer, audience: &str) -> bool {
///     issuer.audience == audience
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadIssuer {
    /// The `iss` claim, exactly.
    pub issuer: String,
    /// The `aud` claim that is asked for.
    pub audience: String,
    /// Where its keys are: an `https` (or loopback `http`) address of a JWKS, or a file.
    pub jwks: String,
    /// Which subjects, with `*` for any run of characters; none is nobody.
    pub subjects: Vec<String>,
    /// The groups that its workloads are in.
    pub groups: Vec<String>,
}

/// Who is told of requests and decisions.
///
/// ```
/// assert!(audex_server::settings::NotificationSettings::default().webhooks.is_empty());
/// ```
#[derive(Clone, Default)]
pub struct NotificationSettings {
    /// Addresses that get each event as JSON, signed.
    pub webhooks: Vec<String>,
    /// The key that webhooks are signed with.
    pub webhook_key: Option<String>,
    /// Incoming webhooks of Slack, or of what speaks its language.
    pub slack: Vec<String>,
    /// The mail server, as in `smtp://user:password@mail.example.com:587`.
    pub smtp: Option<String>,
    /// The sender of mails.
    pub mail_from: Option<String>,
    /// Who gets a mail for each request that waits.
    pub mail_to: Vec<String>,
}

/// Where traces go.
///
/// ```
/// let telemetry = audex_server::settings::TelemetrySettings::default();
/// assert_eq!((telemetry.service_name.as_str(), telemetry.trace_sample_rate), ("audex-server", 1.0));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TelemetrySettings {
    /// The OTLP collector (`telemetry.otlp_endpoint`).
    pub otlp_endpoint: Option<String>,
    /// What the server calls itself (`telemetry.service_name`).
    pub service_name: String,
    /// Which part of the traces is sent, from 0 to 1 (`telemetry.trace_sample_rate`).
    pub trace_sample_rate: f64,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { otlp_endpoint: None, service_name: "audex-server".to_owned(), trace_sample_rate: 1.0 }
    }
}

/// How much is taken from strangers.
///
/// ```
/// use audex_server::settings::ServeLimits;
/// assert_eq!(ServeLimits::default().max_body, 64 * 1_024);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// The most connections at once.
    pub max_connections: usize,
    /// The most of one address, of a /64 of IPv6. Where nothing is said it is 256, or as many as there are at all: for a server
    /// that listens on loopback, or behind trusted proxies, whose address all connections have.
    pub max_connections_per_address: Option<usize>,
    /// How long the head of a request may take.
    pub head_timeout: Duration,
    /// The largest head, in bytes.
    pub max_head: usize,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// How long a request may take, a long poll apart.
    pub request_timeout: Duration,
    /// The longest a client may wait for a decision in one request.
    pub longest_poll: Duration,
    /// How long requests under way have at the end.
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            max_connections: 4_096,
            max_connections_per_address: None,
            head_timeout: Duration::from_secs(10),
            max_head: 16 * 1_024,
            max_body: 64 * 1_024,
            request_timeout: Duration::from_secs(30),
            longest_poll: Duration::from_secs(60),
            drain: Duration::from_secs(20),
        }
    }
}

impl ServerSettings {
    /// How many requests of one identity may wait for approval at once, unless it is said.
    pub const MAX_WAITING: u32 = 20;

    /// Returns the defaults, with everything in one folder.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8080));
        Self {
            listen,
            metrics_port: None,
            public_url: format!("http://{listen}"),
            data: data.into(),
            trusted_proxies: Vec::new(),
            database: None,
            rules: IssueRules::default(),
            approval_expires: Duration::from_secs(24 * 3_600),
            max_waiting: Self::MAX_WAITING,
            require_signature: false,
            notifications: NotificationSettings::default(),
            audit: AuditSettings { auto_migrate: true, ..AuditSettings::default() },
            policies: None,
            workload_issuers: Vec::new(),
            sso: None,
            telemetry: TelemetrySettings::default(),
            limits: ServeLimits::default(),
            is_dev: false,
        }
    }

    /// Returns the address of the database.
    pub fn database_url(&self) -> String {
        let embedded = || format!("sqlite:{}", self.data.join("audex.db").display());
        self.database.clone().unwrap_or_else(embedded)
    }

    /// Returns the folder of the audit log.
    pub fn audit_folder(&self) -> PathBuf {
        match (&self.audit.backend, &self.audit.path) {
            (AuditBackend::Jsonl, Some(path)) if path.extension().is_some_and(|end| end == "jsonl") => {
                path.parent().map_or_else(|| self.data.join("audit"), PathBuf::from)
            }
            (AuditBackend::Jsonl, Some(path)) => path.clone(),
            _ => self.data.join("audit"),
        }
    }

    /// Returns the approval rules, where approvals are enabled.
    pub const fn approvals(&self) -> Option<&ApprovalRules> {
        self.rules.approval.as_ref()
    }
}

// Addresses of databases, mail servers and webhooks hold secrets.

impl fmt::Debug for ServerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSettings")
            .field("listen", &self.listen)
            .field("public_url", &self.public_url)
            .field("data", &self.data)
            .field("audit", &self.audit)
            .field("is_dev", &self.is_dev)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AuditBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jsonl => "Jsonl",
            Self::Sqlite { .. } => "Sqlite",
            Self::Postgres { .. } => "Postgres",
        })
    }
}

impl fmt::Debug for NotificationSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotificationSettings").finish_non_exhaustive()
    }
}
