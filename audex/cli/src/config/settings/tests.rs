use super::*;

const FULL: &str = r#"
provider = "aws"
default_ttl = "10m"
max_ttl = "1h"

[aws]
role_arn = "arn:aws:iam::123456789012:role/dev"
region = "eu-west-1"
endpoint_url = "http://127.0.0.1:4566"
external_id = "x-1"
web_identity_token_file = "/run/token"
revoker_role_arn = "arn:aws:iam::123456789012:role/revoker"
session_tags = false
source_identity = false

[local]
issuer = "https://issuer.example"
audience = "orders"

[policy]
deny = ["iam:*", "*:Delete*"]
boundary = ["s3:*"]
accept_unknown_actions = true

[approvals]
enabled = true
required_approvals = 2
approver_roles = ["security", "compliance"]
sensitive_actions = ["iam:*"]

[rate_limiting]
enabled = true
[[rate_limiting.rules]]
identity = "*"
max_requests = 100
window = "1h"
max_concurrent = 5

[role_mapping]
enabled = true
[[role_mapping.rules]]
user_email = "alice@example.com"
aws_role_arn = "arn:aws:iam::123456789012:role/DataEngineer"
gcp_service_account = "data-eng@project.example.com"
azure_object_id = "12345678-1234-1234-1234-123456789012"
allow = ["s3:*"]

[network]
allowed_cidrs = ["10.0.0.0/8", "2001:db8::/32"]

[budget]
limit_usd = 12.5
check_every = "1m"

[audit]
path = "/var/log/audex/audit.jsonl"
retention_days = 90

[profiles.base]
description = "what all have"
allow = ["s3:ListBucket"]
[profiles.reader]
extends = ["base"]
allow = ["s3:GetObject"]
resource = ["arn:aws:s3:::logs/*"]
ttl = "5m"
provider = "aws"
"#;

#[test]
fn addresses_are_the_same_however_they_are_written() {
    let parsed = |email: &str, identity: &str| {
        Settings::parse(&format!(
            "[role_mapping]\nenabled = true\n[[role_mapping.rules]]\nuser_email = \"{email}\"\n\
             aws_role_arn = \"arn:aws:iam::123456789012:role/A\"\n[rate_limiting]\nenabled = true\n\
             [[rate_limiting.rules]]\nidentity = \"{identity}\"\nmax_requests = 1\nwindow = \"1h\"\n"
        ))
    };
    for (identity, counted) in [
        ("Alice@Example.com", "alice@example.com"),
        ("team:DevOps", "team:DevOps"),
        ("https://Builds.example.com#repo:A@b", "https://Builds.example.com#repo:A@b"),
        ("*", "*"),
    ] {
        let settings = parsed("Alice@Example.COM", identity).unwrap();
        let who = audex_core::Requester::Principal { email: "alice@example.com".to_owned(), groups: vec![] };
        assert!(settings.roles.target(&who, Provider::Aws, None, None).is_ok(), "{:?}", settings.roles);
        assert_eq!(settings.rates[0].identity, counted);
    }
    let faults = parsed("alice", "*").unwrap_err();
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.len() == 1 && faults[0].contains("user_email"), "{faults:?}");
    assert!(faults[0].contains("no e-mail address"), "{faults:?}");
}

#[test]
fn every_key_is_read() {
    let settings = Settings::parse(FULL).unwrap();
    assert_eq!(settings.provider, Some(Provider::Aws));
    assert_eq!((settings.default_ttl.seconds(), settings.max_ttl.seconds()), (600, 3_600));
    assert_eq!(settings.aws.role_arn.as_deref(), Some("arn:aws:iam::123456789012:role/dev"));
    assert_eq!(settings.aws.web_identity_token_file.as_deref(), Some(std::path::Path::new("/run/token")));
    assert!(!settings.aws.session_tags && !settings.aws.source_identity);
    assert_eq!(settings.local.audience, "orders");
    assert_eq!(settings.policy.deny.texts().collect::<Vec<_>>(), ["iam:*", "*:Delete*"]);
    assert_eq!(settings.policy.boundary.unwrap().rules.texts().collect::<Vec<_>>(), ["s3:*"]);
    let approvals = settings.approvals.unwrap();
    assert_eq!((approvals.required, approvals.roles.len()), (2, 2));
    assert_eq!((settings.rates[0].max_requests, settings.rates[0].window.num_hours()), (100, 1));
    assert_eq!((settings.roles.rules[0].targets.len(), settings.allowed_cidrs.len()), (3, 2));
    assert_eq!(settings.budget.limit.unwrap().to_string(), "12.50");
    assert_eq!(settings.budget.check_every.as_secs(), 60);
    assert_eq!(settings.audit.retention_days, Some(90));
    assert_eq!(settings.profiles.get("reader").unwrap().extends, ["base"]);
    assert_eq!(settings.profile_defaults["reader"].ttl.unwrap().seconds(), 300);
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(Settings::parse("").unwrap(), Settings::default());
    assert_eq!(Settings::parse("max_ttl = \"5m\"").unwrap().default_ttl.seconds(), 300);
}

