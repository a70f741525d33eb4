use super::{
    AuditPipe, AuditPipeConfig, BufferStrategy, Front, Inner, PipeError,
    dispatch::{Crew, Dispatcher, count_upstream},
    drops,
    feed::Feed,
    folder,
    gate::Gate,
    log_feed::LogFeed,
    memory::MemoryFeed,
    outbox::{Mover, OUTBOX},
    recovery::{Recovered, RecoveryLog},
    stats::Gauge,
    worker::{Context, Redeliver, Stop},
};
use crate::{analytics::AnalyticsStream, log::AuditLog, sink::EventSink};
use axess_clock::Clock;
use axess_core::store::{DynAuditOutbox, DynLeaderLock};
use axess_rng::{SecureRng, random_array};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};
use tokio::{
    sync::{Mutex, Notify, mpsc, watch},
    task::JoinHandle,
};

/// How many operators may wait for one sink.
const ORDERS: usize = 4;

/// What is there before it is known where events wait.
struct Parts {
    context: Arc<Context>,
    names: Arc<[String]>,
    sinks: Vec<Arc<dyn EventSink>>,
    stop: watch::Sender<Stop>,
    orders: Vec<mpsc::Sender<Redeliver>>,
    receivers: Vec<Arc<Mutex<mpsc::Receiver<Redeliver>>>>,
    lock: Option<Arc<dyn DynLeaderLock>>,
    max: usize,
    recovery_folder: Option<PathBuf>,
}

