//! Serving until the process is told to stop, and a while longer for what is under way.

use axum::Router;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Tells whether the process was asked to stop.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

/// Waits for SIGTERM (which service managers send) and SIGINT (Ctrl-C).
pub(crate) fn on_signal() -> io::Result<Stop> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: no new requests, and an end to those under way");
        // Nobody listens when everything has ended already.
        let _ = stop.send(true);
    });
    Ok(Stop(stopped))
}

impl Stop {
    pub(crate) fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    pub(crate) async fn stopped(mut self) {
        // An error means that the sender is gone, and it only goes after it has spoken.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }

    /// Waits until `drain` has passed since the stop.
    pub(crate) async fn stopped_for(self, drain: Duration) {
        self.stopped().await;
        tokio::time::sleep(drain).await;
    }
}

/// Serves until the stop, then until the requests under way are answered.
pub(crate) async fn serve(listener: TcpListener, app: Router, stop: Stop) -> io::Result<()> {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(stop.stopped()).await
}
