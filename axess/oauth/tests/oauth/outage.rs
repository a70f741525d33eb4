//! The provider is down, slow, rotates its keys, has another clock, or sends far too much.

use axess_clock::Clock;
use axess_factors::federated::{
    DevicePoll, FederationContext, FederationError, FederationFault, FederationOptions, FederationProvider,
};
use axess_jose::{Algorithm, SigningKey};
use axess_oauth::MAX_ANSWER_BYTES;
use serde_json::json;
use std::{net::Ipv4Addr, time::Duration};
use tokio::net::TcpListener;

use crate::{
    hostile::{Hostile, Login, Reply},
    peer::{self, App, config},
};

const DISCOVERY: &str = "/.well-known/openid-configuration";

fn is_unavailable(error: &FederationError) -> bool {
    matches!(error, FederationError::Unavailable { .. }) && error.fault() == FederationFault::Provider
}

async fn begin(hostile: &Hostile) -> Result<Login<'_>, FederationError> {
    Login::begin_with(hostile, hostile.config(), &FederationOptions::default()).await
}

#[tokio::test]
async fn a_provider_that_is_down_at_the_start_is_found_later() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let hostile = Hostile::listen(listener);
    // The client is made, and nothing is asked yet.
    let provider = hostile.client(hostile.config());
    hostile.reply(DISCOVERY, Reply::new(503, "text/plain", "later"));
    assert!(is_unavailable(&provider.check_metadata().await.unwrap_err()));
    hostile.describe(|_| {});
    // Somebody who tries again at once does not make us ask again.
    assert!(is_unavailable(&provider.check_metadata().await.unwrap_err()));
    assert_eq!(hostile.seen(DISCOVERY).len(), 1);
    hostile.clock.advance(Duration::from_secs(5));
    assert!(provider.check_metadata().await.is_ok());

    // It goes away: what is known is used for a day.
    hostile.reply(DISCOVERY, Reply::new(503, "text/plain", "later"));
    hostile.clock.advance(Duration::from_secs(23 * 3600));
    assert!(provider.check_metadata().await.is_ok());
    assert!(hostile.seen(DISCOVERY).len() > 2, "it was asked");
    hostile.clock.advance(Duration::from_secs(2 * 3600));
    assert!(is_unavailable(&provider.check_metadata().await.unwrap_err()));
}

#[tokio::test]
async fn a_closed_port_is_an_outage() {
    let hostile = Hostile::start().await;
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let issuer = format!("http://{closed}");
    let config = axess_oauth::OAuthProviderConfig::discover(&issuer, "c", "s", "https://app.example.com/cb");
    let refused = hostile.client(config).check_metadata().await.unwrap_err();
    assert!(is_unavailable(&refused), "{refused:?}");
}

#[tokio::test]
async fn a_slow_provider_does_not_hold_us_up() {
    const PATIENCE: Duration = Duration::from_secs(3);
    let is_slow = async |path: &str| {
        let mut hostile = Hostile::start().await;
        hostile.patience = PATIENCE;
        let login = begin(&hostile).await.unwrap();
        let slow = Reply { delay: Duration::from_secs(600), ..Reply::new(200, "application/json", "{}") };
        hostile.reply(path, slow);
        let asked = async {
            match path {
                DISCOVERY => begin(&hostile).await.err().unwrap(),
                _ => login.complete().await.unwrap_err(),
            }
        };
        let refused = tokio::time::timeout(PATIENCE * 10, asked).await.expect(path);
        assert!(is_unavailable(&refused), "{path}: {refused:?}");
    };
    tokio::join!(is_slow(DISCOVERY), is_slow("/jwks"), is_slow("/token"), is_slow("/userinfo"));
}

#[tokio::test]
async fn ten_megabytes_are_not_read() {
    for path in [DISCOVERY, "/jwks", "/token", "/userinfo"] {
        let hostile = Hostile::start().await;
        let login = begin(&hostile).await.unwrap();
        let filler = "x".repeat(10 * MAX_ANSWER_BYTES);
        hostile.reply(path, Reply::json(&json!({ "sub": "alice", "filler": filler })));
        let refused = match path {
            DISCOVERY => begin(&hostile).await.err().unwrap(),
            _ => login.complete().await.unwrap_err(),
        };
        assert!(is_unavailable(&refused), "{path}: {refused:?}");
    }
}

