use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeStruct};

use crate::{
    PermissionSet, Provider,
    fault::{Faults, Gathered, Origin},
    request::Reader,
};

/// Allows a set of permissions, except for another set.
///
/// ```
/// use audex_policy::{Grant, Provider, Request, Rules, narrow};
///
/// let request = Request::parse(Provider::Aws, "s3:*", &[])?;
/// let grant = narrow(&request, &[], &Rules::parse(["s3:Delete*"])?).unwrap().grant;
/// assert!(grant.allows("s3:GetObject", "arn:aws:s3:::logs/a"));
/// assert!(!grant.allows("s3:DeleteObject", "arn:aws:s3:::logs/a"));
/// let json = serde_json::to_string(&grant).unwrap();
/// assert_eq!(json, r#"{"provider":"aws","allow":["s3:*"],"deny":["s3:Delete*"]}"#);
/// assert_eq!(serde_json::from_str::<Grant>(&json).unwrap(), grant);
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    provider: Provider,
    allow: PermissionSet,
    deny: PermissionSet,
}

impl Grant {
    /// Makes a grant.
    ///
    /// Permissions of other providers are left out.
    pub fn new(provider: Provider, allow: &PermissionSet, deny: &PermissionSet) -> Self {
        let own = |set: &PermissionSet| {
            PermissionSet::new(set.iter().filter(|one| one.action.provider() == provider).cloned())
        };
        Self { provider, allow: own(allow), deny: own(deny) }
    }

    /// Returns whose permissions they are.
    pub const fn provider(&self) -> Provider {
        self.provider
    }

    /// Returns what is allowed unless it is denied.
    pub const fn allow(&self) -> &PermissionSet {
        &self.allow
    }

    /// Returns what is denied, whether or not it would be allowed.
    pub const fn deny(&self) -> &PermissionSet {
        &self.deny
    }

    /// Tells whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty()
    }

    /// Tells whether one action on one resource is allowed.
    pub fn allows(&self, action: &str, resource: &str) -> bool {
        self.allow.allows(action, resource) && !self.deny.allows(action, resource)
    }

    /// Returns what of the denials takes something away.
    pub fn effective_deny(&self) -> PermissionSet {
        let takes_away = |deny: &&crate::Permission| self.allow.iter().any(|allow| allow.meets(deny));
        PermissionSet::new(self.deny.iter().filter(takes_away).cloned())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    provider: Provider,
    allow: Vec<String>,
    deny: Vec<String>,
}

impl Serialize for Grant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let texts = |set: &PermissionSet| set.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut fields = serializer.serialize_struct("Grant", 3)?;
        fields.serialize_field("provider", &self.provider)?;
        fields.serialize_field("allow", &texts(&self.allow))?;
        fields.serialize_field("deny", &texts(&self.deny))?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::deserialize(deserializer)?;
        let set = |texts: &[String]| -> Result<PermissionSet, Faults> {
            // A stored grant may name actions that this version's catalogue does not have.
            let mut reader = Reader { provider: raw.provider, lenient: true, gathered: Gathered::default() };
            let mut permissions = Vec::new();
            for text in texts {
                permissions.extend(reader.list(&Origin::Grant, text, &[]));
            }
            reader.gathered.or(PermissionSet::new(permissions))
        };
        let allow = set(&raw.allow).map_err(serde::de::Error::custom)?;
        let deny = set(&raw.deny).map_err(serde::de::Error::custom)?;
        Ok(Self { provider: raw.provider, allow, deny })
    }
}
