//! Whose address counts, with a real proxy in front and without.
//!
//! The client connects from 127.0.0.9, so that it can be told apart from the proxy at 127.0.0.1.

use super::{nginx::Nginx, site::Site, wire::Server};
use axess_http::{
    AuthSession, ClientIp, FingerprintConfig, FingerprintPolicy, ForwardedHeader, IpSource, SessionLayer,
};
use axum::{Extension, Router, routing::get};
use http::{HeaderName, StatusCode};

const CLIENT: [u8; 4] = [127, 0, 0, 9];
const SPOOFED: &str = "6.6.6.6";

/// Answers with the address the session layer found, where from, and what the session's context says.
async fn server(layer: SessionLayer) -> Server {
    let page = async |Extension(client): Extension<ClientIp>, session: AuthSession| {
        let source = match client.source {
            IpSource::Peer => "peer",
            IpSource::Header => "header",
            IpSource::Unknown => "unknown",
        };
        assert_eq!(session.context().client_ip, client.ip);
        format!("{} {source}", client.ip.unwrap())
    };
    Server::start(Router::new().route("/", get(page)).layer(layer)).await
}

fn trusting(site: &Site, proxies: &[&str]) -> SessionLayer {
    site.layer().with_trusted_proxies(proxies.iter().map(|range| range.parse().unwrap()))
}

/// Asks from [`CLIENT`] with these headers.
async fn ask(url: &str, headers: &[(&str, &str)]) -> String {
    let client = reqwest::Client::builder().local_address(Some(CLIENT.into())).build().unwrap();
    let request =
        headers.iter().fold(client.get(url), |request, (name, value)| request.header(*name, *value));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.text().await.unwrap()
}

#[tokio::test]
async fn the_client_behind_nginx_cannot_choose_its_address() {
    let site = Site::new().await;
    let server = server(trusting(&site, &["127.0.0.1/32"])).await;
    let Some(nginx) = Nginx::start("proxies::x_forwarded_for", server.addr).await else { return };
    let url = nginx.url("/");
    assert_eq!(ask(&url, &[]).await, "127.0.0.9 header");
    for spoofed in [
        SPOOFED,
        "127.0.0.1",
        "6.6.6.6, 127.0.0.1",
        "6.6.6.6, 127.0.0.1, 127.0.0.1",
        "unknown",
        "",
        ",",
        "6.6.6.6,,",
        "\"6.6.6.6",
        "127.0.0.1:1234, [::ffff:127.0.0.1]:1",
    ] {
        let answer = ask(&url, &[("x-forwarded-for", spoofed)]).await;
        assert_eq!(answer, "127.0.0.9 header", "X-Forwarded-For: {spoofed}");
    }
    // nginx joins several lines into one before it appends.
    let lines = [("x-forwarded-for", SPOOFED), ("x-forwarded-for", "127.0.0.1"), ("x-real-ip", SPOOFED)];
    assert_eq!(ask(&url, &lines).await, "127.0.0.9 header");
    assert_eq!(ask(&url, &[("forwarded", "for=6.6.6.6")]).await, "127.0.0.9 header", "not the header in use");
}

#[tokio::test]
async fn the_forwarded_header_is_read_the_same_way() {
    let site = Site::new().await;
    let layer = trusting(&site, &["127.0.0.1/32"]).with_forwarded_header(ForwardedHeader::Forwarded);
    let server = server(layer).await;
    let Some(nginx) = Nginx::start("proxies::forwarded", server.addr).await else { return };
    let url = nginx.url("/");
    assert_eq!(ask(&url, &[]).await, "127.0.0.9 header");
    for spoofed in [
        "for=6.6.6.6",
        "for=127.0.0.1",
        "for=6.6.6.6, for=127.0.0.1",
        "for=\"[::ffff:127.0.0.1]:80\";proto=https",
        "for=_hidden, for=\"6.6.6.6",
        "for=\"6.6.6.6\\\", for=127.0.0.1",
        "for=\"a, for=6.6.6.6\"",
        "by=6.6.6.6",
    ] {
        let answer = ask(&url, &[("forwarded", spoofed)]).await;
        assert_eq!(answer, "127.0.0.9 header", "Forwarded: {spoofed}");
    }
    assert_eq!(ask(&url, &[("x-forwarded-for", SPOOFED)]).await, "127.0.0.9 header");
}

