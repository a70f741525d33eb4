use axess_factors::federated::FederationError;

/// Everything that is wrong with a configuration, at once; each fault says what to write instead.
///
/// ```
/// use axess_oauth::OAuthProviderConfig;
/// let wrong = OAuthProviderConfig::discover("http://login.example.com", "", "a secret", "not a url");
/// let error = wrong.check().unwrap_err();
/// assert_eq!(error.faults().len(), 3);
/// assert!(error.to_string().contains("issuer"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the provider is set up wrongly: {}", .faults.join("; "))]
pub struct OAuthConfigError {
    faults: Vec<String>,
}

impl OAuthConfigError {
    /// Returns an error if there is a fault.
    pub(crate) fn unless_empty(faults: Vec<String>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self { faults }) }
    }

    pub(crate) fn one(fault: String) -> Self {
        Self { faults: vec![fault] }
    }

    /// Returns the faults, each naming its setting.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

impl From<OAuthConfigError> for FederationError {
    fn from(error: OAuthConfigError) -> Self {
        Self::Configuration { what: error.faults.join("; ") }
    }
}
