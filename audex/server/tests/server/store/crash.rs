//! `kill -9` in the middle of it: what was said to be done is there, and nothing is there by half.

use super::place::*;
use audex_core::session::{SessionId, SessionStore};
use audex_server::{model::PageQuery, settings::ServerSettings, store::SessionFilter};
use axess::clock::{Clock, SystemClock};
use axess_peers::{Kind, shared, skip};
use std::{
    collections::HashSet,
    env,
    fs::{self, File, OpenOptions},
    io::Write,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

/// Tells the test program to be the process that is killed: its folder, and its database.
const CHILD: &str = "AUDEX_STORE_CHILD";
/// How many begin at once.
const WRITERS: usize = 24;
/// How often it is killed.
const LIVES: usize = 5;

/// What is killed: begins sessions for ever, and says which are begun.
#[test]
fn life() {
    let Ok(order) = env::var(CHILD) else { return };
    let (folder, database) = order.split_once('|').unwrap();
    let mut settings = ServerSettings::new(folder);
    settings.database = (!database.is_empty()).then(|| database.to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = open_now(&settings).await;
        let path = settings.data.join("acknowledged");
        let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        let told: Arc<Mutex<File>> = Arc::new(Mutex::new(file));
        let writers = (0..WRITERS).map(|_| {
            let (store, told) = (store.clone(), Arc::clone(&told));
            tokio::spawn(async move {
                let rates = [rule("*", 100_000, None)];
                loop {
                    let record = record("alice@example.com", SystemClock.now());
                    store.begin(beginning(&record, &rates, None)).await.unwrap();
                    let line = format!("{}\n", record.session_id);
                    told.lock().unwrap().write_all(line.as_bytes()).unwrap();
                }
            })
        });
        futures_util::future::join_all(writers).await;
    });
}

fn told(place: &Place) -> Vec<SessionId> {
    let text = fs::read_to_string(place.folder.path().join("acknowledged")).unwrap_or_default();
    // The last line may be cut off.
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')?.parse().ok()).collect()
}

async fn killed(place: Place) {
    let order =
        format!("{}|{}", place.folder.path().display(), place.settings.database.clone().unwrap_or_default());
    for life in 0..LIVES {
        let before = told(&place).len();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["store::crash::life", "--exact", "--test-threads", "1"])
            .env(CHILD, &order)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..2_400 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if told(&place).len() > before + 60 * (life + 1) {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(told(&place).len() > before + 60, "life {life} did nothing");
    }
    let store = open(&place.settings, place.clock.clone()).await;
    let (mut kept, mut after) = (HashSet::new(), None);
    loop {
        let page =
            store.list_sessions(&SessionFilter::default(), &PageQuery { limit: None, after }).await.unwrap();
        kept.extend(page.items.iter().map(|record| record.session_id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    for id in told(&place) {
        assert!(kept.contains(&id), "a session that was begun is lost");
    }
    // One event and one count for each session, also for those that nobody was told of.
    let counts = "SELECT (SELECT COUNT(*) FROM axess_audit_outbox), (SELECT COUNT(*) FROM audex_counts),
        (SELECT requests FROM audex_limits)";
    let (events, counted, requests): (i64, i64, i64) = match &place.settings.database {
        Some(url) => sqlx::query_as(counts).fetch_one(&sqlx::PgPool::connect(url).await.unwrap()).await,
        None => {
            let pool = sqlx::SqlitePool::connect(&place.settings.database_url()).await.unwrap();
            sqlx::query_as(counts).fetch_one(&pool).await
        }
    }
    .unwrap();
    let all = i64::try_from(kept.len()).unwrap();
    assert_eq!((events, counted, requests), (all, all, all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_loses_nothing() {
    killed(Place::new(Backend::Sqlite, "").await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_loses_nothing() {
    if shared(Kind::Postgres).is_none() {
        return skip("store::crash: PostgreSQL", "no PostgreSQL: run `cargo xtask test`");
    }
    killed(Place::new(Backend::Postgres, "store::crash").await.unwrap()).await;
}