#[tokio::test]
async fn a_header_that_the_proxy_replaces_is_read_as_it_is() {
    let site = Site::new().await;
    let header = ForwardedHeader::Custom(HeaderName::from_static("x-real-ip"));
    let server = server(trusting(&site, &["127.0.0.1/32"]).with_forwarded_header(header)).await;
    let Some(nginx) = Nginx::start("proxies::x_real_ip", server.addr).await else { return };
    let spoofed = [("x-real-ip", SPOOFED), ("x-forwarded-for", SPOOFED)];
    assert_eq!(ask(&nginx.url("/"), &spoofed).await, "127.0.0.9 header");
}

#[tokio::test]
async fn behind_a_proxy_nobody_named_the_proxy_is_the_client() {
    let site = Site::new().await;
    let server = server(trusting(&site, &["10.0.0.0/8"])).await;
    let Some(nginx) = Nginx::start("proxies::untrusted", server.addr).await else { return };
    assert_eq!(ask(&nginx.url("/"), &[("x-forwarded-for", SPOOFED)]).await, "127.0.0.1 peer");
}

#[tokio::test]
async fn somebody_who_is_no_proxy_is_not_believed() {
    let site = Site::new().await;
    for (proxies, header, value) in [
        (&[][..], ForwardedHeader::XForwardedFor, ("x-forwarded-for", SPOOFED)),
        (&["127.0.0.1/32"][..], ForwardedHeader::XForwardedFor, ("x-forwarded-for", SPOOFED)),
        (&["127.0.0.1/32"][..], ForwardedHeader::Forwarded, ("forwarded", "for=6.6.6.6")),
        // A range that covers everybody is left out.
        (&["0.0.0.0/0"][..], ForwardedHeader::XForwardedFor, ("x-forwarded-for", SPOOFED)),
    ] {
        let server = server(trusting(&site, proxies).with_forwarded_header(header)).await;
        assert_eq!(ask(&server.url("/"), &[value]).await, "127.0.0.9 peer", "{proxies:?} {value:?}");
    }
    // The same request is believed from a range that holds the client: the cases above turn on the peer alone.
    let server = server(trusting(&site, &["127.0.0.0/8"])).await;
    assert_eq!(ask(&server.url("/"), &[("x-forwarded-for", SPOOFED)]).await, "6.6.6.6 header");
}

#[tokio::test]
async fn a_session_bound_to_a_network_is_not_fooled_behind_nginx() {
    let site = Site::new().await;
    let layer = trusting(&site, &["127.0.0.1/32"])
        .with_secure(false)
        .with_fingerprint(FingerprintConfig { ip_prefix: true, ..FingerprintConfig::default() })
        .with_fingerprint_policy(FingerprintPolicy::Revoke);
    let server = Server::start(site.app_with(&layer)).await;
    let Some(nginx) = Nginx::start("proxies::fingerprint", server.addr).await else { return };
    let from =
        |address: [u8; 4]| reqwest::Client::builder().local_address(Some(address.into())).build().unwrap();
    let set = from(CLIENT).get(nginx.url("/write")).send().await.unwrap();
    let cookie = set.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();

    let again =
        from([127, 0, 0, 200]).get(nginx.url("/read")).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(again.text().await.unwrap(), "green", "the same /24");
    let stolen = from([127, 0, 1, 9]).get(nginx.url("/read")).header("cookie", &cookie);
    let stolen = stolen.header("x-forwarded-for", "127.0.0.9").send().await.unwrap();
    assert_eq!(stolen.status(), StatusCode::UNAUTHORIZED, "another network, whatever it claims");
    assert_eq!(site.store.len(), 0);
}
