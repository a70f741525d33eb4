//! From the tables of a document to settings.

mod mapping;

pub(super) use mapping::roles;

use super::{
    document::{Found, Section},
    settings::{
        AuditSettings, AwsSettings, BudgetSettings, LocalSettings, PolicySettings, ProfileDefaults, Settings,
    },
};
use crate::key_store::KeyStore;
use audex_core::{
    Ttl,
    approval::ApprovalRules,
    budget::{Dollars, ParseDollarsError},
    rate::RateRule,
    roles::Subject,
};
use audex_policy::{Ceiling, ProfileConfig, Profiles, Provider, Rules};
use chrono::TimeDelta;
use std::{collections::BTreeMap, path::PathBuf, str::FromStr, time::Duration};

/// The longest span that can be configured: 31 days.
const MAX_SPAN: u64 = 31 * 24 * 3_600;

pub(super) fn settings(root: Section<'_>) -> Settings {
    let none = Settings::default();
    let (default_ttl, max_ttl) = (root.parsed("default_ttl"), root.parsed("max_ttl"));
    let (profiles, profile_defaults) = profiles(&root);
    let settings = Settings {
        provider: root.parsed("provider"),
        server: root.parsed("server"),
        max_ttl: max_ttl.unwrap_or(none.max_ttl),
        // Who lowers the limit alone does not ask for more than it.
        default_ttl: default_ttl.unwrap_or(none.default_ttl.min(max_ttl.unwrap_or(none.max_ttl))),
        aws: aws(root.section("aws"), none.aws),
        local: local(root.section("local"), none.local),
        policy: policy(root.section("policy")),
        approvals: {
            let table = root.section("approvals");
            let rules = approvals(&table);
            table.end();
            rules
        },
        rates: rates(root.section("rate_limiting")),
        roles: roles(root.section("role_mapping")),
        allowed_cidrs: networks(root.section("network")),
        budget: budget(root.section("budget"), none.budget),
        audit: audit(root.section("audit")),
        key_store: key_store(root.section("credentials")),
        profiles,
        profile_defaults,
    };
    if settings.default_ttl > settings.max_ttl {
        root.missing("default_ttl", &format!("this is longer than max_ttl, which is {}", settings.max_ttl));
    }
    root.end();
    settings
}

pub(super) fn aws(table: Section<'_>, none: AwsSettings) -> AwsSettings {
    let arn = |key| role_arn(&table, key);
    let settings = AwsSettings {
        role_arn: arn("role_arn"),
        region: table.name("region"),
        endpoint_url: address(&table, "endpoint_url"),
        external_id: table.name("external_id"),
        web_identity_token_file: file(&table, "web_identity_token_file"),
        profile: table.name("profile"),
        revoker_role_arn: arn("revoker_role_arn"),
        session_tags: table.flag("session_tags").unwrap_or(none.session_tags),
        source_identity: table.flag("source_identity").unwrap_or(none.source_identity),
    };
    if settings.profile.is_some() && settings.web_identity_token_file.is_some() {
        table.missing("profile", "this and web_identity_token_file are two ways to ask; write one of them");
    }
    table.end();
    settings
}

fn role_arn(table: &Section<'_>, key: &'static str) -> Option<String> {
    let is_role = |text: &str| text.starts_with("arn:") && text.contains(":role/") && text.len() <= 2_048;
    let message = "this is no role (write its ARN, as in arn:aws:iam::123456789012:role/NAME)";
    name_like(table, key, is_role, message)
}

/// Reads a name of the form that a provider gives.
fn name_like(
    table: &Section<'_>,
    key: &'static str,
    is_right: impl Fn(&str) -> bool,
    message: &str,
) -> Option<String> {
    let text = table.text(key)?;
    if is_right(&text.value) { Some(text.value) } else { table.fault(&text.key, text.line, message) }
}

pub(super) fn local(table: Section<'_>, none: LocalSettings) -> LocalSettings {
    let settings = LocalSettings {
        issuer: table.parsed("issuer").unwrap_or(none.issuer),
        audience: table.name("audience").unwrap_or(none.audience),
        verifiers_introspect: table.flag("verifiers_introspect").unwrap_or(none.verifiers_introspect),
    };
    table.end();
    settings
}

