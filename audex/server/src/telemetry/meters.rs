use super::{scrape::Readings, text::Text};
use audex_core::budget::Dollars;
use audex_policy::Provider;
use http::{Method, StatusCode};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The upper ends of the classes of latency, in microseconds and as they are written.
const BUCKETS: [(u64, &str); 14] = [
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
    (60_000_000, "60"),
];

/// The route of a request that fits none.
const NO_ROUTE: &str = "none";

/// The most series of latencies; what would be one more counts as no route.
const MAX_SERIES: usize = 1_000;

/// Counts what happens.
///
/// Clones count together. Everything starts at zero with the process, as Prometheus expects of counters.
///
/// ```
/// use audex_server::telemetry::{Meters, Readings};
/// let meters = Meters::new();
/// meters.session_begun();
/// let text = meters.render(&Readings::default());
/// assert!(text.contains("\naudex_sessions_total 1\n"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Meters(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sessions: AtomicU64,
    issued: Mutex<BTreeMap<&'static str, u64>>,
    /// In cents.
    spent: AtomicU64,
    /// In cents.
    granted: AtomicU64,
    connections: AtomicU64,
    refused: AtomicU64,
    requests: Mutex<BTreeMap<Series, Latency>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    route: String,
    method: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, Copy, Default)]
struct Latency {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    /// In microseconds.
    sum: u64,
}

