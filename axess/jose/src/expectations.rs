use crate::{Algorithm, Claims, JoseError, Limits};
use chrono::{DateTime, TimeDelta, Utc};

/// Which `typ` a token must have (RFC 8725 §3.11).
///
/// Names are compared without their case, and `application/` before one is left out (RFC 7515 §4.1.9).
///
/// ```
/// use axess_jose::TypRule;
/// let access_token = TypRule::OneOf(&["at+jwt"]);
/// assert!(access_token.allows(Some("application/at+jwt")));
/// assert!(!access_token.allows(Some("JWT")) && !access_token.allows(None));
/// assert!(TypRule::Plain.allows(None) && !TypRule::Plain.allows(Some("at+jwt")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypRule {
    /// None or `JWT`: an ID token, which has no type of its own, and cannot be taken for one that has.
    Plain,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// One of these, or none at all: for tokens whose type was added after issuers had begun to write them.
    NoneOr(&'static [&'static str]),
    /// Any or none: only for issuers that are known to write anything.
    Any,
}

/// What a token must be, besides signed.
///
/// Times are compared with the `now` of the caller, to the millisecond:
///
/// | Claim | Refused |
/// |---|---|
/// | `exp` | `now ≥ exp + leeway` |
/// | `nbf`, `iat` | later than `now + ahead` |
/// | `iat` with `max_age` | earlier than `now - max_age - leeway` |
/// | `iat` and `exp` with `max_lifetime` | `exp - iat > max_lifetime` |
///
/// ```
/// use axess_jose::{Algorithm, Expectations, TypRule};
/// use chrono::TimeDelta;
/// let id_token = Expectations {
///     max_age: Some(TimeDelta::minutes(10)),
///     required: vec!["exp", "iat", "sub", "nonce"],
///     ..Expectations::new("https://login.example.com", "client-1", &[Algorithm::Rs256, Algorithm::Es256])
/// };
/// assert_eq!((id_token.typ, id_token.leeway), (TypRule::Plain, TimeDelta::seconds(60)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectations {
    /// The exact `iss`; `None` only where the caller compares it.
    pub issuer: Option<String>,
    /// Of these at least one is in `aud`; `None` only where the caller compares it.
    pub audience: Option<Vec<String>>,
    /// The type.
    pub typ: TypRule,
    /// The algorithms that are taken at all; the key pins further.
    pub algorithms: Vec<Algorithm>,
    /// How long past its end a token is taken, for clocks that are apart.
    pub leeway: TimeDelta,
    /// How far in the future a token may have been issued or begin.
    pub ahead: TimeDelta,
    /// How long ago it may have been issued; requires `iat`.
    pub max_age: Option<TimeDelta>,
    /// How long it may last; requires `iat` and `exp`.
    pub max_lifetime: Option<TimeDelta>,
    /// The claims that must be there and not null.
    pub required: Vec<&'static str>,
    /// How large it may be.
    pub limits: Limits,
}

impl TypRule {
    /// Tells whether a token may have this `typ`.
    #[must_use]
    pub fn allows(self, typ: Option<&str>) -> bool {
        const PREFIX: &str = "application/";
        let short = typ.map(|typ| match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
            _ => typ,
        });
        match (self, short) {
            (Self::Any, _) | (Self::Plain | Self::NoneOr(_), None) => true,
            (Self::Plain, Some(typ)) => typ.eq_ignore_ascii_case("JWT"),
            (Self::OneOf(known) | Self::NoneOr(known), Some(typ)) => {
                known.iter().any(|known| known.eq_ignore_ascii_case(typ))
            }
            (Self::OneOf(_), None) => false,
        }
    }
}

impl Expectations {
    /// Expects a token of one issuer for one audience, that ends.
    ///
    /// It is a [plain](TypRule::Plain) one; the leeway is 60 seconds past its end and 10 seconds before its beginning.
    #[must_use]
    pub fn new(issuer: &str, audience: &str, algorithms: &[Algorithm]) -> Self {
        Self {
            issuer: Some(issuer.to_owned()),
            audience: Some(vec![audience.to_owned()]),
            typ: TypRule::Plain,
            algorithms: algorithms.to_vec(),
            leeway: TimeDelta::seconds(60),
            ahead: TimeDelta::seconds(10),
            max_age: None,
            max_lifetime: None,
            required: vec!["exp"],
            limits: Limits::default(),
        }
    }

    /// Compares verified claims with what is expected.
    pub(crate) fn check(&self, claims: &Claims, now: DateTime<Utc>) -> Result<(), JoseError> {
        if let Some(issuer) = &self.issuer
            && claims.issuer().ok_or(JoseError::MissingClaim("iss"))? != issuer
        {
            return Err(JoseError::IssuerMismatch);
        }
        if let Some(ours) = &self.audience {
            let audience = claims.audience();
            if audience.is_empty() {
                return Err(JoseError::MissingClaim("aud"));
            }
            if !audience.iter().any(|one| ours.iter().any(|ours| ours == one)) {
                return Err(JoseError::AudienceMismatch);
            }
        }
        if let Some(missing) =
            self.required.iter().find(|name| claims.get(name).is_none_or(|it| it.is_null()))
        {
            return Err(JoseError::MissingClaim(missing));
        }
        self.check_times(claims, now)
    }

    fn check_times(&self, claims: &Claims, now: DateTime<Utc>) -> Result<(), JoseError> {
        let (issued, ends) = (claims.issued_at(), claims.expires_at());
        let earliest = now.checked_sub_signed(self.leeway).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let latest = now.checked_add_signed(self.ahead).unwrap_or(DateTime::<Utc>::MAX_UTC);
        if ends.is_some_and(|ends| earliest >= ends) {
            return Err(JoseError::Expired);
        }
        if issued.is_some_and(|at| at > latest) || claims.not_before().is_some_and(|at| at > latest) {
            return Err(JoseError::NotYetValid);
        }
        if let Some(max_age) = self.max_age
            && earliest - issued.ok_or(JoseError::MissingClaim("iat"))? > max_age
        {
            return Err(JoseError::TooOld);
        }
        if let Some(longest) = self.max_lifetime {
            let issued = issued.ok_or(JoseError::MissingClaim("iat"))?;
            if ends.ok_or(JoseError::MissingClaim("exp"))? - issued > longest {
                return Err(JoseError::LifetimeTooLong);
            }
        }
        Ok(())
    }
}
