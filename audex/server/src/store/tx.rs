use super::{
    StoreFault,
    limits::Limits,
    sql::{Connection, Row, Value, args},
};
use audex_core::{
    rate::{self, RateLimited, RateRule, Use},
    session::SessionId,
};
use axess::{backends::sqlite::AuditOutbox, store::OutboxRecord};
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, SqlSafeStr};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};

/// How many rows one statement adds or deletes: one of these, so that there are few statements to prepare.
const ROWS: [usize; 4] = [64, 16, 4, 1];

/// How many counted requests are read ahead.
const READ_AHEAD: i64 = 64;

/// After how many requests those are deleted that no rule looks at any more.
const TIDY_EVERY: i64 = 64;

const LOCK: &str = "INSERT INTO audex_limits (name, requests, latest) VALUES ($1, 0, 0)
    ON CONFLICT (name) DO UPDATE SET requests = audex_limits.requests RETURNING requests, latest";
const ACTIVE: &str =
    "SELECT COUNT(*) AS active FROM audex_sessions WHERE identity = $1 AND status = 0 AND deadline > $2";
const ACTIVE_IN_GROUP: &str =
    "SELECT COUNT(*) AS active FROM audex_session_groups WHERE name = $1 AND deadline > $2";
const COUNTED: &str =
    "SELECT number, counted_at FROM audex_counts WHERE name = $1 AND number >= $2 AND number < $3";
const UNLOCK: &str = "UPDATE audex_limits SET requests = $2, latest = $3 WHERE name = $1";
const TIDY: &str = "DELETE FROM audex_counts WHERE name = $1 AND number <= $2";

/// Under which name requests are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'a> {
    pub(crate) name: &'a str,
    /// Whether it is that of a group.
    pub(crate) is_group: bool,
    /// Whether a rule about it limits how many sessions are active.
    pub(crate) is_capped: bool,
    pub(crate) now: DateTime<Utc>,
}

/// What is known of a name while its row is locked.
#[derive(Debug)]
struct Account {
    /// How many requests were counted ever, those of this transaction included.
    requests: i64,
    /// How many before it.
    before: i64,
    latest: i64,
    active: u64,
    /// When some of them were; absent are those that are no longer kept.
    known: BTreeMap<i64, Option<i64>>,
    /// The most that a rule looks back.
    reach: i64,
}

/// A transaction of the writer: its connection, and what is added at its end.
pub(crate) struct Tx {
    connection: Connection,
    accounts: HashMap<String, Account>,
    sessions: Vec<[Value; 8]>,
    groups: Vec<[Value; 3]>,
    ended: Vec<SessionId>,
    counts: Vec<[Value; 3]>,
    events: Vec<OutboxRecord>,
}

