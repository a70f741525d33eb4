use axess::{
    audit::{
        chain::AuditKeys,
        log::{AuditLog, AuditLogConfig},
        pipe::{AuditPipe, AuditPipeConfig, BufferStrategy},
        sink::StoreSink,
    },
    backends::sqlite::{AuditStore, Db},
    clock::SystemClock,
    rng::SystemRng,
};
use std::{path::Path, sync::Arc};

async fn trail(folder: &Path, db: Db) -> Result<AuditPipe, Box<dyn std::error::Error>> {
    // Made at the first start. `keys/checkpoint.pub` is for whoever verifies; the other files are secret.
    let keys = AuditKeys::load_or_create(&folder.join("keys"), &SystemRng)?;
    let config = AuditLogConfig::new(folder.join("audit"));
    let log = AuditLog::open(config, keys, Arc::new(SystemClock), Arc::new(SystemRng))?;

    // An event is on disk before its operation is answered; from there it goes to the sinks, again until they have it.
    let config = AuditPipeConfig::new(BufferStrategy::FsBacked { log })
        .with_regulatory_sink(Arc::new(StoreSink::new("database", AuditStore::new(db))?));
    Ok(AuditPipe::start(config, Arc::new(SystemClock), Arc::new(SystemRng)).await?)
}
