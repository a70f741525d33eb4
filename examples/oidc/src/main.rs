//! Logins at an OpenID Connect provider: begin, callback, logout here and there, and a logout that the provider asks for.
//!
//! `example-oidc` serves <http://127.0.0.1:3005>. It starts a provider on this machine, which logs everybody in as `alice`, unless
//! `OIDC_ISSUER`, `OIDC_CLIENT_ID` and `OIDC_CLIENT_SECRET` name another. That one has to know
//! `http://127.0.0.1:3005/callback` as a redirect URI and `http://127.0.0.1:3005/` as one after a logout.

mod handlers;
mod provider;
mod routes;

use provider::Provider;
use std::{error::Error, net::SocketAddr};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3005").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let at = base.clone();
    let provider = tokio::task::spawn_blocking(move || Provider::from_environment(&at)).await??;
    let app = routes::app(&base, &provider)?;
    tracing::info!(address = base, "listening");
    // The provider of this machine ends with this program.
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) })
        .await?;
    drop(provider);
    Ok(())
}
