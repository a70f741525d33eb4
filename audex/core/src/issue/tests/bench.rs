//! An issuer with a provider that answers as it is told, and a trail that can be full.

use super::super::*;
use crate::{
    CommandLine, Credential, CredentialProvider, Fate, Health, IssueRules, MintOrder, Minted, ProviderError,
    ProviderFuture, RateLedger, Requester, Revocation, RevokeOrder, Shape,
    audit::{BrokerEvent, Trail, TrailError},
    session::{Delivery, EntryPoint, LocalSessions, SessionFolder, SessionStatus},
};
use audex_policy::{Grant, Provider, Refusal, Request, compile};
use axess_clock::{Clock, MockClock};
use axess_rng::MockRng;
use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

pub(super) type Answer = fn(&MintOrder, DateTime<Utc>) -> Result<Minted, ProviderError>;
pub(super) type Expected = fn(&IssueError) -> bool;

/// A provider that answers as it is told.
#[derive(Debug)]
pub(super) struct Scripted {
    clock: Arc<MockClock>,
    pub(super) answer: Mutex<Answer>,
    pub(super) is_offline: AtomicBool,
}

pub(super) fn good(order: &MintOrder, now: DateTime<Utc>) -> Result<Minted, ProviderError> {
    let credential =
        Credential::new(Provider::Aws, "ASIA1", now + order.lifetime).with_part("KEY", "s3cret".into());
    Ok(Minted { credential, account: Some("123456789012".to_owned()), subject: None })
}

impl CredentialProvider for Scripted {
    fn provider(&self) -> Provider {
        Provider::Aws
    }

    fn default_target(&self) -> Option<&str> {
        Some("arn:aws:iam::123456789012:role/app")
    }

    fn shape(&self, grant: &Grant, target: Option<&str>, _: &[IpNet]) -> Result<Shape, Refusal> {
        Ok(Shape {
            document: compile::aws::session_policy(grant)?.document,
            target: target.map(str::to_owned),
            lifetimes: TimeDelta::minutes(15)..=TimeDelta::hours(1),
            notes: Vec::new(),
        })
    }

    fn mint<'a>(&'a self, order: &'a MintOrder) -> ProviderFuture<'a, Minted> {
        let answer = *self.answer.lock().unwrap();
        Box::pin(std::future::ready(answer(order, self.clock.now())))
    }

    fn mints_offline(&self) -> bool {
        self.is_offline.load(Ordering::Relaxed)
    }

    fn revoke<'a>(&'a self, _: &'a RevokeOrder) -> ProviderFuture<'a, Revocation> {
        Box::pin(std::future::ready(Ok(Revocation { fates: vec![("ASIA1".to_owned(), Fate::Dead)] })))
    }

    fn check(&self) -> ProviderFuture<'_, Health> {
        Box::pin(std::future::ready(Ok(Health::default())))
    }
}

/// A trail that can be full.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) events: Mutex<Vec<BrokerEvent>>,
    pub(super) room: Mutex<Option<usize>>,
}

impl Trail for Kept {
    fn record(&self, _: &Requester, event: BrokerEvent) -> Result<(), TrailError> {
        let mut events = self.events.lock().unwrap();
        if self.room.lock().unwrap().is_some_and(|room| events.len() >= room) {
            return Err(TrailError::Link(io::Error::other("full")));
        }
        events.push(event);
        Ok(())
    }
}

pub(super) struct Bench {
    _data: tempfile::TempDir,
    pub(super) clock: Arc<MockClock>,
    pub(super) trail: Arc<Kept>,
    pub(super) provider: Arc<Scripted>,
    pub(super) issuer: Issuer,
}

impl Bench {
    pub(super) fn new(rules: IssueRules) -> Self {
        let data = tempfile::tempdir().unwrap();
        let (clock, trail) = (Arc::new(MockClock::default()), Arc::new(Kept::default()));
        let provider = Arc::new(Scripted {
            clock: Arc::clone(&clock),
            answer: Mutex::new(good),
            is_offline: AtomicBool::new(false),
        });
        let issuer = Issuer {
            rules,
            providers: vec![Arc::clone(&provider) as Arc<dyn CredentialProvider>],
            store: LocalSessions {
                folder: SessionFolder::open(data.path()).unwrap(),
                ledger: RateLedger::new(data.path()),
                trail: Arc::clone(&trail) as Arc<dyn Trail>,
            },
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            rng: Arc::new(MockRng::new(7)),
        };
        Self { _data: data, clock, trail, provider, issuer }
    }

    pub(super) fn issue(&self, request: &IssueRequest) -> Result<Lease, IssueError> {
        block_on(self.issuer.issue(request, None))
    }

    pub(super) fn event_names(&self) -> Vec<String> {
        use axess_events::AuditPayload;
        self.trail.events.lock().unwrap().iter().map(|event| event.event_type().into_owned()).collect()
    }

    pub(super) fn only_status(&self) -> SessionStatus {
        let (records, _) = self.issuer.store.folder.recent(9).unwrap();
        assert_eq!(records.len(), 1);
        records[0].status
    }
}

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(super) fn ask(allow: &str) -> IssueRequest {
    IssueRequest {
        requester: Requester::LocalUser { uid: 1000, name: None },
        entry_point: EntryPoint::Run,
        request: Request::parse(Provider::Aws, allow, &[]).unwrap(),
        target: None,
        ttl: None,
        command: CommandLine::new(["true"]),
        delivery: Delivery::Env,
        budget: None,
        reason: None,
    }
}
