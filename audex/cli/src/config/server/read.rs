//! From the tables of a server's file to settings.

use super::address::{DatabaseUrl, PostgresUrl, SmtpUrl, WebAddress};
use crate::{
    config::{
        document::Section,
        read,
        settings::{AuditSettings as LocalAudit, PolicySettings, Settings},
    },
    remote::ServerAddress,
};
use audex_core::{IssueRules, Ttl, approval::ApprovalRules};
use audex_server::settings::{
    AuditBackend, AuditSettings, NotificationSettings, ServeLimits, ServerSettings, TelemetrySettings,
    WorkloadIssuer,
};
use std::{net::SocketAddr, path::Path, str::FromStr};

const SHARED_SESSIONS: &str = "a store of its own for sessions is not built in yet (servers that share a database, \
                               with database.url, share its sessions)";
const LEADER: &str = "the election of a leader is not built in yet (leave it out, or write enabled = false)";

pub(super) fn settings(root: Section<'_>, data: &Path, enables_sso: bool) -> super::ReadServer {
    let mut server = ServerSettings::new(data);
    let Front { default_ttl, max_ttl, issuer_listen } = front(root.section("server"), &mut server);
    let (broker, roles, rates, sources) = (
        broker(&root),
        read::roles(root.section("role_mapping")),
        read::rates(root.section("rate_limiting")),
        read::networks(root.section("network")),
    );
    server.rules = IssueRules {
        default_ttl,
        max_ttl,
        denies: broker.policy.deny.clone(),
        boundary: broker.policy.boundary.clone(),
        approval: approvals(root.section("approvals"), &mut server),
        rates,
        sources,
        roles,
    };
    server.audit = audit(root.section("audit"), &server);
    let table = root.section("database");
    server.database = table.parsed::<DatabaseUrl>("url").map(|url| url.0);
    table.end();
    let table = root.section("authorization");
    server.policies = read::file(&table, "policies");
    table.end();
    server.notifications = notifications(root.section("notifications"));
    server.workload_issuers = workload(root.section("workload"));
    server.sso = super::sso::sso(root.section("sso"), enables_sso);
    if let (false, Some(sso)) = (root.section("server").has("public_url"), &server.sso)
        && let Some(address) = super::sso::public_url(sso)
    {
        server.public_url = address;
    }
    server.telemetry = telemetry(root.section("telemetry"));
    not_yet(&root);
    root.end();
    (server, broker, issuer_listen)
}

/// What `[server]` says beside the settings of the same names.
struct Front {
    default_ttl: Ttl,
    max_ttl: Ttl,
    issuer_listen: Option<SocketAddr>,
}

/// Reads `[server]`.
fn front(table: Section<'_>, server: &mut ServerSettings) -> Front {
    let none = IssueRules::default();
    let (default_ttl, max_ttl) = (table.parsed("default_ttl"), table.parsed("max_ttl"));
    let max_ttl: Ttl = max_ttl.unwrap_or(none.max_ttl);
    let default_ttl = default_ttl.unwrap_or(none.default_ttl.min(max_ttl));
    if default_ttl > max_ttl {
        table.missing("default_ttl", &format!("this is longer than max_ttl, which is {max_ttl}"));
    }
    if let Some(Listen(listen)) = table.parsed("listen") {
        server.listen = listen;
    }
    server.public_url = match table.parsed::<ServerAddress>("public_url") {
        Some(address) => address.to_string(),
        None => super::ServerConfig::public_url_of(server.listen),
    };
    if let Some(data) = read::file(&table, "data") {
        server.data = data;
    }
    server.metrics_port = table.number("metrics_port", 1..=65_535).and_then(|port| u16::try_from(port).ok());
    server.trusted_proxies = table.parsed_list("trusted_proxies").unwrap_or_default();
    let limits = ServeLimits::default();
    server.limits = ServeLimits {
        max_connections: table
            .number("max_connections", 1..=1_000_000)
            .and_then(|most| usize::try_from(most).ok())
            .unwrap_or(limits.max_connections),
        max_connections_per_address: table
            .number("max_connections_per_address", 1..=1_000_000)
            .and_then(|most| usize::try_from(most).ok()),
        drain: read::span(&table, "drain").unwrap_or(limits.drain),
        ..limits
    };
    let issuer_listen = table.parsed::<Listen>("issuer_listen").map(|listen| listen.0);
    table.end();
    Front { default_ttl, max_ttl, issuer_listen }
}

/// Reads how providers are asked.
fn broker(root: &Section<'_>) -> Settings {
    let none = Settings::default();
    let table = root.section("policy");
    let deny = read::rules(&table, "deny").unwrap_or_default();
    let boundary = read::boundary(&table);
    table.end();
    Settings {
        aws: read::aws(root.section("aws"), none.aws),
        local: read::local(root.section("local"), none.local),
        policy: PolicySettings { deny, boundary, accept_unknown_actions: false },
        key_store: read::key_store(root.section("credentials")),
        audit: LocalAudit::default(),
        ..Settings::default()
    }
}

fn approvals(table: Section<'_>, server: &mut ServerSettings) -> Option<ApprovalRules> {
    let rules = read::approvals(&table);
    if let Some(expires) = read::span(&table, "expires") {
        server.approval_expires = expires;
    }
    if let Some(most) = table.number("max_waiting", 1..=10_000) {
        server.max_waiting = most;
    }
    server.require_signature = table.flag("require_signature").unwrap_or(false);
    table.end();
    rules
}

