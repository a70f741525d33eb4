//! The enriched stream, and events of the application's own.

use crate::kit::*;
use axess_audit::{
    AuditRecord,
    analytics::{
        AuthnAnalyticsSink, AutonomousSystem, ClientSoftware, DeviceTrust, Enrichment, EnrichmentFuture,
        EventEnrichment, GeoPoint, MAX_TAGS, RichAuthnEvent, RichError, RichPayload,
    },
    pipe::{AuditPipe, AuditPipeConfig},
    sink::{SinkError, SinkFuture},
};
use axess_events::{Actor, AuditPayload, AuthEvent, AuthEventEnvelope};
use axess_identity::UserId;
use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

#[derive(serde::Serialize)]
#[serde(tag = "event_type")]
struct FundsTransferred {
    cents: u64,
    user_id: UserId,
}

impl AuditPayload for FundsTransferred {
    fn event_type(&self) -> Cow<'static, str> {
        "FundsTransferred".into()
    }
}

fn transfer(n: u64) -> AuthEventEnvelope<FundsTransferred> {
    let payload = FundsTransferred { cents: n, user_id: UserId::from_parts(0, [9; 10]) };
    AuthEventEnvelope::new(event_id(n), chrono::DateTime::UNIX_EPOCH, payload).with_tenant(tenant(1))
}

/// Keeps what it gets, in the binary form; fails as often as it is told to, at every second event.
#[derive(Default)]
struct Stream {
    got: Mutex<Vec<Vec<u8>>>,
    failures: AtomicUsize,
    refused: Option<u64>,
}

impl Stream {
    fn events(&self) -> Vec<RichAuthnEvent> {
        self.got.lock().unwrap().iter().map(|bytes| RichAuthnEvent::from_bytes(bytes).unwrap()).collect()
    }
}

impl AuthnAnalyticsSink for Stream {
    fn dispatch(&self, event: RichAuthnEvent) -> SinkFuture<'_> {
        Box::pin(async move {
            if self.refused.is_some_and(|n| event.event_id == event_id(n)) {
                return Err(SinkError::Refused { index: 999, reason: "no".into() });
            }
            let mut got = self.got.lock().unwrap();
            if got.len() % 2 == 1 && self.failures.load(Ordering::SeqCst) > 0 {
                self.failures.fetch_sub(1, Ordering::SeqCst);
                return Err(SinkError::retry("down"));
            }
            got.push(event.to_bytes().unwrap());
            Ok(())
        })
    }
}

async fn analytics(
    stream: &Arc<Stream>,
    enrichment: Arc<dyn EventEnrichment>,
    limit_ms: u64,
) -> (AuditPipe, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings: AuditPipeConfig = config(Front::Memory, folder.path())
        .with_analytics_sink(stream.clone())
        .with_enrichment(enrichment)
        .with_enrichment_timeout(Duration::from_millis(limit_ms))
        .with_delivery_timeout(Duration::from_secs(10));
    (start(settings).await, folder)
}

#[tokio::test]
async fn applications_events_travel_like_those_of_the_catalogue() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let (sink, stream) = (Taker::good("s"), Arc::new(Stream::default()));
        let settings =
            config(front, folder.path()).with_sink(sink.clone()).with_analytics_sink(stream.clone());
        let pipe = start(settings).await;
        pipe.emit(transfer(5)).await.unwrap();
        pipe.emit(event(6, 1)).await.unwrap();
        end(pipe).await;
        let taken: Vec<AuditRecord> = sink.taken();
        assert_eq!(taken[0].envelope.payload.event_type, "FundsTransferred");
        assert_eq!(taken[0].envelope.payload.fields["cents"], 5);
        let [own, catalogue] = stream.events().try_into().unwrap();
        let RichPayload::Application(json) = own.payload else { panic!("{own:?}") };
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["cents"], 5);
        assert_eq!(
            (own.event_type.as_str(), own.user_id),
            ("FundsTransferred", Some(UserId::from_parts(0, [9; 10])))
        );
        assert!(matches!(catalogue.payload, RichPayload::Catalogue(AuthEvent::PasswordChanged(_))));
    }
}

fn everything() -> Enrichment {
    Enrichment {
        device_trust: Some(DeviceTrust::Trusted),
        geo: Some(GeoPoint {
            country: "NO".into(),
            city: Some("Oslo".into()),
            latitude: 59.9,
            longitude: 10.7,
        }),
        asn: Some(AutonomousSystem { number: 64_496, organisation: "Example".into() }),
        user_agent: Some(ClientSoftware {
            name: "Firefox".into(),
            version: "140".into(),
            system: "Linux".into(),
            is_bot: false,
        }),
        ..Enrichment::default()
    }
    .with_tag("plan", "gold")
}

#[tokio::test]
async fn every_event_is_enriched_once_however_often_it_is_sent() {
    let stream = Arc::new(Stream { failures: 5.into(), ..Stream::default() });
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let enrichment = move |_: &RichAuthnEvent| {
        counter.fetch_add(1, Ordering::SeqCst);
        everything()
    };
    let (pipe, _folder) = analytics(&stream, Arc::new(enrichment), 5_000).await;
    emit(&pipe, 1..=20, 1).await;
    end(pipe).await;
    let events = stream.events();
    let ids: Vec<_> = events.iter().map(|event| event.event_id).collect();
    assert_eq!(ids, (1..=20).map(event_id).collect::<Vec<_>>(), "in order, none twice, although it failed");
    assert_eq!(stream.failures.load(Ordering::SeqCst), 0);
    assert_eq!(asked.load(Ordering::SeqCst), 20);
    assert!(events.iter().all(|event| event.enrichment == Some(everything())));
}

