//! What an operator sees: metrics for Prometheus, and traces for an OTLP collector.
//!
//! 1. [`Meters`] count on the request's way, with labels of few values: the pattern of a route, never a path.
//! 2. [`scrape`] adds what is read from the store when somebody asks, and does not wait for long.
//! 3. [`observe`] wraps every route: it counts, times, and begins the request's span.
//! 4. [`traced`] begins one around each credential that is minted.
//! 5. [`span`] names the spans below that; [`Traces`] sends them, and is never waited for by a request.
//! 6. `Readiness` says in the log why the server is not ready.
//!
//! No secret, address or text of a person is a label or an attribute.

mod meters;
mod minting;
mod observe;
mod readiness;
mod scrape;
pub mod span;
mod text;
mod traces;

pub use meters::{Meters, OpenConnection};
pub use minting::traced;
pub use observe::observe;
pub(crate) use readiness::Readiness;
pub use scrape::{Readings, scrape};
pub use traces::{Traces, TracesError};
