use axess_identity::{TenantId, TrustDomain, UserId, WorkloadId};
use cedar_policy::{EntityId, EntityTypeName, EntityUid};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::LazyLock};

/// Defines the entity types every deployment has.
macro_rules! base_types {
    ($($name:ident = $text:literal;)*) => {$(
        static $name: LazyLock<EntityTypeName> = LazyLock::new(|| {
            let name = $text.parse().expect("a legal type name");
            name
        });
    )*};
}

base_types! {
    ACTION = "Action";
    USER = "User";
    WORKLOAD = "Workload";
    ROLE = "Role";
    GROUP = "Group";
    TENANT = "Tenant";
    TRUST_DOMAIN = "TrustDomain";
    SHARED = "Shared";
}

/// Names one entity: its type and its id, written `Document::"doc-1"`.
///
/// Principals, groups and tenants are named the same way.
///
/// ```
/// use axess_authz::ResourceUid;
/// let document = ResourceUid::new("Document", "doc-1").unwrap();
/// assert_eq!(document.to_string(), r#"Document::"doc-1""#);
/// assert_eq!(r#"Document::"doc-1""#.parse(), Ok(document));
/// assert!(ResourceUid::new("not a type", "doc-1").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceUid(EntityUid);

/// Names one action, written `Action::"read"`, or `Billing::Action::"read"` in a namespace.
///
/// An application's own enum of actions converts into it.
///
/// ```
/// use axess_authz::ActionUid;
///
/// enum Action {
///     View,
/// }
///
/// impl From<Action> for ActionUid {
///     fn from(action: Action) -> Self {
///         match action {
///             Action::View => Self::new("view"),
///         }
///     }
/// }
///
/// assert_eq!(ActionUid::from(Action::View).to_string(), r#"Action::"view""#);
/// assert_eq!(ActionUid::from("view"), ActionUid::new("view"));
/// assert_eq!(r#"Billing::Action::"view""#.parse(), ActionUid::in_namespace("Billing", "view"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActionUid(EntityUid);

/// Says that a text cannot name an entity or an action.
///
/// ```
/// use axess_authz::{ResourceUid, UidError};
/// assert_eq!("doc-1".parse::<ResourceUid>(), Err(UidError));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an entity's name: it is written Type::\"id\", and the type is one or more identifiers")]
pub struct UidError;

impl ResourceUid {
    /// Names the entity `id` of a type such as `Document` or `Billing::Invoice`.
    ///
    /// # Errors
    ///
    /// [`UidError`] when the type is not a legal type name; every id is legal.
    pub fn new(entity_type: &str, id: impl AsRef<str>) -> Result<Self, UidError> {
        let entity_type = entity_type.parse::<EntityTypeName>().map_err(|_| UidError)?;
        Ok(Self(EntityUid::from_type_name_and_id(entity_type, EntityId::new(id))))
    }

    /// Names a user of the base schema.
    #[must_use]
    pub fn user(id: UserId) -> Self {
        Self::of(&USER, id.to_string())
    }

    /// Names a workload of the base schema.
    #[must_use]
    pub fn workload(id: &WorkloadId) -> Self {
        Self::of(&WORKLOAD, id.as_str())
    }

    /// Names a tenant of the base schema.
    #[must_use]
    pub fn tenant(id: TenantId) -> Self {
        Self::of(&TENANT, id.to_string())
    }

    /// Names a role of the base schema.
    #[must_use]
    pub fn role(name: impl AsRef<str>) -> Self {
        Self::of(&ROLE, name)
    }

    /// Names a group of the base schema.
    #[must_use]
    pub fn group(name: impl AsRef<str>) -> Self {
        Self::of(&GROUP, name)
    }

    /// Names a trust domain of the base schema.
    #[must_use]
    pub fn trust_domain(domain: &TrustDomain) -> Self {
        Self::of(&TRUST_DOMAIN, domain.as_str())
    }

    /// Names what contains the resources that belong to no tenant: `Shared::"deployment"`.
    #[must_use]
    pub fn deployment() -> Self {
        Self::of(&SHARED, "deployment")
    }

    fn of(entity_type: &EntityTypeName, id: impl AsRef<str>) -> Self {
        Self(EntityUid::from_type_name_and_id(entity_type.clone(), EntityId::new(id)))
    }

    /// Returns the type, with its namespace.
    #[must_use]
    pub fn entity_type(&self) -> String {
        self.0.type_name().to_string()
    }

    /// Returns the id, unescaped.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.id().unescaped()
    }

    /// Returns the value of an attribute that refers to this entity.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "__entity": { "type": self.entity_type(), "id": self.id() } })
    }

    pub(crate) fn cedar(&self) -> &EntityUid {
        &self.0
    }
}

impl ActionUid {
    /// Names an action outside any namespace.
    #[must_use]
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(EntityUid::from_type_name_and_id(ACTION.clone(), EntityId::new(name)))
    }

    /// Names an action of a namespace.
    ///
    /// # Errors
    ///
    /// [`UidError`] when the namespace is not one or more identifiers.
    pub fn in_namespace(namespace: &str, name: impl AsRef<str>) -> Result<Self, UidError> {
        let entity_type = format!("{namespace}::Action").parse().map_err(|_| UidError)?;
        Ok(Self(EntityUid::from_type_name_and_id(entity_type, EntityId::new(name))))
    }

    /// Returns the name without type and namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.id().unescaped()
    }

    pub(crate) fn cedar(&self) -> &EntityUid {
        &self.0
    }

    pub(crate) fn from_cedar(uid: EntityUid) -> Self {
        Self(uid)
    }
}

impl From<&str> for ActionUid {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<&ActionUid> for ActionUid {
    fn from(action: &ActionUid) -> Self {
        action.clone()
    }
}

impl FromStr for ResourceUid {
    type Err = UidError;

    fn from_str(text: &str) -> Result<Self, UidError> {
        text.parse().map(Self).map_err(|_| UidError)
    }
}

impl FromStr for ActionUid {
    type Err = UidError;

    fn from_str(text: &str) -> Result<Self, UidError> {
        let uid: EntityUid = text.parse().map_err(|_| UidError)?;
        if uid.type_name().basename() == "Action" { Ok(Self(uid)) } else { Err(UidError) }
    }
}

macro_rules! texts {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl TryFrom<String> for $name {
            type Error = UidError;

            fn try_from(text: String) -> Result<Self, UidError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(uid: $name) -> Self {
                uid.to_string()
            }
        }
    )*};
}

texts!(ResourceUid, ActionUid);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_action_is_of_an_action_type() {
        assert_eq!("read".parse::<ActionUid>(), Err(UidError));
        assert_eq!(r#"User::"read""#.parse::<ActionUid>(), Err(UidError));
    }

    proptest! {
        #[test]
        fn every_id_survives_its_text(id in any::<String>()) {
            let uid = ResourceUid::new("Ns::Document", &id).unwrap();
            prop_assert_eq!(uid.id(), id.as_str());
            prop_assert_eq!(uid.to_string().parse(), Ok(uid));
        }
    }
}
