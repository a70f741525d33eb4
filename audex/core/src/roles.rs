//! Which role somebody may have: what the mapping says, never what they say.

use crate::Requester;
use audex_policy::{Ceiling, Provider};
use axess_identity::{Identifier, IdentifierError};
use std::collections::BTreeMap;

/// Maps people and groups to targets: roles, service accounts, identities.
///
/// ```
/// use audex_core::{Requester, roles::{RoleMap, RoleRule, Subject}};
/// use audex_policy::Provider;
///
/// let role = "arn:aws:iam::123456789012:role/DataEngineer";
/// let rule = RoleRule {
///     subject: Subject::Group("team:data".into()),
///     targets: [(Provider::Aws, role.to_owned())].into(),
///     ceiling: None,
/// };
/// let map = RoleMap { is_enabled: true, rules: vec![rule] };
/// let alice = Requester::Principal { email: "alice@example.com".into(), groups: vec!["team:data".into()] };
/// assert_eq!(map.target(&alice, Provider::Aws, None, None)?.target.as_deref(), Some(role));
/// assert!(map.target(&alice, Provider::Aws, Some("arn:aws:iam::123456789012:role/Admin"), None).is_err());
/// # Ok::<(), audex_core::roles::RoleRefusal>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoleMap {
    /// Whether targets are mapped. Without it a local user names any that their own credentials may have.
    pub is_enabled: bool,
    /// The rules, of which the first that fits is taken where no target is named.
    pub rules: Vec<RoleRule>,
}

/// Maps one person or group.
///
/// ```
/// use audex_core::roles::{RoleRule, Subject};
/// let subject = Subject::email("A@example.com")?;
/// let rule = RoleRule { subject, targets: [].into(), ceiling: None };
/// assert!(rule.targets.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRule {
    /// Whom.
    pub subject: Subject,
    /// To what, for each provider.
    pub targets: BTreeMap<Provider, String>,
    /// What the role may be asked for at most.
    pub ceiling: Option<Ceiling>,
}

/// Names whom a rule maps.
///
/// ```
/// use audex_core::roles::Subject;
/// assert_ne!(Subject::Email("x".into()), Subject::Group("x".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The person with this verified address, in the form that addresses are kept in: see [`Subject::email`].
    Email(String),
    /// Everybody in this group.
    Group(String),
}

/// What a requester gets.
///
/// ```
/// assert!(audex_core::roles::Target::default().target.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// The role, service account or identity.
    pub target: Option<String>,
    /// What it may be asked for at most.
    pub ceiling: Option<Ceiling>,
}

/// Says why somebody gets no role.
///
/// ```
/// use audex_core::roles::RoleRefusal;
/// assert!(RoleRefusal::NotMapped.to_string().contains("no role"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleRefusal {
    /// No rule is about them.
    #[error("no role is mapped to you")]
    NotMapped,
    /// They named one that is not mapped to them.
    #[error("{0} is not mapped to you")]
    NotYours(String),
    /// The provider needs one, and neither they nor the settings name it.
    #[error("no role is named, and none is set up")]
    Unnamed,
    /// Who somebody is on their own machine says nothing about who they are to others.
    #[error("roles are mapped to people whom a team server knows, and a local user is not one of them")]
    Unproven,
}

impl Subject {
    /// Names the person with an address, however it is written: case and look are those of [`Identifier`].
    ///
    /// # Errors
    ///
    /// Those of [`Identifier::parse`], for what nobody's address can be.
    pub fn email(text: &str) -> Result<Self, IdentifierError> {
        Ok(Self::Email(Identifier::parse(text)?.as_str().to_owned()))
    }
}

impl RoleMap {
    /// Returns the target of a request.
    ///
    /// # Errors
    ///
    /// [`RoleRefusal`].
    pub fn target(
        &self,
        who: &Requester,
        provider: Provider,
        asked: Option<&str>,
        default: Option<&str>,
    ) -> Result<Target, RoleRefusal> {
        let is_local = matches!(who, Requester::LocalUser { .. });
        if !self.is_enabled || !(is_local || has_roles(provider)) {
            return match (who, asked) {
                (Requester::LocalUser { .. }, _) => {
                    Ok(Target { target: asked.or(default).map(str::to_owned), ceiling: None })
                }
                // Whoever asks a server uses the server's own credentials: only what it was set up for.
                (_, Some(asked)) if Some(asked) != default => Err(RoleRefusal::NotYours(asked.to_owned())),
                _ => Ok(Target { target: default.map(str::to_owned), ceiling: None }),
            };
        }
        let Requester::Principal { email, groups } = who else { return Err(RoleRefusal::Unproven) };
        let mut own = self.rules.iter().filter(|rule| match &rule.subject {
            Subject::Email(mapped) => mapped == email,
            Subject::Group(mapped) => groups.contains(mapped),
        });
        let found = own.find_map(|rule| {
            let target = rule.targets.get(&provider)?;
            let fits = asked.is_none_or(|asked| asked == target);
            fits.then(|| Target { target: Some(target.clone()), ceiling: rule.ceiling.clone() })
        });
        found.ok_or_else(|| {
            asked.map_or(RoleRefusal::NotMapped, |asked| RoleRefusal::NotYours(asked.to_owned()))
        })
    }
}

