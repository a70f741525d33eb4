//! Logins at a SAML 2.0 identity provider: begin, assertion consumer service, metadata, and single logout from either side.
//!
//! `example-saml` serves <http://127.0.0.1:3006>. It starts an identity provider on this machine: SimpleSAMLphp where it is
//! installed (`alice`, password `alicepass`), else one that logs everybody in as `alice`. With `SAML_IDP_METADATA`, the file of
//! another one's metadata, it starts none; that one has to be told of `http://127.0.0.1:3006/saml/metadata`.

mod handlers;
mod provider;
mod routes;

use provider::Provider;
use std::{error::Error, net::SocketAddr};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3006").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let provider = Provider::from_environment(&base).await?;
    let app = routes::app(&provider)?;
    tracing::info!(address = base, "listening");
    // The identity provider of this machine ends with this program.
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) })
        .await?;
    drop(provider);
    Ok(())
}