impl Tx {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            accounts: HashMap::new(),
            sessions: Vec::new(),
            groups: Vec::new(),
            ended: Vec::new(),
            counts: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }

    pub(super) async fn begin(&mut self) -> Result<(), StoreFault> {
        let begin = self.connection.begin();
        Ok(self.connection.command(begin).await?)
    }

    /// Runs one statement and returns how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: impl SqlSafeStr,
        args: Vec<Value>,
    ) -> Result<u64, StoreFault> {
        Ok(self.connection.execute(sql, args).await?)
    }

    pub(crate) async fn fetch_optional(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<Option<Row>, StoreFault> {
        Ok(self.connection.fetch_optional(sql, args).await?)
    }

    pub(crate) async fn fetch_all(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, StoreFault> {
        Ok(self.connection.fetch_all(sql, args).await?)
    }

    /// Adds events at the end of the transaction.
    pub(crate) fn record(&mut self, events: &[OutboxRecord]) {
        self.events.extend_from_slice(events);
    }

    /// Adds a session at the end of the transaction, and what says under which groups it counts.
    pub(crate) fn add_session(&mut self, row: [Value; 8], groups: &[[Value; 3]]) {
        self.sessions.push(row);
        self.groups.extend_from_slice(groups);
    }

    /// Deletes at the end of the transaction what is kept only while a session is active: what was handed over, and what says
    /// under which groups it counts.
    pub(crate) fn end_session(&mut self, id: SessionId) {
        self.ended.push(id);
    }

    /// Locks a name for the transaction, so that no other server counts under it meanwhile.
    pub(super) async fn lock(&mut self, who: Counted<'_>) -> Result<(), StoreFault> {
        let row = self.fetch_optional(LOCK, args![who.name]).await?;
        let row = row.ok_or(StoreFault::Damaged("audex_limits"))?;
        let active = if who.is_group { ACTIVE_IN_GROUP } else { ACTIVE };
        let active = match who.is_capped {
            true => match self.fetch_optional(active, args![who.name, who.now]).await? {
                Some(row) => row.count("active")?,
                None => 0,
            },
            false => 0,
        };
        let (requests, latest) = (row.int("requests")?, row.int("latest")?);
        let account =
            Account { requests, before: requests, latest, active, known: BTreeMap::new(), reach: 0 };
        self.accounts.insert(who.name.to_owned(), account);
        Ok(())
    }

    /// Checks one more request against the rules, and counts it under each of their names if it is let through.
    ///
    /// What was approved is not counted again: only how many sessions are active is looked at.
    pub(crate) async fn admit(
        &mut self,
        limits: &Limits,
        now: DateTime<Utc>,
        is_counted: bool,
        begins: bool,
    ) -> Result<Result<(), RateLimited>, StoreFault> {
        let damaged = || StoreFault::Damaged("audex_limits");
        let mut used = Vec::new();
        for (name, rules) in limits.rules_by_name() {
            let requests = match is_counted {
                true => self.newest(name, rules, now).await?,
                false => Vec::new(),
            };
            let account = self.accounts.get(name).ok_or_else(damaged)?;
            let active = usize::try_from(account.active).unwrap_or(usize::MAX);
            used.push((rules, Use { requests, active }));
        }
        let rules = used.iter().flat_map(|(rules, used)| rules.iter().map(move |rule| (rule, used)));
        if let Err(limited) = rate::check(rules, limits.who(), now) {
            return Ok(Err(limited));
        }
        for (name, _) in limits.rules_by_name() {
            let account = self.accounts.get_mut(name).ok_or_else(damaged)?;
            account.active += u64::from(begins);
            if is_counted {
                account.requests += 1;
                // Never before the one before it: the clock may have been set back.
                account.latest = account.latest.max(now.timestamp_micros());
                account.known.insert(account.requests, Some(account.latest));
                self.counts.push([name.into(), account.requests.into(), account.latest.into()]);
            }
        }
        Ok(Ok(()))
    }

    /// Returns requests that every rule judges as it would judge all of them: none, when no rule is met.
    ///
    /// A rule of `n` requests is met when the `n`th newest is in its window. So one look for each rule tells, however many
    /// there are, and only a refusal has to have them written out.
    async fn newest(
        &mut self,
        name: &str,
        rules: &[RateRule],
        now: DateTime<Utc>,
    ) -> Result<Vec<DateTime<Utc>>, StoreFault> {
        let mut looks = Vec::with_capacity(rules.len());
        let mut is_met = false;
        for rule in rules {
            let most = i64::from(rule.max_requests.min(RateRule::MAX_REQUESTS));
            let at = self.nth_newest(name, most).await?;
            is_met |= at.is_some_and(|at| at > now - rule.window);
            looks.push((usize::try_from(most).unwrap_or(usize::MAX), at));
        }
        if !is_met {
            return Ok(Vec::new());
        }
        looks.sort_unstable();
        let mut requests = Vec::new();
        for (most, at) in looks {
            // Those between two looks count as the older one: no rule tells them apart.
            if let Some(at) = at {
                requests.resize(requests.len().max(most), at);
            }
        }
        Ok(requests)
    }

    async fn nth_newest(&mut self, name: &str, n: i64) -> Result<Option<DateTime<Utc>>, StoreFault> {
        let damaged = || StoreFault::Damaged("audex_limits");
        let account = self.accounts.get_mut(name).ok_or_else(damaged)?;
        account.reach = account.reach.max(n);
        let number = account.requests - n + 1;
        if n == 0 || number < 1 {
            return Ok(None);
        }
        if !account.known.contains_key(&number) {
            let end = (number + READ_AHEAD).min(account.before + 1);
            let rows = self.connection.fetch_all(COUNTED, args![name, number, end]).await?;
            account.known.extend((number..end).map(|number| (number, None)));
            for row in rows {
                account.known.insert(row.int("number")?, Some(row.int("counted_at")?));
            }
        }
        let at = account.known.get(&number).copied().flatten();
        at.map(|at| DateTime::from_timestamp_micros(at).ok_or(StoreFault::Damaged("counted_at"))).transpose()
    }

    /// Writes what was added.
    pub(super) async fn flush(&mut self) -> Result<(), StoreFault> {
        let accounts = std::mem::take(&mut self.accounts);
        let mut changed: Vec<_> =
            accounts.into_iter().filter(|(_, account)| account.requests > account.before).collect();
        changed.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for (name, account) in changed {
            let args = args![&*name, account.requests, account.latest];
            self.connection.execute(UNLOCK, args).await?;
            if account.before / TIDY_EVERY != account.requests / TIDY_EVERY {
                let args = args![name, account.requests - account.reach];
                self.connection.execute(TIDY, args).await?;
            }
        }
        let counts = std::mem::take(&mut self.counts);
        self.insert("audex_counts (name, number, counted_at)", counts).await?;
        let sessions = std::mem::take(&mut self.sessions);
        let table = "audex_sessions (id, version, identity, status, bare, created_at, deadline, record)";
        self.insert(table, sessions).await?;
        let groups = std::mem::take(&mut self.groups);
        self.insert("audex_session_groups (session_id, name, deadline)", groups).await?;
        let ended = std::mem::take(&mut self.ended);
        self.delete("audex_handovers WHERE id", &ended).await?;
        self.delete("audex_session_groups WHERE session_id", &ended).await?;
        let events = std::mem::take(&mut self.events);
        if events.is_empty() {
            return Ok(());
        }
        match &mut self.connection {
            Connection::Sqlite(connection) => AuditOutbox::append_in(connection, events).await?,
            Connection::Postgres(connection) => AuditOutbox::append_in(&mut **connection, events).await?,
        }
        Ok(())
    }

    async fn insert<const COLUMNS: usize>(
        &mut self,
        table: &'static str,
        rows: Vec<[Value; COLUMNS]>,
    ) -> Result<(), StoreFault> {
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        while left > 0 {
            let size = ROWS.into_iter().find(|&size| size <= left).unwrap_or(1);
            let args = rows.by_ref().take(size).flatten().collect();
            self.connection.execute(AssertSqlSafe(insertion(table, COLUMNS, size)), args).await?;
            left -= size;
        }
        Ok(())
    }

    async fn delete(&mut self, column: &'static str, ids: &[SessionId]) -> Result<(), StoreFault> {
        let mut left = ids;
        while !left.is_empty() {
            let size = ROWS.into_iter().find(|&size| size <= left.len()).unwrap_or(1);
            let (some, others) = left.split_at(size);
            let args = some.iter().copied().map(Value::from).collect();
            self.connection.execute(AssertSqlSafe(deletion(column, size)), args).await?;
            left = others;
        }
        Ok(())
    }
}

/// Returns the statement that adds so many rows.
fn insertion(table: &str, columns: usize, rows: usize) -> String {
    let mut sql = format!("INSERT INTO {table} VALUES ");
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            let comma = if column == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(sql, "{comma}${}", row * columns + column + 1);
        }
        sql.push(')');
    }
    sql
}

/// Returns the statement that deletes the rows of so many ids.
fn deletion(column: &str, ids: usize) -> String {
    let mut sql = format!("DELETE FROM {column} IN (");
    for id in 1..=ids {
        let comma = if id == 1 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(sql, "{comma}${id}");
    }
    sql.push(')');
    sql
}
