use super::{AwsConfig, endpoints::RoleArn};
use audex_core::Shape;
use audex_policy::{Grant, Refusal, RefusalReason, compile::aws};
use chrono::TimeDelta;
use ipnet::IpNet;

/// The shortest lifetime that STS gives.
pub(super) const SHORTEST: TimeDelta = TimeDelta::minutes(15);
/// The longest.
pub(super) const LONGEST: TimeDelta = TimeDelta::hours(12);
/// The longest for a session that was minted with another.
pub(super) const LONGEST_CHAINED: TimeDelta = TimeDelta::hours(1);

/// Writes the session policy.
pub(super) fn shape(
    config: &AwsConfig,
    grant: &Grant,
    target: Option<&str>,
    sources: &[IpNet],
) -> Result<Shape, Refusal> {
    let policy = aws::session_policy_within(grant, sources)?;
    let target = target.or(config.role_arn.as_deref());
    let mut notes = Vec::new();
    match target.map(|arn| (arn, RoleArn::parse(arn))) {
        None => {
            notes.push("no role is named, so nothing can be minted (role_arn, or aws.role_arn)".to_owned())
        }
        Some((arn, None)) => {
            let reason = RefusalReason::NotExpressible(format!("`{arn}` is no ARN of a role"));
            return Err(Refusal { reason, instead: vec!["write arn:aws:iam::ACCOUNT:role/NAME".to_owned()] });
        }
        Some((_, Some(_))) => {}
    }
    if !policy.left_out.is_empty() {
        let left_out = &policy.left_out;
        notes.push(format!("there was no room for denials that touch nothing allowed: {left_out}"));
    }
    if !sources.is_empty() {
        let what = "what AWS services do on the session's behalf, and what comes through a VPC endpoint";
        notes.push(format!("the networks are checked by AWS; {what}, is refused too"));
    }
    let chained = !config.is_web_identity() && (config.chained || config.base.seems_chained());
    if chained {
        notes.push("our own credentials are a role's session, so AWS gives an hour at most".to_owned());
    }
    let longest = if chained { LONGEST_CHAINED } else { LONGEST };
    Ok(Shape {
        document: policy.document,
        target: target.map(str::to_owned),
        lifetimes: SHORTEST..=longest,
        notes,
    })
}
