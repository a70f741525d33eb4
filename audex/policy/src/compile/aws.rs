//! AWS: the inline session policy of `AssumeRole`, which leaves the role's permissions that it also allows.

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde_json::json;

use super::{Refusal, RefusalReason, check, grouped};
use crate::{Grant, Permission, PermissionSet, Provider, glob::EFFORT, permission::overlap};

/// How many characters the inline policy and the managed policies' ARNs may have together.
pub const MAX_POLICY: usize = 2_048;

/// How many managed policies may go with it.
pub const MAX_MANAGED: usize = 10;

/// How many networks a session may be bound to.
pub const MAX_NETWORKS: usize = 64;

/// Holds the session policy of a grant.
///
/// ```
/// use audex_policy::{Provider, Request, Rules, compile::aws, narrow};
///
/// let request = Request::parse(Provider::Aws, "s3:GetObject,s3:ListBucket", &[])?;
/// let grant = narrow(&request, &[], &Rules::default()).unwrap().grant;
/// let policy = aws::session_policy(&grant).unwrap();
/// assert_eq!(
///     policy.document,
///     r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"*"}]}"#
/// );
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPolicy {
    /// The JSON document, without blanks.
    pub document: String,
    /// Denials that had to be left out for want of room. They touch nothing that the document allows.
    pub left_out: PermissionSet,
}

impl SessionPolicy {
    /// Checks the limits that hold for the document together with managed policies of an account.
    ///
    /// # Errors
    ///
    /// Returns which limit is not met.
    pub fn check_managed(&self, arns: &[String], account: &str) -> Result<(), Refusal> {
        if arns.len() > MAX_MANAGED {
            let reason = RefusalReason::TooLarge {
                what: "number of managed policies",
                size: arns.len(),
                limit: MAX_MANAGED,
            };
            return Err(Refusal::new(reason, ["put several managed policies into one"]));
        }
        if let Some(arn) = arns.iter().find(|arn| !is_managed_of(arn, account)) {
            let why = format!("`{arn}` is no managed policy of AWS or of account {account}");
            return Err(Refusal::inexpressible(why, ["name policies of the account that the role is in"]));
        }
        let size = length(&self.document) + arns.iter().map(|arn| length(arn)).sum::<usize>();
        if size > MAX_POLICY {
            let reason =
                RefusalReason::TooLarge { what: "policy with its managed ARNs", size, limit: MAX_POLICY };
            return Err(Refusal::new(reason, ["name fewer managed policies"]));
        }
        Ok(())
    }
}

/// Checks the `PackedPolicySize` that STS answers.
///
/// It is how much of a binary limit the policies and tags take, in percent, and cannot be computed beforehand.
///
/// # Errors
///
/// Returns a refusal above 100.
pub fn check_packed(percent: u32) -> Result<(), Refusal> {
    if percent <= 100 {
        return Ok(());
    }
    let size = usize::try_from(percent).unwrap_or(usize::MAX);
    let reason = RefusalReason::TooLarge { what: "packed size in percent", size, limit: 100 };
    Err(Refusal::new(reason, ["ask for less in one session, or use fewer session tags"]))
}

/// Compiles a grant: what is allowed, grouped by resources, and the denials.
///
/// Denials that touch nothing allowed are still written, because a policy of the resource itself could allow them to the
/// session; where they do not fit they are left out and named.
///
/// # Errors
///
/// Returns a refusal when nothing is granted, when a wildcard leaves the service open, or when it does not fit.
pub fn session_policy(grant: &Grant) -> Result<SessionPolicy, Refusal> {
    session_policy_within(grant, &[])
}

/// Compiles a grant that holds only for requests from some networks; from anywhere, where none is named.
///
/// What comes from elsewhere is denied, whatever allows it: also what AWS services do for the session from addresses of
/// their own, and what comes without an address, as through a VPC endpoint. The denial is never left out.
///
/// ```
/// use audex_policy::{Provider, Request, Rules, compile::aws, narrow};
///
/// let request = Request::parse(Provider::Aws, "s3:GetObject", &[])?;
/// let grant = narrow(&request, &[], &Rules::default()).unwrap().grant;
/// let policy = aws::session_policy_within(&grant, &["192.0.2.7/24".parse().unwrap()]).unwrap();
/// assert!(policy.document.ends_with(
///     r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}]}"#
/// ));
/// # Ok::<(), audex_policy::Faults>(())
/// ```
///
/// # Errors
///
/// As [`session_policy`], and for more than [`MAX_NETWORKS`].
pub fn session_policy_within(grant: &Grant, sources: &[IpNet]) -> Result<SessionPolicy, Refusal> {
    check(grant, Provider::Aws)?;
    if sources.len() > MAX_NETWORKS {
        let reason =
            RefusalReason::TooLarge { what: "number of networks", size: sources.len(), limit: MAX_NETWORKS };
        return Err(Refusal::new(reason, ["name larger networks, and fewer"]));
    }
    let (all, needed) = denials(grant)?;
    let whole = document(grant.allow(), &all, sources)?;
    if length(&whole) <= MAX_POLICY {
        return Ok(SessionPolicy { document: whole, left_out: PermissionSet::default() });
    }
    let document = document(grant.allow(), &needed, sources)?;
    let size = length(&document);
    if size > MAX_POLICY {
        return Err(too_large(grant, &needed, sources, size));
    }
    let left_out =
        PermissionSet::new(all.iter().filter(|deny| !needed.iter().any(|one| one == *deny)).cloned());
    Ok(SessionPolicy { document, left_out })
}

