use super::{Granted, Logins, Remote, RemoteError, RemoteSession, ServerAddress};
use audex_core::{
    CredentialProvider, Fate, Health, MintOrder, Minted, ProviderError, ProviderFault, ProviderFuture,
    Revocation, RevokeOrder, Shape, budget::Dollars, session::SessionId,
};
use audex_policy::{Grant, Provider, Refusal};
use axess_clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use std::{fmt, str::FromStr, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// How long the end of a session may take to be told to its server: nobody waits for it.
const RETIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest lifetime of a credential.
const MAX_LIFETIME: TimeDelta = TimeDelta::hours(12);

/// Lets sessions go by what a team server decided, and others by their own provider.
///
/// A session of a server has a [`ServedTarget`] for its target: by that it is known when it is to be ended, by whichever
/// command does that.
///
/// ```
/// use audex_cli::{key_store::KeyStore, remote::{Logins, Served}};
/// use audex_core::CredentialProvider;
/// use audex_providers::UnavailableProvider;
/// use std::sync::Arc;
/// let logins = Logins::new(KeyStore::File, "/home/alice/.local/share/audex".as_ref());
/// let served = Served::new(Arc::new(UnavailableProvider::gcp()), logins);
/// assert_eq!(served.provider().name(), "gcp");
/// ```
#[derive(Debug)]
pub struct Served {
    own: Arc<dyn CredentialProvider>,
    logins: Logins,
    begun: Option<Begun>,
}

/// A session that a server began.
#[derive(Debug)]
struct Begun {
    remote: Remote,
    id: SessionId,
    document: String,
    target: String,
    lifetimes: std::ops::RangeInclusive<TimeDelta>,
    /// The first credential with its public id, until it is taken.
    first: Mutex<Option<(Granted, String)>>,
}

/// Names a server as what a session is for.
///
/// ```
/// use audex_cli::remote::ServedTarget;
/// let target: ServedTarget = "server:https://audex.example.com".parse().unwrap();
/// assert_eq!(target.to_string(), "server:https://audex.example.com");
/// assert!("https://orders.example.com".parse::<ServedTarget>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedTarget(pub ServerAddress);

impl fmt::Display for ServedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server:{}", self.0)
    }
}

impl FromStr for ServedTarget {
    type Err = super::ParseServerAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.strip_prefix("server:").ok_or(super::ParseServerAddressError::Malformed)?;
        address.parse().map(Self)
    }
}

impl Served {
    /// Knows of sessions of servers, and begins none.
    pub fn new(own: Arc<dyn CredentialProvider>, logins: Logins) -> Self {
        Self { own, logins, begun: None }
    }

    /// Begins the session of a server, with the credential that it handed over.
    ///
    /// A session whose command can be ended asks for no lifetime below the shortest that its provider gives.
    #[must_use]
    pub fn begin(
        mut self,
        remote: Remote,
        granted: Granted,
        session: &RemoteSession,
        is_detached: bool,
        clock: &dyn Clock,
    ) -> Self {
        let shortest = match granted.provider {
            Provider::Aws if !is_detached => TimeDelta::minutes(15),
            _ => TimeDelta::seconds(1),
        };
        let lives = granted.expires_at - clock.now() + TimeDelta::seconds(1);
        let id = granted.session_id;
        let document = serde_json::json!({
            "server": remote.address().to_string(), "session_id": id, "actions": session.actions, "denied": session.denied,
        });
        // What stands for it where the server did not say.
        let credential_id = session.credential_id().map_or_else(|| id.to_string(), str::to_owned);
        self.begun = Some(Begun {
            target: ServedTarget(remote.address().clone()).to_string(),
            remote,
            id,
            document: document.to_string(),
            lifetimes: shortest..=lives.clamp(shortest, MAX_LIFETIME),
            first: Mutex::new(Some((granted, credential_id))),
        });
        self
    }

    /// Ends at its server a session that nobody looks after here any more; does nothing where it is of none.
    ///
    /// # Errors
    ///
    /// Why the server could not be told: the session lasts there until its deadline.
    pub async fn abandon(logins: &[Logins], target: Option<&str>, id: SessionId) -> Result<(), String> {
        let Some(Ok(ServedTarget(address))) = target.map(str::parse) else { return Ok(()) };
        // Logins that cannot be read here may be readable elsewhere.
        let mut logins = logins.iter().filter_map(|logins| logins.find(&address).ok().flatten());
        let login = logins.next().ok_or_else(|| RemoteError::NotLoggedIn(address.clone()).to_string())?;
        let remote = Remote::new(address, Some(login.token)).map_err(|error| error.to_string())?;
        end(&remote, id, "its wrapper was killed").await.map(drop)
    }

    /// Ends the session that was begun, whose credential came to nothing.
    pub async fn give_back(&self) {
        let Some(begun) = &self.begun else { return };
        // It expires, where that cannot be told.
        let _ = end(&begun.remote, begun.id, "it could not be used").await;
    }

