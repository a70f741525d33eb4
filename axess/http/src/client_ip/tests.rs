use super::*;
use axum::extract::ConnectInfo;
use http::{HeaderValue, Request};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tower::{Layer, ServiceExt, service_fn};

fn config(header: ForwardedHeader) -> ClientIpConfig {
    ClientIpConfig { trusted: TrustedProxies::parse(["10.0.0.0/8", "2001:db8:ffff::/48"]).unwrap(), header }
}

fn headers(name: &'static str, lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    headers
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Resolves behind the trusted proxy 10.0.0.1 and returns "<ip> <source>".
fn check(header: ForwardedHeader, name: &'static str, lines: &[&str], expect: &str) {
    let client = resolve_client_ip(Some(ip("10.0.0.1")), &headers(name, lines), &config(header));
    assert_eq!(format!("{} {:?}", client.ip.unwrap(), client.source), expect, "{lines:?}");
}

#[test]
fn x_forwarded_for() {
    for (lines, expect) in [
        (&["198.51.100.7"][..], "198.51.100.7 Header"),
        (&["6.6.6.6, 198.51.100.7"], "198.51.100.7 Header"),
        (&["6.6.6.6, 198.51.100.7 ,\t10.0.0.2"], "198.51.100.7 Header"),
        (&["6.6.6.6", "198.51.100.7", "10.0.0.2,10.0.0.3"], "198.51.100.7 Header"),
        (&["198.51.100.7", "6.6.6.6"], "6.6.6.6 Header"),
        // All trusted: the leftmost.
        (&["10.0.0.9, 10.0.0.2"], "10.0.0.9 Header"),
        // Forms of an address.
        (&["198.51.100.7:4711"], "198.51.100.7 Header"),
        (&["2001:db8::1"], "2001:db8::1 Header"),
        (&["[2001:db8::1]"], "2001:db8::1 Header"),
        (&["[2001:db8::1]:443"], "2001:db8::1 Header"),
        (&["::ffff:198.51.100.7"], "198.51.100.7 Header"),
        (&["198.51.100.7, ::ffff:10.0.0.2"], "198.51.100.7 Header"),
        (&["198.51.100.7, 2001:db8:ffff::2"], "198.51.100.7 Header"),
        // No address: stop at the last good hop.
        (&[], "10.0.0.1 Peer"),
        (&[""], "10.0.0.1 Peer"),
        (&["unknown"], "10.0.0.1 Peer"),
        (&["198.51.100.7, unknown"], "10.0.0.1 Peer"),
        (&["198.51.100.7, unknown, 10.0.0.2"], "10.0.0.2 Header"),
        (&["198.51.100.7, _hidden"], "10.0.0.1 Peer"),
        (&["198.51.100.7,"], "10.0.0.1 Peer"),
        (&["198.51.100.7", ""], "10.0.0.1 Peer"),
        (&["198.51.100.7, , 10.0.0.2"], "10.0.0.2 Header"),
        (&["198.51.100.07"], "10.0.0.1 Peer"),
        (&["198.51.100"], "10.0.0.1 Peer"),
        (&["0x7f.1"], "10.0.0.1 Peer"),
        (&["198.51.100.7:"], "10.0.0.1 Peer"),
        (&["198.51.100.7:123456"], "10.0.0.1 Peer"),
        (&["198.51.100.7:80:80"], "10.0.0.1 Peer"),
        (&["198.51.100.7/32"], "10.0.0.1 Peer"),
        (&["198.51.100.7 198.51.100.8"], "10.0.0.1 Peer"),
        (&["[198.51.100.7]"], "10.0.0.1 Peer"),
        (&["[2001:db8::1"], "10.0.0.1 Peer"),
        (&["[2001:db8::1]x"], "10.0.0.1 Peer"),
        (&["fe80::1%eth0"], "10.0.0.1 Peer"),
        (&["\"198.51.100.7\""], "10.0.0.1 Peer"),
        (&["198.51.100.7\u{a0}"], "10.0.0.1 Peer"),
    ] {
        check(ForwardedHeader::XForwardedFor, "x-forwarded-for", lines, expect);
        let custom = ForwardedHeader::Custom(HeaderName::from_static("x-real-ip"));
        check(custom, "x-real-ip", lines, expect);
    }
}

#[test]
fn forwarded() {
    for (lines, expect) in [
        (&["for=198.51.100.7"][..], "198.51.100.7 Header"),
        (&["For=\"198.51.100.7:4711\""], "198.51.100.7 Header"),
        (&["for=\"[2001:db8::1]\""], "2001:db8::1 Header"),
        (&["for=\"[2001:db8::1]:80\""], "2001:db8::1 Header"),
        (&["for=\"[2001:db8::1]:_port\""], "2001:db8::1 Header"),
        (&["for=\"[::ffff:198.51.100.7]:80\""], "198.51.100.7 Header"),
        (&["for=6.6.6.6, for=198.51.100.7;proto=https;by=10.0.0.2"], "198.51.100.7 Header"),
        (&["proto=https; for=198.51.100.7 ; host=\"a,b;for=6.6.6.6\""], "198.51.100.7 Header"),
        (&["for=198.51.100.7", "for=10.0.0.3;by=\"_x\", for=10.0.0.2"], "198.51.100.7 Header"),
        (&["for=198.51.100.7;ext=\"a,for=6.6.6.6\\\"b\""], "198.51.100.7 Header"),
        (&["for=198.51.100.7;ext=\"a\\\",for=6.6.6.6\""], "198.51.100.7 Header"),
        // What a client wrote cannot swallow what the proxy appended.
        (&["for=\"6.6.6.6, for=198.51.100.7"], "198.51.100.7 Header"),
        (&["for=\"6.6.6.6\\\", for=198.51.100.7"], "198.51.100.7 Header"),
        (&["for=\"", "for=198.51.100.7"], "198.51.100.7 Header"),
        (&["\",\", for=\"[2001:db8::1]\""], "2001:db8::1 Header"),
        // No address.
        (&["for=unknown"], "10.0.0.1 Peer"),
        (&["for=_hidden"], "10.0.0.1 Peer"),
        (&["for=198.51.100.7, for=\"_SEVKISEK\""], "10.0.0.1 Peer"),
        (&["for=198.51.100.7, for=unknown, for=10.0.0.2"], "10.0.0.2 Header"),
        (&["by=198.51.100.7"], "10.0.0.1 Peer"),
        (&["for=198.51.100.7;for=6.6.6.6"], "10.0.0.1 Peer"),
        (&["for=198.51.100.7 for=6.6.6.6"], "10.0.0.1 Peer"),
        (&["for=2001:db8::1"], "10.0.0.1 Peer"),
        (&["for=198.51.100.7:80"], "10.0.0.1 Peer"),
        (&["for=[2001:db8::1]"], "10.0.0.1 Peer"),
        (&["for=\"198.51.100.7"], "10.0.0.1 Peer"),
        (&["for=\"198.51.100\\.7\""], "10.0.0.1 Peer"),
        (&["for="], "10.0.0.1 Peer"),
        (&["for"], "10.0.0.1 Peer"),
        (&["198.51.100.7"], "10.0.0.1 Peer"),
        (&["for=198.51.100.7,"], "10.0.0.1 Peer"),
        (&[""], "10.0.0.1 Peer"),
    ] {
        check(ForwardedHeader::Forwarded, "forwarded", lines, expect);
    }
}

#[test]
fn only_the_configured_header_counts() {
    let mut all = headers("x-forwarded-for", &["6.6.6.6"]);
    all.extend(headers("x-real-ip", &["6.6.6.6"]));
    let client = resolve_client_ip(Some(ip("10.0.0.1")), &all, &config(ForwardedHeader::Forwarded));
    assert_eq!((client.ip, client.source), (Some(ip("10.0.0.1")), IpSource::Peer));
}

#[test]
fn peers_that_are_unknown_or_not_trusted_ignore_headers() {
    let headers = headers("x-forwarded-for", &["6.6.6.6"]);
    let config = config(ForwardedHeader::XForwardedFor);
    assert_eq!(resolve_client_ip(None, &headers, &config), ClientIp::UNKNOWN);
    for (peer, expect) in [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1")] {
        let client = resolve_client_ip(Some(ip(peer)), &headers, &config);
        assert_eq!((client.ip, client.source), (Some(ip(expect)), IpSource::Peer));
    }
    let mapped = resolve_client_ip(Some(ip("::ffff:10.0.0.1")), &headers, &config);
    assert_eq!(mapped.ip, Some(ip("6.6.6.6")), "a mapped proxy address is trusted");
    let nobody = resolve_client_ip(Some(ip("10.0.0.1")), &headers, &ClientIpConfig::default());
    assert_eq!(nobody.ip, Some(ip("10.0.0.1")));
}

#[test]
fn the_walk_is_bounded() {
    let hops = |n: usize| format!("6.6.6.6{}", ", 10.0.0.2".repeat(n));
    let header = ForwardedHeader::XForwardedFor;
    check(header.clone(), "x-forwarded-for", &[&hops(MAX_HOPS - 1)], "6.6.6.6 Header");
    check(header.clone(), "x-forwarded-for", &[&hops(MAX_HOPS)], "10.0.0.2 Header");
    // The leftmost hop begins beyond the byte budget, or one hop alone exceeds it.
    let padded = format!("6.6.6.6, 10.0.0.3{},10.0.0.2", " ".repeat(MAX_FORWARDED_BYTES));
    check(header.clone(), "x-forwarded-for", &[&padded], "10.0.0.2 Header");
    let late = format!("6.6.6.6,10.0.0.3{},10.0.0.2", " ".repeat(MAX_FORWARDED_BYTES - 16));
    check(header.clone(), "x-forwarded-for", &[&late], "10.0.0.3 Header");
    let huge = "9".repeat(1_000_000);
    check(header, "x-forwarded-for", &[&huge, "10.0.0.2"], "10.0.0.2 Header");
    check(
        ForwardedHeader::Forwarded,
        "forwarded",
        &[&"\"".repeat(100_000), "for=10.0.0.2"],
        "10.0.0.2 Header",
    );
}

#[test]
fn ranges_are_checked_and_canonical() {
    let proxies = TrustedProxies::parse([" 192.0.2.1 ", "::ffff:10.0.0.0/104", "2001:db8::/32"]).unwrap();
    for inside in ["192.0.2.1", "10.255.0.1", "::ffff:10.0.0.9", "2001:db8:1::"] {
        assert!(proxies.contains(ip(inside)), "{inside}");
    }
    for outside in ["192.0.2.2", "11.0.0.0", "2001:db9::", "::1"] {
        assert!(!proxies.contains(ip(outside)), "{outside}");
    }
    for bad in ["", "10.0.0.0/33", "localhost", "10.0.0.0/8,11.0.0.0/8"] {
        assert!(matches!(TrustedProxies::parse([bad]), Err(TrustedProxiesError::Range { .. })), "{bad}");
    }
    for everybody in ["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"] {
        assert!(
            matches!(TrustedProxies::parse([everybody]), Err(TrustedProxiesError::Everybody { .. })),
            "{everybody}"
        );
    }
    let ignored = TrustedProxies::new(["0.0.0.0/0".parse().unwrap()]);
    assert!(ignored.is_empty() && !ignored.contains(ip("192.0.2.1")));
}

#[tokio::test]
async fn the_layer_stores_the_address() {
    let service = ClientIpLayer::new(config(ForwardedHeader::XForwardedFor)).layer(service_fn(
        |request: Request<()>| async move {
            Ok::<_, std::convert::Infallible>(*request.extensions().get::<ClientIp>().unwrap())
        },
    ));
    let send = |connect: Option<ConnectInfo<SocketAddr>>, own: Option<PeerAddr>| {
        let mut request = Request::new(());
        *request.headers_mut() = headers("x-forwarded-for", &["198.51.100.7"]);
        // What a client-side layer left behind must not survive.
        request.extensions_mut().insert(ClientIp::from_peer(Some(ip("6.6.6.6"))));
        connect.map(|connect| request.extensions_mut().insert(connect));
        own.map(|own| request.extensions_mut().insert(own));
        service.clone().oneshot(request)
    };
    let connect = Some(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 9))));
    let through_proxy = send(connect, None).await.unwrap();
    assert_eq!(through_proxy.ip, Some(ip("198.51.100.7")));
    let own = send(connect, Some(PeerAddr(ip("192.0.2.1")))).await.unwrap();
    assert_eq!(own.ip, Some(ip("192.0.2.1")), "PeerAddr wins");
    assert_eq!(send(None, None).await.unwrap(), ClientIp::UNKNOWN);
}

