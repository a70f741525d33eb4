//! The broker's evidence: what events there are, and where they go.

mod event;
mod trail;

pub use event::BrokerEvent;
pub use trail::{LogTrail, Trail, TrailError, point_at};
