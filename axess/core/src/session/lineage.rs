//! Ending the session that began under one id, whatever its id is now.

use super::{
    SessionError, Sessions,
    open::{MAX_PASSES, MAX_SCANNED, MAX_TTL},
};
use crate::store::Owner;
use axess_identity::{SessionId, TokenFamilyId};
use chrono::{DateTime, Utc};

/// A session that was ended from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndedSession {
    pub(crate) id: SessionId,
    /// The family of refresh tokens it belonged to.
    pub(crate) family: Option<TokenFamilyId>,
}

impl Sessions {
    /// Ends the session of `owner` that began as `lineage`; `None` when they have no such session (any more).
    ///
    /// One that moves to a new id meanwhile is looked for again. When there are too many to look through, or they do not
    /// stop moving, all of the user's sessions end, and only `lineage` is named.
    pub(crate) async fn end_lineage(
        &self,
        owner: Owner,
        lineage: SessionId,
    ) -> Result<Option<EndedSession>, SessionError> {
        for _ in 0..MAX_PASSES {
            let now = self.0.clock.now();
            let found = self.0.store.find_sessions_for_user(owner, now, MAX_SCANNED).await?;
            if found.len() >= MAX_SCANNED {
                break;
            }
            let mut all = true;
            for summary in found {
                let Some((row, decoded)) = self.reload(summary.id).await? else {
                    all = false;
                    continue;
                };
                if row.lineage != lineage {
                    continue;
                }
                if let Some(registry) = &self.0.registry {
                    registry.deregister(owner, row.id).await?;
                }
                if self.0.store.end(row.id, now).await? > 0 {
                    return Ok(Some(EndedSession { id: row.id, family: decoded.data.refresh_family }));
                }
                all = false;
            }
            if all {
                return Ok(None);
            }
        }
        let ended = self.end_for_user(owner, None).await?;
        Ok((ended > 0).then_some(EndedSession { id: lineage, family: None }))
    }

    /// Returns when a session that began at `created_at` ends at the latest; one without an absolute lifetime counts as
    /// if it had the longest.
    pub(super) fn latest_end(&self, created_at: DateTime<Utc>) -> DateTime<Utc> {
        created_at + self.0.absolute_ttl.unwrap_or(MAX_TTL)
    }
}
