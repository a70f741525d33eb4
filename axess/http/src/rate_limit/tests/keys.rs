use super::*;
use crate::{ClientIp, PeerAddr, test_site::TestSite};
use axess_core::session::SessionHandle;
use axess_identity::{
    HumanPrincipal, Issuer, Principal, SessionId, TenantId, UserId, WorkloadId, WorkloadPrincipal,
};
use axum::extract::ConnectInfo;
use http::{Extensions, request::Parts};
use std::net::SocketAddr;

fn with(extension: impl Clone + Send + Sync + 'static) -> Parts {
    parts(|e| {
        e.insert(extension);
    })
}

fn parts(extend: impl FnOnce(&mut Extensions)) -> Parts {
    let mut request = http::Request::new(());
    extend(request.extensions_mut());
    request.into_parts().0
}

fn from_ip(ip: &str) -> Parts {
    with(PeerAddr(ip.parse().unwrap()))
}

fn human(user: u8, tenant: u8, session: u8) -> Parts {
    let human = HumanPrincipal {
        user_id: UserId::from_parts(0, [user; 10]),
        tenant_id: TenantId::from_parts(0, [tenant; 10]),
        session_id: Some(SessionId::from_bytes([session; 16])),
        attributes: Default::default(),
    };
    parts(|e| {
        e.insert(Principal::Human(human));
        e.insert(PeerAddr([192, 0, 2, 1].into()));
    })
}

fn workload(name: &str) -> Parts {
    let workload_id: WorkloadId = format!("spiffe://example.com/{name}").parse().unwrap();
    let workload = WorkloadPrincipal {
        trust_domain: workload_id.trust_domain().clone(),
        workload_id,
        issuer: Issuer::from("https://issuer.example"),
        tenant_id: TenantId::from_parts(0, [2; 10]),
        tenant_slug: "acme".into(),
        service_name: name.into(),
        attributes: Default::default(),
    };
    with(Principal::Workload(workload))
}

fn same(key: &KeyExtractor, a: &Parts, b: &Parts) -> bool {
    key.bucket("l", a) == key.bucket("l", b)
}

#[test]
fn addresses_are_the_resolved_ones_and_ipv6_counts_by_64() {
    for key in [KeyExtractor::PeerIp, KeyExtractor::ForwardedIp, KeyExtractor::ClientIp] {
        assert!(same(&key, &from_ip("192.0.2.1"), &from_ip("::ffff:192.0.2.1")));
        assert!(!same(&key, &from_ip("192.0.2.1"), &from_ip("192.0.2.2")));
        assert!(same(&key, &from_ip("2001:db8:0:1::1"), &from_ip("2001:db8:0:1:ffff::2")));
        assert!(!same(&key, &from_ip("2001:db8:0:1::1"), &from_ip("2001:db8:0:2::1")));

        let connect = with(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 9))));
        assert!(same(&key, &connect, &from_ip("192.0.2.1")));
        let behind_proxy = parts(|e| {
            e.insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 9))));
            e.insert(ClientIp::from_peer("192.0.2.1".parse().ok()));
        });
        assert!(same(&key, &behind_proxy, &from_ip("192.0.2.1")));
    }
}

#[test]
fn no_header_changes_any_bucket() {
    let spoof = |mut parts: Parts| {
        for name in ["x-forwarded-for", "x-real-ip", "x-client-id", "x-user-id", "cookie", "authorization"] {
            parts.headers.insert(name, "6.6.6.6".parse().unwrap());
        }
        parts
    };
    for key in [
        KeyExtractor::PeerIp,
        KeyExtractor::ForwardedIp,
        KeyExtractor::ClientIp,
        KeyExtractor::SessionId,
        KeyExtractor::UserId,
        KeyExtractor::TenantId,
        KeyExtractor::WorkloadId,
        KeyExtractor::Global,
    ] {
        assert!(same(&key, &human(1, 1, 1), &spoof(human(1, 1, 1))), "{key:?}");
        assert!(same(&key, &from_ip("192.0.2.1"), &spoof(from_ip("192.0.2.1"))), "{key:?}");
    }
}