fn any_ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    ]
}

/// Printable header text, rich in the characters that matter to the parsers.
fn any_text() -> impl Strategy<Value = String> {
    let byte = prop_oneof![prop::sample::select(b"\"\\,;=[]:_. 0123456789for".to_vec()), 32u8..127];
    prop::collection::vec(byte, 0..80).prop_map(|bytes| bytes.into_iter().map(char::from).collect())
}

fn any_header() -> impl Strategy<Value = (ForwardedHeader, &'static str)> {
    prop::sample::select(vec![
        (ForwardedHeader::XForwardedFor, "x-forwarded-for"),
        (ForwardedHeader::Forwarded, "forwarded"),
    ])
}

proptest! {
    #[test]
    fn an_untrusted_peer_never_influences_the_result(
        peer in any_ip(), (header, name) in any_header(), lines in prop::collection::vec(any_text(), 0..4),
    ) {
        let config = config(header);
        prop_assume!(!config.trusted.contains(peer));
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let client = resolve_client_ip(Some(peer), &headers(name, &lines), &config);
        prop_assert_eq!(client, ClientIp::from_peer(Some(peer)));
    }

    #[test]
    fn a_spoofed_prefix_never_wins(
        real in any_ip(), (header, name) in any_header(),
        spoofed in prop::collection::vec(any_text(), 0..4), same_line: bool, proxies in 0usize..4,
    ) {
        let config = config(header.clone());
        prop_assume!(!config.trusted.contains(real));
        let element = |ip: IpAddr| match (&header, ip) {
            (ForwardedHeader::Forwarded, IpAddr::V6(ip)) => format!("for=\"[{ip}]:80\";proto=https"),
            (ForwardedHeader::Forwarded, IpAddr::V4(ip)) => format!("for={ip}"),
            (_, ip) => ip.to_string(),
        };
        // The first trusted proxy appends the address it saw; further proxies append the previous proxy.
        let mut appended = vec![element(real)];
        appended.extend((0..proxies).map(|i| element(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2 + i as u8)))));
        let mut lines = spoofed;
        match lines.last_mut() {
            Some(last) if same_line => *last = format!("{last}, {}", appended.join(", ")),
            _ => lines.push(appended.join(", ")),
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let client = resolve_client_ip(Some(ip("10.0.0.1")), &headers(name, &lines), &config);
        prop_assert_eq!(client.ip, Some(real.to_canonical()));
        prop_assert_eq!(client.source, IpSource::Header);
    }
}
