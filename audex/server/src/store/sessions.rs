mod steps;

use super::{
    Store, StoreFault,
    handovers::{Sealed, keep},
    limits::Limits,
    pages::List,
    requests::consume,
    sql::{Row, Value, args, json},
    tx::{Counted, Tx},
    writer::Work,
};
use crate::model::{Page, PageQuery};
use audex_core::{
    IssueError, Requester,
    approval::Approved,
    audit::BrokerEvent,
    rate::{RateLimited, RateRule},
    session::{
        Beginning, Change, Renewal, SessionId, SessionRecord, SessionStatus, SessionStore, SessionStoreError,
        Step,
    },
};
use axess::store::OutboxRecord;
use chrono::{DateTime, Utc};
use std::sync::Arc;
use steps::{Renew, Save};

const LOAD: &str = "SELECT record FROM audex_sessions WHERE id = $1";
const HOLD: &str = "SELECT id FROM audex_sessions WHERE id = $1";
const FAILED: &str = "SELECT id FROM audex_sessions WHERE id = $1 AND status = 2";
const FORGET: &str = "DELETE FROM audex_sessions WHERE id = $1 AND status = 2";
const LIST: &str = "SELECT id, created_at, record FROM audex_sessions";
const SAVE: &str =
    "UPDATE audex_sessions SET version = version + 1, status = $3, bare = $4, deadline = $5, record = $6
    WHERE id = $1 AND version = $2";
const ACTIVE: &str = "SELECT COUNT(*) AS active FROM audex_sessions WHERE status = 0 AND deadline > $1";

/// Which sessions are listed.
///
/// ```
/// use audex_core::session::SessionStatus;
/// use audex_server::store::SessionFilter;
/// let active = SessionFilter { status: Some(SessionStatus::Active), ..SessionFilter::default() };
/// assert!(active.identity.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionFilter {
    /// Whose, by the name that limits are counted under.
    pub identity: Option<String>,
    /// In which state.
    pub status: Option<SessionStatus>,
}

/// Lets its holder change a session: each change is of the session as it is then.
///
/// ```
/// fn which(hold: &audex_server::store::SqlHold) -> audex_core::session::SessionId {
///     hold.id()
/// }
/// ```
#[derive(Debug)]
pub struct SqlHold {
    id: SessionId,
    /// Whether what is minted is kept for a while, in case the answer is lost.
    keeps: bool,
}

impl SqlHold {
    /// Returns which session it is.
    pub const fn id(&self) -> SessionId {
        self.id
    }
}

impl Store {
    /// Loads a session as the clock has it: one whose deadline has passed is expired.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreFault> {
        let row = self.pool.fetch_optional(LOAD, args![id]).await?;
        row.map(|row| seen(&row, self.clock.now())).transpose()
    }

    /// Lists sessions, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreFault`]; [`StoreFault::Page`] when the page begins nowhere.
    pub async fn list_sessions(
        &self,
        filter: &SessionFilter,
        page: &PageQuery,
    ) -> Result<Page<SessionRecord>, StoreFault> {
        let (mut select, mut args) = (format!("{LIST} WHERE "), args![]);
        match &filter.identity {
            Some(identity) => {
                args.extend(args![&**identity]);
                select.push_str("identity = $1");
            }
            None => select.push_str("id IS NOT NULL"),
        }
        let now = self.clock.now();
        if let Some(status) = filter.status {
            args.extend(args![number_of(status), now]);
            let (status_at, now_at) = (args.len() - 1, args.len());
            // Active is what is active and not late; expired is also what nobody has ended yet.
            select.push_str(&match status {
                SessionStatus::Expired => {
                    format!(" AND (status = ${status_at} OR (status = 0 AND deadline <= ${now_at}))")
                }
                _ => format!(" AND status = ${status_at} AND (status <> 0 OR deadline > ${now_at})"),
            });
        }
        let list = List { select, args, id: "id", at: "created_at" };
        self.page(list, page, |row: &Row| seen(row, now)).await
    }

    /// Loads a session and takes hold of it, to change it.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn load_for_change(
        &self,
        id: SessionId,
    ) -> Result<Option<(SessionRecord, SqlHold)>, StoreFault> {
        let row = self.pool.fetch_optional(LOAD, args![id]).await?;
        row.map(|row| Ok((row.json("record")?, SqlHold { id, keeps: false }))).transpose()
    }

    /// Takes hold of a session, to change it.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn hold(&self, id: SessionId) -> Result<Option<SqlHold>, StoreFault> {
        let row = self.pool.fetch_optional(HOLD, args![id]).await?;
        Ok(row.map(|_| SqlHold { id, keeps: false }))
    }

    /// Counts the sessions that are active.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn active_sessions(&self, now: DateTime<Utc>) -> Result<u64, StoreFault> {
        let row = self.pool.fetch_optional(ACTIVE, args![now]).await?;
        row.map_or(Ok(0), |row| row.count("active"))
    }
}

