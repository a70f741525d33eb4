//! Ending the session that began under one id, whatever its id is now.

use super::{
    SessionError, Sessions,
    open::{MAX_PASSES, MAX_SCANNED, MAX_TTL},
};
use crate::store::Owner;
use axess_identity::{SessionId, TokenFamilyId};
use chrono::{DateTime, Utc};

/// What ended with a lineage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndedLineage {
    /// There is no such session (any more).
    Nothing,
    /// Its session, and which family of refresh tokens that belonged to.
    Session { id: SessionId, family: Option<TokenFamilyId> },
    /// This many sessions of the user: all of them. Which families they belonged to is not known.
    All { sessions: u64 },
}

enum Found {
    Nothing,
    Session { id: SessionId, family: Option<TokenFamilyId> },
    TooMany,
}

impl Sessions {
    /// Returns the family of refresh tokens that the session of `owner` which began as `lineage` belongs to, if there is
    /// such a session and it belongs to one.
    pub(crate) async fn family_of_lineage(
        &self,
        owner: Owner,
        lineage: SessionId,
    ) -> Result<Option<TokenFamilyId>, SessionError> {
        Ok(match self.find_lineage(owner, lineage).await? {
            Found::Session { family, .. } => family,
            Found::Nothing | Found::TooMany => None,
        })
    }

    /// Ends the session of `owner` that began as `lineage`.
    ///
    /// One that moves to a new id meanwhile is looked for again. When there are too many to look through, or they do not
    /// stop moving, all of the user's sessions end.
    pub(crate) async fn end_lineage(
        &self,
        owner: Owner,
        lineage: SessionId,
    ) -> Result<EndedLineage, SessionError> {
        for _ in 0..MAX_PASSES {
            let (id, family) = match self.find_lineage(owner, lineage).await? {
                Found::Session { id, family } => (id, family),
                Found::Nothing => return Ok(EndedLineage::Nothing),
                Found::TooMany => break,
            };
            if let Some(registry) = &self.0.registry {
                registry.deregister(owner, id).await?;
            }
            if self.0.store.end(id, self.0.clock.now()).await? > 0 {
                return Ok(EndedLineage::Session { id, family });
            }
        }
        Ok(EndedLineage::All { sessions: self.end_for_user(owner, None).await? })
    }

    async fn find_lineage(&self, owner: Owner, lineage: SessionId) -> Result<Found, SessionError> {
        for _ in 0..MAX_PASSES {
            let found = self.0.store.find_sessions_for_user(owner, self.0.clock.now(), MAX_SCANNED).await?;
            if found.len() >= MAX_SCANNED {
                break;
            }
            let mut all = true;
            for summary in found {
                match self.reload(summary.id).await? {
                    None => all = false,
                    Some((row, decoded)) if row.lineage == lineage => {
                        return Ok(Found::Session { id: row.id, family: decoded.data.refresh_family });
                    }
                    Some(_) => {}
                }
            }
            if all {
                return Ok(Found::Nothing);
            }
        }
        Ok(Found::TooMany)
    }

    /// Returns when a session that began at `created_at` ends at the latest; one without an absolute lifetime counts as
    /// if it had the longest.
    pub(super) fn latest_end(&self, created_at: DateTime<Utc>) -> DateTime<Utc> {
        created_at + self.0.absolute_ttl.unwrap_or(MAX_TTL)
    }
}
