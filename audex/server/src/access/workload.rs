//! Programs that prove who they are by a token of an issuer the settings name: a build, a pod, another broker.

use super::{
    OpenAccessError,
    jwks::{Jwks, NoKeys},
    jwt::{JwtFault, Unverified, fits},
};
use crate::settings::WorkloadIssuer;
use audex_core::Requester;
use axess::clock::Clock;
use std::sync::Arc;

/// The issuers, each with its keys.
pub(super) struct Workloads {
    issuers: Vec<(WorkloadIssuer, Jwks)>,
    clock: Arc<dyn Clock>,
}

/// Why a workload is not let in.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkloadFault {
    #[error(transparent)]
    Refused(#[from] JwtFault),
    #[error(transparent)]
    NoKeys(#[from] NoKeys),
}

impl Workloads {
    pub(super) fn new(issuers: &[WorkloadIssuer], clock: &Arc<dyn Clock>) -> Result<Self, OpenAccessError> {
        let with_keys = |issuer: &WorkloadIssuer| Ok((issuer.clone(), Jwks::new(issuer, Arc::clone(clock))?));
        let issuers = issuers.iter().map(with_keys).collect::<Result<_, OpenAccessError>>()?;
        Ok(Self { issuers, clock: Arc::clone(clock) })
    }

    /// Finds out which workload a token is of.
    pub(super) async fn verify(&self, token: &str) -> Result<Requester, WorkloadFault> {
        let unverified = Unverified::parse(token)?;
        let of_token = |(issuer, _): &&(WorkloadIssuer, Jwks)| issuer.issuer == unverified.issuer();
        let mut fault = JwtFault::Issuer;
        // One issuer may be there for several audiences.
        for (issuer, keys) in self.issuers.iter().filter(of_token) {
            let Some(key) = keys.find(unverified.key_id()).await? else {
                fault = JwtFault::UnknownKey;
                continue;
            };
            let checked = unverified.verify(&key, &issuer.audience, self.clock.now());
            let is_let_in = |subject: &String| issuer.subjects.iter().any(|pattern| fits(pattern, subject));
            match checked {
                Ok(subject) if is_let_in(&subject) => {
                    let (issuer, groups) = (issuer.issuer.clone(), issuer.groups.clone());
                    return Ok(Requester::Workload { issuer, subject, groups });
                }
                Ok(_) => fault = JwtFault::Subject,
                Err(refused) => fault = refused,
            }
        }
        Err(fault.into())
    }
}
