//! What the server says while it runs: lines on standard error, as text or as JSON.

use crate::{
    commands::Invocation,
    exit::{Exit, Failure},
};
use audex_server::telemetry::Traces;
use std::io;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

/// Begins to log, and to trace where that is configured.
pub(super) fn begin(invocation: &Invocation, traces: Option<&Traces>) -> Result<(), Failure> {
    let output = &invocation.output;
    let level = if output.is_quiet() { LevelFilter::ERROR } else { LevelFilter::INFO };
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if output.is_json() {
        tracing_subscriber::fmt::layer().json().with_writer(io::stderr).with_filter(level).boxed()
    } else {
        let is_colored =
            invocation.surroundings.stderr_is_terminal && invocation.surroundings.var("NO_COLOR").is_none();
        let lines = tracing_subscriber::fmt::layer().with_ansi(is_colored).with_target(false);
        lines.with_writer(io::stderr).with_filter(level).boxed()
    };
    let layers: Vec<_> =
        std::iter::once(lines).chain(traces.map(|traces| traces.layer::<Registry>().boxed())).collect();
    let begun = tracing_subscriber::registry().with(layers).try_init();
    begun.map_err(|error| Failure::of(Exit::Bug, &error))
}