impl SessionStore for Store {
    type Hold = SqlHold;

    async fn begin(&self, beginning: Beginning<'_>) -> Result<SqlHold, IssueError> {
        let Beginning { record, events, rates, approved, credential, now } = beginning;
        let id = record.session_id;
        let answer = self.keyed.take(id);
        let keeps = approved.is_some() || answer.is_some();
        let sealed = credential.filter(|_| keeps).and_then(|credential| self.seal(id, credential, true));
        let limits = Limits::about(rates, &record.requester);
        let begin = Begin {
            row: row(record)?,
            id,
            groups: limits.groups_of(record),
            limits,
            events: self.events(Some(&record.requester), events)?,
            approved,
            sealed: sealed.map(|sealed| sealed.answers(answer.as_ref())),
            now,
        };
        match self.write(begin).await? {
            Begun::Active => {
                if let Some(answer) = answer.filter(|_| credential.is_none()) {
                    // What is minted comes later.
                    self.keyed.put(id, &answer);
                }
                Ok(SqlHold { id, keeps })
            }
            Begun::Limited(limited) => Err(IssueError::Limited(limited)),
            Begun::Used => Err(IssueError::ApprovalUsed),
        }
    }

    async fn save(&self, hold: &SqlHold, change: Change<'_>) -> Result<SessionRecord, IssueError> {
        let Change { step, now, credential } = change;
        // Whoever revokes what is being minted does not take its answer away.
        let is_outcome = matches!(step, Step::Minted { .. } | Step::Lost { .. });
        let answer = if is_outcome { self.keyed.take(hold.id) } else { None };
        let sealed = credential.and_then(|credential| self.seal(hold.id, credential, hold.keeps));
        let sealed = sealed.map(|sealed| sealed.answers(answer.as_ref()));
        let rng = Arc::clone(&self.rng);
        self.write(Save { id: hold.id, step, now, sealed, rng }).await?
    }

    async fn renew(&self, hold: &SqlHold, renewal: Renewal<'_>) -> Result<(), IssueError> {
        let Renewal { who, rates, event, now } = renewal;
        let one_more = |rate: &RateRule| RateRule { max_concurrent: None, ..rate.clone() };
        let rates: Vec<RateRule> = rates.iter().map(one_more).collect();
        let (limits, events) = (Limits::about(&rates, who), self.events(Some(who), [event])?);
        self.write(Renew { id: hold.id, limits, events, now }).await?
    }

    async fn release(&self, _: SqlHold) -> Result<(), IssueError> {
        // Nothing was taken that others wait for.
        Ok(())
    }

    async fn note(&self, who: &Requester, event: BrokerEvent) -> Result<(), IssueError> {
        let events = self.events(Some(who), [event])?;
        Ok(self.write(Note { events }).await?)
    }

