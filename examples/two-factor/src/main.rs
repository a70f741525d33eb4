//! A login with a second factor: password, authenticator app, recovery codes, step-up.
//!
//! `example-two-factor` serves <http://127.0.0.1:3001>. `example-two-factor code SECRET` prints what an authenticator app
//! with that secret shows now, so that trying it needs no phone.

mod handlers;
mod routes;

use axess::{
    clock::{Clock, SystemClock},
    factors::TotpConfig,
};
use data_encoding::BASE32_NOPAD;
use std::{error::Error, io::Write, net::SocketAddr, sync::Arc};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [] => serve().await,
        [command, secret] if command == "code" => print_code(secret),
        _ => Err("usage: example-two-factor [code SECRET]".into()),
    }
}

async fn serve() -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let app = routes::app(Arc::new(SystemClock))?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3001").await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

fn print_code(secret: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let seed = BASE32_NOPAD.decode(secret.as_bytes())?;
    let code = TotpConfig::new(seed.into())?
        .code_at(SystemClock.now())
        .ok_or("the clock shows a time before 1970")?;
    writeln!(std::io::stdout(), "{}", code.expose())?;
    Ok(())
}
