use super::{
    Store, StoreFault,
    sql::{args, json},
    tokens::{Inserted, LOCK},
    tx::Tx,
    writer::Work,
};
use crate::model::ApprovalKey;
use audex_core::{Requester, audit::BrokerEvent};
use axess::{UserId, store::OutboxRecord};
use chrono::{DateTime, Utc};

/// The most keys of one owner that are read.
const MAX_KEYS: u32 = 100;

const INSERT: &str = "INSERT INTO audex_keys (id, owner, created_at, body) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING";
const HAD: &str = "SELECT COUNT(*) AS had FROM audex_keys WHERE owner = $1";
const REMOVE: &str = "DELETE FROM audex_keys WHERE id = $1 AND owner = $2";
const OF: &str = "SELECT body FROM audex_keys WHERE owner = $1 ORDER BY created_at LIMIT $2";
const FORGET: &str = "DELETE FROM audex_invitations WHERE user_id = $1";
const INVITE: &str = "INSERT INTO audex_invitations (digest, user_id, expires_at) VALUES ($1, $2, $3)";
const TAKE: &str = "DELETE FROM audex_invitations WHERE digest = $1 AND expires_at > $2 RETURNING user_id";

impl Store {
    /// Adds an approver's key, unless they have `most` already; tells whether there was room.
    ///
    /// # Errors
    ///
    /// [`StoreFault::Conflict`] when somebody has it already.
    pub async fn insert_key(
        &self,
        who: &Requester,
        key: &ApprovalKey,
        most: u64,
        event: BrokerEvent,
    ) -> Result<bool, StoreFault> {
        let events = self.events(Some(who), [event])?;
        match self.write(Insert { key: key.clone(), most, events }).await? {
            Inserted::Now => Ok(true),
            Inserted::Full => Ok(false),
            Inserted::Before => Err(StoreFault::Conflict),
        }
    }

    /// Lists somebody's keys, oldest first, at most a hundred.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn keys_of(&self, owner: UserId) -> Result<Vec<ApprovalKey>, StoreFault> {
        let rows = self.pool.fetch_all(OF, args![owner, MAX_KEYS]).await?;
        rows.iter().map(|row| row.json("body")).collect()
    }

    /// Finds a key by its thumbprint.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn find_key(&self, id: &str) -> Result<Option<ApprovalKey>, StoreFault> {
        let row = self.pool.fetch_optional("SELECT body FROM audex_keys WHERE id = $1", args![id]).await?;
        row.map(|row| row.json("body")).transpose()
    }

    /// Removes a key of its owner; tells whether it was there.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn remove_key(
        &self,
        who: &Requester,
        owner: UserId,
        id: &str,
        event: BrokerEvent,
    ) -> Result<bool, StoreFault> {
        let events = self.events(Some(who), [event])?;
        self.write(Change { sql: REMOVE, args: args![id, owner], events }).await
    }

    /// Keeps the digest of a one-time link for somebody to enrol with.
    ///
    /// Earlier ones of theirs stop working.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn insert_invitation(
        &self,
        who: &Requester,
        digest: [u8; 32],
        user_id: UserId,
        expires_at: DateTime<Utc>,
        event: BrokerEvent,
    ) -> Result<(), StoreFault> {
        let events = self.events(Some(who), [event])?;
        self.write(Invite { digest, user_id, expires_at, events }).await
    }

    /// Uses a one-time link: of any number that try, one is told whose it is.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn take_invitation(
        &self,
        digest: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Option<UserId>, StoreFault> {
        self.write(Take { digest, now }).await
    }

    /// Looks whose a one-time link is, without using it.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn invitation(
        &self,
        digest: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Option<UserId>, StoreFault> {
        let select = "SELECT user_id FROM audex_invitations WHERE digest = $1 AND expires_at > $2";
        let row = self.pool.fetch_optional(select, args![&digest, now]).await?;
        row.map(|row| row.user("user_id")).transpose()
    }
}

struct Insert {
    key: ApprovalKey,
    most: u64,
    events: Vec<OutboxRecord>,
}

impl Work for Insert {
    type Out = Inserted;

    async fn run(&self, tx: &mut Tx) -> Result<Inserted, StoreFault> {
        let key = &self.key;
        tx.execute(LOCK, args![key.owner]).await?;
        let row = tx.fetch_optional(HAD, args![key.owner]).await?;
        if row.map(|row| row.count("had")).transpose()?.unwrap_or_default() >= self.most {
            return Ok(Inserted::Full);
        }
        if tx.execute(INSERT, args![&*key.id, key.owner, key.created_at, json(key)?]).await? == 0 {
            return Ok(Inserted::Before);
        }
        tx.record(&self.events);
        Ok(Inserted::Now)
    }
}

/// One statement, and its event where it changed something.
struct Change {
    sql: &'static str,
    args: Vec<super::sql::Value>,
    events: Vec<OutboxRecord>,
}

impl Work for Change {
    type Out = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreFault> {
        let is_changed = tx.execute(self.sql, self.args.clone()).await? > 0;
        if is_changed {
            tx.record(&self.events);
        }
        Ok(is_changed)
    }
}

struct Invite {
    digest: [u8; 32],
    user_id: UserId,
    expires_at: DateTime<Utc>,
    events: Vec<OutboxRecord>,
}

impl Work for Invite {
    type Out = ();

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreFault> {
        tx.execute(FORGET, args![self.user_id]).await?;
        tx.execute(INVITE, args![&self.digest, self.user_id, self.expires_at]).await?;
        tx.record(&self.events);
        Ok(())
    }
}

struct Take {
    digest: [u8; 32],
    now: DateTime<Utc>,
}

impl Work for Take {
    type Out = Option<UserId>;

    async fn run(&self, tx: &mut Tx) -> Result<Option<UserId>, StoreFault> {
        let row = tx.fetch_optional(TAKE, args![&self.digest, self.now]).await?;
        row.map(|row| row.user("user_id")).transpose()
    }
}
