use axess::UserId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Somebody who may ask or agree: a person who logs in, or a service that has tokens.
///
/// ```
/// use audex_server::model::{Person, PersonKind};
/// fn is_admin(person: &Person) -> bool {
///     person.kind == PersonKind::Human && person.roles.iter().any(|role| role == "admin")
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Whom the login knows them as.
    pub user_id: UserId,
    /// The verified e-mail address, in lower case; for a service its name, as in `deploy@services`.
    pub email: String,
    /// What they are called.
    pub display_name: String,
    /// Whether they log in.
    pub kind: PersonKind,
    /// The teams, as in `team:devops`.
    pub groups: Vec<String>,
    /// Those of the teams that are there by the word of the identity provider alone: they go when it says no more of them.
    pub provider_groups: Vec<String>,
    /// In which roles they act, as in `security`; `admin` administers.
    pub roles: Vec<String>,
    /// Whether they can do nothing any more.
    pub is_disabled: bool,
    /// Since when they are known.
    pub created_at: DateTime<Utc>,
}

/// Whether somebody logs in.
///
/// ```
/// use audex_server::model::PersonKind;
/// assert_eq!(serde_json::to_string(&PersonKind::Human).unwrap(), r#""human""#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonKind {
    /// With a password and a second factor.
    Human,
    /// Never: a service has API tokens alone.
    Service,
}
