use crate::settings::TelemetrySettings;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use std::{fmt, time::Duration};
use tracing::{Level, Subscriber};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

/// How many spans wait to be sent; those beyond are dropped.
const MAX_QUEUE: usize = 4_096;
/// How many spans are sent at once.
const MAX_BATCH: usize = 512;
/// How long a span waits for company.
const DELAY: Duration = Duration::from_secs(1);
/// How long the collector has for a batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// Where collectors take traces (OTLP/HTTP).
const PATH: &str = "/v1/traces";
/// Where collectors speak gRPC, by convention. OTLP/HTTP has 4318.
const GRPC_PORT: u16 = 4317;
/// Where our spans come from.
const TARGET: &str = "audex_server::telemetry";

/// Sends spans to an OTLP collector, from a thread of its own.
///
/// A collector that is slow or gone costs spans, never time: a full queue drops what comes.
///
/// ```
/// use audex_server::{settings::TelemetrySettings, telemetry::Traces};
/// // Without an endpoint there is nothing to send to.
/// assert!(Traces::open(&TelemetrySettings::default())?.is_none());
/// # Ok::<(), audex_server::telemetry::TracesError>(())
/// ```
pub struct Traces {
    provider: SdkTracerProvider,
}

/// Says why no traces can be sent.
///
/// ```
/// use audex_server::{settings::TelemetrySettings, telemetry::{Traces, TracesError}};
/// let endpoint = Some("ftp://collector".to_owned());
/// let opened = Traces::open(&TelemetrySettings { otlp_endpoint: endpoint, ..TelemetrySettings::default() });
/// assert!(matches!(opened, Err(TracesError::Endpoint)));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The endpoint is no address.
    #[error("the endpoint is no address as in http://localhost:4318")]
    Endpoint,
    /// The client cannot be made.
    #[error("the client of the collector cannot be made")]
    Client(#[source] ExporterBuildError),
    /// The client of a collector that speaks gRPC works within Tokio.
    #[error("no Tokio runtime is there to send from")]
    NoRuntime,
}

/// Where the collector is, and what it speaks.
#[derive(Debug, PartialEq, Eq)]
enum Endpoint {
    /// OTLP/HTTP with protobuf.
    Http(String),
    /// OTLP/gRPC, in plain text.
    Grpc(String),
}

impl Traces {
    /// Prepares to send, unless there is no endpoint.
    ///
    /// Nothing is connected to yet. The endpoint says what is spoken: OTLP/gRPC for `grpc://host:port` and for `http` on
    /// port 4317, where collectors expect it; otherwise OTLP/HTTP with protobuf, with or without `/v1/traces` in the
    /// address. It is called within a Tokio runtime that outlives it.
    ///
    /// # Errors
    ///
    /// [`TracesError`].
    pub fn open(settings: &TelemetrySettings) -> Result<Option<Self>, TracesError> {
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
        let exporter = exporter(Endpoint::parse(endpoint)?)?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(MAX_QUEUE)
            .with_max_export_batch_size(MAX_BATCH)
            .with_scheduled_delay(DELAY)
            .build();
        let ratio = Sampler::TraceIdRatioBased(settings.trace_sample_rate);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .with_sampler(Sampler::ParentBased(Box::new(ratio)))
            .with_resource(Resource::builder().with_service_name(settings.service_name.clone()).build())
            .build();
        Ok(Some(Self { provider }))
    }

    /// Returns the layer that takes our spans, and nothing that is logged.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let tracer = self.provider.tracer("audex-server");
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(TARGET, Level::INFO))
    }

    /// Sends what waits, for so long at most.
    ///
    /// It blocks: call it at the very end, outside of the runtime's threads that answer.
    pub fn close(self, limit: Duration) {
        if let Err(error) = self.provider.shutdown_with_timeout(limit) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").finish_non_exhaustive()
    }
}

fn exporter(endpoint: Endpoint) -> Result<SpanExporter, TracesError> {
    let builder = SpanExporter::builder();
    match endpoint {
        Endpoint::Http(address) => builder
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(address)
            .with_timeout(EXPORT_TIMEOUT)
            .build(),
        Endpoint::Grpc(address) => {
            tokio::runtime::Handle::try_current().map_err(|_| TracesError::NoRuntime)?;
            builder.with_tonic().with_endpoint(address).with_timeout(EXPORT_TIMEOUT).build()
        }
    }
    .map_err(TracesError::Client)
}

impl Endpoint {
    fn parse(text: &str) -> Result<Self, TracesError> {
        let uri: http::Uri = text.parse().map_err(|_| TracesError::Endpoint)?;
        let authority = uri.authority().ok_or(TracesError::Endpoint)?;
        let has_path = !matches!(uri.path(), "" | "/");
        match uri.scheme_str() {
            Some("grpc") if !has_path => Ok(Self::Grpc(format!("http://{authority}"))),
            Some("http") if !has_path && uri.port_u16() == Some(GRPC_PORT) => {
                Ok(Self::Grpc(format!("http://{authority}")))
            }
            Some("http" | "https") => {
                let base = text.trim_end_matches('/');
                Ok(Self::Http(if base.ends_with(PATH) { base.to_owned() } else { format!("{base}{PATH}") }))
            }
            _ => Err(TracesError::Endpoint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_says_what_is_spoken() {
        let http = |address: &str| Endpoint::Http(address.to_owned());
        let grpc = |address: &str| Endpoint::Grpc(address.to_owned());
        for (given, expected) in [
            ("http://a.test:4318", http("http://a.test:4318/v1/traces")),
            ("http://a.test:4318/", http("http://a.test:4318/v1/traces")),
            ("http://a.test:4318/v1/traces", http("http://a.test:4318/v1/traces")),
            ("http://a.test:4317/v1/traces", http("http://a.test:4317/v1/traces")),
            ("https://a.test/otlp", http("https://a.test/otlp/v1/traces")),
            ("https://a.test:4317", http("https://a.test:4317/v1/traces")),
            ("http://localhost:4317", grpc("http://localhost:4317")),
            ("grpc://a.test:9000", grpc("http://a.test:9000")),
        ] {
            assert_eq!(Endpoint::parse(given).unwrap(), expected, "{given}");
        }
        for wrong in
            ["", "localhost:4317", "a.test", "ftp://a.test", "/v1/traces", "http://", "grpc://a.test/x"]
        {
            assert!(Endpoint::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn grpc_needs_a_runtime() {
        let endpoint = Some("http://localhost:4317".to_owned());
        let settings = TelemetrySettings { otlp_endpoint: endpoint, ..TelemetrySettings::default() };
        assert!(matches!(Traces::open(&settings), Err(TracesError::NoRuntime)));
    }
}
