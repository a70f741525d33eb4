//! What a fault of the server means for the caller of a store.

use axess_core::store::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Wraps an error of the client library.
pub(crate) fn store_error(error: RedisError) -> StoreError {
    StoreError::new(kind(&error), error)
}

/// Reports a stored value that this crate did not write.
pub(crate) fn corrupt() -> StoreError {
    StoreError::bare(StoreErrorKind::Corrupt)
}

/// Refuses a value beyond its documented size.
pub(crate) fn at_most(len: usize, max: usize) -> Result<(), StoreError> {
    if len <= max { Ok(()) } else { Err(StoreError::bare(StoreErrorKind::Misuse)) }
}

/// Tells whether the server refused a command before doing anything, and may accept it in a moment.
pub(crate) fn is_refused_for_now(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, Moved, TryAgain};
    match error.kind() {
        // The client has no connection to the node yet, so nothing was sent.
        ErrorKind::ClusterConnectionNotFound => true,
        ErrorKind::Server(kind) => matches!(kind, Moved | TryAgain | ClusterDown | MasterDown | BusyLoading),
        _ => false,
    }
}

fn kind(error: &RedisError) -> StoreErrorKind {
    use ServerErrorKind::{Ask, BusyLoading, ClusterDown, MasterDown, Moved, ReadOnly, TryAgain};
    if error.is_timeout() {
        return StoreErrorKind::Timeout;
    }
    match error.kind() {
        ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => StoreErrorKind::Unavailable,
        // A server in the middle of a failover.
        ErrorKind::Server(Moved | Ask | TryAgain | ClusterDown | MasterDown | BusyLoading | ReadOnly) => {
            StoreErrorKind::Unavailable
        }
        ErrorKind::InvalidClientConfig => StoreErrorKind::Misuse,
        _ if error.code() == Some("OOM") => StoreErrorKind::Full,
        _ => StoreErrorKind::Backend,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn each_fault_has_its_kind() {
        let io = |kind| RedisError::from(io::Error::from(kind));
        let server = |kind| RedisError::from((ErrorKind::Server(kind), "x"));
        let extension = |code: &str| redis::make_extension_error(code.to_owned(), None);
        for (error, expect) in [
            (io(io::ErrorKind::TimedOut), StoreErrorKind::Timeout),
            (io(io::ErrorKind::ConnectionRefused), StoreErrorKind::Unavailable),
            (io(io::ErrorKind::BrokenPipe), StoreErrorKind::Unavailable),
            (server(ServerErrorKind::ClusterDown), StoreErrorKind::Unavailable),
            (server(ServerErrorKind::BusyLoading), StoreErrorKind::Unavailable),
            (server(ServerErrorKind::CrossSlot), StoreErrorKind::Backend),
            (extension("OOM"), StoreErrorKind::Full),
            (extension("WRONGTYPE"), StoreErrorKind::Backend),
            (RedisError::from((ErrorKind::InvalidClientConfig, "x")), StoreErrorKind::Misuse),
        ] {
            assert_eq!(kind(&error), expect, "{error}");
        }
    }

    #[test]
    fn only_what_was_certainly_not_done_is_tried_again() {
        let server = |kind| RedisError::from((ErrorKind::Server(kind), "x"));
        assert!(is_refused_for_now(&server(ServerErrorKind::TryAgain)));
        assert!(!is_refused_for_now(&RedisError::from(io::Error::from(io::ErrorKind::BrokenPipe))));
        assert!(!is_refused_for_now(&RedisError::from(io::Error::from(io::ErrorKind::TimedOut))));
        assert!(!is_refused_for_now(&server(ServerErrorKind::ResponseError)));
    }
}
