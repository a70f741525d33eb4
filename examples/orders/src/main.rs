//! A service that takes the tokens of `tryaudex run --provider local`: 200 for what a token grants, 403 for what it does
//! not, 401 without a good token.

mod caller;
mod keys;
mod orders;
mod token;

use axum::{Router, routing::get};
use keys::Keys;
use orders::Shelf;
use std::{error::Error, sync::Arc};
use token::Verifier;

/// What handlers share.
struct App {
    verifier: Verifier,
    shelf: Shelf,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let setting = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    // Who issues tokens, and where its public keys are: a file works for an issuer that does not serve.
    let issuer = setting("ISSUER", "http://127.0.0.1:7425");
    let keys = Keys::new(setting("KEYS", &format!("{issuer}/jwks.json")))?;
    let verifier = Verifier::new(keys, &issuer, &setting("AUDIENCE", "audex"));
    let app = Router::new()
        .route("/orders/{region}", get(orders::list))
        .route("/orders/{region}/{id}", get(orders::read).put(orders::write).delete(orders::delete))
        .with_state(Arc::new(App { verifier, shelf: Shelf::default() }));

    let listener = tokio::net::TcpListener::bind(setting("BIND", "127.0.0.1:3004")).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    axum::serve(listener, app).await?;
    Ok(())
}
