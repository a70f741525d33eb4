//! `[role_mapping]`: who gets which role.

use super::{name_like, role_arn, rules};
use crate::config::document::Section;
use audex_core::roles::{RoleMap, RoleRule, Subject};
use audex_policy::{Ceiling, Provider};
use std::collections::BTreeMap;

pub(in crate::config) fn roles(table: Section<'_>) -> RoleMap {
    let is_enabled = table.flag("enabled").unwrap_or(false);
    let mut mapped = Vec::new();
    let sections = table.sections("rules");
    let has_rules = !sections.is_empty();
    for (index, rule) in sections.into_iter().enumerate() {
        let (email, group) = (email(&rule), rule.name("group"));
        let targets = [
            (Provider::Aws, role_arn(&rule, "aws_role_arn")),
            (Provider::Gcp, service_account(&rule)),
            (Provider::Azure, object_id(&rule)),
        ];
        let targets: BTreeMap<Provider, String> =
            targets.into_iter().filter_map(|(provider, target)| Some((provider, target?))).collect();
        let name = email.as_deref().or(group.as_deref()).unwrap_or("").to_owned();
        let ceiling =
            rules(&rule, "allow").map(|rules| Ceiling { name: format!("role mapping of {name}"), rules });
        let is_mapped =
            ["aws_role_arn", "gcp_service_account", "azure_object_id"].iter().any(|key| rule.has(key));
        if !is_mapped {
            rule.missing(
                "",
                &format!(
                    "rule {} maps to nothing (write aws_role_arn, gcp_service_account or azure_object_id)",
                    index + 1
                ),
            );
        }
        let subject = match (email, group) {
            (Some(email), None) => Some(Subject::Email(email)),
            (None, Some(group)) => Some(Subject::Group(group)),
            // What is wrong with it is said already.
            (None, None) if rule.has("user_email") => None,
            _ => {
                rule.missing("user_email", "this or group is needed, and not both");
                None
            }
        };
        mapped.extend(subject.map(|subject| RoleRule { subject, targets, ceiling }));
        rule.end();
    }
    if is_enabled && !has_rules {
        table.missing("rules", "this is needed: without rules nobody gets a role");
    } else if !mapped.is_empty() && !table.has("enabled") {
        table.missing("enabled", "this is needed: true, or the rules are none; false turns them off");
    }
    table.end();
    RoleMap { is_enabled, rules: mapped }
}

/// Reads an address in the form that those of people are kept in: a rule is about its person however it is written.
fn email(rule: &Section<'_>) -> Option<String> {
    let text = rule.text("user_email")?;
    match Subject::email(&text.value) {
        Ok(Subject::Email(email)) if email.contains('@') => Some(email),
        _ => rule.fault(&text.key, text.line, "this is no e-mail address (write it as in alice@example.com)"),
    }
}

fn service_account(rule: &Section<'_>) -> Option<String> {
    let is_account = |text: &str| {
        text.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'))
    };
    name_like(
        rule,
        "gcp_service_account",
        is_account,
        "this is no service account (write its e-mail address)",
    )
}

fn object_id(rule: &Section<'_>) -> Option<String> {
    let is_id = |text: &str| {
        let lengths = text.split('-').map(str::len);
        lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
    };
    let message = "this is no object id (write it as in 12345678-1234-1234-1234-123456789012)";
    name_like(rule, "azure_object_id", is_id, message)
}
