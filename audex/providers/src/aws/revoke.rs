//! A session cannot be ended at AWS, but everything can be denied to it: by a policy that another role writes into the
//! role of the session.

use super::{
    AwsConfig, Inner,
    answer::policy_names,
    call::Call,
    endpoints::{RoleArn, Service},
    explain::{Attempt, Failure},
    mint::Assume,
    names,
    shape::LONGEST_CHAINED,
    source::BaseCredentials,
};
use audex_core::{Fate, ProviderError, ProviderFault, Revocation, RevokeOrder, session::SessionId};
use audex_policy::Rules;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::json;

/// The version of the query protocol of IAM.
const IAM_VERSION: &str = "2010-05-08";
/// How the names of our denials begin.
const PREFIX: &str = "audex-revoke-";
/// How the end of the session is written into the name.
const UNTIL: &str = "-until-";
const UNTIL_FORMAT: &str = "%Y%m%dT%H%M%SZ";
/// The most pages of names that are read.
const MAX_PAGES: usize = 20;

/// Denies everything to a session, and says what became of its credentials.
pub(super) async fn revoke(inner: &Inner, order: &RevokeOrder) -> Revocation {
    let fate = if order.expires_at <= inner.clock.now() {
        Fate::Dead
    } else {
        match deny(inner, order).await {
            Ok(by) if may_go_on(order) => Fate::AliveUntil {
                until: order.expires_at.max(inner.clock.now() + LONGEST_CHAINED),
                why: format!(
                    "{by} denies everything to this session, and not to sessions of other roles that it may have started \
                     with sts:AssumeRole"
                ),
            },
            Ok(by) => Fate::Denied { by },
            Err(why) => Fate::AliveUntil { until: order.expires_at, why },
        }
    };
    Revocation { fates: order.credential_ids.iter().map(|id| (id.clone(), fate.clone())).collect() }
}

/// Tells whether a session could start others, which are of other roles and have no denial.
fn may_go_on(order: &RevokeOrder) -> bool {
    let chaining = Rules::parse(["sts:AssumeRole*"]);
    // A rule that cannot be read would be a fault of ours: then it is not promised either.
    chaining.map_or(true, |chaining| chaining.met_by(order.grant.allow()).next().is_some())
}

/// Writes the denial and returns where, or why it could not be written and what would help.
async fn deny(inner: &Inner, order: &RevokeOrder) -> Result<String, String> {
    let target = order.target.as_deref().or(inner.config.role_arn.as_deref());
    let role = target.and_then(RoleArn::parse).ok_or("the role of the session is not known")?;
    if inner.config.revoker_role_arn.is_none() {
        let why = "STS has no way to end a session, and no revoker_role_arn is configured: a role that may call \
                   iam:PutRolePolicy on the session's role can deny everything to it";
        return Err(why.to_owned());
    }
    if role.resource.starts_with("aws-reserved/") {
        return Err(
            "the role is managed by IAM Identity Center, and nobody can add a policy to it".to_owned()
        );
    }
    let target = target.unwrap_or_default();
    let name = policy_name(order.session_id, order.expires_at);
    let work = async {
        let revoker = revoker(inner, target, &["iam:PutRolePolicy"]).await?;
        let document = document(order.session_id);
        let fields = [("RoleName", role.name()), ("PolicyName", &name), ("PolicyDocument", &document)];
        let what = format!("write a denial into {target}");
        iam(inner, "PutRolePolicy", &fields, &revoker, &what).await
    };
    match work.await {
        Ok(_) => Ok(format!("policy {name} of {target}")),
        Err(error) => Err(in_full(&error)),
    }
}

/// Deletes the denials of a role whose sessions have expired, and returns their names.
pub(super) async fn remove_expired(
    inner: &Inner,
    target: Option<&str>,
) -> Result<Vec<String>, ProviderError> {
    let rejected = |what: &str| ProviderError::new(ProviderFault::Rejected, what);
    let target = target.or(inner.config.role_arn.as_deref()).ok_or_else(|| rejected("no role is named"))?;
    let role = RoleArn::parse(target).ok_or_else(|| rejected("that is no ARN of a role"))?;
    if inner.config.revoker_role_arn.is_none() {
        return Err(rejected("no revoker_role_arn is configured, so no denials were written"));
    }
    let revoker = revoker(inner, target, &["iam:ListRolePolicies", "iam:DeleteRolePolicy"]).await?;
    let what = format!("list the policies of {target}");
    let now = inner.clock.now();
    let (mut expired, mut marker) = (Vec::new(), None::<String>);
    for _ in 0..MAX_PAGES {
        let mut fields = vec![("RoleName", role.name())];
        fields.extend(marker.as_deref().map(|marker| ("Marker", marker)));
        let body = iam(inner, "ListRolePolicies", &fields, &revoker, &what).await?;
        let attempt = Attempt { what: &what, ..Attempt::default() };
        let (names, next) = policy_names(&body).map_err(|bad| Failure::from(bad).explain(attempt))?;
        expired.extend(names.into_iter().filter(|name| end_of(name).is_some_and(|end| end <= now)));
        marker = next;
        if marker.is_none() {
            break;
        }
    }
    for name in &expired {
        let what = format!("delete {name} from {target}");
        iam(inner, "DeleteRolePolicy", &[("RoleName", role.name()), ("PolicyName", name)], &revoker, &what)
            .await?;
    }
    Ok(expired)
}

