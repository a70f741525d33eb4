use axess_factors::federated::{Assurance, FederatedIdentity};
use serde_json::Value;
use std::sync::Arc;

/// Finds the user in what the provider's API answered, one document for each address; nothing when there is none.
pub(super) type Mapping = Arc<dyn Fn(&[Value]) -> Option<OAuth2User> + Send + Sync>;

/// Whom a provider's API says somebody is.
///
/// ```
/// use axess_oauth::OAuth2User;
/// let user = OAuth2User::new("583231");
/// assert_eq!(user.subject, "583231");
/// assert!(!user.email_verified);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth2User {
    /// What names the user for ever: an id, never a name that can be given to somebody else.
    pub subject: String,
    /// The user's address.
    pub email: Option<String>,
    /// Whether the provider says the user reads mail there.
    pub email_verified: bool,
    /// A name for people.
    pub display_name: Option<String>,
    /// A short name.
    pub username: Option<String>,
}

impl OAuth2User {
    /// Makes a user of whom nothing but the id is known.
    #[must_use]
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            email: None,
            email_verified: false,
            display_name: None,
            username: None,
        }
    }

    pub(super) fn into_identity(self, issuer: &str) -> FederatedIdentity {
        let mut identity = FederatedIdentity::new(issuer, self.subject, Assurance::OAuth2Only);
        identity.email = self.email.and_then(|address| address.parse().ok());
        identity.email_verified = self.email_verified && identity.email.is_some();
        identity.display_name = self.display_name;
        identity.username = self.username;
        identity
    }
}