/// Returns the denials as a policy can say them: all of them, and those that touch what is allowed.
fn denials(grant: &Grant) -> Result<(PermissionSet, PermissionSet), Refusal> {
    if let Some(open) = grant.allow().iter().find(|one| has_open_service(one)) {
        let why = format!("`{open}` leaves the service open, and a policy has to name it");
        return Err(Refusal::inexpressible(why, ["name each service, as in s3:Delete*"]));
    }
    let (own, open): (Vec<_>, Vec<_>) =
        grant.deny().iter().cloned().partition(|deny| !has_open_service(deny));
    // A denial for every service is written for those that are granted.
    let (mut closed, mut left) = (Vec::new(), EFFORT);
    for deny in &open {
        for allow in grant.allow() {
            let overlaps = overlap(allow, deny, &mut left)
                .map_err(|error| Refusal::inexpressible(error.to_string(), ["use fewer wildcards"]))?;
            closed.extend(overlaps);
        }
    }
    if let Some(open) = closed.iter().find(|one| has_open_service(one)) {
        let why = format!("`{open}` is denied whatever the service, and a policy has to name the service");
        return Err(Refusal::inexpressible(why, ["ask for services by name"]));
    }
    let all = PermissionSet::new(own.iter().chain(&closed).cloned());
    let is_needed = |deny: &&Permission| grant.allow().iter().any(|allow| allow.meets(deny));
    let needed = PermissionSet::new(all.iter().filter(is_needed).cloned());
    Ok((all, needed))
}

fn has_open_service(permission: &Permission) -> bool {
    permission.action.service().is_none() && !permission.action.is_any()
}

fn document(allow: &PermissionSet, deny: &PermissionSet, sources: &[IpNet]) -> Result<String, Refusal> {
    let statements: Vec<String> =
        statements("Allow", allow).chain(statements("Deny", deny)).chain(elsewhere(sources)).collect();
    let text = format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}", statements.join(","));
    // What STS accepts. Patterns have no control characters.
    match text.chars().find(|&c| c > '\u{FF}') {
        Some(c) => Err(Refusal::new(RefusalReason::BadCharacter(c), ["use ? in place of the character"])),
        None => Ok(text),
    }
}

/// Writes one statement for all actions that are on the same resources, its keys in the usual order.
fn statements(effect: &str, set: &PermissionSet) -> impl Iterator<Item = String> {
    grouped(set).into_iter().map(move |(resources, actions)| {
        let resource = one_or_several(&resources);
        format!("{{\"Effect\":\"{effect}\",\"Action\":{},\"Resource\":{resource}}}", json!(actions))
    })
}

/// Writes the statement that denies everything from other networks.
fn elsewhere(sources: &[IpNet]) -> Option<String> {
    let networks: BTreeSet<IpNet> = sources.iter().map(IpNet::trunc).collect();
    let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
    let condition = json!({ "NotIpAddress": { "aws:SourceIp": one_or_several(&networks) } });
    let statement =
        || format!("{{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{condition}}}");
    (!networks.is_empty()).then(statement)
}

fn one_or_several(texts: &[String]) -> serde_json::Value {
    match texts {
        [one] => json!(one),
        several => json!(several),
    }
}

fn too_large(grant: &Grant, deny: &PermissionSet, sources: &[IpNet], size: usize) -> Refusal {
    let services: BTreeSet<String> = grant.allow().iter().filter_map(|one| one.action.service()).collect();
    let mut instead = vec!["ask for less in one session, and for the rest in another".to_owned()];
    if services.len() > 1 {
        let services = services.into_iter().collect::<Vec<_>>().join(", ");
        instead.push(format!("use one session for each service ({services})"));
    }
    if let Some(longest) = grant.allow().iter().max_by_key(|one| one.to_string().len()) {
        instead.push(format!("shorten the longest entry, {longest}"));
    }
    if !deny.is_empty() {
        instead.push(
            "ask for actions that the deny rules do not touch, so that those need no statement".to_owned(),
        );
    }
    if sources.len() > 1 {
        instead.push("name larger networks, and fewer".to_owned());
    }
    Refusal::new(RefusalReason::TooLarge { what: "policy", size, limit: MAX_POLICY }, instead)
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn is_managed_of(arn: &str, account: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "iam", "", owner, resource] => {
            partition.starts_with("aws")
                && (*owner == account || *owner == "aws")
                && resource.strip_prefix("policy/").is_some_and(|name| !name.is_empty())
                && !arn.contains(['*', '?'])
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
