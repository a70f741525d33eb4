//! What sessions are kept in, and an empty one of each.

use crate::turns::Fault;
use axess_peers::{Kind, Server};
use tempfile::TempDir;

/// Where sessions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Memory,
    Sqlite,
    Postgres,
    MariaDb,
    Redis,
    Valkey,
}

impl Backend {
    pub(crate) const ALL: [Self; 6] =
        [Self::Memory, Self::Sqlite, Self::Postgres, Self::MariaDb, Self::Redis, Self::Valkey];

    /// Returns the name that both programs know it by.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MariaDb => "mariadb",
            Self::Redis => "redis",
            Self::Valkey => "valkey",
        }
    }

    pub(crate) const fn rival(self) -> &'static str {
        match self {
            Self::Memory => "tower-sessions MemoryStore",
            Self::Sqlite => "tower-sessions-sqlx-store SqliteStore",
            Self::Postgres => "tower-sessions-sqlx-store PostgresStore",
            Self::MariaDb => "tower-sessions-sqlx-store MySqlStore",
            Self::Redis | Self::Valkey => "tower-sessions-redis-store RedisStore",
        }
    }

    /// Returns how often a caller does the same in one turn: some milliseconds' worth.
    pub(crate) const fn times(self) -> usize {
        match self {
            Self::Memory => 500,
            Self::Redis | Self::Valkey => 40,
            Self::Sqlite | Self::Postgres | Self::MariaDb => 16,
        }
    }

    /// Starts or makes an empty one; `is_durable` has it flush what it acknowledges.
    pub(crate) fn open(self, is_durable: bool) -> Result<Place, Fault> {
        Ok(match (self, self.kind()) {
            (_, Some(kind)) if is_durable => Place::Server(Server::start_durable(kind)?),
            (_, Some(kind)) => Place::Server(Server::start(kind)?),
            (Self::Sqlite, None) => Place::Folder(tempfile::tempdir()?),
            (_, None) => Place::Nowhere,
        })
    }

    /// Returns why it cannot be had here, or nothing when it can.
    pub(crate) fn missing(self) -> Option<String> {
        self.kind()?.missing()
    }

    const fn kind(self) -> Option<Kind> {
        match self {
            Self::Memory | Self::Sqlite => None,
            Self::Postgres => Some(Kind::Postgres),
            Self::MariaDb => Some(Kind::MariaDb),
            Self::Redis => Some(Kind::Redis),
            Self::Valkey => Some(Kind::Valkey),
        }
    }
}

/// What keeps the sessions, for as long as they are needed.
pub(crate) enum Place {
    Nowhere,
    Folder(TempDir),
    Server(Server),
}

impl Place {
    /// Returns a URL for one of the two programs. They share a server, where they use tables or keys of different names,
    /// but no file.
    pub(crate) fn url(&self, program: &str) -> String {
        match self {
            Self::Nowhere => "memory:".to_owned(),
            Self::Folder(folder) => {
                format!("sqlite:{}", folder.path().join(format!("{program}.db")).display())
            }
            Self::Server(server) => server.url(),
        }
    }
}
