use audex_core::CredentialSecret;

/// Holds the variables that hand a credential to a command; the values are never shown.
///
/// ```
/// use audex_cli::deliver::Variables;
/// let variables = Variables::default().with("AUDEX_TOKEN", "eyJ");
/// assert_eq!(variables.get("AUDEX_TOKEN").unwrap(), "eyJ");
/// assert!(!format!("{variables:?}").contains("eyJ"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Variables(Vec<(&'static str, CredentialSecret)>);

impl Variables {
    /// Adds a variable, or replaces it.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<CredentialSecret>) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value.into()));
        self
    }

    /// Returns the variables in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &CredentialSecret)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// Finds a value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value.expose())
    }
}