#[test]
fn each_fault_has_its_line_and_a_hint() {
    for (text, expected) in [
        ("provder = \"aws\"", "line 1: provder: there is no such key (did you mean provider?)"),
        ("\n[aws]\nregoin = \"x\"", "line 3: aws.regoin: there is no such key (did you mean region?)"),
        ("[network]\nzzzzzz = 1", "line 2: network.zzzzzz: there is no such key (known here: allowed_cidrs)"),
        (
            "provider = \"alibaba\"",
            "line 1: provider: no such provider (one of aws, gcp, azure, vault, local)",
        ),
        ("default_ttl = 15", "line 1: default_ttl: this is an integer, and a text in quotes is needed"),
        (
            "max_ttl = \"1h\"\ndefault_ttl = \"2h\"",
            "line 2: default_ttl: this is longer than max_ttl, which is 1h",
        ),
        (
            "[policy]\ndeny = [\n  \"iam:*\",\n  \"s3:GetObjct\",\n]",
            "line 4: policy.deny[1]: `s3:GetObjct` names an action that aws does not have (did you mean s3:GetObject?)",
        ),
        (
            "[network]\nallowed_cidrs = [\"10.0.0.0/99\"]",
            "line 2: network.allowed_cidrs[0]: `10.0.0.0/99`: invalid IP address syntax",
        ),
        (
            "[[rate_limiting.rules]]\nidentity = \"*\"\nwindow = \"1h\"",
            "line 2: rate_limiting.rules[0].max_requests: this is needed",
        ),
        (
            "[profiles.a]\nextends = [\"bse\"]\n[profiles.base]\nallow = [\"s3:ListBucket\"]",
            "line 1: profiles.a: `bse` is no profile (did you mean base?)",
        ),
        ("[profiles]\na = 1", "line 2: profiles.a: this is an integer, and a table is needed"),
        (
            "[audit]\npath = \"~/x\"",
            "line 2: audit.path: an absolute path is needed, as in /var/log/audex (~ and variables are not replaced)",
        ),
        ("rate_limiting = 1", "line 1: rate_limiting: this is an integer, and a table is needed"),
        (
            "[rate_limiting]\nrules = [1]",
            "line 2: rate_limiting.rules: this is an array, and tables, each begun with [[rate_limiting.rules]] is needed",
        ),
        (
            "[local]\nissuer = \"ftp://x\"",
            "line 2: local.issuer: an issuer is https; plain http is for localhost, 127.0.0.0/8 and [::1] only",
        ),
        (
            "[approvals]\nenabled = true",
            "line 2: approvals.approver_roles: this is needed: without it nobody may approve anything",
        ),
        (
            "[budget]\nlimit_usd = \"free\"",
            "line 2: budget.limit_usd: an amount is dollars with at most two decimals, as in 5 or 12.50, up to 10000000",
        ),
        (
            "[budget]\nlimit_usd = 0",
            "line 2: budget.limit_usd: a limit of 0 is none that a session could keep: the least is 0.01",
        ),
        (
            "[[rate_limiting.rules]]\nidentity = \"*\"\nwindow = \"1h\"\nmax_requests = 100_001",
            "line 4: rate_limiting.rules[0].max_requests: a number from 1 to 100000 is needed",
        ),
    ] {
        let faults = Settings::parse(text).unwrap_err();
        let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(shown, [expected], "{text}");
    }
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_their_lines() {
    let faults =
        Settings::parse("ttl = 1\nmax_ttl = \"1\"\n[aws]\nrole_arn = \"admin\"\nsession_tags = \"yes\"\n")
            .unwrap_err();
    assert_eq!(
        faults.iter().map(|fault| fault.line).collect::<Vec<_>>(),
        [Some(1), Some(2), Some(4), Some(5)]
    );
}

#[test]
fn broken_syntax_is_told_with_its_line_and_nothing_else() {
    let faults = Settings::parse("provider = \"aws\"\n[aws\nx = = 1\n").unwrap_err();
    assert!(faults.iter().all(|fault| fault.message.starts_with("this is not TOML: ")), "{faults:?}");
    assert_eq!(faults[0].line, Some(2));
}

#[test]
fn no_text_panics() {
    for at in 0..FULL.len() {
        let Some(head) = FULL.get(..at) else { continue };
        let _ = Settings::parse(head);
        let _ = Settings::parse(&format!("{head}\u{1b}\u{0}\"{}", &FULL[at..]));
    }
}

#[test]
fn roles_and_limits_that_would_do_nothing_are_told() {
    let faults = |text: &str| {
        let faults = Settings::parse(text).unwrap_err();
        faults.iter().map(|fault| fault.key.clone()).collect::<Vec<_>>()
    };
    let rule = "[role_mapping]\nenabled = true\n[[role_mapping.rules]]\ngroup = \"ops\"\n";
    for (wrong, key) in [
        ("aws_role_arn = \"nope\"", "aws_role_arn"),
        ("gcp_service_account = \"x\"", "gcp_service_account"),
        ("azure_object_id = \"y\"", "azure_object_id"),
    ] {
        assert_eq!(faults(&format!("{rule}{wrong}")), [format!("role_mapping.rules[0].{key}")], "{wrong}");
    }
    let limit = "[[rate_limiting.rules]]\nidentity = \"ops\"\nmax_requests = 3\nwindow = \"1h\"\n";
    for (text, key) in [
        ("[role_mapping]\nenabled = true", "role_mapping.rules"),
        ("[rate_limiting]\nenabled = true", "rate_limiting.rules"),
        (limit, "rate_limiting.enabled"),
        (
            "[[role_mapping.rules]]\ngroup = \"ops\"\naws_role_arn = \"arn:aws:iam::1:role/a\"",
            "role_mapping.enabled",
        ),
    ] {
        assert_eq!(faults(text), [key], "{text}");
    }
}