/// Tells whether a provider has identities of its own that people can be mapped to.
const fn has_roles(provider: Provider) -> bool {
    matches!(provider, Provider::Aws | Provider::Gcp | Provider::Azure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_however_it_is_written() {
        let who = Requester::Principal { email: "alice@example.com".to_owned(), groups: Vec::new() };
        for (written, is_hers) in [
            ("alice@example.com", true),
            ("Alice@Example.COM", true),
            (" ALICE@example.com ", true),
            ("al\u{ff49}ce@example.com", true),
            ("alice@example.org", false),
        ] {
            let subject = Subject::email(written).unwrap();
            let targets = [(Provider::Aws, "role/a".to_owned())].into();
            let map = RoleMap { is_enabled: true, rules: vec![RoleRule { subject, targets, ceiling: None }] };
            assert_eq!(map.target(&who, Provider::Aws, None, None).is_ok(), is_hers, "{written}");
        }
        assert!(Subject::email("").is_err() && Subject::email("a\u{202e}b@example.com").is_err());
    }

    #[test]
    fn who_gets_what() {
        let rule = |subject, target: &str| RoleRule {
            subject,
            targets: [(Provider::Aws, target.to_owned())].into(),
            ceiling: None,
        };
        let rules = vec![
            rule(Subject::Group("ops".to_owned()), "role/ops"),
            rule(Subject::Email("a@example.com".to_owned()), "role/a"),
        ];
        let (mapped, open) = (RoleMap { is_enabled: true, rules }, RoleMap::default());
        let local = Requester::LocalUser { uid: 0, name: None };
        let person = |groups: &[&str]| Requester::Principal {
            email: "a@example.com".to_owned(),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
        };
        let got = |map: &RoleMap, who: &Requester, asked: Option<&str>| {
            map.target(who, Provider::Aws, asked, Some("role/default")).map(|target| target.target.unwrap())
        };
        assert_eq!(got(&open, &local, None), Ok("role/default".to_owned()));
        assert_eq!(got(&open, &local, Some("role/x")), Ok("role/x".to_owned()));
        assert_eq!(got(&mapped, &local, None), Err(RoleRefusal::Unproven));
        assert_eq!(got(&open, &person(&[]), Some("role/x")), Err(RoleRefusal::NotYours("role/x".to_owned())));
        assert_eq!(got(&open, &person(&[]), None), Ok("role/default".to_owned()));
        assert_eq!(got(&mapped, &person(&["ops"]), None), Ok("role/ops".to_owned()));
        assert_eq!(got(&mapped, &person(&["ops"]), Some("role/a")), Ok("role/a".to_owned()));
        assert_eq!(
            got(&mapped, &person(&[]), Some("role/ops")),
            Err(RoleRefusal::NotYours("role/ops".to_owned()))
        );
        assert_eq!(mapped.target(&person(&[]), Provider::Gcp, None, None), Err(RoleRefusal::NotMapped));
        // These have nothing to map people to: what the server was set up for holds for everybody.
        for provider in [Provider::Local, Provider::Vault] {
            let got = |asked| mapped.target(&person(&[]), provider, asked, Some("own")).map(|got| got.target);
            assert_eq!(got(None), Ok(Some("own".to_owned())), "{provider}");
            assert_eq!(got(Some("other")), Err(RoleRefusal::NotYours("other".to_owned())), "{provider}");
        }
        assert_eq!(mapped.target(&local, Provider::Local, None, None), Err(RoleRefusal::Unproven));
        let workload = Requester::Workload {
            issuer: "https://builds.example.com".to_owned(),
            subject: "repo:a/b".to_owned(),
            groups: Vec::new(),
        };
        assert_eq!(got(&open, &workload, None), Ok("role/default".to_owned()));
        assert_eq!(got(&open, &workload, Some("role/x")), Err(RoleRefusal::NotYours("role/x".to_owned())));
        assert_eq!(got(&mapped, &workload, None), Err(RoleRefusal::Unproven));
    }
}
