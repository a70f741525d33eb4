//! What can happen to a session that has begun, said of its record as it is at that moment.

use super::{CredentialRecord, Ending, SessionRecord, SessionStatus};
use crate::{IssueError, Requester, Revocation, audit::BrokerEvent, rate::RateLimited};
use chrono::{DateTime, Utc};

/// Says why a session ended that nobody ended.
pub(super) const DEADLINE: &str = "the deadline passed";

/// What happens to a session.
///
/// A store does it to the record as it is when it is written: of two that come at once, the later one sees what the earlier
/// one did.
///
/// ```
/// use audex_core::session::{Ending, SessionStatus, Step};
/// let step = Step::Ended {
///     status: SessionStatus::Completed,
///     ending: Ending { exit_code: Some(0), ..Ending::default() },
///     retired: Default::default(),
///     revoked_by: None,
///     gives_back: false,
/// };
/// assert!(matches!(step, Step::Ended { gives_back: false, .. }));
/// ```
#[derive(Debug, Clone)]
pub enum Step {
    /// A credential was minted that is what was ordered: it is handed over once this is written.
    Minted {
        /// It.
        credential: CredentialRecord,
        /// What says so.
        event: BrokerEvent,
    },
    /// Nothing is handed over.
    Lost {
        /// What was minted all the same.
        credential: Option<CredentialRecord>,
        /// What says so.
        event: BrokerEvent,
    },
    /// It ends, unless it has.
    Ended {
        /// How.
        status: SessionStatus,
        /// How, in detail.
        ending: Ending,
        /// What the end itself did to its credentials.
        retired: Revocation,
        /// Who revokes it, where that is why.
        revoked_by: Option<Requester>,
        /// Whether the approval that it used can be used again: nothing was issued.
        gives_back: bool,
    },
    /// A revocation did what it could to the credentials.
    Answered {
        /// Who revoked.
        by: Requester,
        /// Why, as they said.
        reason: Option<String>,
        /// What became of each.
        revocation: Revocation,
    },
    /// It has no process any more, and lasts until its deadline.
    Detached,
}

/// Who did something, and what.
pub type Told = Vec<(Requester, BrokerEvent)>;

impl SessionRecord {
    /// Does a step, and returns what is to be told of it.
    ///
    /// # Errors
    ///
    /// [`IssueError::Over`] or [`IssueError::Limited`] when a credential cannot be handed over any more; the record is as it
    /// was then.
    pub fn take(&mut self, step: &Step, now: DateTime<Utc>) -> Result<Told, IssueError> {
        Ok(match step {
            Step::Minted { credential, event } => {
                self.check_room(now)?;
                self.add_credential(credential.clone(), now);
                vec![(self.requester.clone(), event.clone())]
            }
            Step::Lost { credential, event } => {
                // Of one that is over no more are minted: what was under way is added.
                if let Some(credential) = credential
                    && (self.status.is_over() || self.check_room(now).is_ok())
                {
                    self.add_credential(credential.clone(), now);
                }
                vec![(self.requester.clone(), event.clone())]
            }
            Step::Ended { status, ending, retired, revoked_by, .. } => {
                let told = self.end(*status, ending, revoked_by.as_ref(), now);
                self.take_fates(retired);
                told
            }
            Step::Answered { by, reason, revocation } => {
                let before = self.credentials.clone();
                self.take_fates(revocation);
                if before == self.credentials {
                    // Of several that revoke the same, one learns something.
                    return Ok(Vec::new());
                }
                let (session_id, fates) = (self.session_id, revocation.fates.clone());
                vec![(
                    by.clone(),
                    BrokerEvent::RevocationAnswered { session_id, reason: reason.clone(), fates },
                )]
            }
            Step::Detached => {
                self.keeper_pid = None;
                Vec::new()
            }
        })
    }

    /// Tells whether another credential can be minted and none that still works is forgotten.
    ///
    /// # Errors
    ///
    /// [`IssueError::Over`], or [`IssueError::Limited`] until the first of them expires.
    pub fn check_room(&self, now: DateTime<Utc>) -> Result<(), IssueError> {
        if self.status.is_over() {
            return Err(IssueError::Over(self.ended_at.unwrap_or(self.deadline)));
        }
        let first = self.credentials.iter().map(|credential| credential.expires_at).min();
        match first {
            Some(first) if self.credentials.len() >= Self::MAX_CREDENTIALS && first > now => {
                Err(IssueError::Limited(RateLimited {
                    rule: format!("session {}", self.session_id.short()),
                    what: format!("{} credentials that work at once", Self::MAX_CREDENTIALS),
                    retry_after: Some(first - now),
                }))
            }
            _ => Ok(()),
        }
    }

    fn end(
        &mut self,
        status: SessionStatus,
        ending: &Ending,
        revoked_by: Option<&Requester>,
        now: DateTime<Utc>,
    ) -> Told {
        let session_id = self.session_id;
        // What the provider is asked afterwards comes with its answer.
        let known = |record: &CredentialRecord| Some((record.id.clone(), record.fate.clone()?));
        let fates: Vec<_> = self.credentials.iter().filter_map(known).collect();
        let revoked = |who: &Requester| {
            (who.clone(), BrokerEvent::SessionRevoked { session_id, reason: ending.reason.clone(), fates })
        };
        if self.status.is_over() {
            // Whoever keeps a session ends it when they are asked to; who asked is told here.
            let was_asked = self.status == SessionStatus::Revoked && !self.entry_point.is_detached();
            return revoked_by.filter(|_| was_asked).map(revoked).into_iter().collect();
        }
        let is_late = revoked_by.is_some() && now >= self.deadline;
        let mut told = Vec::new();
        if is_late {
            self.expire(now);
        } else {
            told.extend(revoked_by.map(revoked));
            self.status = status;
            self.ended_at = Some(now);
            self.ending = Some(ending.clone());
        }
        told.push((self.requester.clone(), self.ended(now)));
        told
    }

    /// Ends it because its deadline has passed.
    fn expire(&mut self, at: DateTime<Utc>) {
        self.status = SessionStatus::Expired;
        self.ended_at = Some(at);
        self.ending = Some(Ending { reason: Some(DEADLINE.to_owned()), ..Ending::default() });
    }

    /// Returns it as the clock has it: what nobody has ended yet is over all the same once its deadline has passed.
    #[must_use]
    pub fn as_of(mut self, now: DateTime<Utc>) -> Self {
        if !self.status.is_over() && now >= self.deadline {
            self.expire(self.deadline);
        }
        self
    }

    /// Returns the event that says how it ended.
    pub fn ended(&self, now: DateTime<Utc>) -> BrokerEvent {
        let ending = self.ending.clone().unwrap_or_default();
        BrokerEvent::SessionEnded {
            session_id: self.session_id,
            status: self.status,
            duration_ms: u64::try_from((now - self.created_at).num_milliseconds()).unwrap_or(0),
            exit_code: ending.exit_code,
            signal: ending.signal,
            reason: ending.reason,
        }
    }
}

#[cfg(test)]
mod tests;
