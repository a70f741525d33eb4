//! A document service whose rules are policies: what roles, relations and circumstances allow is written in `policies/`,
//! what is true is read from SQLite, and handlers only ask.

mod access;
mod accounts;
mod database;
mod documents;
mod facts;
mod handlers;
mod policies;
mod refusal;
mod routes;

use axess::{
    AuthnService,
    device::Devices,
    middleware::{ClientIpConfig, TrustedProxies},
};
use database::Database;
use std::{error::Error, io::Write, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

/// Why the application cannot go on.
type Fault = Box<dyn Error + Send + Sync>;

/// What can be set, by environment variables.
struct Config {
    /// `BIND`: where to listen.
    bind: SocketAddr,
    /// `POLICIES`: the folder of the policies.
    policies: PathBuf,
    /// `TRUSTED_PROXIES`: whose `X-Forwarded-For` is believed.
    proxies: TrustedProxies,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            // Not as an event: the faults of policies are lines, to be read as such.
            let _ = writeln!(std::io::stderr(), "{}", chain(&*fault));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Fault> {
    let config = Config::from_environment()?;
    // Before anything else: without its policies, there is nothing this application could do.
    let store = policies::load(&config.policies)?;
    let database = Database::new().await?;
    let service = AuthnService::new(database.backend.clone(), database.backend.clone())
        .with_devices(Devices::new(Arc::new(database.devices.clone())));
    accounts::prepare(&service, &database).await?;
    tokio::spawn(policies::keep_up_to_date(Arc::clone(&store))?);

    let client_ip = ClientIpConfig { trusted: config.proxies, ..ClientIpConfig::default() };
    let app = routes::App::new(service, &database);
    let app = routes::router(app, store, &database, client_ip)?;
    let listener = tokio::net::TcpListener::bind(config.bind).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    // The database goes with the process, so it has to be told.
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    Ok(axum::serve(listener, app).with_graceful_shutdown(interrupted).await?)
}

impl Config {
    fn from_environment() -> Result<Self, Fault> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
        let proxies = variable("TRUSTED_PROXIES").unwrap_or_default();
        Ok(Self {
            bind: variable("BIND").as_deref().unwrap_or("127.0.0.1:3003").parse()?,
            policies: variable("POLICIES").as_deref().unwrap_or(own).into(),
            proxies: TrustedProxies::parse(proxies.split(',').filter(|range| !range.is_empty()))?,
        })
    }
}

/// Writes an error with its causes.
fn chain(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