fn policy(table: Section<'_>) -> PolicySettings {
    let settings = PolicySettings {
        deny: rules(&table, "deny").unwrap_or_default(),
        boundary: boundary(&table),
        accept_unknown_actions: table.flag("accept_unknown_actions").unwrap_or(false),
    };
    table.end();
    settings
}

/// Reads what everything has to be within.
pub(super) fn boundary(table: &Section<'_>) -> Option<Ceiling> {
    rules(table, "boundary").map(|rules| Ceiling { name: "policy.boundary".to_owned(), rules })
}

/// Reads the rules; whoever calls ends the table, which may have more.
pub(super) fn approvals(table: &Section<'_>) -> Option<ApprovalRules> {
    let is_enabled = table.flag("enabled").unwrap_or(false);
    let required = table.number("required_approvals", 1..=8).unwrap_or(1);
    let approvals = ApprovalRules {
        required: u8::try_from(required).unwrap_or(1),
        roles: table.names("approver_roles"),
        sensitive: rules(table, "sensitive_actions").unwrap_or_default(),
    };
    if is_enabled && approvals.roles.is_empty() {
        table.missing("approver_roles", "this is needed: without it nobody may approve anything");
    } else if is_enabled && required > 1 && approvals.roles.len() < usize::from(approvals.required) {
        let message = format!(
            "these are {} roles, and {required} people of different roles have to agree",
            approvals.roles.len()
        );
        table.missing("approver_roles", &message);
    }
    is_enabled.then_some(approvals)
}

pub(super) fn rates(table: Section<'_>) -> Vec<RateRule> {
    let is_enabled = table.flag("enabled").unwrap_or(false);
    let mut rules = Vec::new();
    for rule in table.sections("rules") {
        let (identity, requests) =
            (rule.name("identity").map(counted), rule.number("max_requests", 1..=RateRule::MAX_REQUESTS));
        let window = span(&rule, "window");
        let max_concurrent = rule.number("max_concurrent", 1..=100_000);
        for (key, is_there) in [
            ("identity", rule.has("identity")),
            ("max_requests", rule.has("max_requests")),
            ("window", rule.has("window")),
        ] {
            if !is_there {
                rule.missing(key, "this is needed");
            }
        }
        if let (Some(identity), Some(max_requests), Some(window)) = (identity, requests, window) {
            let window = TimeDelta::from_std(window).unwrap_or(TimeDelta::MAX);
            rules.push(RateRule { identity, max_requests, window, max_concurrent });
        }
        rule.end();
    }
    if is_enabled && rules.is_empty() {
        table.missing("rules", "this is needed: without rules nothing is limited");
    } else if !rules.is_empty() && !table.has("enabled") {
        table.missing("enabled", "this is needed: true, or the rules are none; false turns them off");
    }
    table.end();
    if is_enabled { rules } else { Vec::new() }
}

/// Returns the name that a rule counts: addresses in the form that those of people are kept in.
fn counted(name: String) -> String {
    match Subject::email(&name) {
        Ok(Subject::Email(email)) if email.contains('@') && !email.contains('#') => email,
        _ => name,
    }
}

pub(super) fn networks(table: Section<'_>) -> Vec<ipnet::IpNet> {
    let networks = table.parsed_list("allowed_cidrs").unwrap_or_default();
    table.end();
    networks
}

fn budget(table: Section<'_>, none: BudgetSettings) -> BudgetSettings {
    let check_every = span(&table, "check_every").unwrap_or(none.check_every);
    let settings = BudgetSettings { limit: table.amount("limit_usd").map(|Limit(limit)| limit), check_every };
    table.end();
    settings
}

fn audit(table: Section<'_>) -> AuditSettings {
    let settings = AuditSettings {
        path: file(&table, "path"),
        retention_days: table.number("retention_days", 1..=36_500),
    };
    table.end();
    settings
}

