use crate::keys::{Keys, NoKeys};
use audex_policy::{Grant, compile::local};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

/// The type of an access token (RFC 9068 section 2.1): another kind of token of the same issuer is none.
const TYPE: &str = "at+jwt";

/// Verifies tokens for this service.
pub(crate) struct Verifier {
    keys: Keys,
    issuer: String,
    audience: String,
}

/// What a good token says.
pub(crate) struct Verified {
    pub(crate) subject: String,
    pub(crate) grant: Grant,
}

/// Why there is no answer about a token.
#[derive(Debug)]
pub(crate) enum Unverified {
    /// It is not good; the text is for the log.
    Refused(String),
    NoKeys(NoKeys),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// A token without grants nothing.
    #[serde(default)]
    authorization_details: Vec<local::AuthorizationDetail>,
}

impl Verifier {
    pub(crate) fn new(keys: Keys, issuer: &str, audience: &str) -> Self {
        Self { keys, issuer: issuer.to_owned(), audience: audience.to_owned() }
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<Verified, Unverified> {
        let header = decode_header(token)?;
        if header.typ.as_deref() != Some(TYPE) {
            return Err(refused("it is no access token"));
        }
        let id = header.kid.ok_or_else(|| refused("it names no key"))?;
        let key = self.keys.find(&id).await.map_err(Unverified::NoKeys)?;
        let key = key.ok_or_else(|| refused("it was signed with no key of the issuer"))?;
        // The key says how it signs. What the token says about that is what an attacker would choose.
        let algorithm = key.common.key_algorithm.ok_or_else(|| refused("its key names no algorithm"))?;
        let mut rules = Validation::new(algorithm.to_string().parse::<Algorithm>()?);
        rules.set_issuer(&[&self.issuer]);
        rules.set_audience(&[&self.audience]);
        rules.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        (rules.validate_nbf, rules.leeway) = (true, 0);
        let claims = decode::<Claims>(token, &DecodingKey::from_jwk(&key)?, &rules)?.claims;
        let grant =
            local::read(&claims.authorization_details).map_err(|faults| refused(faults.to_string()))?;
        Ok(Verified { subject: claims.sub, grant })
    }
}

fn refused(why: impl Into<String>) -> Unverified {
    Unverified::Refused(why.into())
}

impl From<jsonwebtoken::errors::Error> for Unverified {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        refused(error.to_string())
    }
}
