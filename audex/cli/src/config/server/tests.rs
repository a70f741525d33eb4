use super::*;
use audex_core::approval::ApprovalRules;
use audex_policy::Provider;
use std::time::Duration;

/// Every key there is.
const FULL: &str = r#"
[server]
listen = "0.0.0.0:8080"
public_url = "https://audex.example.com"
max_ttl = "2h"
default_ttl = "10m"
data = "/var/lib/audex"
metrics_port = 9090
trusted_proxies = ["10.0.0.0/8"]
max_connections = 100
max_connections_per_address = 10
drain = "5s"
issuer_listen = "127.0.0.1:7425"

[audit]
backend = "postgres"
connection_string = "postgresql://user:pass@localhost/audex"
auto_migrate = false
retention_days = 90

[database]
url = "postgresql://user:pass@localhost/audex"

[credentials]
store = "file"

[authorization]
policies = "/etc/audex/policies"

[approvals]
enabled = true
required_approvals = 2
approver_roles = ["security", "compliance"]
sensitive_actions = ["iam:*", "*:Delete*"]
expires = "4h"
max_waiting = 7
require_signature = true

[rate_limiting]
enabled = true
[[rate_limiting.rules]]
identity = "team:data-engineering"
max_requests = 100
window = "1h"
max_concurrent = 5

[role_mapping]
enabled = true
[[role_mapping.rules]]
user_email = "alice@example.com"
aws_role_arn = "arn:aws:iam::123456789012:role/DataEngineer"
gcp_service_account = "data-eng@project.iam.example.com"
azure_object_id = "12345678-1234-1234-1234-123456789012"
[[role_mapping.rules]]
group = "team:devops"
aws_role_arn = "arn:aws:iam::123456789012:role/DevOpsTeam"
allow = ["s3:*"]

[telemetry]
otlp_endpoint = "http://localhost:4317"
service_name = "audex"
trace_sample_rate = 0.5

[notifications]
webhooks = ["https://hooks.example.com/audex"]
webhook_key = "k"
slack = ["https://hooks.slack.example/services/x"]
smtp = "smtp://user:password@mail.example.com:587"
mail_from = "audex@example.com"
mail_to = ["security@example.com"]

[[workload.issuers]]
issuer = "https://token.actions.example.com"
audience = "audex"
jwks = "https://token.actions.example.com/jwks"
subjects = ["repo:example/*"]
groups = ["team:ci"]

[aws]
region = "eu-west-1"

[local]
audience = "orders"

[policy]
deny = ["iam:*"]
boundary = ["s3:*"]

[network]
allowed_cidrs = ["10.0.0.0/8"]

[sso]
enabled = false
type = "saml"
entity_id = "https://audex.example.com"

[leader_election]
enabled = false
backend = "redis"
"#;

fn parsed(text: &str) -> Result<ServerSettings, Vec<ConfigFault>> {
    ServerConfig::parse(text, Path::new("/d")).map(|(server, ..)| server)
}

