mod send;

use crate::error::store_error;
use axess_core::store::{StoreError, StoreErrorKind};
use redis::{
    Client, ConnectionAddr, ConnectionInfo, FromRedisValue, IntoConnectionInfo, ProtocolVersion, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
};
use std::{fmt, sync::Arc, time::Duration};

/// What the names of keys begin with when nothing else is said.
pub const DEFAULT_PREFIX: &str = "axess:";

/// The most bytes of a prefix.
pub const MAX_PREFIX_BYTES: usize = 64;

/// How often a lost connection is tried again before the calls that wait for it fail. The next call begins anew.
const CONNECT_RETRIES: usize = 1;
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// A connection to Valkey or Redis, to one server or to a cluster.
///
/// Clones share it. Calls run side by side over it. A lost connection is made again by itself; the call that noticed fails
/// with [`StoreErrorKind::Unavailable`] or [`StoreErrorKind::Timeout`] and is *not* repeated, because it may have been
/// done.
///
/// ```no_run
/// # use axess_core::store::StoreError;
/// use axess_valkey::{Valkey, ValkeySessionStore};
/// # async fn example() -> Result<(), StoreError> {
/// let one = Valkey::connect("redis://127.0.0.1:6379").await?;
/// let cluster = Valkey::connect_cluster(["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"]).await?;
/// let (here, there) = (ValkeySessionStore::new(&one), ValkeySessionStore::new(&cluster));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Valkey {
    link: Link,
    prefix: Arc<str>,
    deadline: Duration,
}

/// How to connect.
///
/// ```
/// use axess_valkey::ValkeyOptions;
/// use std::time::Duration;
/// let options = ValkeyOptions { prefix: "shop:axess:".into(), ..ValkeyOptions::default() };
/// assert_eq!(options.response_timeout, Duration::from_secs(2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValkeyOptions {
    /// What the names of all keys begin with: 1 to [`MAX_PREFIX_BYTES`] ASCII letters, digits, `:`, `.`, `_` and `-`.
    pub prefix: String,
    /// How long a call may wait for its answer. The default is two seconds.
    pub response_timeout: Duration,
    /// How long making one connection may take. The default is two seconds.
    pub connect_timeout: Duration,
}

#[derive(Clone)]
enum Link {
    Single(ConnectionManager),
    Cluster(Box<ClusterConnection>),
}

impl Valkey {
    /// Connects to one server, with the default options.
    ///
    /// `url` is `redis://[user][:password@]host[:port][/database]`, or `rediss://` for TLS.
    ///
    /// # Errors
    ///
    /// As [`ValkeyOptions::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        ValkeyOptions::default().connect(url).await
    }

    /// Connects to a cluster, with the default options.
    ///
    /// # Errors
    ///
    /// As [`ValkeyOptions::connect_cluster`].
    pub async fn connect_cluster(
        urls: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, StoreError> {
        ValkeyOptions::default().connect_cluster(urls).await
    }

    /// Connects to the server of an existing client, with the default options.
    ///
    /// # Errors
    ///
    /// As [`ValkeyOptions::connect`].
    pub async fn from_client(client: Client) -> Result<Self, StoreError> {
        ValkeyOptions::default().with_client(client).await
    }

    /// Asks the server for a sign of life; of a cluster, any node.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unavailable`] or [`StoreErrorKind::Timeout`] when it gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.query::<String>(&redis::cmd("PING")).await.map(drop)
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.link, Link::Cluster(_))
    }

    pub(crate) fn key(&self, name: impl fmt::Display) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) async fn query<T: FromRedisValue>(&self, cmd: &redis::Cmd) -> Result<T, StoreError> {
        let answer = self.send(cmd).await.map_err(store_error)?;
        T::from_redis_value(answer).map_err(|error| store_error(error.into()))
    }
}

