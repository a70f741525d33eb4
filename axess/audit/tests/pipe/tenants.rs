//! Tenants with pipes of their own.

use crate::kit::*;
use axess_audit::pipe::{BufferFullPolicy, PipeError, TenantPipes};
use axess_core::audit::AuditSink;
use std::time::Duration;

#[tokio::test]
async fn a_tenants_full_pipe_is_its_own_affair() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (shared, own) = (Taker::good("a"), Taker::always("a", Does::Hang));
    let pipes = TenantPipes::new(start(config(Front::Memory, one.path()).with_sink(shared.clone())).await);
    let small = config(Front::Files, two.path())
        .with_sink(own.clone())
        .with_max_buffer_size(3)
        .with_policy(BufferFullPolicy::Block)
        .with_block_for(Duration::from_millis(20));
    assert!(pipes.add(tenant(1), start(small).await).unwrap().is_none());
    for n in 1..=3 {
        pipes.emit(event(n, 1)).await.unwrap();
    }
    assert!(matches!(pipes.emit(event(4, 1)).await, Err(PipeError::Full)));
    let started = tokio::time::Instant::now();
    for n in 5..=50 {
        pipes.record(event(n, 2)).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(60));
    eventually("the others are served", || shared.numbers().len() == 46).await;
    let stats = pipes.stats();
    assert_eq!(
        stats.iter().map(|(id, stats)| (*id, stats.buffered)).collect::<Vec<_>>(),
        [(None, 0), (Some(tenant(1)), 3)]
    );
    let reports = pipes.shutdown(Duration::from_millis(50)).await;
    let waiting: Vec<u64> = reports.into_iter().map(|(_, report)| report.unwrap().waiting).collect();
    assert_eq!(waiting, [0, 3]);
}

#[tokio::test]
async fn pipes_come_and_go_while_events_flow() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (shared, own) = (Taker::good("a"), Taker::good("a"));
    let pipes = TenantPipes::new(start(config(Front::Memory, one.path()).with_sink(shared.clone())).await);
    let emitting = tokio::spawn({
        let pipes = pipes.clone();
        async move {
            for n in 1..=2_000 {
                pipes.emit(event(n, 1)).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    eventually("some are out", || shared.numbers().len() > 100).await;
    let mut replaced = None;
    for _ in 0..5 {
        let pipe = start(config(Front::Memory, two.path()).with_sink(own.clone())).await;
        assert!(pipes.add(tenant(1), pipe).unwrap().is_none());
        tokio::time::sleep(Duration::from_millis(3)).await;
        let pipe = pipes.remove(tenant(1)).unwrap();
        end(pipe.clone()).await;
        replaced = Some(pipe);
    }
    emitting.await.unwrap();
    assert!(replaced.is_some() && pipes.remove(tenant(1)).is_none());
    for (_, report) in pipes.shutdown(Duration::from_secs(60)).await {
        assert_eq!(report.unwrap().waiting, 0);
    }
    let mut all = [shared.numbers(), own.numbers()].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=2_000).collect::<Vec<_>>(), "each once, whoever took it");
}
