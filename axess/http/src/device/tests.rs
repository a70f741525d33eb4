use super::*;
use crate::{AuthSession, SessionLayer};
use axess_core::{
    memory::InMemorySessionStore,
    session::{RequestContext, Sessions},
};
use axum::{Router, body::Body, routing::get};
use tower::ServiceExt;

fn owner() -> Owner {
    Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) }
}

fn device() -> DeviceId {
    DeviceId::from_parts(0, [3; 10])
}

fn cookie(key: u8) -> DeviceCookie {
    DeviceCookie::new([key; 32]).unwrap()
}

/// The `name=value` a browser sends back.
fn pair(set: &HeaderValue) -> String {
    set.to_str().unwrap().split(';').next().unwrap().to_owned()
}

fn sent(pairs: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, pairs.join("; ").parse().unwrap());
    headers
}

#[test]
fn what_is_issued_is_read_back() {
    let set = cookie(1).issue(owner(), device());
    assert!(set.is_sensitive());
    let text = set.to_str().unwrap();
    assert!(text.ends_with("; Max-Age=34560000; Path=/; HttpOnly; Secure; SameSite=Lax"), "{text}");
    let proven = ProvenDevice { owner: owner(), device_id: device() };
    assert_eq!(cookie(1).read(&sent(&["a=b", &pair(&set)])), Some(proven));
    assert_eq!(cookie(1).read(&HeaderMap::new()), None);
}

#[test]
fn keys_rotate() {
    let old = pair(&cookie(1).issue(owner(), device()));
    assert_eq!(cookie(2).read(&sent(&[&old])), None);
    let ring = cookie(2).with_previous_key([1; 32]).unwrap();
    assert!(ring.read(&sent(&[&old])).is_some());
    let new = pair(&ring.issue(owner(), device()));
    assert!(cookie(2).read(&sent(&[&new])).is_some() && cookie(1).read(&sent(&[&new])).is_none());
    let full = (10..17).fold(ring, |ring, key| ring.with_previous_key([key; 32]).unwrap());
    assert!(matches!(full.with_previous_key([99; 32]), Err(SigningKeyError::TooManyKeys { .. })));
}

#[test]
fn every_changed_character_is_noticed() {
    let good = pair(&cookie(1).issue(owner(), device()));
    let value = good.find('=').unwrap() + 1;
    for at in value..good.len() {
        for other in ["A", "B", "."] {
            let mut bad = good.clone();
            bad.replace_range(at..=at, other);
            assert!(bad == good || cookie(1).read(&sent(&[&bad])).is_none(), "{at}");
        }
        assert!(cookie(1).read(&sent(&[&good[..at]])).is_none(), "cut at {at}");
    }
    assert!(cookie(1).read(&sent(&[&good, &good])).is_none(), "there twice");
}

#[test]
fn a_tag_of_another_use_is_none_of_this() {
    let secure = pair(&cookie(1).issue(owner(), device()));
    let plain = cookie(1).with_secure(false);
    assert_eq!(plain.name(), "axess_device");
    let moved = secure.replace("__Host-", "");
    assert!(plain.read(&sent(&[&moved])).is_none(), "moved to another name");
    let own = pair(&plain.issue(owner(), device()));
    assert!(plain.read(&sent(&[&own])).is_some());
}

#[test]
fn a_removal_has_no_age() {
    let text = cookie(1).removal();
    assert!(text.to_str().unwrap().starts_with("__Host-axess_device=; Max-Age=0; Path=/;"));
}

#[tokio::test]
async fn signals_are_coarse_and_the_cookie_of_another_user_is_not_among_them() {
    let sessions = Sessions::new(InMemorySessionStore::new());
    let context = RequestContext {
        client_ip: "192.0.2.1".parse().ok(),
        device: Some(ProvenDevice { owner: owner(), device_id: device() }),
        ..RequestContext::default()
    };
    let session = sessions.open(None, context).await.unwrap();
    let mut headers = HeaderMap::new();
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.3";
    headers.insert(header::USER_AGENT, firefox.parse().unwrap());
    headers.insert(header::ACCEPT_LANGUAGE, "de-CH,de;q=0.9".parse().unwrap());
    let guest = device_signals(&headers, &session);
    assert_eq!(guest.user_agent.as_deref(), Some("Firefox/140/Linux"));
    assert_eq!(guest.accept_language.as_deref(), Some("de"));
    assert_eq!((guest.client_ip, guest.device_cookie), ("192.0.2.1".parse().ok(), None));
    session.set_identifying(owner().tenant_id, owner().user_id).unwrap();
    assert_eq!(device_signals(&headers, &session).device_cookie, Some(device()));
    session.set_identifying(owner().tenant_id, UserId::from_parts(9, [9; 10])).unwrap();
    assert_eq!(device_signals(&headers, &session).device_cookie, None);
    assert_eq!(device_signals(&HeaderMap::new(), &session).user_agent, None);
}

/// The layer puts what the cookie proves where the service looks for it, and nothing else.
#[tokio::test]
async fn the_session_layer_reads_the_cookie_it_was_given() {
    let show = async |session: AuthSession| match session.context().device {
        Some(device) => device.device_id.to_string(),
        None => "none".to_owned(),
    };
    let ask = async |layer: SessionLayer, pair: Option<String>| {
        let app = Router::new().route("/", get(show)).layer(layer);
        let request = http::Request::get("/");
        let request = pair.into_iter().fold(request, |request, pair| request.header(header::COOKIE, pair));
        let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    };
    let layer = || SessionLayer::new(InMemorySessionStore::new(), [7; 32]);
    let with_cookie = || layer().with_device_cookie(cookie(1));
    let good = pair(&cookie(1).issue(owner(), device()));
    assert_eq!(ask(with_cookie(), Some(good.clone())).await, device().to_string());
    assert_eq!(ask(with_cookie(), None).await, "none");
    assert_eq!(ask(with_cookie(), Some(pair(&cookie(2).issue(owner(), device())))).await, "none");
    assert_eq!(ask(layer(), Some(good)).await, "none", "a layer that was not given one");
}