impl ValkeyOptions {
    /// Connects to one server.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Misuse`] for a URL or a prefix that is none; otherwise what keeps the server from answering.
    pub async fn connect(&self, url: &str) -> Result<Valkey, StoreError> {
        let info = url.into_connection_info().map_err(store_error)?;
        // With this protocol the server's side of a lost connection is noticed before the next call.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings)).map_err(store_error)?;
        self.with_client(client).await
    }

    /// Connects to the server of an existing client: one with its own certificates, for example.
    ///
    /// # Errors
    ///
    /// As [`ValkeyOptions::connect`].
    pub async fn with_client(&self, client: Client) -> Result<Valkey, StoreError> {
        choose_crypto([client.get_connection_info()]);
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(self.response_timeout))
            .set_connection_timeout(Some(self.connect_timeout))
            .set_number_of_retries(CONNECT_RETRIES)
            .set_min_delay(RETRY_DELAY);
        let prefix = self.checked_prefix()?;
        let link = ConnectionManager::new_with_config(client, config).await.map_err(store_error)?;
        Ok(Valkey { link: Link::Single(link), prefix, deadline: self.deadline() })
    }

    /// Connects to a cluster, of which `urls` are some nodes.
    ///
    /// # Errors
    ///
    /// As [`ValkeyOptions::connect`].
    pub async fn connect_cluster(
        &self,
        urls: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Valkey, StoreError> {
        let nodes = urls.into_iter().map(|url| url.into().into_connection_info());
        let nodes = nodes.collect::<RedisResult<Vec<_>>>().map_err(store_error)?;
        choose_crypto(&nodes);
        let client = ClusterClient::builder(nodes)
            .response_timeout(self.response_timeout)
            .connection_timeout(self.connect_timeout)
            .use_protocol(ProtocolVersion::RESP3)
            // The library would also repeat calls that may have been done. What is safe to repeat is repeated here.
            .retries(0)
            .build()
            .map_err(store_error)?;
        let prefix = self.checked_prefix()?;
        let link = Box::new(client.get_async_connection().await.map_err(store_error)?);
        Ok(Valkey { link: Link::Cluster(link), prefix, deadline: self.deadline() })
    }

    /// Returns how long a call may take that has to connect first.
    fn deadline(&self) -> Duration {
        self.response_timeout.saturating_add(self.connect_timeout)
    }

    /// Refuses what has a meaning in hash tags or in patterns.
    fn checked_prefix(&self) -> Result<Arc<str>, StoreError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":._-".contains(&byte);
        let fits = (1..=MAX_PREFIX_BYTES).contains(&self.prefix.len()) && self.prefix.bytes().all(plain);
        if fits { Ok(self.prefix.as_str().into()) } else { Err(StoreError::bare(StoreErrorKind::Misuse)) }
    }
}

impl Default for ValkeyOptions {
    fn default() -> Self {
        Self {
            prefix: DEFAULT_PREFIX.to_owned(),
            response_timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(2),
        }
    }
}

impl fmt::Debug for Valkey {
    /// Leaves out the address, which may carry a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = match self.link {
            Link::Single(_) => "single",
            Link::Cluster(_) => "cluster",
        };
        f.debug_struct("Valkey").field("link", &link).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Chooses aws-lc-rs for this process if a connection needs TLS and the application chose nothing.
///
/// The client library takes the process's provider and knows no other way to name one.
fn choose_crypto<'a>(nodes: impl IntoIterator<Item = &'a ConnectionInfo>) {
    let mut nodes = nodes.into_iter();
    let needs_tls = nodes.any(|node| matches!(node.addr(), ConnectionAddr::TcpTls { .. }));
    if needs_tls && rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing a race against another installation is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_cannot_move_keys_or_match_others() {
        let with = |prefix: &str| ValkeyOptions { prefix: prefix.into(), ..ValkeyOptions::default() };
        assert!(with("axess:").checked_prefix().is_ok());
        let long = "x".repeat(MAX_PREFIX_BYTES + 1);
        for bad in ["", "{a}", "a*", "a?", "[a]", "a\\", "a b", "ä", &long] {
            let error = with(bad).checked_prefix().unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Misuse, "{bad}");
        }
    }
}
