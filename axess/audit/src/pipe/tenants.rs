use super::{AuditPipe, AuditPipeStats, PipeError, Sealed, ShutdownReport};
use axess_core::audit::{AuditFuture, AuditSink};
use axess_events::{AuditPayload, AuthEventEnvelope};
use axess_identity::TenantId;
use futures_util::future::join_all;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

/// The most tenants with a pipe of their own.
pub const MAX_TENANT_PIPES: usize = 10_000;

/// Gives tenants pipes of their own, with their own buffers, policies and sinks: what fills one does not touch another.
///
/// Clones share the pipes. Events of other tenants, and of none, go to the default pipe.
///
/// Each pipe on a log needs a log folder of its own: of two pipes on one folder only the first to start delivers, to its
/// own sinks, and those of the other get nothing until it has ended.
///
/// ```
/// # use axess_audit::{AuditRecord, pipe::*, sink::{EventSink, SinkFuture}};
/// # use std::{sync::Arc, time::Duration};
/// # struct Quiet;
/// # impl EventSink for Quiet {
/// #     fn name(&self) -> &str { "quiet" }
/// #     fn deliver<'a>(&'a self, _: &'a [AuditRecord]) -> SinkFuture<'a> { Box::pin(async { Ok(()) }) }
/// # }
/// # async fn pipe() -> AuditPipe {
/// #     let config = AuditPipeConfig::new(BufferStrategy::InMemory).with_sink(Arc::new(Quiet));
/// #     AuditPipe::start(config, Arc::new(axess_clock::SystemClock), Arc::new(axess_rng::SystemRng)).await.unwrap()
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), PipeError> {
/// let pipes = TenantPipes::new(pipe().await);
/// let bank = axess_identity::TenantId::from_parts(0, [1; 10]);
/// assert!(pipes.add(bank, pipe().await)?.is_none());
/// assert_eq!(pipes.stats().len(), 2);
/// if let Some(pipe) = pipes.remove(bank) {
///     pipe.shutdown(Duration::from_secs(5)).await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct TenantPipes {
    default: AuditPipe,
    pipes: Arc<RwLock<HashMap<TenantId, AuditPipe>>>,
}

impl TenantPipes {
    /// Sends everything to one pipe, until tenants are added.
    #[must_use]
    pub fn new(default: AuditPipe) -> Self {
        Self { default, pipes: Arc::default() }
    }

    /// Gives a tenant a pipe of its own from now on, and returns the one it had.
    ///
    /// # Errors
    ///
    /// [`PipeError::Config`] beyond [`MAX_TENANT_PIPES`].
    pub fn add(&self, tenant_id: TenantId, pipe: AuditPipe) -> Result<Option<AuditPipe>, PipeError> {
        let mut pipes = self.pipes.write().unwrap_or_else(PoisonError::into_inner);
        if pipes.len() >= MAX_TENANT_PIPES && !pipes.contains_key(&tenant_id) {
            return Err(PipeError::Config(format!(
                "at most {MAX_TENANT_PIPES} tenants have pipes of their own"
            )));
        }
        Ok(pipes.insert(tenant_id, pipe))
    }

    /// Sends a tenant's events to the default pipe from now on, and returns its pipe, to be shut down.
    #[must_use = "the pipe still has to be shut down"]
    pub fn remove(&self, tenant_id: TenantId) -> Option<AuditPipe> {
        self.pipes.write().unwrap_or_else(PoisonError::into_inner).remove(&tenant_id)
    }

    /// Takes an event, like [`AuditPipe::emit`].
    ///
    /// # Errors
    ///
    /// [`PipeError`] when the event was not taken.
    pub fn emit<P: AuditPayload>(
        &self,
        envelope: AuthEventEnvelope<P>,
    ) -> impl Future<Output = Result<(), PipeError>> + Send + use<'_, P> {
        let tenant_id = envelope.tenant_id;
        let sealed = Sealed::new(&envelope);
        async move {
            let sealed = sealed?;
            let pipe = self.pipe_of(tenant_id);
            match pipe.put(sealed.clone()).await {
                // A pipe that was taken away in between is shut; its successor takes the event.
                Err(PipeError::ShutDown) => {
                    let now = self.pipe_of(tenant_id);
                    if now.is(&pipe) { Err(PipeError::ShutDown) } else { now.put(sealed).await }
                }
                outcome => outcome,
            }
        }
    }

    /// Returns what the pipes are doing, the default one first.
    #[must_use]
    pub fn stats(&self) -> Vec<(Option<TenantId>, AuditPipeStats)> {
        self.all().into_iter().map(|(tenant_id, pipe)| (tenant_id, pipe.stats())).collect()
    }

    /// Shuts all pipes down at the same time, each within `deadline`.
    pub async fn shutdown(
        &self,
        deadline: Duration,
    ) -> Vec<(Option<TenantId>, Result<ShutdownReport, PipeError>)> {
        let each = self
            .all()
            .into_iter()
            .map(|(tenant_id, pipe)| async move { (tenant_id, pipe.shutdown(deadline).await) });
        join_all(each).await
    }

    fn pipe_of(&self, tenant_id: Option<TenantId>) -> AuditPipe {
        let pipes = self.pipes.read().unwrap_or_else(PoisonError::into_inner);
        tenant_id.and_then(|id| pipes.get(&id)).unwrap_or(&self.default).clone()
    }

    fn all(&self) -> Vec<(Option<TenantId>, AuditPipe)> {
        let pipes = self.pipes.read().unwrap_or_else(PoisonError::into_inner);
        let tenants = pipes.iter().map(|(id, pipe)| (Some(*id), pipe.clone()));
        std::iter::once((None, self.default.clone())).chain(tenants).collect()
    }
}

impl AuditSink for TenantPipes {
    fn record(&self, event: AuthEventEnvelope) -> AuditFuture<'_> {
        let taken = self.emit(event);
        Box::pin(async move { taken.await.map_err(Into::into) })
    }
}

impl AuditPipe {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}
