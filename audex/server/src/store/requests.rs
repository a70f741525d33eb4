use super::{
    NewNotice, Store, StoreFault,
    limits::Limits,
    notices,
    pages::List,
    sql::{Row, Value, args, json},
    tx::{Counted, Tx},
    writer::Work,
};
use crate::model::{Page, PageQuery, PendingRequest, Person};
use audex_core::{
    IssueError, Requester,
    approval::{ApprovalState, Approved},
    audit::BrokerEvent,
    rate::{RateLimited, RateRule},
    session::SessionId,
};
use axess::store::OutboxRecord;
use chrono::{DateTime, Utc};

const INSERT: &str = "INSERT INTO audex_requests (id, version, identity, state, created_at, expires_at, body)
    VALUES ($1, 1, $2, $3, $4, $5, $6)";
const LOAD: &str = "SELECT id, version, body FROM audex_requests WHERE id = $1";
const SAVE: &str = "UPDATE audex_requests SET version = version + 1, state = $3, expires_at = $4, body = $5
    WHERE id = $1 AND version = $2 AND state <> 4";
const LIST: &str = "SELECT id, created_at, body FROM audex_requests";
const WAITING: &str = "SELECT COUNT(*) AS waiting FROM audex_requests WHERE state = 0 AND expires_at > $1";
const WAITING_OF: &str =
    "SELECT COUNT(*) AS waiting FROM audex_requests WHERE identity = $1 AND state = 0 AND expires_at > $2";
const OPEN: &str = "SELECT id, body FROM audex_requests WHERE state IN (0, 1) AND expires_at > $1 AND id > $2
    ORDER BY id LIMIT $3";
const FIND: &str = "SELECT id FROM audex_requests WHERE id >= $1 AND id <= $2
    UNION SELECT id FROM audex_sessions WHERE id >= $1 AND id <= $2 LIMIT 2";

/// The state of a request that lapsed, beside those of its approval: see [`state_of`].
pub(super) const LAPSED: i64 = 4;

/// How many open requests are looked at at a time.
const BATCH: u32 = 200;

/// The fewest hexadecimal digits that name a request or a session.
const MIN_PREFIX: usize = 8;

/// Which requests are listed.
///
/// ```
/// use audex_server::store::RequestFilter;
/// let mine = RequestFilter { requester: Some("alice@example.com".into()), ..RequestFilter::default() };
/// assert!(!mine.waiting_only);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestFilter {
    /// Whose, by the name that limits are counted under.
    pub requester: Option<String>,
    /// Only those that wait for votes.
    pub waiting_only: bool,
}

impl Store {
    /// Checks the limits, that of requests that wait at once included, counts a request that waits for approval, and keeps it, with who is to be told.
    ///
    /// # Errors
    ///
    /// [`IssueError::Limited`], or [`IssueError::Store`].
    pub async fn insert_request(
        &self,
        pending: &PendingRequest,
        rates: &[RateRule],
        event: BrokerEvent,
        notices: Vec<NewNotice>,
    ) -> Result<(), IssueError> {
        let events = self.events(Some(&pending.requester), [event])?;
        let limits = Limits::about(rates, &pending.requester);
        let identity = pending.requester.identity();
        let most = u64::from(self.most_waiting);
        let ask =
            Ask { body: json(pending)?, pending: pending.clone(), identity, most, limits, events, notices };
        self.write(ask).await?.map_err(IssueError::Limited)
    }

    /// Loads a request, and the version that a change of it names.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn load_request(&self, id: SessionId) -> Result<Option<(PendingRequest, u64)>, StoreFault> {
        let row = self.pool.fetch_optional(LOAD, args![id]).await?;
        row.map(|row| Ok((row.json("body")?, row.count("version")?))).transpose()
    }

    /// Replaces a request, and keeps who is to be told.
    ///
    /// Where somebody else was first nothing happens, and this is `false`.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn save_request(
        &self,
        version: u64,
        pending: &PendingRequest,
        who: &Requester,
        event: BrokerEvent,
        notices: Vec<NewNotice>,
    ) -> Result<bool, StoreFault> {
        let events = self.events(Some(who), [event])?;
        let version = i64::try_from(version).map_err(|_| StoreFault::Conflict)?;
        self.write(Save { version, pending: pending.clone(), events, notices }).await
    }

    /// Lists requests, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreFault`]; [`StoreFault::Page`] when the page begins nowhere.
    pub async fn list_requests(
        &self,
        filter: &RequestFilter,
        page: &PageQuery,
    ) -> Result<Page<PendingRequest>, StoreFault> {
        let (mut select, mut args) = (format!("{LIST} WHERE "), args![]);
        match &filter.requester {
            Some(identity) => {
                args.extend(args![&**identity]);
                select.push_str("identity = $1");
            }
            None => select.push_str("id IS NOT NULL"),
        }
        if filter.waiting_only {
            args.extend(args![self.clock.now()]);
            select.push_str(&format!(" AND state = 0 AND expires_at > ${}", args.len()));
        }
        let list = List { select, args, id: "id", at: "created_at" };
        self.page(list, page, |row: &Row| row.json("body")).await
    }

    /// Finds the one request or session that a text names: its id, or at least eight digits of its beginning.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn find_id(&self, prefix: &str) -> Result<Option<SessionId>, StoreFault> {
        let prefix = prefix.to_ascii_lowercase();
        let Some((first, last)) = range(&prefix) else { return Ok(None) };
        let rows = self.pool.fetch_all(FIND, args![&first[..], &last[..]]).await?;
        match rows.as_slice() {
            [row] => Ok(Some(row.session("id")?).filter(|id| id.to_string().starts_with(&prefix))),
            _ => Ok(None),
        }
    }

    /// Finds the requests of an account that wait or were not picked up: those that it asked, and those that it answers for.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn open_requests(
        &self,
        person: &Person,
        now: DateTime<Utc>,
    ) -> Result<Vec<SessionId>, StoreFault> {
        let (mut open, mut after) = (Vec::new(), None);
        loop {
            let after_it = after.map_or_else(|| Value::from(&[0_u8; 16][..]), Value::from);
            let rows = self.pool.fetch_all(OPEN, args![now, after_it, BATCH]).await?;
            let Some(last) = rows.last() else { return Ok(open) };
            after = Some(last.session("id")?);
            for row in &rows {
                let pending: PendingRequest = row.json("body")?;
                let is_theirs =
                    pending.asked_by == Some(person.user_id) || pending.requester.identity() == person.email;
                open.extend(is_theirs.then_some(pending.session_id));
            }
        }
    }

    /// Counts the requests that wait for votes.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn waiting_requests(&self, now: DateTime<Utc>) -> Result<u64, StoreFault> {
        let row = self.pool.fetch_optional(WAITING, args![now]).await?;
        row.map_or(Ok(0), |row| row.count("waiting"))
    }
}

