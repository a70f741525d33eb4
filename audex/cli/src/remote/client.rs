mod wire;

use super::{
    Asked, Decision, Device, DeviceToken, Granted, Me, Polled, RemoteError, RemoteSession, ServerAddress,
    Standing, answers::Revoked,
};
use audex_core::{CredentialSecret, Revocation, session::SessionId};
use audex_server::model::Ask;
use http::{Method, StatusCode};
use reqwest::{Client, redirect::Policy};
use serde_json::{Value, json};
use std::time::Duration;
use wire::{Question, TIMEOUT};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the server is asked to wait for a decision, in seconds. Proxies often give up after a minute.
const WAIT: u64 = 25;

/// How many pages of a list are asked for.
const MAX_PAGES: usize = 50;

/// Asks a team server, as somebody.
///
/// What may have been lost on the way is asked again, under the same key, so that it is not done twice.
///
/// ```
/// use audex_cli::remote::Remote;
/// let remote = Remote::new("https://audex.example.com".parse().unwrap(), Some("audx_1".into()))?;
/// assert!(!format!("{remote:?}").contains("audx_1"));
/// # Ok::<(), audex_cli::remote::RemoteError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Remote {
    address: ServerAddress,
    token: Option<CredentialSecret>,
    client: Client,
}

impl Remote {
    /// Makes a client; nobody is asked yet.
    ///
    /// # Errors
    ///
    /// [`RemoteError::Unreachable`] where the operating system's certificates cannot be used.
    pub fn new(address: ServerAddress, token: Option<CredentialSecret>) -> Result<Self, RemoteError> {
        let builder = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("tryaudex/", env!("CARGO_PKG_VERSION")));
        // What is meant for this machine goes through no proxy.
        let builder = if address.is_encrypted() { builder.https_only(true) } else { builder.no_proxy() };
        match builder.build() {
            Ok(client) => Ok(Self { address, token, client }),
            Err(source) => Err(RemoteError::Unreachable { address, source }),
        }
    }

    /// Returns where it is.
    pub const fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// Begins a login that is confirmed in a browser (RFC 8628 §3.1).
    ///
    /// `scope` is what the token will be for, divided by spaces (RFC 6749 §3.3). Whoever confirms it adds the key, where
    /// decisions will be signed with one, to their account.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn begin_login(
        &self,
        name: &str,
        scope: &str,
        jwk: Option<&Value>,
    ) -> Result<Device, RemoteError> {
        let mut body = json!({ "client": name, "scope": scope });
        if let (Some(jwk), Some(members)) = (jwk, body.as_object_mut()) {
            members.insert("jwk".to_owned(), jwk.clone());
        }
        self.ask_once(Method::POST, "/login/device", Some(&body)).await
    }

    /// Asks whether the login is confirmed; returns what came of it, or nothing while it is not (RFC 8628 §3.4).
    ///
    /// # Errors
    ///
    /// [`RemoteError`]; the codes `slow_down`, `expired_token` and `access_denied` are those of the RFC.
    pub async fn finish_login(&self, device: &Device) -> Result<Option<DeviceToken>, RemoteError> {
        let body = json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": device.device_code,
        });
        match self.ask_once(Method::POST, "/login/device/token", Some(&body)).await {
            Ok(token) => Ok(Some(token)),
            Err(error) if error.is("authorization_pending") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a token of the code that a browser of this machine brought (RFC 8252, RFC 7636 §4.5).
    ///
    /// # Errors
    ///
    /// [`RemoteError`]; the code `invalid_grant` where it counts no longer.
    pub async fn redeem_login(
        &self,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
    ) -> Result<DeviceToken, RemoteError> {
        let body = json!({ "code": code, "code_verifier": verifier, "redirect_uri": redirect_uri });
        self.ask_once(Method::POST, "/login/program/token", Some(&body)).await
    }

    /// Returns who we are to the server.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn me(&self) -> Result<Me, RemoteError> {
        self.ask_once(Method::GET, "/me", None).await
    }

    /// Tells whether a key that decisions are signed with counts for us.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn has_key(&self, id: &str) -> Result<bool, RemoteError> {
        let keys: Value = match self.ask_once(Method::GET, "/me/keys", None).await {
            // A login that may not read is told of no key.
            Err(RemoteError::Refused { status: StatusCode::FORBIDDEN, .. }) => return Ok(false),
            keys => keys?,
        };
        let keys = keys.get("items").and_then(Value::as_array);
        let is_it = |key: &Value| key.get("id").and_then(Value::as_str) == Some(id);
        Ok(keys.is_some_and(|keys| keys.iter().any(is_it)))
    }

    /// Takes back a key that decisions are signed with; one that is not there is as good.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn remove_key(&self, id: &str) -> Result<(), RemoteError> {
        match self.ask_once::<Value>(Method::DELETE, &format!("/me/keys/{id}"), None).await {
            Err(RemoteError::Refused { status: StatusCode::NOT_FOUND, .. }) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Revokes the token that we ask with.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn revoke_token(&self) -> Result<(), RemoteError> {
        let Some(id) = self.me().await?.token_id else { return Ok(()) };
        self.ask_once::<Value>(Method::DELETE, &format!("/tokens/{id}"), None).await.map(drop)
    }

    /// Returns what would be issued, as the server would decide now.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn plan(&self, ask: &Ask) -> Result<Value, RemoteError> {
        self.ask_once(Method::POST, "/credentials/plan", Some(&json!(ask))).await
    }

    /// Asks for a credential.
    ///
    /// However often the question is sent, there is one session under this key.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn ask(&self, ask: &Ask, key: &str) -> Result<Asked, RemoteError> {
        let body = json!(ask);
        let question =
            Question { body: Some(&body), key: Some(key), ..Question::new(Method::POST, "/credentials") };
        match self.again(question).await? {
            (StatusCode::OK | StatusCode::CREATED, answer) => self.read(answer).map(Asked::Granted),
            (_, answer) => self.read(answer).map(Asked::Waits),
        }
    }

    /// Waits for a decision for a while, and picks up the credential once there is one.
    ///
    /// # Errors
    ///
    /// [`RemoteError`]; one that [`may_pass`](RemoteError::may_pass) leaves the request as it is.
    pub async fn wait(&self, id: SessionId) -> Result<Polled, RemoteError> {
        let path = format!("/credentials/{id}?wait={WAIT}");
        let timeout = TIMEOUT + Duration::from_secs(WAIT);
        self.poll(&Question { timeout, ..Question::new(Method::GET, &path) }).await
    }

    /// Picks up the credential where it is decided already.
    ///
    /// # Errors
    ///
    /// [`RemoteError`]; one that [`may_pass`](RemoteError::may_pass) leaves the request as it is.
    pub async fn look(&self, id: SessionId) -> Result<Polled, RemoteError> {
        self.poll(&Question::new(Method::GET, &format!("/credentials/{id}"))).await
    }

    async fn poll(&self, question: &Question<'_>) -> Result<Polled, RemoteError> {
        let (_, answer) = self.once(question).await?;
        if answer.get("credentials").is_some_and(Value::is_object) && answer.get("expires_at").is_some() {
            return self.read(answer).map(Polled::Granted);
        }
        let standing: Standing = self.read(answer)?;
        match standing.status.as_str() {
            "pending_approval" => Ok(Polled::Waits(standing)),
            _ => Ok(Polled::Over(standing)),
        }
    }

    /// Takes a request back that nobody decided on.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn withdraw(&self, id: SessionId) -> Result<(), RemoteError> {
        let path = format!("/approvals/{id}/withdraw");
        self.ask_once::<Value>(Method::POST, &path, Some(&json!({}))).await.map(drop)
    }

    /// Asks for the successor of a session's credential.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn refresh(&self, id: SessionId) -> Result<Granted, RemoteError> {
        self.ask_once(Method::POST, &format!("/credentials/{id}/refresh"), Some(&json!({}))).await
    }

    /// Ends a session.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn revoke(&self, id: SessionId, reason: &str) -> Result<Revocation, RemoteError> {
        let path = format!("/credentials/{id}/revoke");
        let (_, answer) = self
            .again(Question {
                body: Some(&json!({ "reason": reason })),
                ..Question::new(Method::POST, &path)
            })
            .await?;
        let revoked: Revoked = self.read(answer)?;
        Ok(revoked.session.revocation())
    }

    /// Returns what the server has of a session.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn session(&self, id: SessionId) -> Result<RemoteSession, RemoteError> {
        let path = format!("/sessions/{id}");
        let (_, answer) = self.again(Question::new(Method::GET, &path)).await?;
        self.read(answer)
    }

    /// Returns the requests that wait for a decision.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn pending(&self) -> Result<Vec<Decision>, RemoteError> {
        let mut decisions = Vec::new();
        let mut path = "/approvals/pending".to_owned();
        for _ in 0..MAX_PAGES {
            let page: Value = self.ask_once(Method::GET, &path, None).await?;
            let items = page.get("items").cloned().unwrap_or(page.clone());
            decisions.extend(self.read::<Vec<Decision>>(items)?);
            match page.get("next").and_then(Value::as_str) {
                Some(next)
                    if next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'&' && byte != b'#') =>
                {
                    path = format!("/approvals/pending?after={next}");
                }
                _ => break,
            }
        }
        Ok(decisions)
    }

    /// Returns a request, by its id or 8 or more of its first digits.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn decision(&self, id: &str) -> Result<Decision, RemoteError> {
        self.ask_once(Method::GET, &format!("/approvals/{id}"), None).await
    }

    /// Agrees to a request, or refuses it; returns where it stands then.
    ///
    /// # Errors
    ///
    /// [`RemoteError`].
    pub async fn vote(&self, id: SessionId, approve: bool, body: &Value) -> Result<Value, RemoteError> {
        let verb = if approve { "approve" } else { "deny" };
        self.ask_once(Method::POST, &format!("/approvals/{id}/{verb}"), Some(body)).await
    }
}