    /// Returns how the server that a session is of is asked; nothing where it is of none.
    fn remote_of(&self, order: &RevokeOrder) -> Option<Result<Remote, String>> {
        let ServedTarget(address) = order.target.as_deref()?.parse().ok()?;
        if let Some(begun) = self.begun.as_ref().filter(|begun| *begun.remote.address() == address) {
            return Some(Ok(begun.remote.clone()));
        }
        let remote = || {
            let login = self.logins.find(&address).map_err(|failure| failure.message)?;
            let login = login.ok_or_else(|| RemoteError::NotLoggedIn(address.clone()).to_string())?;
            Remote::new(address.clone(), Some(login.token)).map_err(|error| error.to_string())
        };
        Some(remote())
    }
}

impl Begun {
    async fn mint(&self) -> Result<Minted, ProviderError> {
        let (granted, id) = match self.first.lock().await.take() {
            Some(first) => first,
            None => {
                let granted = self.remote.refresh(self.id).await.map_err(failed)?;
                let session = self.remote.session(self.id).await.map_err(failed)?;
                let id = session.credential_id().map_or_else(|| self.id.to_string(), str::to_owned);
                (granted, id)
            }
        };
        let credential = granted.credential(&id).ok_or_else(|| {
            ProviderError::new(
                ProviderFault::BadAnswer,
                "the server handed over a part that is not known here",
            )
            .with_hint("bring tryaudex up to date with the server")
        })?;
        Ok(Minted { credential, account: None, subject: None })
    }
}

fn failed(error: RemoteError) -> ProviderError {
    let fault = match &error {
        RemoteError::NotLoggedIn(_) => ProviderFault::NotLoggedIn,
        RemoteError::Unreadable { .. } => ProviderFault::BadAnswer,
        error if error.may_pass() => ProviderFault::Unreachable,
        _ => ProviderFault::Denied,
    };
    ProviderError::new(fault, error.to_string()).with_source(error)
}

/// Ends a session at its server, within a bounded time.
async fn end(remote: &Remote, id: SessionId, reason: &str) -> Result<Revocation, String> {
    match tokio::time::timeout(RETIRE_TIMEOUT, remote.revoke(id, reason)).await {
        Ok(revoked) => revoked.map_err(|error| error.to_string()),
        Err(_) => Err(format!("{} does not answer", remote.address())),
    }
}

impl CredentialProvider for Served {
    fn provider(&self) -> Provider {
        self.own.provider()
    }

    fn default_target(&self) -> Option<&str> {
        match &self.begun {
            Some(begun) => Some(&begun.target),
            None => self.own.default_target(),
        }
    }

    fn shape(&self, grant: &Grant, target: Option<&str>, sources: &[IpNet]) -> Result<Shape, Refusal> {
        let Some(begun) = &self.begun else { return self.own.shape(grant, target, sources) };
        Ok(Shape {
            document: begun.document.clone(),
            target: Some(begun.target.clone()),
            lifetimes: begun.lifetimes.clone(),
            notes: Vec::new(),
        })
    }

    fn mint<'a>(&'a self, order: &'a MintOrder) -> ProviderFuture<'a, Minted> {
        match &self.begun {
            Some(begun) => Box::pin(begun.mint()),
            None => self.own.mint(order),
        }
    }

    fn mints_offline(&self) -> bool {
        self.begun.is_none() && self.own.mints_offline()
    }

    fn revoke<'a>(&'a self, order: &'a RevokeOrder) -> ProviderFuture<'a, Revocation> {
        let Some(remote) = self.remote_of(order) else { return self.own.revoke(order) };
        Box::pin(async move {
            let revoked = match remote {
                Ok(remote) => end(&remote, order.session_id, "it was revoked").await,
                Err(why) => Err(why),
            };
            Ok(revoked.unwrap_or_else(|why| alive(order, &why)))
        })
    }

    fn retire<'a>(&'a self, order: &'a RevokeOrder) -> ProviderFuture<'a, Revocation> {
        let Some(remote) = self.remote_of(order) else { return self.own.retire(order) };
        Box::pin(async move {
            let ended = match remote {
                Ok(remote) => end(&remote, order.session_id, "its command ended").await,
                Err(why) => Err(why),
            };
            Ok(ended.unwrap_or_default())
        })
    }

    fn check(&self) -> ProviderFuture<'_, Health> {
        let Some(begun) = &self.begun else { return self.own.check() };
        Box::pin(async {
            let me = begun.remote.me().await.map_err(failed)?;
            Ok(Health { identity: Some(me.identity), notes: Vec::new() })
        })
    }

    fn spend(&self, since: DateTime<Utc>) -> ProviderFuture<'_, Option<Dollars>> {
        match &self.begun {
            // The accounts are the server's.
            Some(_) => Box::pin(std::future::ready(Ok(None))),
            None => self.own.spend(since),
        }
    }
}

/// Says that everything works on, and why.
fn alive(order: &RevokeOrder, why: &str) -> Revocation {
    let fate = |id: &String| {
        let fate = Fate::AliveUntil { until: order.expires_at, why: why.to_owned() };
        (id.clone(), fate)
    };
    Revocation { fates: order.credential_ids.iter().map(fate).collect() }
}
