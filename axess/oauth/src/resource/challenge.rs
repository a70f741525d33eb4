use super::TokenScheme;
use std::fmt;

/// The value of `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3, RFC 9728 §5.1).
///
/// Values are quoted; what a quoted text cannot hold is left out, so that nothing in one can end the header.
///
/// ```
/// use axess_oauth::{Challenge, TokenScheme};
/// let challenge = Challenge::new(TokenScheme::Bearer)
///     .with_error("insufficient_user_authentication")
///     .with_acr_values("phr phrh")
///     .with_max_age(300);
/// assert_eq!(
///     challenge.to_string(),
///     r#"Bearer error="insufficient_user_authentication", acr_values="phr phrh", max_age="300""#
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    scheme: TokenScheme,
    parameters: Vec<(&'static str, String)>,
}

impl Challenge {
    /// Begins a challenge; one for DPoP names the algorithms of proofs.
    #[must_use]
    pub fn new(scheme: TokenScheme) -> Self {
        let challenge = Self { scheme, parameters: Vec::new() };
        match scheme {
            TokenScheme::Bearer => challenge,
            TokenScheme::Dpop => challenge.with("algs", &super::metadata::proof_algorithms().join(" ")),
        }
    }

    /// Names what is protected.
    #[must_use]
    pub fn with_realm(self, realm: &str) -> Self {
        self.with("realm", realm)
    }

    /// Adds the error code.
    #[must_use]
    pub fn with_error(self, code: &str) -> Self {
        self.with("error", code)
    }

    /// Adds a text for developers.
    #[must_use]
    pub fn with_error_description(self, text: &str) -> Self {
        self.with("error_description", text)
    }

    /// Adds the scopes that are needed, separated by spaces.
    #[must_use]
    pub fn with_scope(self, scope: &str) -> Self {
        self.with("scope", scope)
    }

    /// Adds the authentication contexts that would do, separated by spaces.
    #[must_use]
    pub fn with_acr_values(self, values: &str) -> Self {
        self.with("acr_values", values)
    }

    /// Adds how long ago the user may have authenticated.
    #[must_use]
    pub fn with_max_age(self, seconds: u32) -> Self {
        self.with("max_age", &seconds.to_string())
    }

    /// Says where the metadata of the resource is.
    #[must_use]
    pub fn with_resource_metadata(self, url: &str) -> Self {
        self.with("resource_metadata", url)
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        let mut quoted = String::with_capacity(value.len());
        for c in value.chars().filter(|c| matches!(c, ' '..='~')) {
            if matches!(c, '"' | '\\') {
                quoted.push('\\');
            }
            quoted.push(c);
        }
        self.parameters.push((name, quoted));
        self
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme.as_str())?;
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma} {name}=\"{value}\"")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_ends_it() {
        let challenge = Challenge::new(TokenScheme::Bearer)
            .with_realm("a\", error=\"x\r\nSet-Cookie: a=b\\")
            .with_scope("ä b");
        assert_eq!(challenge.to_string(), r#"Bearer realm="a\", error=\"xSet-Cookie: a=b\\", scope=" b""#);
    }

    #[test]
    fn a_challenge_for_proofs_names_their_algorithms() {
        let text = Challenge::new(TokenScheme::Dpop).with_error("use_dpop_nonce").to_string();
        assert!(text.starts_with("DPoP algs=\"") && text.contains("ES256"), "{text}");
        assert!(text.ends_with(r#", error="use_dpop_nonce""#), "{text}");
        assert_eq!(Challenge::new(TokenScheme::Bearer).to_string(), "Bearer");
    }
}
