//! Our stores. What the session layer does around them, the encoding and the reading of the clock, is done here.

use crate::turns::{Fault, LIFETIME, Store, serve};
use axess_core::{
    memory::InMemorySessionStore,
    store::{Owner, SaveOutcome, SessionRow, SessionStore},
};
use axess_identity::{SessionId, TenantId, UserId};
use axess_sql::{Db, SqlSessionStore};
use axess_valkey::{Valkey, ValkeySessionStore};
use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use serde_json::{Map, Value};
use std::sync::Arc;
use uuid::Uuid;

const TENANT: u128 = 1;

/// Takes turns with the store for a URL.
pub(crate) async fn take_turns(backend: &str, url: &str, seed: u64) -> Result<(), Fault> {
    match backend {
        "memory" => serve(ours(InMemorySessionStore::new()), seed).await,
        "sqlite" | "postgres" | "mariadb" => {
            // Ten connections, unless something else is said.
            let store = SqlSessionStore::new(Db::connect(url).await?);
            store.init_schema().await?;
            serve(ours(store), seed).await
        }
        "redis" | "valkey" => {
            let store = ValkeySessionStore::new(&Valkey::connect(url).await?);
            serve(ours(store), seed).await
        }
        _ => Err(format!("there is no backend `{backend}`").into()),
    }
}

fn ours<S>(store: S) -> Ours<S> {
    Ours(Arc::new(store))
}

struct Ours<S>(Arc<S>);

impl<S> Clone for Ours<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A session as the layer holds it: decoded, with the row it came from.
struct Session {
    row: SessionRow,
    content: Map<String, Value>,
}

impl Session {
    /// Returns the row as it is to be written next.
    fn next(&self) -> Result<SessionRow, Fault> {
        Ok(SessionRow {
            version: self.row.version + 1,
            payload: encoded(&self.content)?,
            expires_at: Utc::now() + TimeDelta::seconds(LIFETIME),
            ..self.row.clone()
        })
    }
}

impl<S: SessionStore + Send + Sync + 'static> Store for Ours<S> {
    type Session = Session;

    /// A session of a logged-in user, so that the owner's index is kept too.
    fn fresh(&self, id: [u8; 16], content: Map<String, Value>) -> Result<Session, Fault> {
        let now = Utc::now();
        let id = SessionId::from_bytes(id);
        let user_id = UserId::from_uuid(Uuid::from_bytes(*id.as_bytes()));
        let row = SessionRow {
            id,
            lineage: id,
            version: 0,
            owner: Some(Owner { tenant_id: TenantId::from_uuid(Uuid::from_u128(TENANT)), user_id }),
            payload: Bytes::new(),
            created_at: now,
            expires_at: now,
        };
        Ok(Session { row, content })
    }

    async fn insert(&self, session: &mut Session) -> Result<(), Fault> {
        session.row = session.next()?;
        done(self.0.insert(session.row.clone()).await?)
    }

    async fn load(&self, session: &Session) -> Result<(), Fault> {
        let row = self.0.load(session.row.id, Utc::now()).await?.ok_or("a stored session is gone")?;
        let content: Map<String, Value> = rmp_serde::from_slice(&row.payload)?;
        if content.len() == session.content.len() { Ok(()) } else { Err("another session was loaded".into()) }
    }

    async fn save(&self, session: &mut Session) -> Result<(), Fault> {
        session.row = session.next()?;
        done(self.0.save(session.row.clone()).await?)
    }

    async fn rotate(&self, session: &mut Session, id: [u8; 16]) -> Result<(), Fault> {
        let (old, expected) = (session.row.id, session.row.version);
        session.row = SessionRow { id: SessionId::from_bytes(id), ..session.next()? };
        done(self.0.cycle(old, expected, session.row.clone(), Utc::now()).await?)
    }
}

fn encoded(content: &Map<String, Value>) -> Result<Bytes, Fault> {
    Ok(rmp_serde::to_vec(content)?.into())
}

fn done(outcome: SaveOutcome) -> Result<(), Fault> {
    match outcome {
        SaveOutcome::Saved => Ok(()),
        SaveOutcome::Conflict => Err("a write that nobody disputes was refused".into()),
    }
}
