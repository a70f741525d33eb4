//! Delivery in variables: the credential is what it was when the command began, and is not refreshed.

use super::{Variables, regions};
use audex_core::Credential;

/// Returns the parts of a credential as variables; a region is among them.
///
/// ```
/// use audex_core::Credential;
/// use audex_policy::Provider;
/// let credential = Credential::new(Provider::Local, "jti-1", chrono::DateTime::UNIX_EPOCH).with_part("AUDEX_TOKEN", "eyJ".into());
/// assert_eq!(audex_cli::deliver::env::variables(&credential).get("AUDEX_TOKEN").unwrap(), "eyJ");
/// ```
pub fn variables(credential: &Credential) -> Variables {
    credential
        .parts()
        .fold(regions(credential), |variables, (name, value)| variables.with(name, value.clone()))
}
