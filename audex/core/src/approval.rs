//! Whether somebody else agrees: quorum, different roles, never the requester, once.

use crate::NeededApproval;
use audex_policy::{Rules, is_deceptive, is_unseen};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The most votes that are kept; nobody votes twice.
const MAX_VOTES: usize = 64;

/// The longest comment, in bytes.
const MAX_COMMENT: usize = 2_000;

/// Which requests need approval, and whose.
///
/// ```
/// use audex_core::approval::ApprovalRules;
/// use audex_policy::{Provider, Request, Rules};
///
/// let rules = ApprovalRules {
///     required: 1,
///     roles: vec!["security".to_owned()],
///     sensitive: Rules::parse(["*:Delete*"])?,
/// };
/// let request = Request::parse(Provider::Aws, "s3:*", &[])?;
/// assert_eq!(rules.asked_for_by(request.set()).unwrap(), ["*:Delete*"]);
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRules {
    /// How many have to agree, each in another role, when it is more than one.
    pub required: u8,
    /// In which roles.
    pub roles: Vec<String>,
    /// What is sensitive; nothing means that everything is.
    pub sensitive: Rules,
}

impl ApprovalRules {
    /// Returns the rules that ask for approval of a set, if any does.
    pub fn asked_for_by(&self, set: &audex_policy::PermissionSet) -> Option<Vec<String>> {
        if self.sensitive.is_empty() {
            return Some(vec!["*".to_owned()]);
        }
        let met: Vec<String> = self.sensitive.met_by(set).map(str::to_owned).collect();
        (!met.is_empty()).then_some(met)
    }
}

/// What one person said about a request.
///
/// ```
/// use audex_core::approval::Vote;
/// let json = r#"{"approver":"bob@example.com","role":"security","approve":true,"comment":"for the migration","at":"2026-01-01T00:00:00Z"}"#;
/// let vote: Vote = serde_json::from_str(json)?;
/// assert!(vote.approve);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Who.
    pub approver: String,
    /// In which of their roles.
    pub role: String,
    /// Whether they agree.
    pub approve: bool,
    /// Why.
    pub comment: String,
    /// When.
    pub at: DateTime<Utc>,
    /// What the approver signed: a JWS over the request's digest, the decision and the comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Where an approval stands.
///
/// ```
/// use audex_core::approval::ApprovalState;
/// assert_eq!(serde_json::to_string(&ApprovalState::Pending).unwrap(), r#""pending""#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// It waits for votes.
    Pending,
    /// Enough agreed.
    Approved,
    /// Somebody said no.
    Denied,
    /// It was used.
    Consumed,
    /// Whoever asked took it back.
    Withdrawn,
}

/// One request's approval.
///
/// It is about one [`Proposal`](crate::Proposal)'s digest: one that differs in anything is another.
///
/// ```
/// use audex_core::approval::{Approval, Vote};
/// use chrono::{DateTime, TimeDelta};
///
/// let now = DateTime::UNIX_EPOCH;
/// let mut approval = Approval::new([7; 32], "alice", 1, vec!["security".into()], now + TimeDelta::hours(1));
/// let vote = |who: &str| Vote {
///     approver: who.into(), role: "security".into(), approve: true, comment: "agreed".into(), at: now, signature: None,
/// };
/// assert!(approval.vote(vote("alice")).is_err());
/// approval.vote(vote("bob"))?;
/// let approved = approval.consume([7; 32], now)?;
/// assert_eq!(approved.approvers(), ["bob"]);
/// assert!(approval.consume([7; 32], now).is_err());
/// # Ok::<(), audex_core::approval::ApprovalFault>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    digest: [u8; 32],
    requester: String,
    required: u8,
    roles: Vec<String>,
    expires_at: DateTime<Utc>,
    votes: Vec<Vote>,
    state: ApprovalState,
}

/// Proves that a request was approved.
///
/// It can be used for one issue.
///
/// ```compile_fail
/// fn twice(approved: audex_core::approval::Approved) -> [audex_core::approval::Approved; 2] {
///     [approved.clone(), approved]
/// }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Approved {
    digest: [u8; 32],
    approvers: Vec<String>,
    roles: Vec<String>,
}

/// Says why a vote does not count, or an approval cannot be used.
///
/// ```
/// assert_eq!(audex_core::approval::ApprovalFault::Own.to_string(), "nobody approves their own request");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalFault {
    /// It is the requester's.
    #[error("nobody approves their own request")]
    Own,
    /// They voted before.
    #[error("each approver votes once")]
    Again,
    /// The role does not approve this.
    #[error("the role does not approve this request")]
    Role,
    /// Somebody else approved in this role already.
    #[error("the approvals have to come from different roles")]
    SameRole,
    /// There is no comment, or one that is too long or cannot be read.
    #[error(
        "a comment of 1 to 2000 bytes is needed, with something to read and without characters that hide or turn others around"
    )]
    Comment,
    /// It is decided, or used.
    #[error("the request is decided already")]
    Decided,
    /// The time is over.
    #[error("the request has expired")]
    Expired,
    /// It was not approved.
    #[error("the request is not approved")]
    NotApproved,
    /// It is about another request.
    #[error("the approval is for another request")]
    OtherRequest,
}

impl Approval {
    /// Makes an approval that waits for votes.
    ///
    /// At least one is required.
    pub fn new(
        digest: [u8; 32],
        requester: impl Into<String>,
        required: u8,
        roles: Vec<String>,
        expires_at: DateTime<Utc>,
    ) -> Self {
        let (requester, required) = (requester.into(), required.max(1));
        Self {
            digest,
            requester,
            required,
            roles,
            expires_at,
            votes: Vec::new(),
            state: ApprovalState::Pending,
        }
    }

