use crate::{
    Algorithm, JoseError, VerificationKey, base64url, der,
    public_key::{Curve, PublicNumbers},
};
use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPairComponents, KeySize, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
        RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    },
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt;
use zeroize::Zeroizing;

/// A private key that signs tokens, with one algorithm.
///
/// Its name is its thumbprint (RFC 7638) unless it is given another. `Debug` shows name and algorithm, never the key.
///
/// ```
/// use axess_jose::{Algorithm, SigningKey};
/// let key = SigningKey::generate(Algorithm::Es256)?;
/// let assertion = key.sign("JWT", &serde_json::json!({"iss": "client-1", "sub": "client-1"}))?;
/// assert_eq!(assertion.split('.').count(), 3);
/// assert_eq!(key.public_jwk()["kid"], key.thumbprint());
/// assert!(key.public_jwk().get("d").is_none(), "the private part is not in it");
/// # Ok::<(), axess_jose::JoseError>(())
/// ```
pub struct SigningKey {
    pair: Pair,
    algorithm: Algorithm,
    kid: String,
    public: PublicNumbers,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

/// How an algorithm signs.
enum Scheme {
    Ec(&'static EcdsaSigningAlgorithm, Curve),
    Ed,
    Rsa(&'static dyn RsaEncoding),
}

impl SigningKey {
    /// Generates a key with the library's generator, which the operating system seeds; RSA keys have 2,048 bits.
    ///
    /// # Errors
    ///
    /// [`JoseError::Crypto`] when the library fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, JoseError> {
        let failed = |_| JoseError::Crypto;
        let pair = match Scheme::of(algorithm) {
            Scheme::Ec(scheme, _) => Pair::Ec(EcdsaKeyPair::generate(scheme).map_err(failed)?),
            Scheme::Ed => Pair::Ed(Ed25519KeyPair::generate().map_err(failed)?),
            Scheme::Rsa(encoding) => {
                Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?, encoding)
            }
        };
        Self::new(algorithm, pair)
    }

    /// Reads a private key in PEM: one block `PRIVATE KEY` (PKCS #8, RFC 5958), not encrypted.
    ///
    /// # Errors
    ///
    /// [`JoseError::KeyRefused`] when it is none, or of another kind than `algorithm` needs.
    pub fn from_pkcs8_pem(algorithm: Algorithm, pem: &str) -> Result<Self, JoseError> {
        let (label, bytes) = der::pem(pem)?;
        let bytes = Zeroizing::new(bytes);
        if label != "PRIVATE KEY" {
            return Err(JoseError::KeyRefused("the PEM block is not `PRIVATE KEY` (PKCS #8)"));
        }
        Self::from_pkcs8(algorithm, &bytes)
    }

    /// Reads a private key in PKCS #8 (RFC 5958), DER, not encrypted.
    ///
    /// # Errors
    ///
    /// [`JoseError::KeyRefused`] when it is none, or of another kind than `algorithm` needs.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, JoseError> {
        let pair = match Scheme::of(algorithm) {
            Scheme::Ec(scheme, _) => EcdsaKeyPair::from_pkcs8(scheme, der).map(Pair::Ec),
            Scheme::Ed => Ed25519KeyPair::from_pkcs8(der).map(Pair::Ed),
            Scheme::Rsa(encoding) => RsaKeyPair::from_pkcs8(der).map(|pair| Pair::Rsa(pair, encoding)),
        };
        Self::new(algorithm, pair.map_err(|_| JoseError::KeyRefused("no PKCS #8 key of this algorithm"))?)
    }

