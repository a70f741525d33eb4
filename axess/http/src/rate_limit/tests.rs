mod algorithm;
mod keys;
mod layer;
mod table;

use super::*;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

fn at(nanos: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(1_767_225_600_000_000_000) + TimeDelta::nanoseconds(nanos)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
