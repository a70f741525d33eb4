//! How we say who we are, to a provider (RFC 6749 §2.3, OpenID Connect Core 1.0 §9, RFC 8705 §2).

use crate::pkce::random_text;
use axess_factors::federated::FederationError;
use axess_identity::TokenSecret;
use axess_jose::SigningKey;
use axess_rng::SecureRng;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use std::{borrow::Cow, fmt, sync::Arc};
use zeroize::Zeroizing;

/// How long an assertion of ours is good for, in seconds.
pub const CLIENT_ASSERTION_LIFETIME_SECS: i64 = 60;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// For whom the assertion of `private_key_jwt` is (its `aud`).
///
/// ```
/// use axess_oauth::ClientAssertionAudience;
/// assert_eq!(ClientAssertionAudience::default(), ClientAssertionAudience::Issuer);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAssertionAudience {
    /// For the issuer, so that no other server can use it; FAPI 2.0 takes no other (§5.3.3.1).
    #[default]
    Issuer,
    /// For the token endpoint, at each endpoint: what OpenID Connect Core 1.0 §9 recommended and some providers still demand. A
    /// provider that names another's token endpoint as its own could use it there.
    TokenEndpoint,
}

/// How the client authenticates.
///
/// ```
/// use axess_oauth::ClientAuth;
/// let auth = ClientAuth::from("a secret");
/// assert_eq!(format!("{auth:?}"), "client_secret_basic");
/// assert_eq!(ClientAuth::from("a secret".to_owned()).method(), auth.method());
/// ```
#[derive(Clone)]
pub enum ClientAuth {
    /// Not at all; PKCE alone protects the code. For programs that cannot keep a secret.
    None,
    /// With a secret as the provider takes it: in the header `Authorization`, or in the form where its metadata name that alone.
    Secret(TokenSecret),
    /// With a secret in the header `Authorization`.
    SecretBasic(TokenSecret),
    /// With a secret in the form.
    SecretPost(TokenSecret),
    /// With an assertion that our key signs, whose audience is the issuer unless [`ClientAssertionAudience`] says otherwise.
    PrivateKeyJwt(Arc<SigningKey>),
    /// With a client certificate that the provider's authorities vouch for.
    TlsClientAuth,
    /// With a client certificate that the provider knows.
    SelfSignedTls,
}

impl ClientAuth {
    /// Returns the name of the method (`token_endpoint_auth_method`), or `client_secret` where the provider's metadata decide.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Secret(_) => "client_secret",
            Self::SecretBasic(_) => "client_secret_basic",
            Self::SecretPost(_) => "client_secret_post",
            Self::PrivateKeyJwt(_) => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTls => "self_signed_tls_client_auth",
        }
    }

    /// Decides by the methods that a provider lists, if it does (Discovery 1.0 §3: unless it does, `client_secret_basic`).
    pub(crate) fn among(&self, methods: Option<&[String]>) -> Cow<'_, Self> {
        let lists = |name: &str| methods.is_some_and(|all| all.iter().any(|one| one == name));
        match self {
            Self::Secret(secret) if lists("client_secret_post") && !lists("client_secret_basic") => {
                Cow::Owned(Self::SecretPost(secret.clone()))
            }
            other => Cow::Borrowed(other),
        }
    }

    /// Tells whether the certificate of the connection says who we are.
    pub(crate) fn shows_certificate(&self) -> bool {
        matches!(self, Self::TlsClientAuth | Self::SelfSignedTls)
    }

    /// Adds what says who we are to a form; returns the header to send with it, if any.
    pub(crate) fn apply(
        &self,
        form: &mut Vec<(String, String)>,
        client_id: &str,
        audience: &str,
        now: DateTime<Utc>,
        rng: &(impl SecureRng + ?Sized),
    ) -> Result<Option<Zeroizing<String>>, FederationError> {
        // A pushed request names its client already, and nothing may come twice.
        let mut add = |name: &str, value: &str| {
            if !form.iter().any(|(other, _)| other == name) {
                form.push((name.to_owned(), value.to_owned()));
            }
        };
        match self {
            Self::Secret(secret) | Self::SecretBasic(secret) => {
                let pair = Zeroizing::new(
                    [encoded(client_id).as_str(), encoded(secret.expose()).as_str()].join(":"),
                );
                return Ok(Some(Zeroizing::new(format!(
                    "Basic {}",
                    BASE64_STANDARD.encode(pair.as_bytes())
                ))));
            }
            Self::SecretPost(secret) => {
                add("client_id", client_id);
                add("client_secret", secret.expose());
            }
            Self::PrivateKeyJwt(key) => {
                add("client_id", client_id);
                add("client_assertion_type", ASSERTION_TYPE);
                add("client_assertion", &assertion(key, client_id, audience, now, rng)?);
            }
            Self::None | Self::TlsClientAuth | Self::SelfSignedTls => add("client_id", client_id),
        }
        Ok(None)
    }
}