#[tokio::test]
async fn a_refused_event_is_dead_lettered_by_its_place_in_the_batch() {
    let stream = Arc::new(Stream { refused: Some(7), ..Stream::default() });
    let (pipe, folder) = analytics(&stream, Arc::new(|_: &RichAuthnEvent| everything()), 5_000).await;
    emit(&pipe, 1..=10, 1).await;
    eventually("nine, and what tells of the tenth", || stream.events().len() == 10).await;
    end(pipe).await;
    let dead = std::fs::read_to_string(folder.path().join("dead/analytics.jsonl")).unwrap();
    assert!(dead.contains(&event_id(7).to_string()) && dead.lines().count() == 1);
}

/// Waits for ever at every second event.
struct Waits;

impl EventEnrichment for Waits {
    fn enrich<'a>(&'a self, event: &'a RichAuthnEvent) -> EnrichmentFuture<'a> {
        let n = event.event_id.as_uuid().into_bytes()[15];
        Box::pin(async move {
            if n.is_multiple_of(2) {
                std::future::pending::<()>().await;
            }
            everything()
        })
    }
}

#[tokio::test]
async fn an_enrichment_that_panics_or_hangs_leaves_the_event_without_it() {
    let is_bad = |event: &RichAuthnEvent| event.event_id.as_uuid().into_bytes()[15].is_multiple_of(2);
    let panics = move |event: &RichAuthnEvent| {
        assert!(!is_bad(event), "a bug in the enrichment");
        everything()
    };
    let blocks = move |event: &RichAuthnEvent| {
        if is_bad(event) {
            std::thread::sleep(Duration::from_secs(5));
        }
        everything()
    };
    let enrichments: [Arc<dyn EventEnrichment>; 3] = [Arc::new(panics), Arc::new(blocks), Arc::new(Waits)];
    for (which, enrichment) in enrichments.into_iter().enumerate() {
        let stream = Arc::new(Stream::default());
        let (pipe, _folder) = analytics(&stream, enrichment, 2_000).await;
        emit(&pipe, 1..=6, 1).await;
        end(pipe).await;
        let known: Vec<bool> = stream.events().iter().map(|event| event.enrichment.is_some()).collect();
        // One that hangs is not waited for again in the same batch; a panic says nothing about the next event.
        let later = which == 0;
        assert_eq!(known, [true, false, later, false, later, false], "enrichment {which}");
    }
}

#[tokio::test]
async fn an_enrichment_that_hangs_costs_each_batch_its_limit_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let blocks = move |_: &RichAuthnEvent| {
        counter.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_secs(1));
        everything()
    };
    let stream = Arc::new(Stream::default());
    let (pipe, _folder) = analytics(&stream, Arc::new(blocks), 200).await;
    emit(&pipe, 1..=30, 1).await;
    end(pipe).await;
    assert_eq!(stream.events().len(), 30);
    let asked = asked.load(Ordering::SeqCst);
    assert!((1..=2).contains(&asked), "the events came in one batch or two, and it was asked {asked} times");
}

#[tokio::test]
async fn an_enrichment_that_always_hangs_does_not_fill_the_process_with_threads() {
    let stuck = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&stuck);
    let blocks = move |_: &RichAuthnEvent| {
        counter.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_secs(8));
        everything()
    };
    let stream = Arc::new(Stream::default());
    let (pipe, _folder) = analytics(&stream, Arc::new(blocks), 100).await;
    emit(&pipe, 1..=40, 1).await;
    let started = tokio::time::Instant::now();
    end(pipe).await;
    assert_eq!(stream.events().len(), 40);
    assert!(stuck.load(Ordering::SeqCst) <= 5, "{} threads hang", stuck.load(Ordering::SeqCst));
    assert!(started.elapsed() < Duration::from_secs(7), "{:?}", started.elapsed());
}

#[test]
fn the_binary_form_reads_back_and_refuses_the_rest() {
    let mut envelope = event(1, 2).with_actor(Actor::User(UserId::from_parts(0, [3; 10])));
    envelope =
        envelope.with_client_ip("2001:db8::1".parse().unwrap()).with_user_agent("x").with_request_id("r");
    let record = AuditRecord::from_event(serde_json::to_vec(&envelope).unwrap().into()).unwrap();
    let mut rich = RichAuthnEvent::of(&record, chrono::DateTime::from_timestamp(5, 999).unwrap());
    rich.enrichment = Some(everything());
    let bytes = rich.to_bytes().unwrap();
    assert_eq!(RichAuthnEvent::from_bytes(&bytes).unwrap(), rich);
    let json = serde_json::to_string(&rich).unwrap();
    assert_eq!(serde_json::from_str::<RichAuthnEvent>(&json).unwrap(), rich);
    // From any address, cut anywhere, and with any byte changed: an answer, never a crash.
    let shifted = [&[0], &*bytes].concat();
    assert_eq!(RichAuthnEvent::from_bytes(&shifted[1..]).unwrap(), rich);
    for length in 0..bytes.len() {
        assert!(RichAuthnEvent::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 0x55;
        _ = RichAuthnEvent::from_bytes(&changed);
    }
    let mut newer = bytes.clone();
    newer[3] = 2;
    assert!(matches!(RichAuthnEvent::from_bytes(&newer), Err(RichError::Version(2))));
    assert!(matches!(RichAuthnEvent::from_bytes(&vec![0; 1 << 20]), Err(RichError::TooLong)));
}

#[test]
fn tags_are_bounded() {
    let many = (0..100).fold(Enrichment::default(), |known, n| known.with_tag("n", &n.to_string()));
    assert_eq!(many.tags.len(), MAX_TAGS);
}