    /// Reads a private JWK (RFC 7517, RFC 7518 §6.2.2 and §6.3.2, RFC 8037 §2); its `kid` becomes the name.
    ///
    /// RSA keys need all of `p`, `q`, `dp`, `dq` and `qi`. An `alg` that is there must be `algorithm`.
    ///
    /// # Errors
    ///
    /// [`JoseError::KeyRefused`] when it is none, of another kind, or its private and public parts do not belong together.
    pub fn from_jwk(algorithm: Algorithm, jwk: &Value) -> Result<Self, JoseError> {
        let members = jwk.as_object().ok_or(JoseError::KeyRefused("no object"))?;
        let named = members.get("alg").map(|name| name.as_str().and_then(Algorithm::from_name));
        if named.is_some_and(|named| named != Some(algorithm))
            || members.get("use").is_some_and(|it| it != "sig")
        {
            return Err(JoseError::KeyRefused("it is for something else"));
        }
        let public = PublicNumbers::from_jwk(members)?;
        let refused = |_| JoseError::KeyRefused("its parts do not belong together");
        let d = private_number(members, "d")?;
        let pair = match (Scheme::of(algorithm), &public) {
            (Scheme::Ec(scheme, expected), PublicNumbers::Ec { curve, .. }) if expected == *curve => {
                let point = public.point().unwrap_or_default();
                Pair::Ec(EcdsaKeyPair::from_private_key_and_public_key(scheme, &d, &point).map_err(refused)?)
            }
            (Scheme::Ed, PublicNumbers::Ed25519 { x }) => {
                Pair::Ed(Ed25519KeyPair::from_seed_and_public_key(&d, x).map_err(refused)?)
            }
            (Scheme::Rsa(encoding), PublicNumbers::Rsa { .. }) => Pair::Rsa(rsa_pair(members)?, encoding),
            _ => return Err(JoseError::KeyRefused("no key of this algorithm")),
        };
        let key = Self::new(algorithm, pair)?;
        match members.get("kid") {
            None => Ok(key),
            Some(kid) => Ok(key.with_kid(kid.as_str().ok_or(JoseError::KeyRefused("`kid` is no text"))?)),
        }
    }

    fn new(algorithm: Algorithm, pair: Pair) -> Result<Self, JoseError> {
        let public = match (&pair, Scheme::of(algorithm)) {
            (Pair::Ec(pair), Scheme::Ec(_, curve)) => {
                PublicNumbers::from_point(curve, pair.public_key().as_ref())
            }
            (Pair::Ed(pair), _) => Some(PublicNumbers::Ed25519 { x: pair.public_key().as_ref().to_vec() }),
            (Pair::Rsa(pair, _), _) => {
                let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                Some(PublicNumbers::Rsa { n, e })
            }
            (Pair::Ec(_), _) => None,
        };
        // The same bounds for what we sign with as for what we verify with.
        let public = PublicNumbers::from_jwk(&public.ok_or(JoseError::Crypto)?.to_jwk())?;
        Ok(Self { pair, algorithm, kid: public.thumbprint(), public })
    }

    /// Gives it another name.
    #[must_use]
    pub fn with_kid(self, kid: &str) -> Self {
        Self { kid: kid.to_owned(), ..self }
    }