impl AuditPipe {
    /// Starts a pipe on the runtime it is called on.
    ///
    /// What an earlier run could not deliver comes first. The pipe runs until [`shutdown`](Self::shutdown), or until its
    /// last clone is dropped.
    ///
    /// # Errors
    ///
    /// [`PipeError::Config`] for a configuration that contradicts itself, [`PipeError::InUse`] when the recovery folder is
    /// another process's, [`PipeError::File`] when a folder cannot be used.
    pub async fn start(
        config: AuditPipeConfig,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Self, PipeError> {
        let buffer = config.buffer.clone();
        let parts = Parts::new(config, clock, rng)?;
        let inner = match buffer {
            BufferStrategy::InMemory => parts.in_memory().await?,
            BufferStrategy::FsBacked { log } => parts.on_log(log, None).await?,
            BufferStrategy::Database { outbox, log } => parts.on_log(log, Some(outbox)).await?,
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Parts {
    fn new(
        config: AuditPipeConfig,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Self, PipeError> {
        let sinks = sinks(&config, &clock);
        let names: Arc<[String]> = sinks.iter().map(|sink| sink.name().to_owned()).collect();
        config.check(&names)?;
        if names.iter().any(|name| name == OUTBOX) {
            return Err(PipeError::Config(format!("no sink can be called {OUTBOX}")));
        }
        let (max, hard) = (config.max_buffer_size, config.hard_cap());
        let gate = Arc::new(Gate::new(config.on_buffer_full, max, hard, config.block_for, sinks.len()));
        let dead_folder = match &config.buffer {
            BufferStrategy::InMemory => config.recovery_folder.clone(),
            BufferStrategy::FsBacked { log } | BufferStrategy::Database { log, .. } => {
                Some(log.path().to_owned())
            }
        };
        let context = Arc::new(Context {
            clock,
            rng,
            retry: config.retry,
            batch: config.batch,
            delivery_timeout: config.delivery_timeout,
            poll: config.takeover_every,
            metrics: config.metrics,
            gate,
            gauges: sinks.iter().map(|_| Gauge::default()).collect(),
            dead_folder: dead_folder.map(|folder| folder.join("dead")),
            max_dead_letter_bytes: config.max_dead_letter_bytes,
            episodes: Mutex::default(),
            is_reported: AtomicBool::new(false),
        });
        let (orders, receivers) = sinks
            .iter()
            .map(|_| mpsc::channel(ORDERS))
            .map(|(orders, receiver)| (orders, Arc::new(Mutex::new(receiver))))
            .unzip();
        let (stop, recovery_folder) = (watch::Sender::new(Stop::Run), config.recovery_folder);
        let lock = config.leader_lock;
        Ok(Self { context, names, sinks, stop, orders, receivers, lock, max, recovery_folder })
    }

    async fn in_memory(self) -> Result<Inner, PipeError> {
        let (recovery, recovered) = match self.recovery_folder.clone() {
            Some(path) => {
                let (names, now) = (Arc::clone(&self.names), self.context.clock.now());
                let open = move || RecoveryLog::open(&path, &names, now);
                let (log, recovered) = folder::blocking(open).await?;
                (Some(Arc::new(log)), recovered)
            }
            None => (None, Recovered::default()),
        };
        let (gate, gauges) = (Arc::clone(&self.context.gate), Arc::clone(&self.context.gauges));
        let feed = Arc::new(MemoryFeed::new(self.max, gate, gauges, recovery.clone(), &recovered)?);
        if recovered.unreadable > 0 {
            // Of which sinks is not known: the lines are unreadable.
            drops::record(&*feed, &self.context, "*", recovered.unreadable).await?;
        }
        let crew = self.crew(Arc::clone(&feed));
        let task = tokio::spawn(async move { crew.work().await });
        Ok(self.into_inner(Front::Memory { feed, recovery }, task, true))
    }

    async fn on_log(
        self,
        log: AuditLog,
        outbox: Option<Arc<dyn DynAuditOutbox>>,
    ) -> Result<Inner, PipeError> {
        let folder = log.path().to_owned();
        let gate = Arc::clone(&self.context.gate);
        let feed = Arc::new(LogFeed::new(log, &folder, &self.names, gate, outbox.is_none())?);
        feed.count_all().await?;
        let arrived = Arc::new(Notify::new());
        let mover = outbox.clone().map(|outbox| Mover {
            outbox,
            feed: Arc::clone(&feed),
            context: Arc::clone(&self.context),
            arrived: Arc::clone(&arrived),
            lock: self.lock.clone(),
            holder: URL_SAFE_NO_PAD.encode(random_array::<16>(&*self.context.rng)),
        });
        let leads = Arc::new(AtomicBool::new(false));
        let dispatcher = Dispatcher { crew: self.crew(Arc::clone(&feed)), mover, leads: Arc::clone(&leads) };
        let counting = outbox
            .clone()
            .map(|outbox| count_upstream(outbox, Arc::clone(&self.context), self.stop.subscribe()));
        let task = tokio::spawn(async move {
            match counting {
                Some(counting) => drop(tokio::join!(dispatcher.run(), counting)),
                None => dispatcher.run().await,
            }
        });
        let front = match outbox {
            Some(outbox) => Front::Database { feed, outbox, arrived },
            None => Front::Log { feed },
        };
        let mut inner = self.into_inner(front, task, false);
        inner.leads = leads;
        Ok(inner)
    }

    fn crew<F: Feed>(&self, feed: Arc<F>) -> Crew<F> {
        Crew {
            feed,
            sinks: self.sinks.clone(),
            names: Arc::clone(&self.names),
            context: Arc::clone(&self.context),
            stop: self.stop.subscribe(),
            orders: self.receivers.clone(),
        }
    }

    fn into_inner(self, front: Front, task: JoinHandle<()>, leads: bool) -> Inner {
        Inner {
            context: self.context,
            names: self.names,
            front,
            stop: self.stop,
            task: Mutex::new(Some(task)),
            orders: self.orders,
            leads: Arc::new(AtomicBool::new(leads)),
            is_finished: AtomicBool::new(false),
        }
    }
}

/// Returns the sinks in the order of the configuration: the sink of record, the others, and the analytics.
fn sinks(config: &AuditPipeConfig, clock: &Arc<dyn Clock>) -> Vec<Arc<dyn EventSink>> {
    let analytics = config.analytics_sink.clone().map(|sink| -> Arc<dyn EventSink> {
        let (enrichment, limit) = (config.enrichment.clone(), config.enrichment_timeout);
        Arc::new(AnalyticsStream::new(sink, enrichment, limit, Arc::clone(clock)))
    });
    config.regulatory_sink.iter().chain(&config.sinks).cloned().chain(analytics).collect()
}
