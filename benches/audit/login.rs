//! What the trail adds to a login, seen by the one who logs in.

use crate::{Fault, arguments::Arguments, plain::PlainSink, quantile::quantile, site};
use axess_audit::{
    log::FsyncPolicy,
    pipe::{AuditPipe, AuditPipeConfig, BufferStrategy},
};
use axess_clock::SystemClock;
use axess_core::{
    audit::{AuditSink, MemoryAuditSink},
    memory::InMemoryBackend,
    service::AuthnService,
};
use axess_rng::SystemRng;
use axess_testing::{PASSWORD, TENANT, TestSuite, USER};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Logins before anything counts.
const WARM_UP: usize = 20;

/// How long a login took with one kind of trail, in microseconds.
pub(crate) struct Logins {
    pub(crate) trail: &'static str,
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

type Service = AuthnService<InMemoryBackend, InMemoryBackend>;

pub(crate) async fn measure(arguments: &Arguments) -> Result<Vec<Logins>, Fault> {
    let suite = TestSuite::default();
    let folder = arguments.fresh_folder()?;
    let (log, keys) = site::open(folder.path(), FsyncPolicy::Always)?;
    let config = AuditPipeConfig::new(BufferStrategy::FsBacked { log });
    let pipe = AuditPipe::start(config, Arc::new(SystemClock), Arc::new(SystemRng)).await?;
    let sides: [(&'static str, Service); 3] = [
        ("memory", service(&suite, MemoryAuditSink::new(100))),
        ("tracing-appender", service(&suite, PlainSink::open(folder.path()))),
        (
            "log",
            suite
                .service_over(suite.backend.clone(), suite.backend.clone())
                .with_audit_sink(Arc::new(pipe.clone())),
        ),
    ];
    let mut spent: [Vec<f64>; 3] = Default::default();
    for round in 0..WARM_UP + arguments.logins {
        for step in 0..sides.len() {
            let side = (round + step) % sides.len();
            let (Some((_, service)), Some(spent)) = (sides.get(side), spent.get_mut(side)) else { continue };
            let took = log_in(&suite, service).await?;
            if round >= WARM_UP {
                spent.push(took.as_nanos() as f64 / 1e3);
            }
        }
    }
    pipe.shutdown(Duration::from_secs(30)).await?;
    // Two events a login: that it began, that its factor was right; and a third, that it was completed.
    crate::verify::check(&folder.path().join("log"), &keys, 3 * (WARM_UP + arguments.logins))?;
    let of = |(side, spent): (&(&'static str, Service), Vec<f64>)| Logins {
        trail: side.0,
        median: quantile(spent.clone(), 0.5),
        p99: quantile(spent, 0.99),
    };
    Ok(sides.iter().zip(spent).map(of).collect())
}

fn service(suite: &TestSuite, sink: impl AuditSink) -> Service {
    suite.service_recording_in(sink)
}

async fn log_in(suite: &TestSuite, service: &Service) -> Result<Duration, Fault> {
    let session = suite.session().await;
    let started = Instant::now();
    let outcome = service.login_with_password(&session, USER, TENANT, PASSWORD).await?;
    let took = started.elapsed();
    if !outcome.is_authenticated() {
        return Err("the login was refused".into());
    }
    session.clear().await?;
    Ok(took)
}