pub(super) fn key_store(table: Section<'_>) -> KeyStore {
    let store = table.parsed("store").unwrap_or_default();
    table.end();
    store
}

fn profiles(root: &Section<'_>) -> (Profiles, BTreeMap<String, ProfileDefaults>) {
    let table = root.section("profiles");
    let (mut configs, mut defaults) = (BTreeMap::new(), BTreeMap::new());
    for (name, profile) in table.named() {
        let text = profile.text("description");
        let config = ProfileConfig {
            description: text.map(|text| text.value),
            extends: profile.names("extends"),
            allow: profile.names("allow"),
            resource: profile.names("resource"),
        };
        let (ttl, provider) = (profile.parsed::<Ttl>("ttl"), profile.parsed::<Provider>("provider"));
        if config.extends.is_empty() && config.allow.is_empty() && profile.is_there() {
            profile.missing("allow", "this or extends is needed: the profile allows nothing");
        }
        profile.end();
        configs.insert(name.clone(), config);
        defaults.insert(name, ProfileDefaults { ttl, provider });
    }
    match Profiles::new(configs) {
        Ok(profiles) => (profiles, defaults),
        Err(faults) => {
            for fault in faults.list() {
                let audex_policy::Origin::Profile(name) = &fault.origin else { continue };
                let line = table.line_of(name).unwrap_or(1);
                let message = format!("`{}` {}", fault.text, fault.problem);
                table.hinted::<()>(&table.below(name), line, &message, fault.hint.clone());
            }
            (Profiles::default(), defaults)
        }
    }
}

/// Reads rules; each fault gets the line of its rule.
pub(super) fn rules(table: &Section<'_>, key: &'static str) -> Option<Rules> {
    let texts = table.list(key)?;
    let mut are_sound = true;
    for Found { key, line, value } in &texts {
        let Err(faults) = Rules::parse([value]) else { continue };
        are_sound = false;
        for fault in faults.list() {
            let message = format!("`{}` {}", fault.text, fault.problem);
            table.hinted::<()>(key, *line, &message, fault.hint.clone());
        }
    }
    let together = Rules::parse(are_sound.then_some(texts).into_iter().flatten().map(|text| text.value));
    together.map_err(|faults| table.missing(key, &faults.to_string())).ok()
}

/// Reads an absolute path.
pub(super) fn file(table: &Section<'_>, key: &'static str) -> Option<PathBuf> {
    let text = table.text(key)?;
    let path = PathBuf::from(&text.value);
    if path.is_absolute() && text.value.len() <= 4_096 {
        return Some(path);
    }
    table.fault(
        &text.key,
        text.line,
        "an absolute path is needed, as in /var/log/audex (~ and variables are not replaced)",
    )
}

/// Reads the address of a server.
pub(super) fn address(table: &Section<'_>, key: &'static str) -> Option<String> {
    let text = table.text(key)?;
    let host = text.value.strip_prefix("https://").or_else(|| text.value.strip_prefix("http://"));
    let is_sound = |host: &str| {
        !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@')
    };
    if text.value.len() <= 2_048 && host.is_some_and(is_sound) {
        return Some(text.value);
    }
    table.fault(&text.key, text.line, "an address is needed, as in https://sts.example")
}

pub(super) fn span(table: &Section<'_>, key: &'static str) -> Option<Duration> {
    table.parsed::<Span>(key).map(|span| span.0)
}

/// What may be spent.
struct Limit(Dollars);

impl FromStr for Limit {
    type Err = ParseDollarsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Dollars::parse_limit(text).map(Self)
    }
}

/// A span of whole seconds, minutes, hours or days.
struct Span(Duration);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = "a span is needed, as in 90s, 15m, 1h or 7d, from 1s to 31d";
        let unit = text.chars().next_back().ok_or(form)?;
        let weight = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(form),
        };
        let number: u64 = text.strip_suffix(unit).unwrap_or("").parse().map_err(|_| form)?;
        match number.checked_mul(weight) {
            Some(seconds @ 1..=MAX_SPAN) => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(form),
        }
    }
}
