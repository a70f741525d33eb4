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
    rate::RateLimited,
    session::{Beginning, Change, SessionId, SessionRecord, SessionStatus, SessionStore, SessionStoreError},
};
use axess::store::OutboxRecord;
use chrono::{DateTime, Utc};
use std::sync::atomic::{AtomicI64, Ordering};

const LOAD: &str = "SELECT record FROM audex_sessions WHERE id = $1";
const LOAD_FOR_CHANGE: &str = "SELECT version, record FROM audex_sessions WHERE id = $1";
const HOLD: &str = "SELECT version FROM audex_sessions WHERE id = $1";
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

/// Lets its holder change a session, as long as nobody else has since.
///
/// ```
/// fn which(hold: &audex_server::store::SqlHold) -> audex_core::session::SessionId {
///     hold.id()
/// }
/// ```
#[derive(Debug)]
pub struct SqlHold {
    id: SessionId,
    version: AtomicI64,
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
    /// Loads a session.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreFault> {
        let row = self.pool.fetch_optional(LOAD, args![id]).await?;
        row.map(|row| row.json("record")).transpose()
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
        if let Some(status) = filter.status {
            args.extend(args![number_of(status)]);
            select.push_str(&format!(" AND status = ${}", args.len()));
        }
        let list = List { select, args, id: "id", at: "created_at" };
        self.page(list, page, |row: &Row| row.json("record")).await
    }

    /// Loads a session and takes hold of it, to change it: the hold is of the very version that is loaded.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn load_for_change(
        &self,
        id: SessionId,
    ) -> Result<Option<(SessionRecord, SqlHold)>, StoreFault> {
        let row = self.pool.fetch_optional(LOAD_FOR_CHANGE, args![id]).await?;
        row.map(|row| Ok((row.json("record")?, held(id, &row)?))).transpose()
    }

    /// Takes hold of a session, to change it; of two that do, the one that saves first has it.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn hold(&self, id: SessionId) -> Result<Option<SqlHold>, StoreFault> {
        let row = self.pool.fetch_optional(HOLD, args![id]).await?;
        row.map(|row| held(id, &row)).transpose()
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
                Ok(SqlHold { id, version: AtomicI64::new(1), keeps })
            }
            Begun::Limited(limited) => Err(IssueError::Limited(limited)),
            Begun::Used => Err(IssueError::ApprovalUsed),
        }
    }

    async fn save(&self, hold: &SqlHold, change: Change<'_>) -> Result<(), IssueError> {
        let Change { record, event, credential } = change;
        let answer = self.keyed.take(hold.id);
        let sealed = credential.and_then(|credential| self.seal(hold.id, credential, hold.keeps));
        let sealed = sealed.map(|sealed| sealed.answers(answer.as_ref()));
        let version = hold.version.load(Ordering::Acquire);
        let change = SessionChange::new(record, version)?;
        let events = self.events(Some(&record.requester), event)?;
        if !self.write(Save { change, sealed, events }).await? {
            return Err(StoreFault::Conflict.into());
        }
        hold.version.store(version + 1, Ordering::Release);
        Ok(())
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
        let unknown = || IssueError::Sessions(SessionStoreError::Unknown(id.to_string()));
        self.session(id).await?.ok_or_else(unknown)
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
            // It was counted when it was asked for; how many sessions are active is looked at now.
            if let Err(limited) = tx.admit(&self.limits, self.now, false, false).await? {
                return Ok(Begun::Limited(limited));
            }
            if !consume(tx, self.id, approved, self.now).await? {
                return Ok(Begun::Used);
            }
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

struct Save {
    change: SessionChange,
    sealed: Option<Sealed>,
    events: Vec<OutboxRecord>,
}

impl Work for Save {
    type Out = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreFault> {
        let is_changed = self.change.apply(tx).await?;
        if is_changed {
            tx.record(&self.events);
            // What is kept of a session that is over is deleted at the end.
            keep(tx, self.sealed.as_ref()).await?;
        }
        Ok(is_changed)
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

fn held(id: SessionId, row: &Row) -> Result<SqlHold, StoreFault> {
    Ok(SqlHold { id, version: AtomicI64::new(row.int("version")?), keeps: false })
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
