use axess_identity::TrustDomain;
use axess_jose::Algorithm;
use http::Uri;
use std::{net::IpAddr, time::Duration};

/// The furthest that clocks may be said to be apart.
pub const LARGEST_CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);
/// The oldest that tokens may be said to get.
pub const LARGEST_TOKEN_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest address of keys, in bytes.
const MAX_URL_BYTES: usize = 2_048;

/// Whose JWT-SVIDs are taken, and for whom.
///
/// ```
/// use axess_workload::JwtSvidResolverConfig;
/// use std::time::Duration;
/// let config = JwtSvidResolverConfig::new(
///     "prod.example.com".parse()?,
///     "https://spire.prod.example.com/keys",
///     "https://api.example.com",
/// );
/// assert_eq!((config.clock_skew, config.max_token_age), (Duration::from_secs(30), Duration::from_secs(3600)));
/// # Ok::<(), axess_identity::SpiffeIdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtSvidResolverConfig {
    /// The trust domain; a workload of another is refused.
    pub trust_domain: TrustDomain,
    /// Where its keys are: a JWK set, or a SPIFFE bundle. `https`, or `http` on loopback.
    pub jwks_url: String,
    /// Of these at least one must be in `aud`: what the application is called by those who ask for tokens.
    pub expected_audiences: Vec<String>,
    /// How far the clocks of issuer and application may be apart; at most [`LARGEST_CLOCK_SKEW`].
    pub clock_skew: Duration,
    /// How long ago a token may have been issued, whenever it ends; at most [`LARGEST_TOKEN_AGE`].
    pub max_token_age: Duration,
}

/// Says why a resolver cannot be made.
///
/// ```
/// use axess_workload::JwtSvidConfigError;
/// assert_eq!(JwtSvidConfigError::Audience.to_string(), "there must be an audience, and none may be empty");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtSvidConfigError {
    /// There is no audience, or an empty one: every token of the trust domain would do.
    #[error("there must be an audience, and none may be empty")]
    Audience,
    /// The address of the keys is none that may be asked.
    #[error("keys come from an https address without a user or fragment; plain http is for loopback only")]
    JwksUrl,
    /// The clocks may be too far apart.
    #[error("the clock skew is at most {} seconds", LARGEST_CLOCK_SKEW.as_secs())]
    ClockSkew,
    /// Tokens may get too old, or not older than nothing.
    #[error("the age of tokens is more than nothing, and at most {} seconds", LARGEST_TOKEN_AGE.as_secs())]
    TokenAge,
    /// There is no algorithm, or one that a JWT-SVID cannot have.
    #[error("the algorithms are some of RS256, RS384, RS512, PS256, PS384, PS512, ES256 and ES384")]
    Algorithms,
}

impl JwtSvidResolverConfig {
    /// Takes tokens of one trust domain for one audience: clocks 30 seconds apart, tokens of the last hour.
    #[must_use]
    pub fn new(trust_domain: TrustDomain, jwks_url: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            trust_domain,
            jwks_url: jwks_url.into(),
            expected_audiences: vec![audience.into()],
            clock_skew: Duration::from_secs(30),
            max_token_age: Duration::from_secs(60 * 60),
        }
    }

    pub(crate) fn check(&self) -> Result<(), JwtSvidConfigError> {
        if self.expected_audiences.is_empty()
            || self.expected_audiences.iter().any(|one| one.trim().is_empty())
        {
            return Err(JwtSvidConfigError::Audience);
        }
        if !may_be_asked(&self.jwks_url) {
            return Err(JwtSvidConfigError::JwksUrl);
        }
        if self.clock_skew > LARGEST_CLOCK_SKEW {
            return Err(JwtSvidConfigError::ClockSkew);
        }
        if self.max_token_age.is_zero() || self.max_token_age > LARGEST_TOKEN_AGE {
            return Err(JwtSvidConfigError::TokenAge);
        }
        Ok(())
    }
}

/// Checks what a token may be signed with: SPIFFE knows no Edwards curve (JWT-SVID §2.1).
pub(crate) fn check_algorithms(algorithms: &[Algorithm]) -> Result<(), JwtSvidConfigError> {
    if algorithms.is_empty() || algorithms.contains(&Algorithm::EdDsa) {
        return Err(JwtSvidConfigError::Algorithms);
    }
    Ok(())
}

fn may_be_asked(url: &str) -> bool {
    if url.len() > MAX_URL_BYTES || url.contains('#') {
        return false;
    }
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let host = authority.host();
    let is_plain = !host.is_empty() && !authority.as_str().contains('@');
    is_plain
        && match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_loopback(host),
            _ => false,
        }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use JwtSvidConfigError::{Audience, ClockSkew, JwksUrl, TokenAge};

    fn config() -> JwtSvidResolverConfig {
        let domain = "prod.example.com".parse().unwrap();
        JwtSvidResolverConfig::new(domain, "https://spire.example.com/keys", "https://api.example.com")
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        type Change = fn(&mut JwtSvidResolverConfig);
        let rows: [(Change, Option<JwtSvidConfigError>); 11] = [
            (|_| {}, None),
            (|it| it.clock_skew = Duration::ZERO, None),
            (|it| it.clock_skew = Duration::from_secs(300), None),
            (|it| it.max_token_age = Duration::from_secs(1), None),
            (|it| it.max_token_age = Duration::from_secs(86_400), None),
            (|it| it.expected_audiences.clear(), Some(Audience)),
            (|it| it.expected_audiences.push(" ".to_owned()), Some(Audience)),
            (|it| it.jwks_url = "http://spire.example.com/keys".to_owned(), Some(JwksUrl)),
            (|it| it.clock_skew = Duration::from_millis(300_001), Some(ClockSkew)),
            (|it| it.max_token_age = Duration::ZERO, Some(TokenAge)),
            (|it| it.max_token_age = Duration::from_secs(86_401), Some(TokenAge)),
        ];
        for (row, (change, refused)) in rows.into_iter().enumerate() {
            let mut config = config();
            change(&mut config);
            assert_eq!(config.check().err(), refused, "row {row}");
        }
    }

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for good in [
            "https://spire.example.com/keys?format=jwks",
            "https://spire.example.com:8443",
            "http://127.0.0.1:8080/keys",
            "http://[::1]:8080/keys",
            "http://localhost/keys",
        ] {
            assert!(may_be_asked(good), "{good}");
        }
        let long = format!("https://spire.example.com/{}", "x".repeat(MAX_URL_BYTES));
        for bad in [
            "http://10.0.0.1/keys",
            "http://localhost.example.com/keys",
            "http://127.0.0.1.example.com/keys",
            "http://localhost@example.com/keys",
            "http://localhost\\@example.com/keys",
            "https://user:password@spire.example.com/keys",
            "https://spire.example.com/keys#one",
            "https:///keys",
            "https://",
            "ftp://localhost/keys",
            "file:///keys.json",
            "spire.example.com/keys",
            "/keys",
            "",
            &long,
        ] {
            assert!(!may_be_asked(bad), "{bad}");
        }
    }

    #[test]
    fn algorithms_are_those_of_spiffe() {
        for algorithm in Algorithm::ALL {
            assert_eq!(check_algorithms(&[algorithm]).is_ok(), algorithm != Algorithm::EdDsa, "{algorithm}");
        }
        assert!(check_algorithms(&[]).is_err());
        assert!(check_algorithms(&[Algorithm::Es256, Algorithm::EdDsa]).is_err());
    }
}
