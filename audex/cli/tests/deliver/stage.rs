//! A session's private folder, a credential, and a server, as each test wants them.

use audex_cli::{
    deliver::endpoint::{Endpoint, EndpointConfig},
    private_folder::{FolderPlaces, PrivateFolder},
};
use audex_core::{Credential, session::SessionId};
use audex_policy::Provider;
use axess_clock::{Clock, MockClock};
use axess_rng::{MockRng, SystemRng};
use chrono::TimeDelta;
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    path::Path,
    process::Command,
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// Who nobody is on Linux.
pub(crate) const NOBODY: u32 = 65_534;
/// Longer than the server takes for anything, on a machine that is busy with something else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

pub(crate) fn is_root() -> bool {
    uid() == 0
}

/// A private folder below a folder of its own.
pub(crate) struct Home {
    pub(crate) folder: PrivateFolder,
    pub(crate) data: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let places = FolderPlaces::new(None, data.path().to_owned());
        let folder = PrivateFolder::create(&places, SessionId::generate(&MockRng::new(7))).unwrap();
        Self { folder, data }
    }
}

/// A credential whose every part ends with `mark`.
pub(crate) fn credential(provider: Provider, clock: &MockClock, mark: &str) -> Credential {
    let expires_at = clock.now() + TimeDelta::minutes(15);
    let credential = Credential::new(provider, format!("id-{mark}"), expires_at);
    match provider {
        Provider::Local => credential.with_part("AUDEX_TOKEN", format!("token-{mark}").into()),
        _ => credential
            .with_part("AWS_ACCESS_KEY_ID", format!("AKEXAMPLEKEYID0{mark}").into())
            .with_part("AWS_SECRET_ACCESS_KEY", format!("secret-{mark}").into())
            .with_part("AWS_SESSION_TOKEN", format!("session-{mark}").into())
            .with_part("AWS_REGION", "eu-central-1".into()),
    }
}

/// A running server.
pub(crate) struct Served {
    pub(crate) home: Home,
    pub(crate) endpoint: Endpoint,
    pub(crate) clock: MockClock,
    pub(crate) minted: watch::Sender<Option<Credential>>,
}

impl Served {
    /// Starts a server for `uid` whose session is over in an hour.
    pub(crate) async fn start(provider: Provider, uid: u32, clock: MockClock) -> Self {
        let home = Home::new();
        let (minted, receiver) = watch::channel(Some(credential(provider, &clock, "1")));
        let config = EndpointConfig {
            provider,
            credential: receiver,
            uid,
            deadline: clock.now() + TimeDelta::hours(1),
            clock: Arc::new(clock.clone()),
        };
        let endpoint = Endpoint::start(config, &SystemRng, &home.folder).await.unwrap();
        Self { home, endpoint, clock, minted }
    }

    pub(crate) async fn local() -> Self {
        Self::start(Provider::Local, uid(), MockClock::default()).await
    }

    pub(crate) fn token(&self) -> String {
        fs::read_to_string(self.endpoint.variables().get("AUDEX_TOKEN_URL_AUTHORIZATION_FILE").unwrap())
            .unwrap()
    }

    pub(crate) fn request(&self) -> String {
        request(self.endpoint.address(), &self.token())
    }

    /// Sends bytes, and returns what comes back.
    pub(crate) async fn ask(&self, bytes: impl Into<Vec<u8>>) -> String {
        let (address, bytes) = (self.endpoint.address(), bytes.into());
        tokio::task::spawn_blocking(move || ask(address, &bytes)).await.unwrap()
    }
}

/// A request as SDKs send it.
pub(crate) fn request(address: SocketAddr, token: &str) -> String {
    format!(
        "GET /credentials HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\nAccept: application/json\r\n\r\n"
    )
}

/// Sends bytes and reads until the server closes, which it must within [`PATIENCE`].
pub(crate) fn ask(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A refusal may close before everything is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("the server keeps a connection open")
        }
        _ => String::from_utf8_lossy(&answer).into_owned(),
    }
}

/// Makes a command run as nobody.
pub(crate) fn as_nobody(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.uid(NOBODY).gid(NOBODY);
    command
}
