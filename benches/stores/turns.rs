//! A store that takes turns: sessions to work on, and one line of orders after the other.
//!
//! Both programs are made of this file, so that whatever it costs, it costs both. Each prepares its sessions and prints
//! `ready`. From then on a line such as `load 16 320` means: 320 loads, by 16 callers side by side. The answer is the
//! nanoseconds it took, measured here: reading and printing lines is not in them.

use serde_json::{Map, Value, json};
use std::{
    error::Error,
    io::{BufRead, Write, stdin, stdout},
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Why something did not happen.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// The most callers that work side by side.
pub(crate) const CALLERS: usize = 16;
/// How many sessions each caller goes through, over and over.
const SESSIONS_EACH: usize = 64;
/// How long a session lives after it was written, in seconds: longer than any run.
pub(crate) const LIFETIME: i64 = 86_400;

/// What is done to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Reads it.
    Load,
    /// Replaces what is stored.
    Save,
    /// Stores it for the first time.
    Insert,
    /// Moves it to a new id, as after a login.
    Rotate,
}

impl Verb {
    pub(crate) const ALL: [Self; 4] = [Self::Load, Self::Save, Self::Insert, Self::Rotate];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Save => "save",
            Self::Insert => "insert",
            Self::Rotate => "rotate",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.name() == name)
    }
}

/// A session store behind verbs that every store has.
///
/// What a session holds is encoded and decoded within the verbs: some stores do it themselves, for others their caller
/// has to.
pub(crate) trait Store: Clone + Send + Sync + 'static {
    /// What the application has in its hands.
    type Session: Send + 'static;

    /// Makes a session that is not stored yet.
    fn fresh(&self, id: [u8; 16], content: Map<String, Value>) -> Result<Self::Session, Fault>;
    fn insert(&self, session: &mut Self::Session) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Reads it; not to find it is a fault.
    fn load(&self, session: &Self::Session) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Writes it with a new end of its life.
    fn save(&self, session: &mut Self::Session) -> impl Future<Output = Result<(), Fault>> + Send;
    fn rotate(
        &self,
        session: &mut Self::Session,
        id: [u8; 16],
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// Stores the sessions to work on, then obeys until there are no more orders. `seed` is what the ids come from.
pub(crate) async fn serve(store: impl Store, seed: u64) -> Result<(), Fault> {
    let mut ids = Ids(seed);
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        let mut caller = Caller { sessions: Vec::new(), next: 0 };
        for _ in 0..SESSIONS_EACH {
            let mut session = store.fresh(ids.next(), content())?;
            store.insert(&mut session).await?;
            caller.sessions.push(session);
        }
        callers.push(caller);
    }
    answer("ready")?;
    for line in stdin().lock().lines() {
        let line = line?;
        let (verb, callers_wanted, count) = order(&line).ok_or_else(|| format!("`{line}` is no order"))?;
        let spent = turn(&store, &mut ids, &mut callers, verb, callers_wanted, count).await?;
        answer(&spent.as_nanos().to_string())?;
    }
    Ok(())
}

fn order(line: &str) -> Option<(Verb, usize, usize)> {
    let mut words = line.split_whitespace();
    let verb = Verb::named(words.next()?)?;
    let callers = words.next()?.parse().ok().filter(|callers| (1..=CALLERS).contains(callers))?;
    Some((verb, callers, words.next()?.parse().ok()?))
}

fn answer(line: &str) -> Result<(), Fault> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Does something `count` times, shared equally by the callers, and returns how long all of it took.
async fn turn<S: Store>(
    store: &S,
    ids: &mut Ids,
    callers: &mut Vec<Caller<S>>,
    verb: Verb,
    callers_wanted: usize,
    count: usize,
) -> Result<Duration, Fault> {
    let share = count / callers_wanted;
    let mut work = Vec::new();
    for caller in callers.drain(..callers_wanted) {
        let new_ids: Vec<_> = (0..share).map(|_| ids.next()).collect();
        let mut fresh = Vec::new();
        if verb == Verb::Insert {
            for id in &new_ids {
                fresh.push(store.fresh(*id, content())?);
            }
        }
        work.push(caller.work(store.clone(), verb, new_ids, fresh));
    }
    let mut tasks = JoinSet::new();
    let started = Instant::now();
    for task in work {
        tasks.spawn(task);
    }
    let done = tasks.join_all().await;
    let spent = started.elapsed();
    for caller in done {
        callers.push(caller?);
    }
    Ok(spent)
}

/// One of those who work side by side, with sessions of its own: what is measured is the store, not a fight over a row.
struct Caller<S: Store> {
    sessions: Vec<S::Session>,
    next: usize,
}

impl<S: Store> Caller<S> {
    async fn work(
        mut self,
        store: S,
        verb: Verb,
        new_ids: Vec<[u8; 16]>,
        fresh: Vec<S::Session>,
    ) -> Result<Self, Fault> {
        let mut fresh = fresh.into_iter();
        for new_id in new_ids {
            self.next = (self.next + 1) % SESSIONS_EACH;
            let session = self.sessions.get_mut(self.next).ok_or("a caller without sessions")?;
            match verb {
                Verb::Load => store.load(session).await?,
                Verb::Save => store.save(session).await?,
                Verb::Insert => {
                    *session = fresh.next().ok_or("nothing left to insert")?;
                    store.insert(session).await?;
                }
                Verb::Rotate => store.rotate(session, new_id).await?,
            }
        }
        Ok(self)
    }
}

/// Ids without any order, as real ones are (SplitMix64).
struct Ids(u64);

impl Ids {
    fn next(&mut self) -> [u8; 16] {
        let id = (u128::from(self.half()) << 64) | u128::from(self.half());
        id.to_le_bytes()
    }

    fn half(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// What a session of a logged-in visitor holds: some 500 bytes once encoded.
fn content() -> Map<String, Value> {
    let fields = [
        ("user", json!("0197f5a2-6d5c-7cc3-98c4-dc0c0c07398f")),
        ("auth_hash", json!("a3f1c29e7b5d48f6a0e2c4b6d8f01a3c5e7092b4d6f8a1c3e5079b2d4f6a8c0e")),
        ("csrf", json!("Zk3r0pX9sVb7QmT1uYw5Lg")),
        ("theme", json!("dark")),
        ("seen_at", json!(1_780_000_000)),
        ("basket", json!([{ "article": 120_451, "count": 2 }, { "article": 99_873, "count": 1 }])),
        ("note", json!("n".repeat(260))),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
