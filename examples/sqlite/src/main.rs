//! A whole application on SQLite, shaped as it would go into production. Each file is one concern; this one puts them
//! together, and the README says what to type.

mod accounts;
mod answer;
mod audit;
mod config;
mod counters;
mod database;
mod handlers;
mod logs;
mod mail;
mod routes;
mod serve;
mod sweep;

use axess::{AuthnService, backends::sqlite::AuditStore};
use config::Config;
use counters::Counters;
use mail::Mail;
use routes::{App, Layers};
use std::{error::Error, io::Write, process::ExitCode, sync::Arc};
use sweep::Sweeper;

/// Why the application cannot go on.
type Fault = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let config = match Config::from_environment() {
        Ok(config) => config,
        Err(faults) => {
            // Nobody is left to tell when standard error is gone.
            let _ = write!(std::io::stderr(), "{faults}");
            return ExitCode::FAILURE;
        }
    };
    logs::begin(config.log_format);
    match run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            tracing::error!(error = logs::chain(&*fault), "the application ends");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> Result<(), Fault> {
    let stop = serve::on_signal()?;
    let listener = tokio::net::TcpListener::bind(config.bind).await?;
    let database = database::open(&config).await?;
    let counters = Arc::new(Counters::default());
    let mail = Arc::new(Mail::new(config.mail.clone(), Arc::clone(&counters)));
    let (trail, indexer) = audit::open(&database.audit_file, AuditStore::new(database.db.clone()))?;
    let layers = Layers::new(&config, &database, &trail, &counters)?;
    let sessions = layers.sessions.sessions().clone();

    let service = AuthnService::new(database.backend.clone(), database.backend.clone())
        .with_issuer("axess SQLite example") // what authenticator apps show
        .with_stand_in_key(config.keys.signing.bytes())
        .with_audit_sink(trail)
        .with_metrics(counters.clone())
        .with_delivery(mail.clone());
    accounts::prepare(&service, &sessions, config.demo_accounts).await?;

    let sweeper =
        Sweeper { sessions: sessions.clone(), backend: database.backend.clone(), counters: counters.clone() };
    let sweeping = tokio::spawn(sweeper.run(config.sweep_every, stop.clone()));
    let indexing = tokio::spawn(indexer.run());
    let app = routes::router(App { service: Arc::new(service), sessions, counters }, layers);
    tracing::info!(address = %listener.local_addr()?, "listening");

    let until_done = async {
        serve::serve(listener, app, stop.clone()).await?;
        sweeping.await?;
        mail.sent().await;
        indexing.await?;
        database.db.close().await;
        tracing::info!("stopped");
        Ok(())
    };
    tokio::select! {
        done = until_done => done,
        () = stop.clone().stopped_for(config.drain_for) => {
            tracing::warn!("what was under way took too long and is cut off");
            Ok(())
        }
    }
}