#[test]
fn each_kind_counts_by_its_own_fact() {
    let me = human(1, 1, 1);
    for (key, user, tenant, session) in [
        (KeyExtractor::UserId, false, true, true),
        (KeyExtractor::TenantId, true, false, true),
        (KeyExtractor::SessionId, true, true, false),
        (KeyExtractor::Global, true, true, true),
    ] {
        assert_eq!(same(&key, &me, &human(2, 1, 1)), user, "{key:?}");
        assert_eq!(same(&key, &me, &human(1, 2, 1)), tenant, "{key:?}");
        assert_eq!(same(&key, &me, &human(1, 1, 2)), session, "{key:?}");
    }
    assert!(same(&KeyExtractor::WorkloadId, &workload("a"), &workload("a")));
    assert!(!same(&KeyExtractor::WorkloadId, &workload("a"), &workload("b")));
    assert!(same(&KeyExtractor::TenantId, &workload("a"), &workload("b")));
    let custom = KeyExtractor::custom(|parts| parts.extensions.get::<u8>().map(u8::to_string));
    let of = |plan: u8| with(plan);
    assert!(same(&custom, &of(1), &of(1)) && !same(&custom, &of(1), &of(2)));
}

#[test]
fn a_missing_key_counts_against_the_address_and_a_missing_address_against_one_bucket() {
    let custom = KeyExtractor::custom(|_| None);
    for key in [
        KeyExtractor::SessionId,
        KeyExtractor::UserId,
        KeyExtractor::TenantId,
        KeyExtractor::WorkloadId,
        KeyExtractor::Composite(vec![]),
        custom,
    ] {
        assert!(same(&key, &from_ip("192.0.2.1"), &from_ip("192.0.2.1")), "{key:?}");
        assert!(!same(&key, &from_ip("192.0.2.1"), &from_ip("192.0.2.2")), "{key:?}");
        assert!(same(&key, &parts(|_| {}), &parts(|_| {})), "{key:?}");
        assert!(!same(&key, &parts(|_| {}), &from_ip("192.0.2.1")), "{key:?}");
    }
}

#[tokio::test]
async fn guests_count_by_address_however_many_sessions_they_store() {
    let site = TestSite::new();
    let called_in = |session: &SessionHandle| {
        parts(|e| {
            e.insert(session.clone());
            e.insert(PeerAddr([192, 0, 2, 1].into()));
        })
    };
    let key = KeyExtractor::SessionId;
    for _ in 0..3 {
        let guest = site.guest().await;
        guest.set_custom("theme", "dark").unwrap();
        guest.finish().await.unwrap();
        assert!(guest.is_stored() && same(&key, &called_in(&guest), &from_ip("192.0.2.1")));
    }
    let (mine, theirs) = (site.logged_in().await, site.logged_in().await);
    assert!(same(&key, &called_in(&mine), &called_in(&mine)));
    assert!(!same(&key, &called_in(&mine), &called_in(&theirs)));
    assert!(!same(&key, &called_in(&mine), &from_ip("192.0.2.1")));
}

#[test]
fn composites_count_combinations_and_cannot_be_confused() {
    let text = |a: &'static str, b: &'static str| {
        KeyExtractor::Composite(vec![
            KeyExtractor::custom(move |_| Some(a.into())),
            KeyExtractor::custom(move |_| Some(b.into())),
        ])
    };
    let none = parts(|_| {});
    assert_eq!(text("a", "b").bucket("l", &none), text("a", "b").bucket("l", &none));
    for other in [text("ab", ""), text("", "ab"), text("b", "a")] {
        assert_ne!(text("a", "b").bucket("l", &none), other.bucket("l", &none));
    }
    let nested = |inner: Vec<KeyExtractor>, after: Vec<KeyExtractor>| {
        let keys = std::iter::once(KeyExtractor::Composite(inner)).chain(after).collect();
        KeyExtractor::Composite(keys).bucket("l", &none)
    };
    assert_ne!(
        nested(vec![KeyExtractor::Global, KeyExtractor::Global], vec![]),
        nested(vec![KeyExtractor::Global], vec![KeyExtractor::Global])
    );
    let pair = KeyExtractor::Composite(vec![KeyExtractor::PeerIp, KeyExtractor::UserId]);
    assert!(same(&pair, &human(1, 1, 1), &human(1, 2, 2)));
    assert!(!same(&pair, &human(1, 1, 1), &human(2, 1, 1)));
    let mut elsewhere = human(1, 1, 1);
    elsewhere.extensions.insert(PeerAddr([192, 0, 2, 9].into()));
    assert!(!same(&pair, &human(1, 1, 1), &elsewhere));
}

#[test]
fn limiters_of_different_names_do_not_share() {
    let request = from_ip("192.0.2.1");
    let key = KeyExtractor::PeerIp;
    assert_ne!(key.bucket("login", &request), key.bucket("reset", &request));
    // An address and a text that looks like one are different keys.
    let text = KeyExtractor::custom(|_| Some("192.0.2.1".into()));
    assert_ne!(key.bucket("l", &request), text.bucket("l", &request));
}
