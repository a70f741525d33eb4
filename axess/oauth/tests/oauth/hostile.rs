//! A provider of ours that does what an attacker, or a bad day, would have it do. Without a change it is honest.

use axess_clock::{Clock, MockClock, SystemClock};
use axess_factors::federated::{
    CallbackMethod, CallbackResponse, FederatedIdentity, FederatedProof, FederationContext, FederationError,
    FederationOptions, FederationProvider, PendingFederation,
};
use axess_identity::ProviderName;
use axess_jose::{Algorithm, SigningKey};
use axess_oauth::{ClientCertificate, HttpClient, HttpSettings, OAuthProviderConfig, OidcProvider};
use axess_rng::MockRng;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

pub(crate) const CLIENT: &str = "client";
pub(crate) const CALLBACK: &str = "https://app.example.com/callback";
pub(crate) const CODE: &str = "a-code";
pub(crate) const ACCESS_TOKEN: &str = "an-access-token";
/// Longer than an honest answer takes on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
    /// Between two bytes of the body.
    pub(crate) pace: Duration,
}

#[derive(Default)]
struct Script {
    replies: HashMap<String, Reply>,
    seen: Vec<(String, String)>,
}

pub(crate) struct Hostile {
    pub(crate) base: String,
    pub(crate) key: SigningKey,
    pub(crate) clock: MockClock,
    /// How long its clients wait.
    pub(crate) patience: Duration,
    /// What its clients show.
    pub(crate) certificate: Option<ClientCertificate>,
    script: Arc<Mutex<Script>>,
}

impl Reply {
    pub(crate) fn json(body: &Value) -> Self {
        Self::new(200, "application/json", body.to_string())
    }

    pub(crate) fn new(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", media_type.to_owned())];
        Self { status, headers, body: body.into(), delay: Duration::ZERO, pace: Duration::ZERO }
    }

    pub(crate) fn redirect(status: u16, to: String) -> Self {
        Self { headers: vec![("location", to)], ..Self::new(status, "text/html", "") }
    }
}

impl Hostile {
    pub(crate) async fn start() -> Self {
        Self::listen(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap())
    }

    pub(crate) fn listen(listener: TcpListener) -> Self {
        let base = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = script.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer(shared.clone(), connection));
            }
        });
        let key = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("one");
        let clock = MockClock::new(SystemClock.now());
        let hostile = Self { base, key, clock, patience: PATIENCE, certificate: None, script };
        hostile.publish(&hostile.key);
        hostile.describe(|_| {});
        hostile.reply("/userinfo", Reply::json(&json!({ "sub": "alice", "email": "alice@example.test" })));
        hostile
    }

    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        self.script.lock().unwrap().replies.insert(path.to_owned(), reply);
    }

    /// Returns what is replied at a path.
    pub(crate) fn replied(&self, path: &str) -> Reply {
        self.script.lock().unwrap().replies.get(path).cloned().unwrap()
    }

    /// Publishes the metadata, changed.
    pub(crate) fn describe(&self, change: impl FnOnce(&mut Value)) {
        let base = &self.base;
        let mut metadata = json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/authorize"),
            "token_endpoint": format!("{base}/token"),
            "userinfo_endpoint": format!("{base}/userinfo"),
            "jwks_uri": format!("{base}/jwks"),
            "pushed_authorization_request_endpoint": format!("{base}/par"),
            "device_authorization_endpoint": format!("{base}/device"),
            "introspection_endpoint": format!("{base}/introspect"),
            "revocation_endpoint": format!("{base}/revoke"),
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "dpop_signing_alg_values_supported": ["ES256"],
            "tls_client_certificate_bound_access_tokens": true,
            "response_modes_supported": ["query", "jwt"],
        });
        change(&mut metadata);
        self.reply("/.well-known/openid-configuration", Reply::json(&metadata));
    }

    /// Publishes a key, and no other.
    pub(crate) fn publish(&self, key: &SigningKey) {
        self.reply("/jwks", Reply::json(&json!({ "keys": [key.public_jwk()] })));
    }

    /// Returns the bodies that came to a path.
    pub(crate) fn seen(&self, path: &str) -> Vec<String> {
        let script = self.script.lock().unwrap();
        script.seen.iter().filter(|(to, _)| to == path).map(|(_, body)| body.clone()).collect()
    }

    pub(crate) fn config(&self) -> OAuthProviderConfig {
        OAuthProviderConfig::discover(&self.base, CLIENT, "secret", CALLBACK)
    }

    pub(crate) fn client(&self, config: OAuthProviderConfig) -> OidcProvider {
        let client_certificate = self.certificate.clone();
        let settings = HttpSettings { timeout: self.patience, client_certificate, ..HttpSettings::default() };
        let http = HttpClient::new(&settings).unwrap();
        OidcProvider::new(config, http, Arc::new(self.clock.clone()), Arc::new(MockRng::new(1))).unwrap()
    }
}