    /// Returns where it stands, apart from its time.
    pub const fn state(&self) -> ApprovalState {
        self.state
    }

    /// Returns the digest of the request it is about.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Returns who asked.
    pub fn requester(&self) -> &str {
        &self.requester
    }

    /// Returns how many have to agree.
    pub const fn required(&self) -> u8 {
        self.required
    }

    /// Returns in which roles.
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// Returns when its time is over.
    pub const fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }

    /// Returns the votes in the order they came.
    pub fn votes(&self) -> &[Vote] {
        &self.votes
    }

    /// Tells whether its time is over.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        now >= self.expires_at
    }

    /// Counts a vote.
    ///
    /// One refusal decides.
    ///
    /// # Errors
    ///
    /// [`ApprovalFault`]; nothing has changed then.
    pub fn vote(&mut self, vote: Vote) -> Result<ApprovalState, ApprovalFault> {
        if self.is_expired(vote.at) {
            return Err(ApprovalFault::Expired);
        }
        if self.state != ApprovalState::Pending || self.votes.len() >= MAX_VOTES {
            return Err(ApprovalFault::Decided);
        }
        if vote.approver == self.requester {
            return Err(ApprovalFault::Own);
        }
        if self.votes.iter().any(|other| other.approver == vote.approver) {
            return Err(ApprovalFault::Again);
        }
        if !self.roles.contains(&vote.role) {
            return Err(ApprovalFault::Role);
        }
        let comment = &vote.comment;
        if comment.len() > MAX_COMMENT || comment.chars().all(is_unseen) || comment.chars().any(is_deceptive)
        {
            return Err(ApprovalFault::Comment);
        }
        if vote.approve && self.required > 1 && self.votes.iter().any(|other| other.role == vote.role) {
            return Err(ApprovalFault::SameRole);
        }
        let is_denial = !vote.approve;
        self.votes.push(vote);
        if is_denial {
            self.state = ApprovalState::Denied;
        } else if self.is_met() {
            self.state = ApprovalState::Approved;
        }
        Ok(self.state)
    }

    /// Holds it against what is needed by today's rules: never fewer than when it was made.
    ///
    /// Returns whether it was approved, and waits again because that is not enough any more.
    pub fn require(&mut self, needed: &NeededApproval) -> bool {
        self.required = self.required.max(needed.required);
        self.roles.clone_from(&needed.roles);
        let waits_again = self.state == ApprovalState::Approved && !self.is_met();
        if waits_again {
            self.state = ApprovalState::Pending;
        }
        waits_again
    }

    /// Takes it back, as whoever asked may until it is decided or used.
    ///
    /// # Errors
    ///
    /// [`ApprovalFault::Decided`] or [`ApprovalFault::Expired`].
    pub fn withdraw(&mut self, now: DateTime<Utc>) -> Result<(), ApprovalFault> {
        if !matches!(self.state, ApprovalState::Pending | ApprovalState::Approved) {
            return Err(ApprovalFault::Decided);
        }
        if self.is_expired(now) {
            return Err(ApprovalFault::Expired);
        }
        self.state = ApprovalState::Withdrawn;
        Ok(())
    }

    /// Uses it, once, for the request it is about.
    ///
    /// # Errors
    ///
    /// [`ApprovalFault`]; it can still be used then if it could before.
    pub fn consume(&mut self, digest: [u8; 32], now: DateTime<Utc>) -> Result<Approved, ApprovalFault> {
        if self.digest != digest {
            return Err(ApprovalFault::OtherRequest);
        }
        match self.state {
            ApprovalState::Pending | ApprovalState::Denied | ApprovalState::Withdrawn => {
                return Err(ApprovalFault::NotApproved);
            }
            ApprovalState::Consumed => return Err(ApprovalFault::Decided),
            ApprovalState::Approved => {}
        }
        if self.is_expired(now) {
            return Err(ApprovalFault::Expired);
        }
        self.state = ApprovalState::Consumed;
        let votes = || self.votes.iter();
        let approvers = votes().map(|vote| vote.approver.clone()).collect();
        Ok(Approved { digest, approvers, roles: votes().map(|vote| vote.role.clone()).collect() })
    }

    fn is_met(&self) -> bool {
        let roles = self.votes.iter().filter(|vote| vote.approve).map(|vote| &vote.role);
        is_quorum(roles, self.required, &self.roles)
    }
}

impl Approval {
    /// Lets it be used again: it is certain that nothing was issued for it.
    pub fn give_back(&mut self) {
        if self.state == ApprovalState::Consumed {
            self.state = ApprovalState::Approved;
        }
    }
}

impl Approved {
    /// Returns who agreed.
    pub fn approvers(&self) -> &[String] {
        &self.approvers
    }

    /// Tells whether those who agreed are enough.
    pub fn meets(&self, needed: &NeededApproval) -> bool {
        is_quorum(self.roles.iter(), needed.required, &needed.roles)
    }

    /// Tells whether it is about what has this digest.
    pub fn is_for(&self, digest: &[u8; 32]) -> bool {
        self.digest == *digest
    }
}

/// Tells whether those who agreed in these roles are enough: each in another one, when it is more than one.
fn is_quorum<'a>(agreed: impl Iterator<Item = &'a String>, required: u8, roles: &[String]) -> bool {
    let counted: BTreeSet<&String> = agreed.filter(|role| roles.contains(role)).collect();
    counted.len() >= usize::from(required.max(1))
}

#[cfg(test)]
mod tests;
