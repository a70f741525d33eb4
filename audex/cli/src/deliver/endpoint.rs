//! Delivery from a server on loopback, which one user's processes ask with a token until the session is over.
//!
//! It answers in the format of container credentials from what was minted last, and waits for nothing: minting goes on
//! elsewhere. Who may ask is decided three times: by the user id that owns the client's socket, by the `Host` that was asked
//! for (a web page that rebinds a name to loopback says another one), and by a token that is compared in constant time.
//!
//! The token is handed over in a file only. SDKs prefer the file to a variable and read it anew at each fetch; a token in a
//! variable would be in every dump of the environment. An SDK from before late 2023 knows only the variable, is told so in
//! the answer, and works with another delivery.

mod answer;
mod peer;
mod serve;

use super::{DeliverError, Documents, Variables, process::TOKEN_FILE, regions};
use crate::private_folder::PrivateFolder;
use answer::Answers;
use audex_core::Credential;
use audex_policy::Provider;
use axess_clock::Clock;
use axess_rng::{SecureRng, random_array};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// Where container credentials are.
pub(super) const CONTAINER_PATH: &str = "/credentials";
/// Where the document for a program that is asked is.
pub(super) const PROCESS_PATH: &str = "/process";

/// Says what a session's server hands out, to whom, and for how long.
///
/// ```
/// use audex_cli::deliver::endpoint::EndpointConfig;
/// fn is_for_root(config: &EndpointConfig) -> bool {
///     config.uid == 0
/// }
/// ```
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Whose credentials.
    pub provider: Provider,
    /// What was minted last; nothing once the session is over.
    pub credential: watch::Receiver<Option<Credential>>,
    /// The user who may ask.
    pub uid: u32,
    /// When the session is over, whatever was minted.
    pub deadline: DateTime<Utc>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Is the server of one session; dropping it stops it.
///
/// ```
/// use audex_cli::deliver::{Variables, endpoint::Endpoint};
/// fn variables(endpoint: &Endpoint) -> Variables {
///     endpoint.variables()
/// }
/// ```
#[derive(Debug)]
pub struct Endpoint {
    provider: Provider,
    address: SocketAddr,
    token_file: PathBuf,
    regions: Variables,
    fetches: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Endpoint {
    /// Starts a server on a free port of 127.0.0.1, with a token of its own in the private folder.
    ///
    /// # Errors
    ///
    /// The provider's programs ask no server, there is no free port, or the folder does not take the token.
    pub async fn start(
        config: EndpointConfig,
        rng: &(impl SecureRng + ?Sized),
        folder: &PrivateFolder,
    ) -> Result<Self, DeliverError> {
        let provider = config.provider;
        let not_this_way = DeliverError::NotThisWay { provider, way: "endpoint" };
        let documents = Documents::of(provider).ok_or(not_this_way)?;
        let token = URL_SAFE_NO_PAD.encode(random_array::<32>(rng));
        // Without a line feed: it goes into a header as it is.
        let token_file = folder.write(TOKEN_FILE, token.as_bytes())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(DeliverError::Listen)?;
        let address = listener.local_addr().map_err(DeliverError::Listen)?;

        let regions = config.credential.borrow().as_ref().map(regions).unwrap_or_default();
        let fetches = Arc::new(AtomicU64::new(0));
        let uid = config.uid;
        let answers = Answers::new(config, documents, address, token.into(), fetches.clone());
        let task = tokio::spawn(serve::serve(listener, address, uid, Arc::new(answers)));
        Ok(Self { provider, address, token_file, regions, fetches, task })
    }

    /// Returns where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the variables that lead a command to it.
    pub fn variables(&self) -> Variables {
        let (url, file) = match self.provider {
            Provider::Local => ("AUDEX_TOKEN_URL", "AUDEX_TOKEN_URL_AUTHORIZATION_FILE"),
            Provider::Aws | Provider::Gcp | Provider::Azure | Provider::Vault => {
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
            }
        };
        let address = format!("http://{}{CONTAINER_PATH}", self.address);
        self.regions.clone().with(url, address).with(file, self.token_file.to_string_lossy().as_ref())
    }

    /// Returns how often a credential was handed out.
    pub fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::Relaxed)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}
