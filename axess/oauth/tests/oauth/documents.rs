//! Each document that is fetched: one that never comes, one that comes byte by byte, and one of ten megabytes.

use axess_clock::Clock;
use axess_factors::federated::{
    BoxFuture, CallbackMethod, CallbackResponse, DevicePoll, FederatedTokens, FederationContext,
    FederationError, FederationFault, FederationOptions, FederationProvider, ReplayGuard,
};
use axess_oauth::{
    AccessTokenRules, AccessTokenValidator, HttpClient, HttpSettings, MAX_ANSWER_BYTES, OAuth2Config,
    OAuth2Provider, OAuth2User, PresentedToken, TokenRefusal, TokenSource,
};
use axess_rng::MockRng;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::timeout};

use crate::hostile::{ACCESS_TOKEN, Hostile, Login, Reply};

/// How long the clients of these tests wait.
const PATIENCE: Duration = Duration::from_secs(3);
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// What is asked for, and where it comes from.
const DOCUMENTS: [(&str, &str); 17] = [
    ("the metadata", DISCOVERY),
    ("the keys", "/jwks"),
    ("a login's tokens", "/token"),
    ("the userinfo", "/userinfo"),
    ("a pushed request", "/par"),
    ("a device", "/device"),
    ("a device's tokens", "/token"),
    ("an introspection", "/introspect"),
    ("a revocation", "/revoke"),
    ("tokens of our own", "/token"),
    ("refreshed tokens", "/token"),
    ("the keys of a logout token", "/jwks"),
    ("the metadata of a resource", DISCOVERY),
    ("the keys of a resource", "/jwks"),
    ("the introspection of a resource", "/introspect"),
    ("tokens of plain OAuth", "/token"),
    ("a user of plain OAuth", "/user"),
];

