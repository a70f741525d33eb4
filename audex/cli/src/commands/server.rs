//! `tryaudex server`: the team server.

mod check;
mod first;
mod keys;
mod logs;
mod stop;

use super::{Invocation, issuer, run::SessionArgs};
use crate::{
    compose,
    config::{ConfigFault, LocalSettings, ServerConfig, refuse_shared},
    exit::{Exit, Failure, Outcome, SUCCESS, with_causes},
};
use audex_core::CredentialProvider;
use audex_providers::{UnavailableProvider, local::LocalProvider};
use audex_server::{app::App, serve::serve, telemetry::Traces};
use clap::Args;
use std::{
    fs::DirBuilder,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, runtime::Runtime};

/// How long the last traces may take.
const LAST_TRACES: Duration = Duration::from_secs(3);

/// How often the issuer's keys are looked after.
const MAINTAINED: Duration = Duration::from_mins(30);

/// The arguments of `tryaudex server`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "server", "--listen", "0.0.0.0:8080", "--metrics-port", "9090"])?;
/// assert!(matches!(cli.command, Command::Server(server) if server.metrics_port == Some(9090)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "It speaks HTTP: put a server with TLS in front of it, and set server.public_url to that one's address. SIGTERM \
                  and Ctrl-C let what runs end; a second one ends at once. The configuration is \
                  $XDG_CONFIG_HOME/audex/server-config.toml unless --config names another."
)]
pub struct ServerArgs {
    /// Address to listen on [default: server.listen, else 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Port of the metrics, on the same host [default: server.metrics_port, else none]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub metrics_port: Option<u16>,
    /// Folder of database, audit log and keys [default: server.data, else $XDG_DATA_HOME/audex/server]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// E-mail address of the first administrator, whose link is printed while nobody has an account
    #[arg(long, value_name = "EMAIL", default_value = "admin@localhost", value_parser = email)]
    pub admin: String,
    /// Check configuration, files, folders and policies, name every fault, and end
    #[arg(long, conflicts_with = "dev")]
    pub check_config: bool,
    /// Start without any configuration, on this machine alone, in a data folder of its own
    #[arg(long)]
    pub dev: bool,
    /// Sign people in at the identity provider of the section `sso`, as its `enabled = true` does
    #[arg(long, conflicts_with = "dev")]
    pub enable_sso: bool,
}

fn email(text: &str) -> Result<String, String> {
    let (name, host) = text.split_once('@').unwrap_or_default();
    let is_sound = !name.is_empty() && !host.is_empty() && text.len() <= 254;
    if is_sound && !text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Ok(text.to_lowercase());
    }
    Err("an e-mail address is needed, as in alice@example.com".to_owned())
}

/// Runs it.
pub(super) fn run(invocation: &Invocation, args: &ServerArgs) -> Outcome {
    let (config, of_flags, faults) = configuration(invocation, args)?;
    if args.check_config {
        return check::run(invocation, &config, &of_flags, &faults);
    }
    let config = config.without(faults)?;
    if !of_flags.is_empty() {
        return Err(wrong_flags(&of_flags));
    }
    for warning in &config.warnings {
        invocation.output.warn(warning);
    }
    let runtime = new_runtime()?;
    let traces = traces(&runtime, &config)?;
    logs::begin(invocation, traces.as_ref())?;
    let served = runtime.block_on(start(invocation, args, config));
    if let Some(traces) = traces {
        traces.close(LAST_TRACES);
    }
    // What still waits for others is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

fn new_runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(Exit::LocalState, format!("nothing can be waited for: {error}")))
}

/// Prepares to send traces; those that go by gRPC are sent from the runtime.
fn traces(runtime: &Runtime, config: &ServerConfig) -> Result<Option<Traces>, Failure> {
    let _inside = runtime.enter();
    Traces::open(&config.server.telemetry).map_err(|error| Failure::of(Exit::Config, &error))
}

/// Returns the failure of flags that do not go together.
fn wrong_flags(faults: &[ConfigFault]) -> Failure {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Failure::new(Exit::Usage, faults.join("\n"))
}

/// Returns the configuration with the flags over it, and what is wrong with the flags and with the rest.
fn configuration(
    invocation: &Invocation,
    args: &ServerArgs,
) -> Result<(ServerConfig, Vec<ConfigFault>, Vec<ConfigFault>), Failure> {
    let (mut config, mut faults) = if args.dev {
        (development(invocation)?, Vec::new())
    } else {
        ServerConfig::examine(&invocation.surroundings, invocation.global.config.as_deref(), args.enable_sso)?
    };
    let server = &mut config.server;
    if let Some(listen) = args.listen {
        let was_derived = server.public_url == ServerConfig::public_url_of(server.listen);
        server.listen = listen;
        if was_derived {
            server.public_url = ServerConfig::public_url_of(listen);
        }
    }
    server.metrics_port = args.metrics_port.or(server.metrics_port);
    if let Some(data) = &args.data {
        server.data = invocation.surroundings.absolute(data);
    }
    if args.dev && !server.listen.ip().is_loopback() {
        return Err(Failure::new(Exit::Usage, "--dev is for this machine alone: others must not reach it")
            .with_help("listen on 127.0.0.1, or leave --dev out"));
    }
    if !args.dev && server.public_url.starts_with("http://") && !server.listen.ip().is_loopback() {
        config.warnings.push(format!(
            "server.public_url is no https address: links lead to {}, and nothing encrypts what is sent to {}",
            server.public_url, server.listen
        ));
    }
    config.check_sso(args.enable_sso, &mut faults);
    let flags = [
        args.listen.map(|_| ("server.listen", "--listen")),
        args.metrics_port.map(|_| ("server.metrics_port", "--metrics-port")),
    ];
    let (of_flags, of_rest) = config.clashes(&flags.into_iter().flatten().collect::<Vec<_>>());
    faults.extend(of_rest);
    Ok((config, of_flags, faults))
}