fn faults(text: &str) -> Vec<String> {
    parsed(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn every_key_arrives() {
    let (server, broker, issuer_listen) = ServerConfig::parse(FULL, Path::new("/d")).unwrap();
    assert_eq!((server.listen.to_string().as_str(), server.metrics_port), ("0.0.0.0:8080", Some(9_090)));
    assert_eq!(server.public_url, "https://audex.example.com");
    assert_eq!(server.data, Path::new("/var/lib/audex"));
    assert_eq!(server.limits.max_connections, 100);
    assert_eq!(server.limits.max_connections_per_address, Some(10));
    assert_eq!(server.limits.drain, Duration::from_secs(5));
    assert_eq!(issuer_listen, Some("127.0.0.1:7425".parse().unwrap()));
    assert_eq!(server.database_url(), "postgresql://user:pass@localhost/audex");
    assert!(
        matches!(&server.audit.backend, AuditBackend::Postgres { connection_string } if connection_string.contains("user:pass"))
    );
    assert_eq!((server.audit.auto_migrate, server.audit.retention_days), (false, Some(90)));
    let rules = &server.rules;
    assert_eq!(
        (rules.default_ttl.to_string(), rules.max_ttl.to_string()),
        ("10m".to_owned(), "2h".to_owned())
    );
    let ApprovalRules { required, roles, sensitive } = rules.approval.clone().unwrap();
    assert_eq!((required, roles.len(), sensitive.texts().count()), (2, 2, 2));
    assert_eq!((server.approval_expires, server.require_signature), (Duration::from_secs(4 * 3_600), true));
    assert_eq!(server.max_waiting, 7);
    assert_eq!(rules.rates[0].identity, "team:data-engineering");
    assert_eq!(rules.roles.rules[0].targets[&Provider::Gcp], "data-eng@project.iam.example.com");
    assert!(rules.roles.is_enabled && rules.roles.rules[1].ceiling.is_some());
    assert_eq!((rules.sources.len(), rules.denies.texts().count()), (1, 1));
    assert!(rules.boundary.is_some());
    assert_eq!(server.telemetry.otlp_endpoint.as_deref(), Some("http://localhost:4317"));
    assert_eq!(server.telemetry.trace_sample_rate, 0.5);
    let notifications = &server.notifications;
    assert_eq!(
        (notifications.webhooks.len(), notifications.slack.len(), notifications.mail_to.len()),
        (1, 1, 1)
    );
    assert_eq!(server.workload_issuers[0].groups, ["team:ci"]);
    assert_eq!((broker.aws.region.as_deref(), broker.local.audience.as_str()), (Some("eu-west-1"), "orders"));
    assert_eq!(server.policies.as_deref(), Some(Path::new("/etc/audex/policies")));
    assert_eq!(server.trusted_proxies.len(), 1);
}

#[test]
fn nothing_said_is_the_defaults() {
    let server = parsed("").unwrap();
    let none = ServerSettings::new("/d");
    assert_eq!((server.listen, server.public_url, server.data), (none.listen, none.public_url, none.data));
    assert_eq!((server.rules, server.audit), (none.rules, none.audit));
    assert_eq!((server.limits, server.telemetry), (none.limits, none.telemetry));
}

#[test]
fn every_fault_is_named_at_once_with_line_and_suggestion() {
    let text = "[server]\nlisten = \"8080\"\npublic_url = \"http://audex.example.com\"\nmax_tll = \"1h\"\nmetrics_port = 0\n\
                [audit]\nbackend = \"mysql\"\n[credentials]\nstore = \"vault\"\n[telemetry]\ntrace_sample_rate = 1.5\n[servr]\n";
    let faults = faults(text);
    for expected in [
        "line 2: server.listen: an address with its port is needed",
        "line 3: server.public_url: http is for a server on this machine alone",
        "line 4: server.max_tll: there is no such key (did you mean max_ttl?)",
        "line 5: server.metrics_port: a number from 1 to 65535 is needed",
        "line 7: audit.backend: jsonl, sqlite or postgres is needed",
        "line 9: credentials.store: keys in a Vault are not built in yet",
        "line 11: telemetry.trace_sample_rate: a number from 0 to 1 is needed",
        "line 12: servr: there is no such key (did you mean server?)",
    ] {
        assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected}: {faults:#?}");
    }
    assert_eq!(faults.len(), 8, "{faults:#?}");
}

#[test]
fn what_is_not_built_in_yet_says_so_where_it_is_turned_on() {
    for (text, key) in [
        (
            "[session_store]\nbackend = \"redis\"\nurl = \"redis://localhost:6379\"",
            "line 2: session_store.backend: ",
        ),
        ("[leader_election]\nenabled = true\nbackend = \"redis\"", "line 2: leader_election.enabled: "),
        ("[leader_election]\nbackend = \"etcd\"", "line 2: leader_election.backend: "),
    ] {
        let faults = faults(text);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with(key) && faults[0].contains("not built in yet"), "{faults:?}");
    }
}

#[test]
fn an_audit_database_needs_its_address_and_a_sqlite_one_has_its_own() {
    assert!(
        matches!(parsed("[audit]\nbackend = \"sqlite\"").unwrap().audit.backend, AuditBackend::Sqlite { path } if path == Path::new("/d/audit.db"))
    );
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("c.toml");
    std::fs::write(&file, "[audit]\nbackend = \"postgres\"\n").unwrap();
    let home = home.path().to_str().unwrap();
    let load = |vars: &[(&str, &str)]| {
        let vars = vars.iter().copied().chain([("HOME", home)]);
        ServerConfig::load(&Surroundings::with_vars(vars), Some(&file))
    };
    let ConfigError::Faults { faults, .. } = load(&[("AUDEX_TTL", "soon")]).unwrap_err() else {
        panic!("no faults")
    };
    let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["AUDEX_TTL", "audit.connection_string"]);
    let config = load(&[("AUDEX_AUDIT_CONNECTION_STRING", "postgresql://u:p@db/audex")]).unwrap();
    assert!(matches!(config.server.audit.backend, AuditBackend::Postgres { .. }));
}

#[test]
fn single_sign_on_is_read_as_it_is_written() {
    let text = r#"
[server]
public_url = "https://audex.company.com"

[sso]
enabled = true
type = "oidc"
provider_url = "https://auth.company.com"
client_id = "audex-client-id"
client_secret = "audex-client-secret"
redirect_uri = "https://audex.company.com/oidc/callback"
scopes = ["openid", "profile", "email"]
email_domains = ["Company.com"]
local_login = false

[[sso.groups]]
name = "sec"
roles = ["security"]
"#;
    let without_address = text.replace("public_url = \"https://audex.company.com\"", "");
    assert_eq!(parsed(&without_address).unwrap().public_url, "https://audex.company.com");
    let sso = parsed(text).unwrap().sso.unwrap();
    let SsoProtocol::Oidc(oidc) = &sso.protocol else { panic!("{sso:?}") };
    assert_eq!(
        (oidc.client_id.as_str(), oidc.client_secret.as_deref()),
        ("audex-client-id", Some("audex-client-secret"))
    );
    assert_eq!((sso.email_domains.as_slice(), sso.local_login), (&["company.com".to_owned()][..], false));
    assert_eq!(sso.groups[0].roles, ["security"]);
    assert!(parsed(&text.replace("enabled = true", "enabled = false")).unwrap().sso.is_none());
    assert!(parsed(&text.replace("enabled = true", "")).unwrap().sso.is_none());
    // Every fault at once.
    let faults =
        parsed("[sso]\nenabled = true\ntype = \"saml\"\nclient_id = \"x\"\n[[sso.groups]]\n").unwrap_err();
    let all: String = faults.iter().map(|fault| format!("{fault}\n")).collect();
    for key in
        ["entity_id", "idp_sso_url", "idp_cert_path", "assertion_consumer_service_url", "client_id", "groups"]
    {
        assert!(all.contains(&format!("sso.{key}")), "{key}: {all}");
    }
}