#[tokio::test]
async fn nonsense_is_an_outage_and_no_login() {
    let broken = [
        Reply::new(200, "text/html", "<h1>Welcome</h1>"),
        Reply::new(200, "application/json", "{"),
        Reply::new(200, "application/json", "[]"),
        Reply::new(500, "application/json", "{}"),
        Reply::new(502, "text/html", "<h1>Bad gateway</h1>"),
        Reply::new(429, "text/plain", "slow down"),
        Reply::new(400, "application/json", r#"{"error":"temporarily_unavailable"}"#),
        Reply::new(204, "application/json", ""),
    ];
    let hostile = Hostile::start().await;
    let login = begin(&hostile).await.unwrap();
    for reply in broken {
        let what = format!("{} {}", reply.status, String::from_utf8_lossy(&reply.body));
        hostile.reply(DISCOVERY, reply.clone());
        let refused = hostile.client(hostile.config()).check_metadata().await.unwrap_err();
        assert!(is_unavailable(&refused), "{what}, as metadata: {refused:?}");
        hostile.describe(|_| {});
        hostile.reply("/token", reply);
        let refused = login.complete().await.unwrap_err();
        assert!(is_unavailable(&refused), "{what}: {refused:?}");
    }
}

#[tokio::test]
async fn keys_that_rotate_are_followed() {
    let hostile = Hostile::start().await;
    let login = begin(&hostile).await.unwrap();
    assert!(login.complete().await.is_ok());
    // A new key signs, before it is published.
    let next = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("two");
    login.serve_token(&next.sign("JWT", &login.claims()).unwrap());
    hostile.clock.advance(Duration::from_secs(6));
    assert!(matches!(login.complete().await, Err(FederationError::KeyUnknown)));
    hostile.publish(&next);
    hostile.clock.advance(Duration::from_secs(6));
    assert!(login.complete().await.is_ok());
    // The one that was taken away is good no more.
    login.serve(&login.claims());
    hostile.clock.advance(Duration::from_secs(6));
    assert!(matches!(login.complete().await, Err(FederationError::KeyUnknown)));
    // Made-up names cost one request in five seconds.
    let before = hostile.seen("/jwks").len();
    for name in 0..20 {
        let other = SigningKey::generate(Algorithm::Es256).unwrap().with_kid(&format!("k{name}"));
        login.serve_token(&other.sign("JWT", &login.claims()).unwrap());
        assert!(login.complete().await.is_err());
    }
    assert!(hostile.seen("/jwks").len() <= before + 1);
}

#[tokio::test]
async fn keys_are_kept_while_their_address_fails() {
    let hostile = Hostile::start().await;
    let mut login = begin(&hostile).await.unwrap();
    assert!(login.complete().await.is_ok());
    hostile.reply("/jwks", Reply::new(500, "text/plain", ""));
    let asked = hostile.seen("/jwks").len();
    // The keys are used for a day, and asked for meanwhile.
    for _ in 0..11 {
        hostile.clock.advance(Duration::from_secs(2 * 3600));
        login.begin_again().await;
        let alice = login.complete().await;
        assert!(alice.is_ok(), "{alice:?}");
    }
    assert!(hostile.seen("/jwks").len() > asked, "it was asked");
    // Another client has never seen them.
    let other = begin(&hostile).await.unwrap();
    assert!(is_unavailable(&other.complete().await.unwrap_err()));
    hostile.clock.advance(Duration::from_secs(3 * 3600));
    login.begin_again().await;
    assert!(is_unavailable(&login.complete().await.unwrap_err()));
    hostile.publish(&hostile.key);
    hostile.clock.advance(Duration::from_secs(6));
    assert!(login.complete().await.is_ok());
}

#[tokio::test]
async fn a_clock_that_is_a_little_off_does() {
    let hostile = Hostile::start().await;
    let login = begin(&hostile).await.unwrap();
    let complete = async |offset: i64| {
        let now = hostile.clock.now().timestamp() + offset;
        let mut claims = login.claims();
        (claims["iat"], claims["exp"]) = (json!(now), json!(now + 300));
        login.serve(&claims);
        login.complete().await
    };
    for offset in [-120, -9, 0, 9] {
        assert!(complete(offset).await.is_ok(), "{offset}");
    }
    for offset in [12, 61, 3600] {
        assert!(matches!(complete(offset).await, Err(FederationError::NotYetValid)), "{offset}");
    }
    for offset in [-400, -3600] {
        let refused = complete(offset).await.unwrap_err();
        assert!(matches!(refused, FederationError::TooOld), "{offset}: {refused:?}");
    }
}

#[tokio::test]
async fn a_device_waits_longer_when_it_is_told_to() {
    let hostile = Hostile::start().await;
    let begun = json!({
        "device_code": "d", "user_code": "ABCD", "verification_uri": format!("{}/device", hostile.base), "expires_in": 600,
        "interval": 5,
    });
    hostile.reply("/device", Reply::json(&begun));
    let provider = hostile.client(hostile.config());
    let name = "peer".parse().unwrap();
    let context =
        || FederationContext { provider: &name, now: hostile.clock.now(), rng: &axess_rng::SystemRng };
    let options = FederationOptions::default();
    let login = provider.begin_device(&options, context()).await.unwrap();
    assert_eq!(login.interval, Duration::from_secs(5));
    let waited = Duration::from_secs(20);
    for (reply, wait) in [
        (Reply::new(400, "application/json", r#"{"error":"authorization_pending"}"#), 20),
        (Reply::new(400, "application/json", r#"{"error":"slow_down"}"#), 25),
    ] {
        hostile.reply("/token", reply);
        let polled = provider.poll_device(&login.pending, waited, context()).await.unwrap();
        let DevicePoll::Pending { interval } = polled else { panic!("{polled:?}") };
        assert_eq!(interval.as_secs(), wait);
    }
    let poll = async |reply: Reply| {
        hostile.reply("/token", reply);
        provider.poll_device(&login.pending, waited, context()).await.unwrap_err()
    };
    let down = poll(Reply::new(503, "text/plain", "")).await;
    assert!(matches!(down, FederationError::Unavailable { .. }), "{down}");
    let late = poll(Reply::new(400, "application/json", r#"{"error":"expired_token"}"#)).await;
    assert!(matches!(late, FederationError::Expired), "{late}");
    // A place to type a code that is not safe is not shown to anybody.
    let mut unsafe_place = begun;
    unsafe_place["verification_uri"] = json!("http://evil.example/device");
    hostile.reply("/device", Reply::json(&unsafe_place));
    let refused = provider.begin_device(&options, context()).await;
    assert!(matches!(refused, Err(FederationError::Malformed { .. })), "{refused:?}");
    let odd = FederationOptions { scopes: vec!["a\"b".into()], ..FederationOptions::default() };
    let refused = provider.begin_device(&odd, context()).await;
    assert!(matches!(refused, Err(FederationError::Configuration { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_real_provider_dies_and_comes_back_with_other_keys() {
    let Some((mut server, peer)) = peer::private("a_real_provider_dies_and_comes_back", &[]) else { return };
    let app = App::new(&peer, config(&peer, "basic"));
    assert!(app.log_in("alice").await.is_ok());
    server.kill().unwrap();
    let refused = app.provider.client_credentials(&[], &[], None).await.unwrap_err();
    assert!(is_unavailable(&refused), "{refused:?}");
    server.restart().unwrap();
    // The keys were fetched a moment ago: a name that is not among them is looked for again five seconds later.
    tokio::time::sleep(Duration::from_millis(5_100)).await;
    let app_again = peer::App::new(&peer, config(&peer, "basic"));
    assert!(app_again.log_in("alice").await.is_ok());
    assert_eq!(app.log_in("bob").await.unwrap().subject, "bob", "the client of before");
}