/// Returns what goes without any configuration.
fn development(invocation: &Invocation) -> Result<ServerConfig, Failure> {
    if invocation.global.config.is_some() {
        return Err(Failure::new(Exit::Usage, "--dev takes no configuration")
            .with_help("leave out --dev or --config"));
    }
    let data = invocation.paths()?.data.join("dev-server");
    let parsed = ServerConfig::parse("", &data);
    let (mut server, broker, _) =
        parsed.map_err(|_| Failure::new(Exit::Bug, "the defaults cannot be used"))?;
    server.is_dev = true;
    Ok(ServerConfig { server, broker, issuer_listen: None, file: None, warnings: Vec::new() })
}

/// Opens everything, and serves until told to stop.
async fn start(invocation: &Invocation, args: &ServerArgs, mut config: ServerConfig) -> Outcome {
    let data = config.server.data.clone();
    let unusable = |error: std::io::Error| {
        Failure::new(Exit::LocalState, format!("cannot make {}: {error}", data.display()))
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&data).map_err(unusable)?;
    refuse_shared(&data, invocation.surroundings.uid)?;
    let (listener, address) = bound(config.server.listen).await?;
    if config.server.public_url == ServerConfig::public_url_of(config.server.listen) {
        config.server.public_url = ServerConfig::public_url_of(address);
    }
    config.server.listen = address;
    let metrics = match config.server.metrics_port {
        Some(port) => Some(bound(SocketAddr::new(address.ip(), port)).await?.0),
        None => None,
    };
    let issuing = issuing(&mut config).await?;
    let issuer = compose::local_in(invocation, &config.broker, data.join("issuer"));
    let providers = providers(invocation, &config, &issuer)?;
    let keys = keys::open(invocation, &config)?;
    let (clock, rng) = (Arc::clone(&invocation.clock), Arc::clone(&invocation.rng));
    let opened = App::open(config.server.clone(), providers, keys, clock, rng).await;
    let app = opened.map_err(|error| Failure::of(Exit::LocalState, &error))?;
    if let Some(listener) = issuing {
        let router = issuer.router().await.map_err(|error| Failure::of(Exit::LocalState, &error))?;
        tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        tokio::spawn(maintained(issuer.clone()));
    }
    let stop = stop::listen()
        .map_err(|error| Failure::new(Exit::LocalState, format!("cannot listen for signals: {error}")))?;
    first::tell(invocation, &app, args, &issuer).await?;
    let served = serve(Arc::clone(&app), listener, metrics, stop).await;
    app.close().await;
    served.map_err(|error| Failure::new(Exit::LocalState, format!("cannot serve {address}: {error}")))?;
    Ok(SUCCESS)
}

/// Listens where services fetch the keys of the local issuer: at `issuer_listen`, else where the issuer says it is, if that is
/// this machine.
async fn issuing(config: &mut ServerConfig) -> Result<Option<TcpListener>, Failure> {
    let local = &mut config.broker.local;
    if let Some(address) = config.issuer_listen {
        let (listener, address) = bound(address).await?;
        // Who says where to listen and not what it is called means the same.
        if local.issuer == LocalSettings::default().issuer && !address.ip().is_unspecified() {
            local.issuer =
                format!("http://{address}").parse().map_err(|error| Failure::of(Exit::Bug, &error))?;
        }
        return Ok(Some(listener));
    }
    if !config.server.is_dev {
        let Some(address) = issuer::own_address(local) else { return Ok(None) };
        let listening = TcpListener::bind(address).await;
        if let Err(error) = &listening {
            tracing::warn!(%address, %error, "services cannot check tokens of `local` here: set server.issuer_listen");
        }
        return Ok(listening.ok());
    }
    let usual = (Ipv4Addr::LOCALHOST, issuer::PORT).into();
    let (listener, address) = match bound(usual).await {
        Ok(bound) => bound,
        // Another one has it: then any that is free.
        Err(_) => bound((Ipv4Addr::LOCALHOST, 0).into()).await?,
    };
    let parsed = format!("http://{address}").parse();
    local.issuer = parsed.map_err(|error| Failure::of(Exit::Bug, &error))?;
    Ok(Some(listener))
}

/// Returns those who mint.
fn providers(
    invocation: &Invocation,
    config: &ServerConfig,
    issuer: &LocalProvider,
) -> Result<Vec<Arc<dyn CredentialProvider>>, Failure> {
    let aws = compose::aws(invocation, &config.broker, &SessionArgs::default())?;
    Ok(vec![
        Arc::new(aws),
        Arc::new(issuer.clone()),
        Arc::new(UnavailableProvider::gcp()),
        Arc::new(UnavailableProvider::azure()),
        Arc::new(UnavailableProvider::vault()),
    ])
}

/// Looks after the issuer's keys for ever; a failure is told, and tried again.
async fn maintained(issuer: LocalProvider) {
    loop {
        tokio::time::sleep(MAINTAINED).await;
        if let Err(error) = issuer.maintain().await {
            tracing::warn!("{}", with_causes(&error));
        }
    }
}

async fn bound(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::LocalState, format!("cannot listen on {address}: {error}"))
            .with_help("end what listens there, or name another address with --listen")
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
