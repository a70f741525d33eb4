use super::eventually;
use crate::site::{open, someone};
use audex_server::{app::App, serve::serve};
use axess::clock::SystemClock;
use axess_peers::{Kind, Server, skip};
use std::{net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// A server with its metrics on a port of their own.
struct Watched {
    app: Arc<App>,
    url: String,
    metrics: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Watched {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bind = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (listener, metrics) = (bind().await, bind().await);
        let (address, scraped) = (listener.local_addr().unwrap(), metrics.local_addr().unwrap());
        let url = format!("http://{address}");
        let app = open(folder.path(), Arc::new(SystemClock), |settings| {
            settings.public_url = format!("http://{address}");
        })
        .await;
        let (stop, stopped) = oneshot::channel::<()>();
        let served = Arc::clone(&app);
        let serving = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(served, listener, Some(metrics), stopped).await.unwrap();
        });
        Self { app, url, metrics: scraped, stop, serving, _folder: folder }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let response = reqwest::get(format!("http://{}{path}", self.metrics)).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Asks for a credential.
    async fn issue(&self, bearer: &str) -> u16 {
        let body = r#"{"allow": "orders:Read", "ttl": "15m", "provider": "local"}"#;
        let request =
            reqwest::Client::new().post(format!("{}/credentials", self.url)).bearer_auth(bearer).body(body);
        request.send().await.unwrap().status().as_u16()
    }

    async fn stop(self) {
        drop(self.stop);
        self.serving.await.unwrap();
        self.app.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_port_serves_metrics_and_nothing_else() {
    let watched = Watched::start().await;
    let alice = someone(&watched.app, "alice@example.com", &[], &[]).await;
    assert_eq!(watched.issue(&alice.bearer).await, 200);
    assert_eq!(watched.issue("audx_wrong").await, 401);
    let (status, text) = watched.get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "audex_sessions_total 1",
        "audex_sessions_active 1",
        "audex_credentials_issued{provider=\"local\"} 1",
        "audex_approvals_pending 0",
        "audex_store_up 1",
        "audex_api_latency_seconds_count{route=\"/credentials\",method=\"POST\",status=\"2xx\"} 1",
        "audex_api_latency_seconds_count{route=\"/credentials\",method=\"POST\",status=\"4xx\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("alice") && !text.contains(&watched.url[7..]));
    assert_eq!(watched.get("/healthz").await.0, 200);
    for path in ["/", "/credentials", "/sessions", "/login", "/openapi.json"] {
        assert_eq!(watched.get(path).await.0, 404, "{path}");
    }
    // And the other port serves no metrics.
    let other = reqwest::get(format!("{}/metrics", watched.url)).await.unwrap();
    assert_eq!(other.status(), 404);
    watched.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_scrapes_it() {
    const TEST: &str = "prometheus_scrapes_it";
    if let Some(reason) = Kind::Prometheus.missing() {
        return skip(TEST, &reason);
    }
    let watched = Watched::start().await;
    let alice = someone(&watched.app, "alice@example.com", &[], &[]).await;
    for _ in 0..3 {
        assert_eq!(watched.issue(&alice.bearer).await, 200);
    }
    let server = tokio::task::spawn_blocking(|| Server::start(Kind::Prometheus)).await.unwrap().unwrap();
    server.prometheus().unwrap().scrape("audex", watched.metrics.port()).unwrap();
    let query = async |path: &str| {
        let text = reqwest::get(format!("{}{path}", server.url())).await.unwrap().text().await.unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    for (expression, expected) in [
        ("up{job=\"audex\"}", "1"),
        ("audex_sessions_total", "3"),
        ("audex_sessions_active", "3"),
        ("sum(audex_credentials_issued)", "3"),
        ("sum(audex_api_latency_seconds_count{route=\"/credentials\"})", "3"),
        ("audex_approvals_pending", "0"),
        ("audex_budget_spent_usd > audex_budget_limit_usd", ""),
    ] {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let found = eventually(async || {
            let answer = query(&format!("/api/v1/query?query={encoded}")).await;
            let value = answer["data"]["result"][0]["value"][1].as_str().unwrap_or_default().to_owned();
            (value == expected).then_some(value)
        });
        assert!(found.await.is_some(), "{expression} is not {expected}");
    }
    let types = query("/api/v1/metadata?metric=audex_api_latency_seconds").await;
    assert_eq!(types["data"]["audex_api_latency_seconds"][0]["type"], "histogram", "{types}");
    watched.stop().await;
}