/// Is counted as a connection until it is dropped.
///
/// ```
/// let meters = audex_server::telemetry::Meters::new();
/// let open: audex_server::telemetry::OpenConnection = meters.connection_opened();
/// assert!(meters.render(&Default::default()).contains("\naudex_connections 1\n"));
/// drop(open);
/// assert!(meters.render(&Default::default()).contains("\naudex_connections 0\n"));
/// ```
#[derive(Debug)]
pub struct OpenConnection(Arc<Inner>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Meters {
    /// Makes meters that read zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a session that began.
    pub fn session_begun(&self) {
        self.0.sessions.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a credential that was minted: for a new session, or to go on with one.
    pub fn credential_issued(&self, provider: Provider) {
        *locked(&self.0.issued).entry(provider.name()).or_default() += 1;
    }

    /// Adds what a session may spend, which is advisory.
    pub fn budget_granted(&self, limit: Dollars) {
        self.0.granted.fetch_add(limit.cents(), Ordering::Relaxed);
    }

    /// Adds what a session with a budget has spent, as the provider's accounting says.
    pub fn budget_spent(&self, amount: Dollars) {
        self.0.spent.fetch_add(amount.cents(), Ordering::Relaxed);
    }

    /// Counts and times a request, by the pattern of its route, as in `/sessions/{id}`.
    pub fn request_finished(&self, route: Option<&str>, method: &Method, status: StatusCode, took: Duration) {
        let (method, status) = (known(method), class(status));
        let mut series = Series { route: route.unwrap_or(NO_ROUTE).to_owned(), method, status };
        let mut requests = locked(&self.0.requests);
        if requests.len() >= MAX_SERIES && !requests.contains_key(&series) {
            NO_ROUTE.clone_into(&mut series.route);
        }
        requests.entry(series).or_default().add(took);
    }

    /// Counts a connection, until what is returned is dropped.
    pub fn connection_opened(&self) -> OpenConnection {
        self.0.connections.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(&self.0))
    }

    /// Counts a connection that was one too many.
    pub fn connection_refused(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Renders everything as Prometheus text, version 0.0.4, with what was read elsewhere.
    pub fn render(&self, readings: &Readings) -> String {
        let mut text = Text::default();
        let all = &*self.0;
        text.single("audex_sessions_total", "counter", "Sessions created.", read(&all.sessions));
        text.family("audex_credentials_issued", "counter", "Credentials issued, refreshes included.");
        for provider in Provider::ALL {
            let count = locked(&all.issued).get(provider.name()).copied().unwrap_or_default();
            text.sample("audex_credentials_issued", &[("provider", provider.name())], count);
        }
        self.render_requests(&mut text);
        text.single(
            "audex_budget_spent_usd",
            "counter",
            "US dollars that sessions with a budget spent (advisory).",
            dollars(read(&all.spent)),
        );
        text.single(
            "audex_budget_limit_usd",
            "gauge",
            "US dollars that sessions with a budget may spend, all that were created.",
            dollars(read(&all.granted)),
        );
        text.single("audex_connections", "gauge", "Connections that are open.", read(&all.connections));
        text.single(
            "audex_connections_refused_total",
            "counter",
            "Connections beyond the limit.",
            read(&all.refused),
        );
        readings.render(&mut text);
        text.into_string()
    }

    fn render_requests(&self, text: &mut Text) {
        const LATENCY: &str = "audex_api_latency_seconds";
        const ERRORS: &str = "audex_api_errors_total";
        let requests = locked(&self.0.requests).clone();
        text.family(LATENCY, "histogram", "Time from a request to its answer, in seconds.");
        for (series, latency) in &requests {
            latency.render(text, LATENCY, &series.labels());
        }
        text.family(ERRORS, "counter", "Requests that were answered with a failure of the server (5xx).");
        let failures = || requests.iter().filter(|(series, _)| series.status == "5xx");
        if failures().next().is_none() {
            // A series that is there from the start has a rate when the first failure comes.
            text.sample(ERRORS, &[("route", NO_ROUTE), ("method", "GET")], 0);
        }
        for (series, latency) in failures() {
            text.sample(ERRORS, &[("route", &series.route), ("method", series.method)], latency.count);
        }
    }
}

impl Series {
    fn labels(&self) -> [(&'static str, &str); 3] {
        [("route", &self.route), ("method", self.method), ("status", self.status)]
    }
}

impl Latency {
    fn add(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let slot = BUCKETS.iter().position(|(end, _)| micros <= *end);
        if let Some(bucket) = slot.and_then(|slot| self.buckets.get_mut(slot)) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(micros);
    }

    fn render(&self, text: &mut Text, name: &str, labels: &[(&str, &str)]) {
        let bucket = format!("{name}_bucket");
        let mut below = 0;
        for ((_, end), count) in BUCKETS.iter().zip(self.buckets) {
            below += count;
            text.sample(&bucket, &[labels, &[("le", *end)]].concat(), below);
        }
        text.sample(&bucket, &[labels, &[("le", "+Inf")]].concat(), self.count);
        text.sample(
            &format!("{name}_sum"),
            labels,
            format!("{}.{:06}", self.sum / 1_000_000, self.sum % 1_000_000),
        );
        text.sample(&format!("{name}_count"), labels, self.count);
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn dollars(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn locked<T>(counts: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done under the lock panics half-way.
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The method, if it is one of those that routes have.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| method.as_str() == *known).unwrap_or("other")
}

const fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, series: &str) -> String {
        let line = text.lines().find_map(|line| line.strip_prefix(series)).unwrap_or_else(|| {
            panic!("{series} is missing in\n{text}");
        });
        line.trim().to_owned()
    }

    #[test]
    fn a_latency_counts_in_its_class_and_all_above() {
        let meters = Meters::new();
        for micros in [900, 1_000, 1_001, 3_000_000, 90_000_000] {
            let took = Duration::from_micros(micros);
            meters.request_finished(Some("/me"), &Method::GET, StatusCode::OK, took);
        }
        let text = meters.render(&Readings::default());
        let bucket = |end: &str| {
            let labels = format!("{{route=\"/me\",method=\"GET\",status=\"2xx\",le=\"{end}\"}}");
            value(&text, &format!("audex_api_latency_seconds_bucket{labels}"))
        };
        assert_eq!(["0.001", "0.0025", "2.5", "5", "60", "+Inf"].map(bucket), ["2", "3", "3", "4", "4", "5"]);
        let labels = "{route=\"/me\",method=\"GET\",status=\"2xx\"}";
        assert_eq!(value(&text, &format!("audex_api_latency_seconds_sum{labels}")), "93.002901");
        assert_eq!(value(&text, &format!("audex_api_latency_seconds_count{labels}")), "5");
    }

    #[test]
    fn only_failures_of_ours_are_errors() {
        let meters = Meters::new();
        let errors = |series: &str| {
            value(&meters.render(&Readings::default()), &format!("audex_api_errors_total{series}"))
        };
        assert_eq!(errors("{route=\"none\",method=\"GET\"}"), "0");
        for status in [StatusCode::BAD_REQUEST, StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE] {
            meters.request_finished(Some("/credentials"), &Method::POST, status, Duration::ZERO);
        }
        assert_eq!(errors("{route=\"/credentials\",method=\"POST\"}"), "2");
    }

    #[test]
    fn labels_have_few_values() {
        let meters = Meters::new();
        let odd = Method::from_bytes(b"BREW").unwrap();
        for number in 0..MAX_SERIES + 50 {
            meters.request_finished(Some(&format!("/{number}")), &odd, StatusCode::OK, Duration::ZERO);
        }
        let text = meters.render(&Readings::default());
        let counts = text.lines().filter(|line| line.starts_with("audex_api_latency_seconds_count")).count();
        assert_eq!(counts, MAX_SERIES + 1);
        let rest = "audex_api_latency_seconds_count{route=\"none\",method=\"other\",status=\"2xx\"}";
        assert_eq!(value(&text, rest), "50");
    }

    #[test]
    fn money_is_dollars() {
        let meters = Meters::new();
        meters.budget_granted("12.5".parse().unwrap());
        meters.budget_spent(Dollars::from_cents(7));
        meters.credential_issued(Provider::Aws);
        let text = meters.render(&Readings::default());
        assert_eq!(value(&text, "audex_budget_limit_usd"), "12.50");
        assert_eq!(value(&text, "audex_budget_spent_usd"), "0.07");
        assert_eq!(value(&text, "audex_credentials_issued{provider=\"aws\"}"), "1");
    }
}
