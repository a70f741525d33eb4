use crate::{Claims, Expectations, JoseError, JwksCache, Jws, VerificationKey, json};
use axess_clock::Clock;
use chrono::{DateTime, Utc};

/// Verifies a token with one key.
///
/// In this order: size and form, header, algorithm, name of the key, signature, type, claims. Every part is parsed once.
///
/// # Errors
///
/// Each variant of [`JoseError`] but those about fetching, decrypting and replay.
///
/// ```
/// use axess_jose::{Algorithm, Expectations, JoseError, SigningKey, verify};
/// # let now = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000);
/// let key = SigningKey::generate(Algorithm::EdDsa)?;
/// let token = key.sign("JWT", &serde_json::json!({"iss": "https://a.example", "aud": "me", "exp": now.timestamp() + 60}))?;
/// let expected = Expectations::new("https://a.example", "me", &[Algorithm::EdDsa]);
/// assert!(verify(&token, &key.verification_key()?, &expected, now).is_ok());
///
/// let another = SigningKey::generate(Algorithm::EdDsa)?.with_kid(key.kid()).verification_key()?;
/// assert!(matches!(verify(&token, &another, &expected, now), Err(JoseError::SignatureInvalid)));
/// # Ok::<(), JoseError>(())
/// ```
pub fn verify(
    token: &str,
    key: &VerificationKey,
    expected: &Expectations,
    now: DateTime<Utc>,
) -> Result<Claims, JoseError> {
    let jws = parse(token, expected)?;
    check(&jws, key, expected, now)
}

/// Verifies a token with the key of its `kid` among those that its issuer publishes.
///
/// A token whose form or algorithm is refused asks for no key. Its times are compared with what the clock says once the key is
/// there: a token that ends while keys are waited for is over.
///
/// # Errors
///
/// Each variant of [`JoseError`] but those about decrypting and replay.
///
/// ```
/// use axess_clock::Clock;
/// use axess_jose::{Claims, Expectations, JoseError, JwksCache, verify_with};
/// async fn who(token: &str, keys: &JwksCache, expected: &Expectations, clock: &dyn Clock) -> Result<Claims, JoseError> {
///     verify_with(token, keys, expected, clock).await
/// }
/// ```
pub async fn verify_with(
    token: &str,
    keys: &JwksCache,
    expected: &Expectations,
    clock: &dyn Clock,
) -> Result<Claims, JoseError> {
    let jws = parse(token, expected)?;
    let key = keys.key(jws.kid(), jws.algorithm()).await?;
    match check(&jws, &key, expected, clock.now()) {
        Err(JoseError::SignatureInvalid) => match keys.successor(jws.kid(), jws.algorithm(), &key).await {
            Some(key) => check(&jws, &key, expected, clock.now()),
            None => Err(JoseError::SignatureInvalid),
        },
        verdict => verdict,
    }
}

fn parse<'a>(token: &'a str, expected: &Expectations) -> Result<Jws<'a>, JoseError> {
    let jws = Jws::parse(token, expected.limits)?;
    if expected.algorithms.contains(&jws.algorithm()) { Ok(jws) } else { Err(JoseError::AlgorithmRefused) }
}

fn check(
    jws: &Jws<'_>,
    key: &VerificationKey,
    expected: &Expectations,
    now: DateTime<Utc>,
) -> Result<Claims, JoseError> {
    let payload = jws.verify(key)?;
    if !expected.typ.allows(jws.typ()) {
        return Err(JoseError::TypeMismatch);
    }
    let members = json::object(&payload, expected.limits)?;
    let claims = Claims::new(members, jws.algorithm(), key.kid().map(str::to_owned))?;
    expected.check(&claims, now)?;
    Ok(claims)
}

#[cfg(test)]
mod tests;