/// Reads one request, notes it, and replies as the script says.
async fn answer(script: Arc<Mutex<Script>>, connection: TcpStream) -> std::io::Result<()> {
    let mut connection = BufReader::new(connection);
    let mut first = String::new();
    connection.read_line(&mut first).await?;
    let target = first.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    let reply = {
        let mut script = script.lock().unwrap();
        script.seen.push((path.clone(), String::from_utf8_lossy(&body).into_owned()));
        script.replies.get(&path).cloned()
    };
    let reply = reply.unwrap_or_else(|| Reply::new(404, "text/plain", ""));
    tokio::time::sleep(reply.delay).await;
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // Nothing says how long the body is: it ends when the connection does.
    head.push_str("\r\n");
    connection.write_all(head.as_bytes()).await?;
    if reply.pace.is_zero() {
        connection.write_all(&reply.body).await?;
        return connection.shutdown().await;
    }
    for byte in &reply.body {
        connection.write_u8(*byte).await?;
        tokio::time::sleep(reply.pace).await;
    }
    connection.shutdown().await
}

/// A login that was begun at the hostile provider.
pub(crate) struct Login<'a> {
    pub(crate) hostile: &'a Hostile,
    pub(crate) provider: OidcProvider,
    pub(crate) pending: PendingFederation,
    pub(crate) url: String,
    name: ProviderName,
    rng: MockRng,
}

impl<'a> Login<'a> {
    pub(crate) async fn begin(hostile: &'a Hostile) -> Self {
        Self::begin_with(hostile, hostile.config(), &FederationOptions::default()).await.unwrap()
    }

    pub(crate) async fn begin_with(
        hostile: &'a Hostile,
        config: OAuthProviderConfig,
        options: &FederationOptions,
    ) -> Result<Self, FederationError> {
        let provider = hostile.client(config);
        let (name, rng): (ProviderName, _) = ("hostile".parse().unwrap(), MockRng::new(2));
        let context = FederationContext { provider: &name, now: hostile.clock.now(), rng: &rng };
        let begun = provider.begin(options, context).await?;
        let url = begun.redirection.url().to_owned();
        let login = Self { hostile, provider, pending: begun.pending, url, name, rng };
        login.serve(&login.claims());
        Ok(login)
    }

    /// Begins another login at the same client.
    pub(crate) async fn begin_again(&mut self) {
        let options = FederationOptions::default();
        self.pending = self.provider.begin(&options, self.context()).await.unwrap().pending;
        self.serve(&self.claims());
    }

    pub(crate) fn context(&self) -> FederationContext<'_> {
        FederationContext { provider: &self.name, now: self.hostile.clock.now(), rng: &self.rng }
    }

    /// What an honest ID token says.
    pub(crate) fn claims(&self) -> Value {
        let now = self.hostile.clock.now().timestamp();
        json!({
            "iss": self.hostile.base, "sub": "alice", "aud": CLIENT, "iat": now, "exp": now + 300, "auth_time": now,
            "nonce": self.pending.private["nonce"], "at_hash": Algorithm::Es256.half_hash(ACCESS_TOKEN),
        })
    }

    /// Signs an ID token and answers the code with it.
    pub(crate) fn serve(&self, claims: &Value) {
        self.serve_token(&self.hostile.key.sign("JWT", claims).unwrap());
    }

    pub(crate) fn serve_token(&self, id_token: &str) {
        self.answer_code(|answer| answer["id_token"] = json!(id_token));
    }

    /// Answers the code with an ID token of before, changed.
    pub(crate) fn answer_code(&self, change: impl FnOnce(&mut Value)) {
        let mut answer = json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 300 });
        answer["id_token"] = json!(self.hostile.key.sign("JWT", &self.claims()).unwrap());
        change(&mut answer);
        self.hostile.reply("/token", Reply::json(&answer));
    }

    /// What an honest browser brings back.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let state = self.pending.private["state"].as_str().unwrap();
        let pairs = [("code", CODE), ("state", state), ("iss", self.hostile.base.as_str())];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    pub(crate) async fn complete(&self) -> Result<FederatedIdentity, FederationError> {
        self.complete_with(self.parameters()).await
    }

    pub(crate) async fn complete_with(
        &self,
        parameters: Vec<(String, String)>,
    ) -> Result<FederatedIdentity, FederationError> {
        let back = CallbackResponse::new(CallbackMethod::Get, parameters).unwrap();
        let proof = FederatedProof::complete(&self.provider, &self.pending, &back, self.context()).await?;
        Ok(proof.identity().clone())
    }
}