    async fn load(&self, id: SessionId) -> Result<SessionRecord, IssueError> {
        self.session(id).await?.ok_or_else(|| unknown(id))
    }
}

/// What came of a beginning.
enum Begun {
    Active,
    Limited(RateLimited),
    Used,
}

struct Begin {
    row: [Value; 8],
    id: SessionId,
    groups: Vec<[Value; 3]>,
    limits: Limits,
    approved: Option<Approved>,
    sealed: Option<Sealed>,
    events: Vec<OutboxRecord>,
    now: DateTime<Utc>,
}

impl Work for Begin {
    type Out = Begun;

    fn counts(&self) -> Vec<Counted<'_>> {
        self.limits.counted(self.now)
    }

    async fn run(&self, tx: &mut Tx) -> Result<Begun, StoreFault> {
        if let Some(approved) = &self.approved {
            // It was counted when it was asked for, and counts again where its provider failed before; how many sessions
            // are active is looked at now.
            let is_again = tx.fetch_optional(FAILED, args![self.id]).await?.is_some();
            if let Err(limited) = tx.admit(&self.limits, self.now, is_again, false).await? {
                return Ok(Begun::Limited(limited));
            }
            if !consume(tx, self.id, approved, self.now).await? {
                return Ok(Begun::Used);
            }
            // The session that came to nothing is in the log; this is the one of its name now.
            tx.execute(FORGET, args![self.id]).await?;
        }
        let is_counted = self.approved.is_none();
        if let Err(limited) = tx.admit(&self.limits, self.now, is_counted, true).await? {
            return Ok(Begun::Limited(limited));
        }
        tx.add_session(self.row.clone(), &self.groups);
        tx.record(&self.events);
        keep(tx, self.sealed.as_ref()).await?;
        Ok(Begun::Active)
    }
}

struct Note {
    events: Vec<OutboxRecord>,
}

impl Work for Note {
    type Out = ();

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreFault> {
        tx.record(&self.events);
        Ok(())
    }
}

fn row(record: &SessionRecord) -> Result<[Value; 8], StoreFault> {
    Ok([
        record.session_id.into(),
        Value::from(1_i64),
        record.requester.identity().into(),
        number_of(record.status).into(),
        record.credentials.is_empty().into(),
        record.created_at.into(),
        record.deadline.into(),
        json(record)?.into(),
    ])
}

/// A session as it is to be, unless somebody else changes the version that it was of.
pub(super) struct SessionChange {
    id: SessionId,
    is_over: bool,
    args: Vec<Value>,
}

impl SessionChange {
    pub(super) fn new(record: &SessionRecord, version: i64) -> Result<Self, StoreFault> {
        let (id, is_over) = (record.session_id, record.status.is_over());
        let (status, bare) = (number_of(record.status), record.credentials.is_empty());
        Ok(Self { id, is_over, args: args![id, version, status, bare, record.deadline, json(record)?] })
    }

    /// Returns `false` when somebody else was first.
    pub(super) async fn apply(&self, tx: &mut Tx) -> Result<bool, StoreFault> {
        let is_changed = tx.execute(SAVE, self.args.clone()).await? > 0;
        if is_changed && self.is_over {
            tx.end_session(self.id);
        }
        Ok(is_changed)
    }
}

/// Reads a session as the clock has it.
fn seen(row: &Row, now: DateTime<Utc>) -> Result<SessionRecord, StoreFault> {
    row.json::<SessionRecord>("record").map(|record| record.as_of(now))
}

fn unknown(id: SessionId) -> IssueError {
    IssueError::Sessions(SessionStoreError::Unknown(id.to_string()))
}

const fn number_of(status: SessionStatus) -> i64 {
    match status {
        SessionStatus::Active => 0,
        SessionStatus::Completed => 1,
        SessionStatus::Failed => 2,
        SessionStatus::Expired => 3,
        SessionStatus::Revoked => 4,
        SessionStatus::BudgetExceeded => 5,
    }
}
