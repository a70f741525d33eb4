use super::TokenRefusal;
use std::fmt;

/// How a token is presented (RFC 6750 §2.1, RFC 9449 §7.1).
///
/// ```
/// assert_eq!(axess_oauth::TokenScheme::Dpop.as_str(), "DPoP");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenScheme {
    /// Whoever has it may use it, unless it is bound to a certificate.
    Bearer,
    /// Together with a proof that the caller holds its key.
    Dpop,
}

/// A token as a request brings it, and what shows that it is the caller's.
///
/// ```
/// use axess_oauth::{PresentedToken, TokenScheme};
/// let presented = PresentedToken::new("Bearer SlAV32hkKG", "GET", "https://api.example.com/orders")?;
/// assert_eq!(presented.scheme, TokenScheme::Bearer);
/// assert!(!format!("{presented:?}").contains("SlAV32hkKG"));
/// # Ok::<(), axess_oauth::TokenRefusal>(())
/// ```
#[derive(Clone, Copy)]
pub struct PresentedToken<'a> {
    /// How it is presented.
    pub scheme: TokenScheme,
    /// The token.
    pub token: &'a str,
    /// The method of the request, as it came.
    pub method: &'a str,
    /// The address of the request as its caller sees it: the configured origin, and the path.
    pub url: &'a str,
    /// The values of the header `DPoP`.
    pub proofs: &'a [&'a str],
    /// The nonce the proof must have, where this server gives out nonces.
    pub nonce: Option<&'a str>,
    /// The client certificate of the connection, in DER.
    pub client_certificate: Option<&'a [u8]>,
}

impl<'a> PresentedToken<'a> {
    /// Reads the header `Authorization`, of which there must be one.
    ///
    /// # Errors
    ///
    /// [`TokenRefusal::Missing`] for another scheme; [`TokenRefusal::Malformed`] when there is no token in it.
    pub fn new(authorization: &'a str, method: &'a str, url: &'a str) -> Result<Self, TokenRefusal> {
        let (scheme, token) = authorization.split_once(' ').ok_or(TokenRefusal::Missing)?;
        let scheme = if scheme.eq_ignore_ascii_case("Bearer") {
            TokenScheme::Bearer
        } else if scheme.eq_ignore_ascii_case("DPoP") {
            TokenScheme::Dpop
        } else {
            return Err(TokenRefusal::Missing);
        };
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if token.is_empty() || !token.bytes().all(is_part) {
            return Err(TokenRefusal::Malformed { what: "the header holds no token" });
        }
        Ok(Self { scheme, token, method, url, proofs: &[], nonce: None, client_certificate: None })
    }

    /// Adds the values of the header `DPoP`.
    #[must_use]
    pub fn with_proofs(mut self, proofs: &'a [&'a str]) -> Self {
        self.proofs = proofs;
        self
    }

    /// Demands a nonce of the proof.
    #[must_use]
    pub fn with_nonce(mut self, nonce: &'a str) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// Adds the client certificate of the connection, in DER.
    #[must_use]
    pub fn with_client_certificate(mut self, der: &'a [u8]) -> Self {
        self.client_certificate = Some(der);
        self
    }
}

impl TokenScheme {
    /// Returns the name in headers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

impl fmt::Debug for PresentedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedToken")
            .field("scheme", &self.scheme)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_strictly() {
        let read = |header| PresentedToken::new(header, "GET", "https://a.example/");
        assert_eq!(read("dpop abc").unwrap().scheme, TokenScheme::Dpop);
        assert_eq!(read("BEARER a-b._~+/=").unwrap().token, "a-b._~+/=");
        for header in ["", "abc", "Basic abc"] {
            assert!(matches!(read(header), Err(TokenRefusal::Missing)), "{header}");
        }
        for header in ["Bearer ", "Bearer a b", "Bearer  abc", "Bearer a,b", "Bearer \"a\""] {
            assert!(matches!(read(header), Err(TokenRefusal::Malformed { .. })), "{header}");
        }
    }
}
