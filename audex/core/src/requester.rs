use serde::{Deserialize, Serialize};
use std::fmt;

/// Who asks, as far as it is proved.
///
/// ```
/// use audex_core::Requester;
///
/// let me = Requester::LocalUser { uid: 1000, name: Some("alice".to_owned()) };
/// assert_eq!(me.to_string(), "uid:1000 (alice)");
/// assert_eq!(me.identity(), "uid:1000");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Requester {
    /// The operating system's user who runs the program, as the kernel says; the name is what the system's user
    /// database has for it, never `$USER`.
    LocalUser {
        /// The user id.
        uid: u32,
        /// The name, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Somebody who logged in to a team server, or a token of theirs.
    Principal {
        /// The verified e-mail address.
        email: String,
        /// The groups the identity provider vouched for, as in `team:devops`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        groups: Vec<String>,
    },
    /// A job or a service, with a token of an issuer that the team server trusts.
    Workload {
        /// The issuer.
        issuer: String,
        /// Whom the issuer vouches for.
        subject: String,
        /// The groups the server's configuration gives it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        groups: Vec<String>,
    },
}

impl Requester {
    /// Returns the one name that limits are counted under.
    pub fn identity(&self) -> String {
        match self {
            Self::LocalUser { uid, .. } => format!("uid:{uid}"),
            Self::Principal { email, .. } => email.clone(),
            // No e-mail address has a `#`, so the two kinds of names never meet.
            Self::Workload { issuer, subject, .. } => format!("{issuer}#{subject}"),
        }
    }

    /// Tells whether a rule that names an identity or a group is about this one; `*` is about everybody.
    pub fn is_named_by(&self, rule: &str) -> bool {
        rule == "*" || rule == self.identity() || self.groups().iter().any(|group| group == rule)
    }

    /// Returns the groups that somebody vouched for.
    pub fn groups(&self) -> &[String] {
        match self {
            Self::LocalUser { .. } => &[],
            Self::Principal { groups, .. } | Self::Workload { groups, .. } => groups,
        }
    }
}

impl fmt::Display for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalUser { uid, name: Some(name) } => write!(f, "uid:{uid} ({name})"),
            Self::LocalUser { uid, name: None } => write!(f, "uid:{uid}"),
            Self::Principal { email, .. } => f.write_str(email),
            Self::Workload { .. } => f.write_str(&self.identity()),
        }
    }
}
