//! Requests whose body may be larger than others': what browsers bring from an identity provider.

use axess::federation::MAX_CALLBACK_BYTES;
use http::{Method, Request};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The largest body: bytes are at most three times as many when a form encodes them.
const MOST: usize = MAX_CALLBACK_BYTES.saturating_mul(3);

/// How many bodies are larger than others' at once: together they take at most 24 MiB.
const AT_ONCE: usize = 16;

/// Where large bodies are posted.
pub(super) struct LargePosts {
    paths: Vec<String>,
    room: Arc<Semaphore>,
}

/// How much a body may be.
pub(super) enum Room {
    /// As much as this, while the permit is held.
    Bytes(usize, Option<OwnedSemaphorePermit>),
    /// More than usual, and too many others are large at this moment.
    Later,
}

impl LargePosts {
    pub(super) fn to(paths: Vec<String>) -> Self {
        Self { paths, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Returns how much the body of a request may be that has at least `least` bytes, where others may have `usual`.
    ///
    /// One whose length is not told has no more room than others.
    pub(super) fn room<B>(&self, request: &Request<B>, least: u64, usual: usize) -> Room {
        let is_usual = u64::try_from(usual).is_ok_and(|usual| least <= usual);
        let is_large = !is_usual
            && request.method() == Method::POST
            && self.paths.iter().any(|path| path == request.uri().path());
        if !is_large {
            return Room::Bytes(usual, None);
        }
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(permit) => Room::Bytes(MOST.max(usual), Some(permit)),
            Err(_) => Room::Later,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bodies_are_large_at_once_and_only_where_they_may_be() {
        let posts = LargePosts::to(vec!["/acs".to_owned()]);
        let room = |method: Method, uri: &str, least: u64| {
            let request = Request::builder().method(method).uri(uri).body(()).unwrap();
            posts.room(&request, least, 100)
        };
        let is_usual = |room: &Room| matches!(room, Room::Bytes(100, None));
        assert!(is_usual(&room(Method::POST, "/acs", 100)));
        assert!(is_usual(&room(Method::GET, "/acs", 101)) && is_usual(&room(Method::POST, "/acs/", 101)));
        let held: Vec<Room> = (0..AT_ONCE).map(|_| room(Method::POST, "/acs?again", 101)).collect();
        assert!(held.iter().all(|room| matches!(room, Room::Bytes(MOST, Some(_)))));
        assert!(matches!(room(Method::POST, "/acs", 101), Room::Later));
        assert!(is_usual(&room(Method::POST, "/acs", 100)));
        drop(held);
        assert!(matches!(room(Method::POST, "/acs", 101), Room::Bytes(MOST, Some(_))));
    }
}
