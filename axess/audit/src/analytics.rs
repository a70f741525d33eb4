//! The stream for those who watch and count: one flat, enriched record per event.
//!
//! The trail of record carries events as they are. Here each becomes a [`RichAuthnEvent`], with what the deployment
//! knows about it ([`EventEnrichment`]), and goes to an [`AuthnAnalyticsSink`]. Nothing here can hold up an operation or
//! another sink: an enrichment that panics or hangs leaves the event without it.

mod archive;
mod enrich;
mod rich;
mod stream;

pub use enrich::{
    AutonomousSystem, ClientSoftware, DeviceTrust, Enrichment, EnrichmentFuture, EventEnrichment, GeoPoint,
    MAX_TAGS, Tag,
};
pub use rich::{MAX_RICH_BYTES, RichAuthnEvent, RichError, RichPayload};
pub use stream::AuthnAnalyticsSink;

pub(crate) use stream::AnalyticsStream;
