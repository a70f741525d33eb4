use std::fmt;

/// Where the browser goes next.
///
/// ```
/// use axess_factors::federated::Redirection;
/// let there = Redirection::Get("https://login.example.com/authorize?state=secret".to_owned());
/// assert!(!format!("{there:?}").contains("secret"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum Redirection {
    /// A redirect (303) to this absolute URL.
    Get(String),
    /// A form that posts itself.
    Post {
        /// The absolute URL it is posted to.
        action: String,
        /// Its hidden fields, in order.
        fields: Vec<(String, String)>,
    },
}

impl Redirection {
    /// Returns the absolute URL the browser goes to.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Get(url) => url,
            Self::Post { action, .. } => action,
        }
    }
}

impl fmt::Debug for Redirection {
    /// Leaves out the query and the values of the fields.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.url().split(['?', '#']).next().unwrap_or_default();
        match self {
            Self::Get(_) => f.debug_tuple("Get").field(&target).finish(),
            Self::Post { fields, .. } => {
                let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
                f.debug_struct("Post").field("action", &target).field("fields", &names).finish()
            }
        }
    }
}
