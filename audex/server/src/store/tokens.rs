use super::{
    Store, StoreFault,
    pages::List,
    people::person,
    sql::{Row, args, json},
    tx::Tx,
    writer::Work,
};
use crate::model::{ApiToken, MAX_PAGE, Page, PageQuery, Person};
use audex_core::{Requester, audit::BrokerEvent};
use axess::{UserId, store::OutboxRecord};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How exactly it is known when a token was last used.
const USED_WITHIN: TimeDelta = TimeDelta::minutes(5);

/// Changes nothing, and has whoever else adds something of the same owner wait, also on another server.
pub(super) const LOCK: &str = "UPDATE audex_people SET email = email WHERE user_id = $1";
const WORKING: &str = "SELECT COUNT(*) AS working FROM audex_tokens
    WHERE owner = $1 AND revoked_at IS NULL AND expires_at > $2";
const INSERT: &str =
    "INSERT INTO audex_tokens (id, digest, owner, created_at, expires_at, last_used_at, revoked_at,
    details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
const FIND: &str = "SELECT t.id, t.digest, t.owner, t.created_at AS made_at, t.expires_at, t.last_used_at, t.revoked_at, t.details,
    p.user_id, p.email, p.created_at, p.body
    FROM audex_tokens AS t JOIN audex_people AS p ON p.user_id = t.owner WHERE t.digest = $1";
const LIST: &str = "SELECT id, digest, owner, created_at, created_at AS made_at, expires_at, last_used_at, revoked_at, details
    FROM audex_tokens";
const REVOKE: &str = "UPDATE audex_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
const TOUCH: &str = "UPDATE audex_tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";

#[derive(Serialize, Deserialize)]
struct Details {
    name: String,
    scopes: Vec<String>,
    /// Missing where the row is older than the notion.
    #[serde(default)]
    made_by: Option<UserId>,
}

impl Store {
    /// Adds a token, unless `most` of its owner's work already when it begins; tells whether there was room.
    ///
    /// # Errors
    ///
    /// [`StoreFault::Conflict`] when it is there already.
    pub async fn insert_token(
        &self,
        who: &Requester,
        token: &ApiToken,
        most: u64,
        event: BrokerEvent,
    ) -> Result<bool, StoreFault> {
        let events = self.events(Some(who), [event])?;
        match self.write(Insert { token: token.clone(), most, events }).await? {
            Inserted::Now => Ok(true),
            Inserted::Full => Ok(false),
            Inserted::Before => Err(StoreFault::Conflict),
        }
    }

    /// Finds a token and its owner by the digest of its secret, also one that is revoked or has expired.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn find_token(&self, digest: &[u8; 32]) -> Result<Option<(ApiToken, Person)>, StoreFault> {
        let row = self.pool.fetch_optional(FIND, args![digest]).await?;
        row.map(|row| Ok((token(&row)?, person(&row)?))).transpose()
    }

    /// Lists tokens, of one owner or of all, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreFault`]; [`StoreFault::Page`] when the page begins nowhere.
    pub async fn list_tokens(
        &self,
        owner: Option<UserId>,
        page: &PageQuery,
    ) -> Result<Page<ApiToken>, StoreFault> {
        let (condition, args) = match owner {
            Some(owner) => ("owner = $1", args![owner]),
            None => ("id IS NOT NULL", args![]),
        };
        let list = List { select: format!("{LIST} WHERE {condition}"), args, id: "id", at: "created_at" };
        self.page(list, page, token).await
    }

    /// Finds the tokens that work and that somebody made for others: for service accounts.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn tokens_for_others(
        &self,
        made_by: UserId,
        now: DateTime<Utc>,
    ) -> Result<Vec<ApiToken>, StoreFault> {
        let mut page = PageQuery { limit: Some(MAX_PAGE), after: None };
        let mut made = Vec::new();
        loop {
            let (condition, args) = ("revoked_at IS NULL AND expires_at > $1", args![now]);
            let list = List { select: format!("{LIST} WHERE {condition}"), args, id: "id", at: "created_at" };
            let tokens = self.page(list, &page, token).await?;
            let is_for_other = |token: &ApiToken| token.made_by == made_by && token.owner != made_by;
            made.extend(tokens.items.into_iter().filter(is_for_other));
            if tokens.next.is_none() {
                return Ok(made);
            }
            page.after = tokens.next;
        }
    }

    /// Revokes a token; tells whether it was not revoked before.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn revoke_token(
        &self,
        who: &Requester,
        id: Uuid,
        now: DateTime<Utc>,
        event: BrokerEvent,
    ) -> Result<bool, StoreFault> {
        let events = self.events(Some(who), [event])?;
        self.write(Revoke { id, now, events }).await
    }

    /// Notes that a token was used, within five minutes.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn touch_token(&self, id: Uuid, now: DateTime<Utc>) -> Result<(), StoreFault> {
        self.write(Touch { id, now }).await
    }
}

struct Insert {
    token: ApiToken,
    most: u64,
    events: Vec<OutboxRecord>,
}

/// What became of something that was to be added to what its owner has.
pub(super) enum Inserted {
    Now,
    Before,
    Full,
}

impl Work for Insert {
    type Out = Inserted;

    async fn run(&self, tx: &mut Tx) -> Result<Inserted, StoreFault> {
        tx.execute(LOCK, args![self.token.owner]).await?;
        let row = tx.fetch_optional(WORKING, args![self.token.owner, self.token.created_at]).await?;
        let working = row.map(|row| row.count("working")).transpose()?.unwrap_or_default();
        if working >= self.most {
            return Ok(Inserted::Full);
        }
        let ApiToken { id, digest, owner, created_at, expires_at, last_used_at, revoked_at, .. } =
            &self.token;
        let details = Details {
            name: self.token.name.clone(),
            scopes: self.token.scopes.clone(),
            made_by: Some(self.token.made_by),
        };
        let args =
            args![*id, digest, *owner, *created_at, *expires_at, *last_used_at, *revoked_at, json(&details)?];
        if tx.execute(INSERT, args).await? == 0 {
            return Ok(Inserted::Before);
        }
        tx.record(&self.events);
        Ok(Inserted::Now)
    }
}

struct Revoke {
    id: Uuid,
    now: DateTime<Utc>,
    events: Vec<OutboxRecord>,
}

impl Work for Revoke {
    type Out = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreFault> {
        let is_revoked = tx.execute(REVOKE, args![self.id, self.now]).await? > 0;
        if is_revoked {
            tx.record(&self.events);
        }
        Ok(is_revoked)
    }
}

struct Touch {
    id: Uuid,
    now: DateTime<Utc>,
}

impl Work for Touch {
    type Out = ();

    fn is_evidence(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreFault> {
        tx.execute(TOUCH, args![self.id, self.now, self.now - USED_WITHIN]).await.map(drop)
    }
}

fn token(row: &Row) -> Result<ApiToken, StoreFault> {
    let Details { name, scopes, made_by } = row.json("details")?;
    let owner = row.user("owner")?;
    Ok(ApiToken {
        id: row.uuid("id")?,
        digest: row.digest("digest")?,
        owner,
        made_by: made_by.unwrap_or(owner),
        name,
        scopes,
        created_at: row.time("made_at")?,
        expires_at: row.time("expires_at")?,
        last_used_at: row.maybe_time("last_used_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
    })
}