/// Why something was refused, and whether the provider is to blame.
#[derive(Debug)]
struct Refused(bool, #[expect(dead_code, reason = "a test that fails shows it")] String);

impl From<FederationError> for Refused {
    fn from(error: FederationError) -> Self {
        let is_outage = matches!(error, FederationError::Unavailable { .. });
        Self(is_outage && error.fault() == FederationFault::Provider, format!("{error:?}"))
    }
}

impl From<TokenRefusal> for Refused {
    fn from(refusal: TokenRefusal) -> Self {
        Self(refusal.status() == 503, format!("{refusal:?}"))
    }
}

type Asked = Result<(), Refused>;

/// Says of no proof that it was used before.
struct Forgetful;

impl ReplayGuard for Forgetful {
    fn claim<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: DateTime<Utc>,
        _: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, FederationError>> {
        Box::pin(async { Ok(true) })
    }
}

/// A provider whose every answer is honest.
async fn honest() -> Hostile {
    let mut hostile = Hostile::start().await;
    hostile.patience = PATIENCE;
    let (base, ends) = (&hostile.base, hostile.clock.now().timestamp() + 300);
    let device = json!({
        "device_code": "d", "user_code": "ABCD", "verification_uri": format!("{base}/device"), "expires_in": 600,
    });
    let known = json!({ "active": true, "iss": base, "aud": "urn:api", "sub": "alice", "exp": ends });
    let pushed = Reply::new(201, "application/json", r#"{"request_uri":"urn:pushed","expires_in":60}"#);
    for (path, reply) in [
        ("/device", Reply::json(&device)),
        ("/introspect", Reply::json(&known)),
        ("/par", pushed),
        ("/revoke", Reply::new(200, "text/plain", "")),
        ("/token", Reply::json(&json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer" }))),
        ("/user", Reply::json(&json!({ "id": 7 }))),
    ] {
        hostile.reply(path, reply);
    }
    hostile
}

/// Asks for a document; before that, where all else is known, `spoil` is called.
async fn ask(document: &str, hostile: &Hostile, spoil: impl Fn()) -> Asked {
    let (name, rng) = ("hostile".parse().unwrap(), MockRng::new(3));
    let context = || FederationContext { provider: &name, now: hostile.clock.now(), rng: &rng };
    let provider = hostile.client(hostile.config());
    let options = FederationOptions::default();
    match document {
        "the metadata" => {
            spoil();
            provider.check_metadata().await?;
        }
        "the keys" | "a login's tokens" | "the userinfo" => {
            let login = Login::begin(hostile).await;
            spoil();
            login.complete().await?;
        }
        "a pushed request" => {
            spoil();
            Login::begin_with(hostile, hostile.config().with_pushed_requests(), &options).await.map(drop)?;
        }
        "a device" => {
            spoil();
            provider.begin_device(&options, context()).await?;
        }
        "a device's tokens" => {
            let begun = provider.begin_device(&options, context()).await?;
            hostile
                .reply("/token", Reply::new(400, "application/json", r#"{"error":"authorization_pending"}"#));
            spoil();
            let polled = provider.poll_device(&begun.pending, begun.interval, context()).await?;
            assert!(matches!(polled, DevicePoll::Pending { .. }), "{polled:?}");
        }
        "an introspection" => {
            spoil();
            assert!(provider.introspect(&"t".into(), None).await?.is_active);
        }
        "a revocation" => {
            spoil();
            provider.revoke_token(&"t".into(), None).await?;
        }
        "tokens of our own" => {
            spoil();
            provider.client_credentials(&[], &[], None).await?;
        }
        "refreshed tokens" => {
            let tokens = provider.client_credentials(&[], &[], None).await?;
            spoil();
            let before = FederatedTokens { refresh_token: Some("r".into()), ..tokens };
            provider.refresh(&before, "alice").await?;
        }
        "the keys of a logout token" => {
            let now = hostile.clock.now();
            let claims = json!({
                "iss": hostile.base, "aud": "client", "iat": now.timestamp(), "exp": now.timestamp() + 60, "jti": "j",
                "sid": "s", "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
            });
            spoil();
            provider.verify_logout_jwt(&hostile.key.sign("logout+jwt", &claims).unwrap()).await?;
        }
        "tokens of plain OAuth" | "a user of plain OAuth" => plain(hostile, context(), spoil).await?,
        of_resource => resource(of_resource, hostile, spoil).await?,
    }
    Ok(())
}

/// Presents a token to a resource of ours.
async fn resource(document: &str, hostile: &Hostile, spoil: impl Fn()) -> Result<(), TokenRefusal> {
    let http = HttpClient::new(&HttpSettings { timeout: PATIENCE, ..HttpSettings::default() }).unwrap();
    let clock = Arc::new(hostile.clock.clone());
    let source = match document {
        "the introspection of a resource" => {
            let provider = Arc::new(hostile.client(hostile.config()));
            provider.check_metadata().await.unwrap();
            TokenSource::introspected(provider, Duration::ZERO, clock)
        }
        _ => TokenSource::discovered(http, &hostile.base, clock),
    };
    let rules = AccessTokenRules::new(&hostile.base, "urn:api");
    let validator = AccessTokenValidator::new(rules, source, Arc::new(Forgetful));
    let now = hostile.clock.now();
    let claims = json!({
        "iss": hostile.base, "aud": "urn:api", "sub": "alice", "client_id": "c", "jti": "j", "iat": now.timestamp(),
        "exp": now.timestamp() + 60,
    });
    let header = format!("Bearer {}", hostile.key.sign("at+jwt", &claims).unwrap());
    let presented = PresentedToken::new(&header, "GET", "https://api.example.com/orders").unwrap();
    spoil();
    validator.validate(&presented, &hostile.clock).await.map(drop)
}

/// Logs somebody in where nobody signs anything.
async fn plain(
    hostile: &Hostile,
    context: FederationContext<'_>,
    spoil: impl Fn(),
) -> Result<(), FederationError> {
    let base = &hostile.base;
    let config = OAuth2Config::new(base, "client", "secret", "https://app.example.com/callback")
        .with_endpoints(format!("{base}/authorize"), format!("{base}/token"), [format!("{base}/user")])
        .with_mapping(|documents| Some(OAuth2User::new(documents.first()?.get("id")?.as_u64()?.to_string())));
    let http = HttpClient::new(&HttpSettings { timeout: PATIENCE, ..HttpSettings::default() }).unwrap();
    let provider = OAuth2Provider::new(config, http).unwrap();
    let begun = provider.begin(&FederationOptions::default(), context).await?;
    let state = begun.pending.private["state"].as_str().unwrap();
    let back = CallbackResponse::new(CallbackMethod::Get, [("code", "c"), ("state", state)]).unwrap();
    spoil();
    provider.complete(&begun.pending, &back, context).await.map(drop)
}

/// What an honest answer becomes. What it says stays true.
type Spoil = fn(Reply) -> Reply;

fn never(reply: Reply) -> Reply {
    Reply { delay: Duration::from_secs(600), ..reply }
}

fn by_the_byte(mut reply: Reply) -> Reply {
    // JSON does not mind.
    reply.body.resize(reply.body.len() + 1_000, b' ');
    Reply { pace: Duration::from_millis(100), ..reply }
}

fn ten_megabytes(mut reply: Reply) -> Reply {
    reply.body.resize(10 * MAX_ANSWER_BYTES, b' ');
    reply
}

/// One prepares at a time: what it needs to know before must not be slow, too.
static PREPARES: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn is_survived(document: &'static str, path: &'static str, way: &str, spoil: Spoil) {
    let turn = std::sync::Mutex::new(Some(PREPARES.lock().await));
    let hostile = honest().await;
    let before = AtomicUsize::new(0);
    let asked = ask(document, &hostile, || {
        before.store(hostile.seen(path).len(), Ordering::Relaxed);
        hostile.reply(path, spoil(hostile.replied(path)));
        drop(turn.lock().unwrap().take());
    });
    let asked =
        timeout(PATIENCE * 8, asked).await.unwrap_or_else(|_| panic!("{document} {way}: waits still"));
    assert!(matches!(asked, Err(Refused(true, _))), "{document} {way}: {asked:?}");
    assert!(hostile.seen(path).len() > before.into_inner(), "{document} {way}: was not asked for");
}

#[tokio::test]
async fn a_document_that_does_not_come_holds_nobody_up() {
    let mut all = JoinSet::new();
    for (document, path) in DOCUMENTS {
        all.spawn(is_survived(document, path, "never comes", never));
        all.spawn(is_survived(document, path, "comes byte by byte", by_the_byte));
    }
    all.join_all().await;
}

#[tokio::test]
async fn a_document_of_ten_megabytes_is_not_read() {
    for (document, path) in DOCUMENTS {
        let hostile = honest().await;
        let asked = ask(document, &hostile, || {}).await;
        assert!(asked.is_ok(), "{document}: {asked:?}");
        is_survived(document, path, "is large", ten_megabytes).await;
    }
}