/// Returns the first and the last id that begin so.
fn range(prefix: &str) -> Option<([u8; 16], [u8; 16])> {
    let digits = || prefix.bytes().filter(|&byte| byte != b'-');
    let is_hex = |byte: u8| byte.is_ascii_hexdigit();
    if digits().count() < MIN_PREFIX || prefix.len() > 36 || !digits().all(is_hex) {
        return None;
    }
    let ends = |fill: char| {
        let digits: String = digits().map(char::from).chain(std::iter::repeat(fill)).take(32).collect();
        uuid::Uuid::try_parse(&digits).ok().map(uuid::Uuid::into_bytes)
    };
    Some((ends('0')?, ends('f')?))
}

fn state_of(pending: &PendingRequest) -> i64 {
    match pending.approval.state() {
        ApprovalState::Pending => 0,
        ApprovalState::Approved => 1,
        ApprovalState::Denied => 2,
        ApprovalState::Consumed => 3,
        ApprovalState::Withdrawn => 5,
    }
}

struct Ask {
    pending: PendingRequest,
    body: Vec<u8>,
    identity: String,
    /// How many of them may wait at once.
    most: u64,
    limits: Limits,
    events: Vec<OutboxRecord>,
    notices: Vec<NewNotice>,
}

impl Work for Ask {
    type Out = Result<(), RateLimited>;

    fn counts(&self) -> Vec<Counted<'_>> {
        let (name, now) = (&*self.identity, self.pending.created_at);
        let mut counted = self.limits.counted(now);
        // Also where no rule is about them: those that wait are counted.
        counted.push(Counted { name, is_group: false, is_capped: false, now });
        counted
    }

    async fn run(&self, tx: &mut Tx) -> Result<Self::Out, StoreFault> {
        let PendingRequest { session_id, approval, created_at, .. } = &self.pending;
        let row = tx.fetch_optional(WAITING_OF, args![&*self.identity, *created_at]).await?;
        if row.map(|row| row.count("waiting")).transpose()?.unwrap_or_default() >= self.most {
            let what = format!("{} requests that wait for approval at once", self.most);
            return Ok(Err(RateLimited { rule: self.identity.clone(), what, retry_after: None }));
        }
        let admitted = tx.admit(&self.limits, *created_at, true, false).await?;
        if admitted.is_ok() {
            let (identity, state) = (&*self.identity, state_of(&self.pending));
            let args =
                args![*session_id, identity, state, *created_at, approval.expires_at(), self.body.clone()];
            tx.execute(INSERT, args).await?;
            tx.record(&self.events);
            notices::keep(tx, &self.notices).await?;
        }
        Ok(admitted)
    }
}

struct Save {
    version: i64,
    pending: PendingRequest,
    events: Vec<OutboxRecord>,
    notices: Vec<NewNotice>,
}

impl Work for Save {
    type Out = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreFault> {
        let is_saved = replace(tx, self.version, &self.pending).await?;
        if is_saved {
            tx.record(&self.events);
            notices::keep(tx, &self.notices).await?;
        }
        Ok(is_saved)
    }
}

async fn replace(tx: &mut Tx, version: i64, pending: &PendingRequest) -> Result<bool, StoreFault> {
    let expires_at = pending.approval.expires_at();
    let args = args![pending.session_id, version, state_of(pending), expires_at, json(pending)?];
    Ok(tx.execute(SAVE, args).await? > 0)
}

/// Lets the approval of a request be used again, where it has one.
pub(super) async fn give_back(tx: &mut Tx, id: SessionId) -> Result<(), StoreFault> {
    let Some(row) = tx.fetch_optional(LOAD, args![id]).await? else { return Ok(()) };
    let mut pending: PendingRequest = row.json("body")?;
    pending.approval.give_back();
    replace(tx, row.int("version")?, &pending).await.map(drop)
}

/// Uses up the approval of a request; `false` when it cannot be used, or not any more.
pub(super) async fn consume(
    tx: &mut Tx,
    id: SessionId,
    approved: &Approved,
    now: DateTime<Utc>,
) -> Result<bool, StoreFault> {
    let Some(row) = tx.fetch_optional(LOAD, args![id]).await? else { return Ok(false) };
    let mut pending: PendingRequest = row.json("body")?;
    let digest = *pending.approval.digest();
    if !approved.is_for(&digest) || pending.approval.consume(digest, now).is_err() {
        return Ok(false);
    }
    replace(tx, row.int("version")?, &pending).await
}
