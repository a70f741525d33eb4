use crate::{Algorithm, JoseError};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};
use std::fmt;

/// The most audiences of a token.
const MAX_AUDIENCES: usize = 64;
/// The last second of the year 9999: what is added to a time in range stays in range.
const LAST_SECOND: i64 = 253_402_300_799;

/// What a verified token says (RFC 7519 §4).
///
/// Nothing but [`verify`](crate::verify) and [`verify_with`](crate::verify_with) makes one. The registered claims are of
/// their kind: texts where RFC 7519 says so, times in range. `Debug` shows no value.
///
/// ```
/// # use axess_jose::{Algorithm, Expectations, SigningKey, verify};
/// # let now = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000);
/// # let key = SigningKey::generate(Algorithm::Es256)?;
/// # let token = key.sign("JWT", &serde_json::json!({
/// #     "iss": "https://login.example.com", "aud": "client-1", "sub": "alice", "exp": now.timestamp() + 60, "azp": "client-1"
/// # }))?;
/// let expected = Expectations::new("https://login.example.com", "client-1", &[Algorithm::Es256]);
/// let claims = verify(&token, &key.verification_key()?, &expected, now)?;
/// assert_eq!((claims.subject(), claims.str("azp")), (Some("alice"), Some("client-1")));
/// # Ok::<(), axess_jose::JoseError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Claims {
    members: Map<String, Value>,
    algorithm: Algorithm,
    kid: Option<String>,
    issued_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    not_before: Option<DateTime<Utc>>,
}

impl Claims {
    /// Takes verified members; the registered ones must be of their kind.
    pub(crate) fn new(
        members: Map<String, Value>,
        algorithm: Algorithm,
        kid: Option<String>,
    ) -> Result<Self, JoseError> {
        let is_text = |name: &str| members.get(name).is_none_or(Value::is_string);
        if !["iss", "sub", "jti"].into_iter().all(is_text) {
            return Err(JoseError::Malformed("`iss`, `sub` or `jti` is no text"));
        }
        let is_audience = match members.get("aud") {
            None | Some(Value::String(_)) => true,
            Some(Value::Array(all)) => all.len() <= MAX_AUDIENCES && all.iter().all(Value::is_string),
            Some(_) => false,
        };
        if !is_audience {
            return Err(JoseError::Malformed("`aud` is neither a text nor a list of at most 64"));
        }
        let time = |name: &str| members.get(name).map(moment).transpose();
        let (issued_at, expires_at, not_before) = (time("iat")?, time("exp")?, time("nbf")?);
        Ok(Self { members, algorithm, kid, issued_at, expires_at, not_before })
    }

    /// Returns who issued the token (`iss`).
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.str("iss")
    }

    /// Returns whom it is about (`sub`).
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.str("sub")
    }

    /// Returns whom it is for (`aud`): none, one or several.
    #[must_use]
    pub fn audience(&self) -> Vec<&str> {
        match self.members.get("aud") {
            Some(Value::String(only)) => vec![only],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns its id (`jti`).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.str("jti")
    }

    /// Returns when it ends (`exp`).
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at
    }

    /// Returns when it was issued (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> Option<DateTime<Utc>> {
        self.issued_at
    }

    /// Returns when it begins (`nbf`).
    #[must_use]
    pub fn not_before(&self) -> Option<DateTime<Utc>> {
        self.not_before
    }

    /// Returns the algorithm it was signed with, which `at_hash` needs ([`Algorithm::half_hash`]).
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the name of the key that signed it.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns any claim.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// Returns a claim that is a text.
    #[must_use]
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Returns a claim that is true or false.
    #[must_use]
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    /// Returns a claim that is a time (RFC 7519 §2), such as `auth_time`; `None` also when it is out of range.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<DateTime<Utc>> {
        moment(self.get(name)?).ok()
    }

    /// Returns all claims.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.members
    }

    /// Returns all claims, to keep.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        self.members
    }

    /// Reads the claims as a type of the caller's.
    ///
    /// # Errors
    ///
    /// [`JoseError::Malformed`] when they are not of that shape.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, JoseError> {
        T::deserialize(&self.members).map_err(|_| JoseError::Malformed("the claims are of another shape"))
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("names", &self.members.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Reads a `NumericDate` (RFC 7519 §2), which may have a fraction: kept to the millisecond, from 1970 to the year 9999.
fn moment(value: &Value) -> Result<DateTime<Utc>, JoseError> {
    const REFUSED: JoseError = JoseError::Malformed("a time is no number from 1970 to the year 9999");
    let Value::Number(number) = value else { return Err(REFUSED) };
    let millis = if let Some(seconds) = number.as_i64() {
        (0..=LAST_SECOND).contains(&seconds).then(|| seconds * 1_000)
    } else {
        fraction(number)
    };
    millis.and_then(DateTime::from_timestamp_millis).ok_or(REFUSED)
}

fn fraction(number: &Number) -> Option<i64> {
    let seconds = number.as_f64()?;
    #[expect(clippy::cast_precision_loss, reason = "the last second is far below 2^53")]
    let in_range = seconds >= 0.0 && seconds <= LAST_SECOND as f64;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was checked; what is cut is below a millisecond"
    )]
    in_range.then_some((seconds * 1_000.0) as i64)
}
