//! `tryaudex issuer`: what services need to verify the tokens of the local issuer.

use super::Invocation;
use crate::{
    compose,
    config::{LocalSettings, Settings},
    exit::{Exit, Failure, Outcome, SUCCESS},
};
use audex_core::ProviderError;
use audex_providers::local::LocalProvider;
use clap::Args;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// The port of the default issuer.
pub(super) const PORT: u16 = 7_425;

/// How often the keys are looked after.
const MAINTAINED: Duration = Duration::from_mins(30);

/// The arguments of `tryaudex issuer`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "issuer", "--listen", "127.0.0.1:0"])?;
/// assert!(matches!(cli.command, Command::Issuer(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Serves discovery and keys to everybody, and introspection to those who present the secret in the file \
                        introspection-token beside the keys. It mints nothing: sessions do that themselves. It speaks HTTP; for other \
                        machines put a server with TLS in front of it, and set local.issuer to that one's address."
)]
pub struct IssuerArgs {
    /// Address to listen on [default: that of local.issuer where it is of this machine, else 127.0.0.1:7425]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Print the public keys (a JWK set) and end
    #[arg(long, conflicts_with = "listen")]
    pub jwks: bool,
}

pub(super) fn run(invocation: &Invocation, args: &IssuerArgs) -> Outcome {
    let settings = invocation.config()?.settings;
    let provider = compose::local(invocation, &settings)?;
    let runtime = crate::commands::runtime()?;
    runtime.block_on(async {
        if args.jwks {
            let keys = provider.jwks().await.map_err(unusable)?;
            invocation.output.json(&keys)?;
            return Ok(SUCCESS);
        }
        serve(invocation, provider, args.listen.unwrap_or_else(|| default_address(&settings))).await
    })
}

async fn serve(invocation: &Invocation, provider: LocalProvider, address: SocketAddr) -> Outcome {
    let router = provider.router().await.map_err(unusable)?;
    let failed = |what: &str, error: std::io::Error| {
        Failure::new(Exit::LocalState, format!("cannot {what} {address}: {error}"))
    };
    let listener =
        tokio::net::TcpListener::bind(address).await.map_err(|error| failed("listen on", error))?;
    let bound = listener.local_addr().map_err(|error| failed("listen on", error))?;
    if !bound.ip().is_loopback() {
        invocation.output.warn("others can reach this address, and nothing encrypts what they ask: put a server with TLS in front");
    }
    if invocation.output.is_json() {
        let issuer = provider.config().issuer.as_str();
        invocation
            .output
            .json_line(&serde_json::json!({ "listening": bound.to_string(), "issuer": issuer }))?;
    } else {
        invocation.output.note(format_args!(
            "{} listens on {bound}; end it with Ctrl-C",
            provider.config().issuer.as_str()
        ));
    }
    let served = axum::serve(listener, router).with_graceful_shutdown(ended());
    tokio::select! {
        served = served => served.map_err(|error| failed("serve", error))?,
        () = maintained(invocation, &provider) => {}
    }
    Ok(SUCCESS)
}

/// Looks after the keys for ever; a failure is told, and tried again.
async fn maintained(invocation: &Invocation, provider: &LocalProvider) {
    loop {
        if let Err(error) = provider.maintain().await {
            invocation.output.warn(crate::exit::with_causes(&error));
        }
        tokio::time::sleep(MAINTAINED).await;
    }
}

/// Waits for the signals that end a server.
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

/// Returns the address of the configured issuer, where that is a port of this machine's loopback; else the usual one.
fn default_address(settings: &Settings) -> SocketAddr {
    own_address(&settings.local).unwrap_or_else(|| (Ipv4Addr::LOCALHOST, PORT).into())
}

/// Returns the address of the configured issuer, where that is a port of this machine's loopback.
pub(super) fn own_address(local: &LocalSettings) -> Option<SocketAddr> {
    let host = local.issuer.as_str().strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let named = host
        .map(|host| host.replace("localhost", "127.0.0.1"))
        .and_then(|host| host.parse::<SocketAddr>().ok());
    named.filter(|address| address.ip().is_loopback())
}

fn unusable(error: ProviderError) -> Failure {
    let failure = Failure::of(Exit::LocalState, &error);
    error.hints.into_iter().fold(failure, Failure::with_help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_where_the_issuer_says_it_is() {
        for (issuer, expected) in [
            ("http://127.0.0.1:9000", "127.0.0.1:9000"),
            ("http://localhost:9000/tokens", "127.0.0.1:9000"),
            ("https://issuer.example", "127.0.0.1:7425"),
        ] {
            let settings = Settings::parse(&format!("[local]\nissuer = \"{issuer}\"")).unwrap();
            assert_eq!(default_address(&settings).to_string(), expected);
        }
    }
}
