//! Processes that share a folder of keys. A worker is this very program, told by a variable what to do.

use axess_clock::{Clock, MockClock};
use axess_local_idp::{
    Expiry, FileLocalIdpKeyStore, LocalIdp, LocalIdpConfig, LocalIdpKeyStore, MintClaims, Rotation,
    SigningAlgorithm,
};
use axess_rng::SystemRng;
use chrono::TimeDelta;
use std::{
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

const TASK: &str = "AXESS_LOCAL_IDP_TASK";
const FOLDER: &str = "AXESS_LOCAL_IDP_FOLDER";
const PROCESSES: usize = 4;
const KILLS: usize = 30;

pub(crate) async fn issuer(folder: &Path, clock: &MockClock) -> LocalIdp {
    let config = LocalIdpConfig {
        algorithm: SigningAlgorithm::EdDsa,
        ..LocalIdpConfig::new("https://id.example.com".parse().unwrap())
    };
    LocalIdp::from_key_store(config, store(folder), Arc::new(clock.clone()), Arc::new(SystemRng))
        .await
        .unwrap()
}

/// Opens a keyring inside a desktop, else a file.
fn store(folder: &Path) -> Arc<dyn LocalIdpKeyStore> {
    #[cfg(feature = "keyring")]
    if axess_peers::Desktop::is_here() {
        let keyring = axess_keyring::Keyring::secret_service();
        return Arc::new(axess_local_idp::KeyringLocalIdpKeyStore::open(folder, keyring).unwrap());
    }
    Arc::new(FileLocalIdpKeyStore::open(folder).unwrap())
}

/// Rotates, and lets the time go on until the new key has signed and the one before it is gone.
pub(crate) async fn turn(idp: &LocalIdp, clock: &MockClock) -> String {
    let newest = idp.keys().await.unwrap().last().unwrap().active_from;
    clock.set(newest.max(clock.now()) + TimeDelta::hours(3));
    let rotation = idp.rotate().await.unwrap();
    assert!(matches!(rotation, Rotation::Scheduled { .. }), "{rotation:?}");
    rotation.kid().to_owned()
}

async fn work(task: &str, folder: &Path) {
    let clock = MockClock::default();
    let idp = issuer(folder, &clock).await;
    match task {
        "open" => println!("\nkey {}", idp.jwks().await.unwrap().keys[0].kid),
        "rotate" => println!("\nkey {}", idp.rotate().await.unwrap().kid()),
        _ => loop {
            println!("\nkey {}", turn(&idp, &clock).await);
        },
    }
}

/// Started by the others as a process of its own; by itself, it does what they do, once.
#[tokio::test]
async fn worker() {
    match (std::env::var(TASK), std::env::var(FOLDER)) {
        (Ok(task), Ok(folder)) => work(&task, folder.as_ref()).await,
        _ => {
            let folder = tempfile::tempdir().unwrap();
            let clock = MockClock::default();
            let idp = issuer(&folder.path().join("keys"), &clock).await;
            let kids = [turn(&idp, &clock).await, turn(&idp, &clock).await, turn(&idp, &clock).await];
            let left: Vec<_> = idp.keys().await.unwrap().into_iter().map(|key| key.kid).collect();
            assert_eq!(left, kids[1..], "the one that signs and the one that waits");
        }
    }
}

pub(crate) struct Worker {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    pub(crate) fn start(task: &str, folder: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "processes::worker", "--nocapture"]).env(TASK, task).env(FOLDER, folder);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Returns the next key the worker said it has made for good.
    pub(crate) fn key(&mut self) -> Option<String> {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        lines.find_map(|line| line.strip_prefix("key ").map(str::to_owned))
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn all_say(task: &str, folder: &Path) -> Vec<String> {
    let mut workers: Vec<_> = (0..PROCESSES).map(|_| Worker::start(task, folder)).collect();
    workers.iter_mut().map(|worker| worker.key().unwrap()).collect()
}

#[tokio::test]
async fn racing_processes_agree_on_the_first_key_and_on_the_next() {
    for _ in 0..5 {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("keys");
        let first = all_say("open", &folder);
        let next = all_say("rotate", &folder);
        let clock = MockClock::default();
        let keys: Vec<_> = issuer(&folder, &clock).await.keys().await.unwrap();
        assert_eq!(keys.len(), 2);
        assert!(first.iter().all(|kid| *kid == keys[0].kid), "{first:?}");
        assert!(next.iter().all(|kid| *kid == keys[1].kid), "{next:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_tasks_of_one_process_agree() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    let clock = MockClock::default();
    let tasks = (0..8).map(|_| {
        let (folder, clock) = (folder.clone(), clock.clone());
        tokio::spawn(async move {
            let idp = issuer(&folder, &clock).await;
            idp.rotate().await.unwrap().kid().to_owned()
        })
    });
    let mut kids = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        kids.push(task.await.unwrap());
    }
    kids.dedup();
    assert_eq!(kids.len(), 1);
}

#[tokio::test]
async fn a_killed_rotation_leaves_the_ring_whole() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    let (mut made, mut beyond) = (0, 0);
    for round in 0..KILLS {
        let mut worker = Worker::start("for ever", &folder);
        let mut said: Vec<String> = (0..=round % 3).map(|_| worker.key().unwrap()).collect();
        // At a different point of its work each time.
        std::thread::sleep(Duration::from_micros((round as u64 * 1_237) % 9_000));
        worker.kill();
        said.extend(std::iter::from_fn(|| worker.key()));
        made += said.len();
        let clock = MockClock::default();
        let idp = issuer(&folder, &clock).await;
        let keys = idp.keys().await.unwrap();
        let newest = keys.last().unwrap();
        // What was said to be done is done; at most one more was done and not said.
        let last = said.last().unwrap();
        let at = keys.iter().position(|key| key.kid == *last);
        assert!(at.is_some_and(|at| at + 2 >= keys.len()), "round {round}: {last} in {keys:?}");
        beyond += usize::from(newest.kid != *last);
        clock.set(newest.active_from);
        let minted = idp.mint(&MintClaims::new("a", Expiry::Default).with_audience("api")).await.unwrap();
        assert_eq!(minted.key_id, newest.kid);
        assert!(idp.verifier("api").verify(minted.token.expose()).await.is_ok());
        turn(&idp, &clock).await;
    }
    println!("{KILLS} kills, {made} rotations, {beyond} of them done and not said");
    assert!(made >= KILLS);
}
