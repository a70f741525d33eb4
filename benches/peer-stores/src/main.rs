//! The session stores that a user of `tower-sessions` would pick, taking turns with ours.
//!
//! Does not know about: axess, and how the turns are compared. `cargo xtask bench stores` builds and starts this.
//!
//! Arguments: `serve`, the backend, the URL of an empty one, and a number that its ids begin from.
#![forbid(unsafe_code)]

#[path = "../../stores/turns.rs"]
mod turns;

use serde_json::{Map, Value};
use std::{env, time::Duration};
use tower_sessions::{
    MemoryStore, SessionStore,
    cookie::time::{Duration as Span, OffsetDateTime},
    session::{Id, Record},
};
use tower_sessions_redis_store::{
    RedisStore,
    fred::{
        interfaces::ClientLike,
        prelude::{Config, Pool},
    },
};
use tower_sessions_sqlx_store::{
    MySqlStore, PostgresStore, SqliteStore,
    sqlx::{
        mysql::MySqlPoolOptions,
        postgres::PgPoolOptions,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
};
use turns::{Fault, LIFETIME, Store, serve};

/// As many as ours has, of each kind.
const SQL_CONNECTIONS: u32 = 10;
const REDIS_CONNECTIONS: usize = 1;
const TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ["serve", backend, url, seed] = args.as_slice() else {
        return Err(format!("usage: serve BACKEND URL SEED, got {args:?}").into());
    };
    let seed = seed.parse()?;
    match *backend {
        "memory" => serve(Theirs(MemoryStore::default()), seed).await,
        "sqlite" => serve(Theirs(sqlite(url).await?), seed).await,
        "postgres" => {
            let pool = PgPoolOptions::new().max_connections(SQL_CONNECTIONS).acquire_timeout(TIMEOUT);
            let store = PostgresStore::new(pool.connect(url).await?);
            store.migrate().await?;
            serve(Theirs(store), seed).await
        }
        "mariadb" => {
            let pool = MySqlPoolOptions::new().max_connections(SQL_CONNECTIONS).acquire_timeout(TIMEOUT);
            let store = MySqlStore::new(pool.connect(url).await?);
            store.migrate().await?;
            serve(Theirs(store), seed).await
        }
        "redis" | "valkey" => {
            let pool = Pool::new(Config::from_url(url)?, None, None, None, REDIS_CONNECTIONS)?;
            let _connected = pool.connect();
            pool.wait_for_connect().await?;
            serve(Theirs(RedisStore::new(pool)), seed).await
        }
        _ => Err(format!("there is no backend `{backend}`").into()),
    }
}

/// The journal and the synchronisation that our own store connects with.
async fn sqlite(url: &str) -> Result<SqliteStore, Fault> {
    let options: SqliteConnectOptions = url.parse()?;
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(TIMEOUT);
    let pool = SqlitePoolOptions::new().max_connections(SQL_CONNECTIONS).acquire_timeout(TIMEOUT);
    let store = SqliteStore::new(pool.connect_with(options).await?);
    store.migrate().await?;
    Ok(store)
}

/// A store of the `tower-sessions` family.
#[derive(Clone)]
struct Theirs<S>(S);

impl<S: SessionStore + Clone> Store for Theirs<S> {
    type Session = Record;

    fn fresh(&self, id: [u8; 16], content: Map<String, Value>) -> Result<Record, Fault> {
        let data = content.into_iter().collect();
        Ok(Record { id: Id(i128::from_le_bytes(id)), data, expiry_date: end() })
    }

    async fn insert(&self, session: &mut Record) -> Result<(), Fault> {
        Ok(self.0.create(session).await?)
    }

    async fn load(&self, session: &Record) -> Result<(), Fault> {
        let found = self.0.load(&session.id).await?.ok_or("a stored session is gone")?;
        if found.data.len() == session.data.len() { Ok(()) } else { Err("another session was loaded".into()) }
    }

    async fn save(&self, session: &mut Record) -> Result<(), Fault> {
        session.expiry_date = end();
        Ok(self.0.save(session).await?)
    }

    /// As `Session::cycle_id` and the save after it do.
    async fn rotate(&self, session: &mut Record, id: [u8; 16]) -> Result<(), Fault> {
        self.0.delete(&session.id).await?;
        session.id = Id(i128::from_le_bytes(id));
        session.expiry_date = end();
        Ok(self.0.create(session).await?)
    }
}

fn end() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Span::seconds(LIFETIME)
}