fn audit(table: Section<'_>, server: &ServerSettings) -> AuditSettings {
    let path = read::file(&table, "path");
    let connection = table.parsed::<PostgresUrl>("connection_string").map(|url| url.0);
    let has_connection = table.has("connection_string");
    let backend = match table.parsed("backend").unwrap_or(Backend::Jsonl) {
        Backend::Jsonl => AuditBackend::Jsonl,
        Backend::Sqlite => {
            AuditBackend::Sqlite { path: path.clone().unwrap_or_else(|| server.data.join("audit.db")) }
        }
        // Where the file has none it has to be in the variable, which is looked at later.
        Backend::Postgres => AuditBackend::Postgres { connection_string: connection.unwrap_or_default() },
    };
    if has_connection && !matches!(backend, AuditBackend::Postgres { .. }) {
        table.missing("connection_string", "this is for the backend postgres, and another one is set");
    }
    if table.has("path") && matches!(backend, AuditBackend::Postgres { .. }) {
        table.missing("path", "this is for the backends jsonl and sqlite, and another one is set");
    }
    let settings = AuditSettings {
        path: path.filter(|_| matches!(backend, AuditBackend::Jsonl)),
        backend,
        auto_migrate: table.flag("auto_migrate").unwrap_or(true),
        retention_days: table.number("retention_days", 1..=36_500),
    };
    table.end();
    settings
}

fn notifications(table: Section<'_>) -> NotificationSettings {
    let addresses = |key| {
        let found: Vec<WebAddress> = table.parsed_list(key).unwrap_or_default();
        found.into_iter().map(|address| address.0).collect()
    };
    let settings = NotificationSettings {
        webhooks: addresses("webhooks"),
        webhook_key: table.name("webhook_key"),
        slack: addresses("slack"),
        smtp: table.parsed::<SmtpUrl>("smtp").map(|url| url.0),
        mail_from: table.name("mail_from"),
        mail_to: table.names("mail_to"),
    };
    for (key, mail) in settings
        .mail_from
        .iter()
        .map(|mail| ("mail_from", mail))
        .chain(settings.mail_to.iter().map(|mail| ("mail_to", mail)))
    {
        if !mail.contains('@') || mail.chars().any(char::is_control) {
            table.missing(key, &format!("`{mail}` is no mail address"));
        }
    }
    table.end();
    settings
}

fn workload(table: Section<'_>) -> Vec<WorkloadIssuer> {
    let mut issuers = Vec::new();
    for issuer in table.sections("issuers") {
        let named = |key| {
            let name = issuer.name(key);
            if !issuer.has(key) {
                issuer.missing(key, "this is needed");
            }
            name
        };
        let (iss, audience, jwks) = (named("issuer"), named("audience"), named("jwks"));
        let jwks = jwks.filter(|jwks| {
            let is_sound = jwks.starts_with('/') || jwks.parse::<WebAddress>().is_ok();
            if !is_sound {
                issuer.missing("jwks", "an https address or the absolute path of a file is needed");
            }
            is_sound
        });
        let subjects = issuer.names("subjects");
        if subjects.is_empty() {
            issuer.missing("subjects", "this is needed: without it nobody is believed");
        }
        let groups = issuer.names("groups");
        if let (Some(iss), Some(audience), Some(jwks)) = (iss, audience, jwks) {
            issuers.push(WorkloadIssuer { issuer: iss, audience, jwks, subjects, groups });
        }
        issuer.end();
    }
    table.end();
    issuers
}

fn telemetry(table: Section<'_>) -> TelemetrySettings {
    let none = TelemetrySettings::default();
    let settings = TelemetrySettings {
        otlp_endpoint: collector(&table, "otlp_endpoint"),
        service_name: table.name("service_name").unwrap_or(none.service_name),
        trace_sample_rate: table
            .amount::<Share>("trace_sample_rate")
            .map_or(none.trace_sample_rate, |share| share.0),
    };
    table.end();
    settings
}

/// Reads the address of a collector of traces, which may speak gRPC.
fn collector(table: &Section<'_>, key: &'static str) -> Option<String> {
    let text = table.text(key)?;
    let host = ["https://", "http://", "grpc://"].iter().find_map(|scheme| text.value.strip_prefix(scheme));
    let is_sound = |host: &str| {
        !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@')
    };
    if text.value.len() <= 2_048 && host.is_some_and(is_sound) {
        return Some(text.value);
    }
    table.fault(
        &text.key,
        text.line,
        "an address is needed, as in http://localhost:4318 or grpc://localhost:4317",
    )
}

/// Refuses what is known and not built in yet, where somebody turns it on; what it would be set to is not looked at.
fn not_yet(root: &Section<'_>) {
    let table = root.section("session_store");
    if table.is_there() {
        table.missing("backend", SHARED_SESSIONS);
    }
    let table = root.section("leader_election");
    if table.is_there() && table.flag("enabled").unwrap_or(true) {
        table.missing(if table.has("enabled") { "enabled" } else { "backend" }, LEADER);
    }
}

/// Where to listen.
struct Listen(SocketAddr);

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self)
            .map_err(|_| "an address with its port is needed, as in 127.0.0.1:8080 or [::1]:8080")
    }
}

/// Where events are searched.
enum Backend {
    Jsonl,
    Sqlite,
    Postgres,
}

impl FromStr for Backend {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "jsonl" => Ok(Self::Jsonl),
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            _ => Err("jsonl, sqlite or postgres is needed"),
        }
    }
}

/// A part of a whole, from 0 to 1.
struct Share(f64);

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let share = text.parse().ok().filter(|share: &f64| (0.0..=1.0).contains(share));
        share.map(Self).ok_or("a number from 0 to 1 is needed")
    }
}
