//! Programs that prove who they are by a token of an issuer the settings name: a build, a pod, another broker.
//!
//! `axess::jose` decides whether a token is its issuer's; here is decided which tokens those are, and whom they let in.

mod keys;

use super::OpenAccessError;
use crate::settings::WorkloadIssuer;
use audex_core::Requester;
use axess::{
    clock::Clock,
    jose::{
        Algorithm, Claims, Expectations, JoseError, JwksCache, JwksPolicy, Jws, Limits, TypRule, verify_with,
    },
};
use chrono::TimeDelta;
use std::{sync::Arc, time::Duration};

/// What workloads' issuers sign with.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];
/// What issuers write as `typ`, where they write one.
const TYPES: [&str; 2] = ["JWT", "at+jwt"];
/// The longest token, in bytes.
const MAX_TOKEN: usize = 8_192;
/// The longest subject, in bytes.
const MAX_SUBJECT: usize = 512;
/// How far clocks may be apart.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// How long a token may last, and how old it may be: whoever finds an older one does not get in with it.
const MAX_AGE: TimeDelta = TimeDelta::hours(24);
/// How often keys are read: an issuer that takes one back is believed that soon, and strangers cause no more reads than that.
const POLICY: JwksPolicy = JwksPolicy {
    ttl: Duration::from_secs(5 * 60),
    debounce: Duration::from_secs(10),
    keep_stale: Duration::from_secs(24 * 3_600),
};

/// The issuers, each with its keys.
pub(super) struct Workloads {
    issuers: Vec<Trusted>,
    clock: Arc<dyn Clock>,
}

/// An issuer of the settings.
struct Trusted {
    settings: WorkloadIssuer,
    expected: Expectations,
    keys: JwksCache,
}

/// Why a workload is not let in; for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkloadFault {
    #[error("its issuer is not trusted")]
    Issuer,
    #[error(transparent)]
    Token(JoseError),
    #[error("its subject is none of those that are let in")]
    Subject,
    /// Nothing can be decided.
    #[error("the keys of its issuer cannot be had")]
    NoKeys(#[source] JoseError),
}

impl From<JoseError> for WorkloadFault {
    fn from(fault: JoseError) -> Self {
        match fault {
            JoseError::KeysUnavailable(_) => Self::NoKeys(fault),
            _ => Self::Token(fault),
        }
    }
}

impl Workloads {
    pub(super) fn new(issuers: &[WorkloadIssuer], clock: &Arc<dyn Clock>) -> Result<Self, OpenAccessError> {
        let trusted = |issuer: &WorkloadIssuer| Trusted::new(issuer, clock);
        let issuers = issuers.iter().map(trusted).collect::<Result<_, _>>()?;
        Ok(Self { issuers, clock: Arc::clone(clock) })
    }

    /// Finds out which workload a token is of.
    pub(super) async fn verify(&self, token: &str) -> Result<Requester, WorkloadFault> {
        // Whose token it says it is: to find whose keys to ask, and for nothing else.
        let said = Jws::parse(token, limits())?.unverified_claims()?;
        let said = said.get("iss").and_then(|issuer| issuer.as_str()).ok_or(WorkloadFault::Issuer)?;
        let mut fault = WorkloadFault::Issuer;
        // One issuer may be there for several audiences.
        for trusted in self.issuers.iter().filter(|trusted| trusted.settings.issuer == said) {
            match verify_with(token, &trusted.keys, &trusted.expected, &self.clock).await {
                Ok(claims) => match trusted.requester(&claims) {
                    Some(requester) => return Ok(requester),
                    None => fault = WorkloadFault::Subject,
                },
                Err(refused) => fault = refused.into(),
            }
        }
        Err(fault)
    }
}

impl Trusted {
    fn new(settings: &WorkloadIssuer, clock: &Arc<dyn Clock>) -> Result<Self, OpenAccessError> {
        let refuse = || OpenAccessError::Workload { issuer: settings.issuer.clone() };
        let source = keys::source(&settings.jwks).ok_or_else(refuse)?;
        let expected = Expectations {
            typ: TypRule::NoneOr(&TYPES),
            leeway: LEEWAY,
            ahead: LEEWAY,
            max_age: Some(MAX_AGE),
            max_lifetime: Some(MAX_AGE),
            required: vec!["iat", "exp", "sub"],
            limits: limits(),
            ..Expectations::new(&settings.issuer, &settings.audience, &ALGORITHMS)
        };
        let keys = JwksCache::new(source, settings.jwks.clone(), POLICY, Arc::clone(clock));
        Ok(Self { settings: settings.clone(), expected, keys })
    }

    fn requester(&self, claims: &Claims) -> Option<Requester> {
        let is_name = |text: &&str| {
            !text.is_empty() && text.len() <= MAX_SUBJECT && !text.chars().any(char::is_control)
        };
        let subject = claims.subject().filter(is_name)?;
        let is_let_in = self.settings.subjects.iter().any(|pattern| fits(pattern, subject));
        is_let_in.then(|| Requester::Workload {
            issuer: self.settings.issuer.clone(),
            subject: subject.to_owned(),
            groups: self.settings.groups.clone(),
        })
    }
}

fn limits() -> Limits {
    Limits { max_bytes: MAX_TOKEN, ..Limits::default() }
}

/// Tells whether a text fits a pattern, in which `*` is any run of characters. Takes time linear in the text for each `*`.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests;