    /// Returns the one algorithm it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns its name.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the thumbprint of its public half with SHA-256 (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.public.thumbprint()
    }

    /// Returns the public half, to publish: with `kid`, `alg` and `use`.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let mut jwk = self.public.to_jwk();
        jwk.insert("kid".into(), self.kid.clone().into());
        jwk.insert("alg".into(), self.algorithm.name().into());
        jwk.insert("use".into(), "sig".into());
        Value::Object(jwk)
    }

    /// Returns the public half, to verify with: for the one algorithm.
    ///
    /// # Errors
    ///
    /// [`JoseError::Crypto`] when the library fails.
    pub fn verification_key(&self) -> Result<VerificationKey, JoseError> {
        VerificationKey::new(Some(self.kid.clone()), self.public.clone())?.pinned_to(&[self.algorithm])
    }

    /// Returns the private key in PKCS #8, DER, not encrypted, for a store that encrypts.
    ///
    /// # Errors
    ///
    /// [`JoseError::Crypto`] when the library fails.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, JoseError> {
        let failed = |_| JoseError::Crypto;
        Ok(Zeroizing::new(match &self.pair {
            Pair::Ec(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Ed(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Rsa(pair, _) => pair.as_der().map_err(failed)?.as_ref().to_vec(),
        }))
    }

    /// Signs claims: a compact token whose header has `alg`, `kid` and `typ`.
    ///
    /// # Errors
    ///
    /// [`JoseError::Malformed`] when the claims are no JSON object; [`JoseError::Crypto`] when the library fails.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, JoseError> {
        self.sign_under(typ, "kid", self.kid.clone().into(), claims)
    }

    /// Signs claims with the public key in the header instead of its name, as a DPoP proof needs it (RFC 9449 §4.2).
    ///
    /// # Errors
    ///
    /// [`JoseError::Malformed`] when the claims are no JSON object; [`JoseError::Crypto`] when the library fails.
    pub fn sign_with_jwk(&self, typ: &str, claims: &impl Serialize) -> Result<String, JoseError> {
        self.sign_under(typ, "jwk", self.public.to_jwk().into(), claims)
    }

    fn sign_under(
        &self,
        typ: &str,
        name: &str,
        key: Value,
        claims: &impl Serialize,
    ) -> Result<String, JoseError> {
        let claims = serde_json::to_vec(claims).ok().filter(|json| json.first() == Some(&b'{'));
        let claims = claims.ok_or(JoseError::Malformed("the claims are no JSON object"))?;
        let mut header = Map::new();
        header.insert("alg".into(), self.algorithm.name().into());
        header.insert("typ".into(), typ.into());
        header.insert(name.into(), key);
        let header = Value::Object(header).to_string();
        let mut token = format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(&claims));
        let signature = self.sign_bytes(token.as_bytes())?;
        token.push('.');
        token.push_str(&base64url::encode(&signature));
        Ok(token)
    }

    /// Signs raw bytes: 64 or 96 bytes for ECDSA (RFC 7518 §3.4), the length of the modulus for RSA.
    ///
    /// # Errors
    ///
    /// [`JoseError::Crypto`] when the library fails.
    pub fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, JoseError> {
        let failed = |_| JoseError::Crypto;
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Pair::Ed(pair) => Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec()),
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

impl Scheme {
    fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Rs256 => Self::Rsa(&RSA_PKCS1_SHA256),
            Algorithm::Rs384 => Self::Rsa(&RSA_PKCS1_SHA384),
            Algorithm::Rs512 => Self::Rsa(&RSA_PKCS1_SHA512),
            Algorithm::Ps256 => Self::Rsa(&RSA_PSS_SHA256),
            Algorithm::Ps384 => Self::Rsa(&RSA_PSS_SHA384),
            Algorithm::Ps512 => Self::Rsa(&RSA_PSS_SHA512),
            Algorithm::Es256 => Self::Ec(&ECDSA_P256_SHA256_FIXED_SIGNING, Curve::P256),
            Algorithm::Es384 => Self::Ec(&ECDSA_P384_SHA384_FIXED_SIGNING, Curve::P384),
            Algorithm::EdDsa => Self::Ed,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kid, alg) = (&self.kid, self.algorithm);
        f.debug_struct("SigningKey").field("kid", kid).field("alg", &alg).finish_non_exhaustive()
    }
}

/// Reads one private number of a JWK.
pub(crate) fn private_number(jwk: &Map<String, Value>, name: &str) -> Result<Zeroizing<Vec<u8>>, JoseError> {
    let bytes = jwk.get(name).and_then(Value::as_str).and_then(base64url::decode);
    bytes.map(Zeroizing::new).ok_or(JoseError::KeyRefused("a private number is missing or malformed"))
}

/// Reads a private RSA key of two primes; the library checks that its numbers belong together.
pub(crate) fn rsa_pair(jwk: &Map<String, Value>) -> Result<RsaKeyPair, JoseError> {
    if jwk.contains_key("oth") {
        return Err(JoseError::KeyRefused("it has more than two primes"));
    }
    let number = |name| private_number(jwk, name);
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n: number("n")?, e: number("e")? },
        d: number("d")?,
        p: number("p")?,
        q: number("q")?,
        dP: number("dp")?,
        dQ: number("dq")?,
        qInv: number("qi")?,
    };
    RsaKeyPair::from_components(&components)
        .map_err(|_| JoseError::KeyRefused("its parts do not belong together"))
}

#[cfg(test)]
mod tests;
