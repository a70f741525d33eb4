use super::{
    Store, StoreFault,
    pages::List,
    sql::{Row, args, json},
    tx::Tx,
    writer::Work,
};
use crate::model::{Page, PageQuery, Person, PersonKind};
use audex_core::{Requester, audit::BrokerEvent};
use axess::{UserId, store::OutboxRecord};
use serde::{Deserialize, Serialize};

const INSERT: &str = "INSERT INTO audex_people (user_id, email, created_at, body) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE audex_people SET email = $2, created_at = $3, body = $4 WHERE user_id = $1
    AND NOT EXISTS (SELECT 1 FROM audex_people AS other WHERE other.email = $2 AND other.user_id <> $1)";

/// What has no column of its own.
#[derive(Serialize, Deserialize)]
struct Body {
    display_name: String,
    kind: PersonKind,
    groups: Vec<String>,
    /// Accounts from before the provider's groups counted have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    provider_groups: Vec<String>,
    roles: Vec<String>,
    is_disabled: bool,
}

impl Store {
    /// Adds somebody.
    ///
    /// # Errors
    ///
    /// [`StoreFault::Conflict`] when they, or somebody with their address, are there already.
    pub async fn insert_person(
        &self,
        who: &Requester,
        person: &Person,
        event: BrokerEvent,
    ) -> Result<(), StoreFault> {
        self.put_person(INSERT, who, person, event).await
    }

    /// Replaces what is kept of somebody.
    ///
    /// # Errors
    ///
    /// [`StoreFault::Conflict`] when they are not there, or somebody else has their address.
    pub async fn save_person(
        &self,
        who: &Requester,
        person: &Person,
        event: BrokerEvent,
    ) -> Result<(), StoreFault> {
        self.put_person(UPDATE, who, person, event).await
    }

    /// Finds somebody by what the login knows them as.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn person(&self, id: UserId) -> Result<Option<Person>, StoreFault> {
        let select = "SELECT user_id, email, created_at, body FROM audex_people WHERE user_id = $1";
        self.pool.fetch_optional(select, args![id]).await?.as_ref().map(person).transpose()
    }

    /// Finds somebody by their address, whatever its case.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn person_by_email(&self, email: &str) -> Result<Option<Person>, StoreFault> {
        let select = "SELECT user_id, email, created_at, body FROM audex_people WHERE email = $1";
        let email = email.to_lowercase();
        self.pool.fetch_optional(select, args![email]).await?.as_ref().map(person).transpose()
    }

    /// Lists people, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreFault`]; [`StoreFault::Page`] when the page begins nowhere.
    pub async fn list_people(&self, page: &PageQuery) -> Result<Page<Person>, StoreFault> {
        let select = "SELECT user_id, email, created_at, body FROM audex_people WHERE user_id IS NOT NULL";
        let list = List { select: select.to_owned(), args: args![], id: "user_id", at: "created_at" };
        self.page(list, page, person).await
    }

    async fn put_person(
        &self,
        sql: &'static str,
        who: &Requester,
        person: &Person,
        event: BrokerEvent,
    ) -> Result<(), StoreFault> {
        let events = self.events(Some(who), [event])?;
        let person = Person { email: person.email.to_lowercase(), ..person.clone() };
        match self.write(Put { sql, person, events }).await? {
            true => Ok(()),
            false => Err(StoreFault::Conflict),
        }
    }
}

struct Put {
    sql: &'static str,
    person: Person,
    events: Vec<OutboxRecord>,
}

impl Work for Put {
    type Out = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreFault> {
        let Person {
            user_id,
            email,
            display_name,
            kind,
            groups,
            provider_groups,
            roles,
            is_disabled,
            created_at,
        } = self.person.clone();
        let body = json(&Body { display_name, kind, groups, provider_groups, roles, is_disabled })?;
        let is_put = tx.execute(self.sql, args![user_id, email, created_at, body]).await? > 0;
        if is_put {
            tx.record(&self.events);
        }
        Ok(is_put)
    }
}

/// Reads somebody from the columns `user_id`, `email`, `created_at` and `body`.
pub(super) fn person(row: &Row) -> Result<Person, StoreFault> {
    let Body { display_name, kind, groups, provider_groups, roles, is_disabled } = row.json("body")?;
    Ok(Person {
        user_id: row.user("user_id")?,
        email: row.text("email")?,
        display_name,
        kind,
        groups,
        provider_groups,
        roles,
        is_disabled,
        created_at: row.time("created_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_from_before_the_providers_groups_counted_have_none() {
        let before =
            r#"{"display_name":"A","kind":"human","groups":["team:devops"],"roles":[],"is_disabled":false}"#;
        let read: Body = serde_json::from_str(before).unwrap();
        assert!(read.provider_groups.is_empty());
        // What has none is written as before.
        assert_eq!(serde_json::to_string(&read).unwrap(), before);
    }
}
