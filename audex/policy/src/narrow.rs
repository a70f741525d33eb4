//! What of a request may be granted: asked, within every ceiling, minus the denials.

use crate::{
    Grant, Permission, PermissionSet, Provider, Request, Rules, TooIntricate, glob::EFFORT,
    permission::overlap,
};

/// Limits requests to the permissions of its rules.
///
/// ```
/// use audex_policy::{Ceiling, Provider, Request, Rules, narrow};
///
/// let ceiling = Ceiling { name: "role data-engineer".to_owned(), rules: Rules::parse(["s3:Get*", "athena:*"])? };
/// let request = Request::parse(Provider::Aws, "s3:*Object", &[])?;
/// let narrowing = narrow(&request, &[ceiling], &Rules::default()).unwrap();
/// assert_eq!(narrowing.grant.allow().to_string(), "s3:Get*Object");
/// assert_eq!(narrowing.cuts[0].to_string(), "s3:*Object: role data-engineer leaves s3:Get*Object");
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// Whose limit it is, for the record.
    pub name: String,
    /// What is within it. No rule for a provider means nothing of that provider.
    pub rules: Rules,
}

/// Says why a part of a request was not granted.
///
/// ```
/// let reason = audex_policy::CutReason::Denied(vec!["iam:*".to_owned()]);
/// assert_ne!(reason, audex_policy::CutReason::Denied(vec![]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CutReason {
    /// It is outside this ceiling.
    Ceiling(String),
    /// These deny rules meet it.
    Denied(Vec<String>),
}

/// Tells what was taken from one permission that was asked for.
///
/// ```
/// use audex_policy::{Provider, Request, Rules, narrow};
///
/// let request = Request::parse(Provider::Aws, "s3:Get*", &[])?;
/// let cut = narrow(&request, &[], &Rules::parse(["s3:GetObjectAcl"])?).unwrap().cuts.remove(0);
/// assert_eq!(cut.to_string(), "s3:Get*: all but s3:GetObjectAcl, which is denied by s3:GetObjectAcl");
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The permission as it was before the cut.
    pub asked: Permission,
    /// Why.
    pub reason: CutReason,
    /// What is left of it.
    pub kept: PermissionSet,
    /// What is denied of what is left.
    pub except: PermissionSet,
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.asked)?;
        match &self.reason {
            CutReason::Ceiling(name) if self.kept.is_empty() => write!(f, "outside {name}"),
            CutReason::Ceiling(name) => write!(f, "{name} leaves {}", self.kept),
            CutReason::Denied(rules) if self.kept.is_empty() => {
                write!(f, "denied by {}", rules.join(", "))
            }
            CutReason::Denied(rules) => {
                write!(f, "all but {}, which is denied by {}", self.except, rules.join(", "))
            }
        }
    }
}

/// Holds what of a request may be granted, and what was cut.
///
/// ```
/// use audex_policy::{Provider, Request, Rules, narrow};
///
/// let request = Request::parse(Provider::Aws, "s3:GetObject,iam:GetRole", &[])?;
/// let narrowing = narrow(&request, &[], &Rules::parse(["iam:*"])?).unwrap();
/// assert_eq!(narrowing.grant.allow().to_string(), "s3:GetObject");
/// assert_eq!(narrowing.cuts[0].to_string(), "iam:GetRole: denied by iam:*");
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowing {
    /// What may be granted. Empty when nothing is left.
    pub grant: Grant,
    /// What was cut, ceilings first, each in the order of the permissions.
    pub cuts: Vec<Cut>,
}

/// Returns asked ∩ ceilings − denials.
///
/// The grant carries all denials, so that the provider enforces them too.
///
/// Doing it again, or in another order of entries, ceilings and rules, changes nothing about the grant.
///
/// # Errors
///
/// Returns the permissions whose overlap takes too many patterns to describe; nothing is granted then.
pub fn narrow(request: &Request, ceilings: &[Ceiling], denies: &Rules) -> Result<Narrowing, TooIntricate> {
    let provider = request.provider();
    let mut allow = request.set().clone();
    let mut cuts = Vec::new();
    let mut left = EFFORT;
    for ceiling in ceilings {
        allow = below(provider, &allow, ceiling, &mut cuts, &mut left)?;
    }
    let deny = denies.set(provider);
    let allow = without(&allow, &deny, denies, &mut cuts, &mut left)?;
    Ok(Narrowing { grant: Grant::new(provider, &allow, &deny), cuts })
}

fn below(
    provider: Provider,
    allow: &PermissionSet,
    ceiling: &Ceiling,
    cuts: &mut Vec<Cut>,
    left: &mut usize,
) -> Result<PermissionSet, TooIntricate> {
    let limit = ceiling.rules.set(provider);
    let mut all = Vec::new();
    for asked in allow {
        // A permission that several rules cover together stays in one piece.
        let kept = if limit.covers_within(asked, left) {
            PermissionSet::new([asked.clone()])
        } else {
            let kept = PermissionSet::new([asked.clone()]).and_within(&limit, left)?;
            let reason = CutReason::Ceiling(ceiling.name.clone());
            cuts.push(Cut {
                asked: asked.clone(),
                reason,
                kept: kept.clone(),
                except: PermissionSet::default(),
            });
            kept
        };
        all.extend(kept.iter().cloned());
    }
    Ok(PermissionSet::new_within(all, left))
}

fn without(
    allow: &PermissionSet,
    deny: &PermissionSet,
    rules: &Rules,
    cuts: &mut Vec<Cut>,
    left: &mut usize,
) -> Result<PermissionSet, TooIntricate> {
    let mut granted = Vec::new();
    for asked in allow {
        let met: Vec<String> = rules.met_by_one(asked).map(|rule| rule.text.clone()).collect();
        if met.is_empty() {
            granted.push(asked.clone());
            continue;
        }
        let mut kept = PermissionSet::default();
        let mut except = Vec::new();
        if !deny.covers_within(asked, left) {
            kept = PermissionSet::new([asked.clone()]);
            granted.push(asked.clone());
            for denied in deny {
                except.extend(overlap(asked, denied, left)?);
            }
        }
        let except = PermissionSet::new(except);
        cuts.push(Cut { asked: asked.clone(), reason: CutReason::Denied(met), kept, except });
    }
    Ok(PermissionSet::new(granted))
}

#[cfg(test)]
mod tests;
