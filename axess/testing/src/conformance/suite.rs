use super::{
    ground::Ground,
    verdict::{Breach, Verdict},
};
use chrono::{DateTime, SubsecRound, Utc};
use std::{
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
};
use tokio::runtime::{Handle, RuntimeFlavor};

/// How often each case is run, with other ids each time: one race may go well by chance.
const PASSES: u8 = 3;

/// Where a run of a suite draws its ids and times from.
///
/// A store that outlives the run (a database server) needs another seed for each run, so that no id comes up twice.
///
/// ```
/// use axess_testing::conformance::Setting;
/// let setting = Setting::new(7, chrono::DateTime::UNIX_EPOCH);
/// assert_ne!(format!("{setting:?}"), format!("{:?}", Setting::default()));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub(super) seed: u64,
    pub(super) base: DateTime<Utc>,
}

/// The contract of one storage trait, as named cases that are run against one store.
///
/// ```
/// use axess_core::memory::InMemorySessionStore;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::session_store(InMemorySessionStore::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "racing_saves_have_one_winner"));
/// ```
pub struct Suite {
    port: &'static str,
    setting: Setting,
    cases: Vec<Case>,
}

/// One case a store did not hold.
///
/// ```
/// use axess_testing::conformance::Failure;
/// let failure = Failure { port: "SessionStore", case: "round_trip", what: "the payload is 1, not 2".into() };
/// assert_eq!(failure.to_string(), "SessionStore / round_trip: the payload is 1, not 2");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The storage trait.
    pub port: &'static str,
    /// The case.
    pub case: &'static str,
    /// What was expected, and what was found.
    pub what: String,
}

struct Case {
    name: &'static str,
    run: Box<dyn Fn(Ground) -> Running + Send + Sync>,
}

type Running = Pin<Box<dyn Future<Output = Verdict>>>;

impl Setting {
    /// Draws ids from `seed`, and lets everything happen around `base` (cut to microseconds, which databases keep).
    ///
    /// A store that drops expired rows by a clock of its own needs a base that is not in that clock's past.
    #[must_use]
    pub fn new(seed: u64, base: DateTime<Utc>) -> Self {
        Self { seed, base: base.trunc_subsecs(6) }
    }
}

impl Default for Setting {
    /// Uses seed 0 and 2026-01-01T00:00:00.654321Z.
    fn default() -> Self {
        Self::new(0, DateTime::from_timestamp_micros(1_767_225_600_654_321).unwrap_or_default())
    }
}

impl Suite {
    pub(super) fn new(port: &'static str, setting: Setting) -> Self {
        Self { port, setting, cases: Vec::new() }
    }

    pub(super) fn case<F>(&mut self, name: &'static str, run: impl Fn(Ground) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Verdict> + 'static,
    {
        self.cases.push(Case { name, run: Box::new(move |ground| Box::pin(run(ground))) });
    }

    /// Returns the names of the cases, in the order in which they are run.
    pub fn cases(&self) -> impl Iterator<Item = &'static str> {
        self.cases.iter().map(|case| case.name)
    }

    /// Keeps only the cases called `name`: each draws the same ids alone as with all others.
    #[must_use]
    pub fn only(mut self, name: &str) -> Self {
        self.cases.retain(|case| case.name == name);
        self
    }

    /// Runs the cases one after another and returns those that failed; a case that panics has failed.
    ///
    /// # Panics
    ///
    /// Panics on a runtime of one thread: races need several.
    pub async fn failures(&self) -> Vec<Failure> {
        assert_eq!(
            Handle::current().runtime_flavor(),
            RuntimeFlavor::MultiThread,
            "races need threads: run the suite with #[tokio::test(flavor = \"multi_thread\")]"
        );
        let mut failures = Vec::new();
        for case in &self.cases {
            if let Err(breach) = self.passes(case).await {
                failures.push(Failure { port: self.port, case: case.name, what: breach.to_string() });
            }
        }
        failures
    }

    /// Runs the cases one after another.
    ///
    /// # Panics
    ///
    /// Panics with every case that failed, and as [`failures`](Self::failures) does.
    pub async fn check(&self) {
        let failures: Vec<_> = self.failures().await.iter().map(Failure::to_string).collect();
        assert!(
            failures.is_empty(),
            "{} of {} cases failed:\n{}",
            failures.len(),
            self.cases.len(),
            failures.join("\n")
        );
    }
}

impl Suite {
    async fn passes(&self, case: &Case) -> Verdict {
        for pass in 0..PASSES {
            let ground = Ground::new(self.setting, self.port, case.name, pass);
            guarded((case.run)(ground)).await?;
        }
        Ok(())
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite").field("port", &self.port).field("cases", &self.cases.len()).finish()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}: {}", self.port, self.case, self.what)
    }
}

/// Turns a panic of a store into a breach, so that the other cases are run too.
async fn guarded(mut running: Running) -> Verdict {
    poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context)));
        polled.unwrap_or_else(|panic| Poll::Ready(Err(Breach::panic(&*panic))))
    })
    .await
}

/// Makes a suite of `cases`, each an `async fn(Arc<S>, Ground) -> Verdict`.
macro_rules! suite {
    ($port:literal, $store:expr, $setting:expr, [$($module:ident: $($case:ident),+ $(,)?;)+]) => {{
        let store = ::std::sync::Arc::new($store);
        let mut suite = $crate::conformance::suite::Suite::new($port, $setting);
        $($({
            let store = ::std::sync::Arc::clone(&store);
            suite.case(stringify!($case), move |ground| $module::$case(::std::sync::Arc::clone(&store), ground));
        })+)+
        suite
    }};
}

pub(super) use suite;