/// Becomes the revoker, who can do nothing but that to that role.
async fn revoker(inner: &Inner, target: &str, actions: &[&str]) -> Result<BaseCredentials, ProviderError> {
    let AwsConfig { revoker_role_arn, external_id, .. } = &inner.config;
    let role = revoker_role_arn.as_deref().unwrap_or_default();
    let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": target });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let base = inner.base().await?;
    let assumed = inner.assume(&Assume::own(role, external_id.as_deref(), Some(&policy)), &base).await?;
    super::mint::base_of(assumed)
}

async fn iam(
    inner: &Inner,
    action: &str,
    fields: &[(&str, &str)],
    revoker: &BaseCredentials,
    what: &str,
) -> Result<zeroize::Zeroizing<Vec<u8>>, ProviderError> {
    let mut all = vec![("Action", action), ("Version", IAM_VERSION)];
    all.extend(fields);
    let call = Call::query(inner.endpoint(Service::Iam)?, &all, Some(revoker));
    let attempt = Attempt { what, access_key_id: Some(revoker.access_key_id()), ..Attempt::default() };
    inner.wire.send(&call).await.map_err(|failure| failure.explain(attempt))
}

/// Denies everything to whatever carries the mark of a session: the source identity, the tag, and the name, which every session has.
fn document(session_id: SessionId) -> String {
    let prefix = names::prefix(session_id);
    let tag = format!("aws:PrincipalTag/{}", names::SESSION_TAG);
    let conditions = [
        json!({ "StringLike": { "aws:SourceIdentity": format!("{prefix}*") } }),
        json!({ "StringEquals": { tag: session_id.to_string() } }),
        json!({ "StringLike": { "aws:userid": format!("*:{prefix}*") } }),
    ];
    let statements = conditions
        .map(|condition| json!({ "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition }));
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// Names the denial, so that whoever finds it knows when it has done its work.
fn policy_name(session_id: SessionId, expires_at: DateTime<Utc>) -> String {
    // Up to the whole second, as it is written.
    let end = expires_at + chrono::TimeDelta::milliseconds(999);
    format!("{PREFIX}{session_id}{UNTIL}{}", end.format(UNTIL_FORMAT))
}

/// Returns the end of the session whose denial has that name, if it is one of ours.
fn end_of(name: &str) -> Option<DateTime<Utc>> {
    let (_, until) = name.strip_prefix(PREFIX)?.rsplit_once(UNTIL)?;
    Some(NaiveDateTime::parse_from_str(until, UNTIL_FORMAT).ok()?.and_utc())
}

fn in_full(error: &ProviderError) -> String {
    let cause = error.source.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default();
    let hints = error.hints.iter().map(|hint| format!("; {hint}")).collect::<String>();
    format!("{error}{cause}{hints}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";

    #[test]
    fn the_name_of_a_denial_says_until_when() {
        let end: DateTime<Utc> = "2026-01-01T00:15:00.5Z".parse().unwrap();
        let name = policy_name(ID.parse().unwrap(), end);
        assert_eq!(name, "audex-revoke-0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0-until-20260101T001501Z");
        assert_eq!(end_of(&name).unwrap().to_rfc3339(), "2026-01-01T00:15:01+00:00");
        for other in ["", "audex-revoke-", "audex-revoke-1-until-soon", "team-1-until-20260101T001501Z"] {
            assert_eq!(end_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_denial_is_for_one_session() {
        let document: serde_json::Value = serde_json::from_str(&document(ID.parse().unwrap())).unwrap();
        let statements = document["Statement"].as_array().unwrap();
        assert_eq!(statements.len(), 3);
        assert!(
            statements.iter().all(|one| one["Effect"] == "Deny" && one["Condition"].to_string().contains(ID))
        );
        assert_eq!(statements[0]["Condition"]["StringLike"]["aws:SourceIdentity"], format!("audex-{ID}-*"));
        assert_eq!(statements[1]["Condition"]["StringEquals"]["aws:PrincipalTag/audex:session"], ID);
        assert_eq!(statements[2]["Condition"]["StringLike"]["aws:userid"], format!("*:audex-{ID}-*"));
    }
}