/// Signs an assertion for one request (RFC 7523 §3). Its audience is one text: a list could name another server too.
fn assertion(
    key: &SigningKey,
    client_id: &str,
    audience: &str,
    now: DateTime<Utc>,
    rng: &(impl SecureRng + ?Sized),
) -> Result<String, FederationError> {
    let issued_at = now.timestamp();
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": random_text(rng),
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at + CLIENT_ASSERTION_LIFETIME_SECS,
    });
    key.sign("JWT", &claims)
        .map_err(|_| FederationError::Configuration { what: "the client's key cannot sign".to_owned() })
}

/// Encodes as a form does, which comes before Base64 (RFC 6749 §2.3.1).
fn encoded(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl From<&str> for ClientAuth {
    fn from(secret: &str) -> Self {
        Self::SecretBasic(secret.into())
    }
}

impl From<String> for ClientAuth {
    fn from(secret: String) -> Self {
        Self::SecretBasic(secret.into())
    }
}

impl From<TokenSecret> for ClientAuth {
    fn from(secret: TokenSecret) -> Self {
        Self::SecretBasic(secret)
    }
}

impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_rng::MockRng;

    fn applied(auth: &ClientAuth) -> (Vec<(String, String)>, Option<String>) {
        let mut form = Vec::new();
        let header = auth
            .apply(&mut form, "a client", "https://a.example", DateTime::UNIX_EPOCH, &MockRng::new(1))
            .unwrap();
        (form, header.map(|text| text.to_string()))
    }

    #[test]
    fn a_secret_is_encoded_before_it_goes_into_the_header() {
        let (form, header) = applied(&ClientAuth::from("p:ä %"));
        assert!(form.is_empty());
        let text = header.unwrap();
        let pair = BASE64_STANDARD.decode(text.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(pair).unwrap(), "a+client:p%3A%C3%A4+%25");
    }

    #[test]
    fn a_client_says_its_name_where_nothing_else_does() {
        for auth in [ClientAuth::None, ClientAuth::TlsClientAuth, ClientAuth::SelfSignedTls] {
            let (form, header) = applied(&auth);
            assert_eq!(form, [("client_id".to_owned(), "a client".to_owned())]);
            assert_eq!(header, None);
        }
        let (form, _) = applied(&ClientAuth::SecretPost("s".into()));
        assert_eq!(form[1], ("client_secret".to_owned(), "s".to_owned()));
    }

    #[test]
    fn a_secret_is_sent_as_the_provider_takes_it() {
        let listed = |methods: &[&str]| methods.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let secret = ClientAuth::Secret("s".into());
        for (methods, in_form) in [
            (None, false),
            (Some(listed(&[])), false),
            (Some(listed(&["client_secret_post", "client_secret_basic"])), false),
            (Some(listed(&["private_key_jwt", "client_secret_post"])), true),
            (Some(listed(&["private_key_jwt"])), false),
        ] {
            let (form, header) = applied(&secret.among(methods.as_deref()));
            assert_eq!((form.len() == 2, header.is_none()), (in_form, in_form), "{methods:?}");
        }
        let posts = listed(&["client_secret_post"]);
        assert_eq!(
            ClientAuth::from("s").among(Some(&posts)).method(),
            "client_secret_basic",
            "what is said counts"
        );
    }

    #[test]
    fn no_secret_is_printed() {
        assert_eq!(format!("{:?}", ClientAuth::SecretPost("hush".into())), "client_secret_post");
    }
}
