//! A real browser between two sites: what it sends along, what it keeps from scripts, and what the layers make of it.

use super::wire::{Server, find_program};
use axess_core::memory::InMemorySessionStore;
use axess_http::{AuthSession, CsrfConfig, CsrfLayer, CsrfRejection, SessionLayer};
use axum::{
    Router,
    extract::State,
    response::Html,
    routing::{get, post},
};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// How long one page may take: a browser starts slowly on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The site's own page: it begins a session, makes a transfer, and looks for the cookie.
const OWN_PAGE: &str = "<body><script>(async () => {
    await fetch('/start');
    const answer = await fetch('/transfer', { method: 'POST' });
    document.body.textContent = `own ${answer.status}, script sees [${document.cookie}]`;
})()</script>";

/// Somebody else's page: it posts a form to the bank, with whatever the browser adds.
fn foreign_page(bank: &str) -> String {
    format!(
        "<body><script>(async () => {{
            const body = new URLSearchParams({{ to: 'mallory' }});
            await fetch('{bank}/transfer', {{ method: 'POST', mode: 'no-cors', credentials: 'include', body }});
            document.body.textContent = 'sent';
        }})()</script>"
    )
}

#[derive(Clone, Default)]
struct Bank {
    transfers: Arc<AtomicU32>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Bank {
    fn app(&self) -> Router {
        let refused = Arc::clone(&self.refused);
        let note =
            move |rejection: &CsrfRejection<'_>| refused.lock().unwrap().push(rejection.reason.to_string());
        let csrf = CsrfConfig::new([7u8; 32]).unwrap().secure(false).on_reject(Arc::new(note));
        let start = async |session: AuthSession| session.set_custom("visited", &true).unwrap();
        let transfer = async |State(bank): State<Self>| {
            bank.transfers.fetch_add(1, Ordering::SeqCst);
        };
        Router::new()
            .route("/own", get(async || Html(OWN_PAGE)))
            .route("/start", get(start))
            .route("/transfer", post(transfer))
            .with_state(self.clone())
            .layer(CsrfLayer::new(csrf))
            .layer(SessionLayer::new(InMemorySessionStore::new(), [7u8; 32]).with_secure(false))
    }
}

/// Opens a page, lets its script run to the end, and returns what it then shows.
async fn show(chromium: &Path, profile: &Path, url: &str) -> String {
    let quiet = "--disable-gpu --disable-quic --no-first-run --disable-background-networking \
                 --disable-component-update --disable-sync --no-sandbox --headless";
    let shown = tokio::process::Command::new(chromium)
        .args(quiet.split_whitespace())
        .arg(format!("--user-data-dir={}", profile.display()))
        .args([
            "--host-resolver-rules=MAP localhost 127.0.0.1",
            "--virtual-time-budget=10000",
            "--dump-dom",
            url,
        ])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, shown).await.expect("the browser did not finish").unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_site_cannot_act_with_the_browsers_session() {
    let Some(chromium): Option<PathBuf> = find_program("chromium::csrf", "chromium") else { return };
    let bank = Bank::default();
    let server = Server::start(bank.app()).await;
    let home = format!("http://localhost:{}", server.addr.port());
    let page = foreign_page(&home);
    let foreign = Server::start(Router::new().route("/", get(async move || Html(page)))).await;
    let profile = tempfile::tempdir().unwrap();

    let own = show(&chromium, profile.path(), &format!("{home}/own")).await;
    assert!(own.contains("own 200, script sees []"), "{own}");
    assert_eq!(bank.transfers.load(Ordering::SeqCst), 1);
    assert_eq!(*bank.refused.lock().unwrap(), [""; 0]);

    // Another site, and another origin of the same site: a cookie for the one would ride along with the other.
    for host in ["127.0.0.1", "localhost"] {
        let shown = show(&chromium, profile.path(), &format!("http://{host}:{}/", foreign.addr.port())).await;
        assert!(shown.contains("sent"), "{host}: {shown}");
    }
    assert_eq!(bank.transfers.load(Ordering::SeqCst), 1, "no foreign transfer went through");
    assert_eq!(bank.refused.lock().unwrap().len(), 2, "both reached the bank and were refused");
}
