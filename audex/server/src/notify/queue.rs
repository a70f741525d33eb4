use std::{future::Future, sync::Arc, time::Duration};
use tokio::{runtime::Handle, sync::Semaphore};

/// What is under way: at most so many deliveries, those that wait for another try included.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    places: Arc<Semaphore>,
    most: u32,
}

impl Queue {
    pub(super) fn new(most: u32) -> Self {
        Self { places: Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(usize::MAX))), most }
    }

    /// Starts a delivery; false where there is no place for it.
    pub(super) fn push(&self, delivery: impl Future<Output = ()> + Send + 'static) -> bool {
        let (Ok(place), Ok(runtime)) = (self.places.clone().try_acquire_owned(), Handle::try_current())
        else {
            return false;
        };
        runtime.spawn(async move {
            delivery.await;
            drop(place);
        });
        true
    }

    /// Waits until nothing is under way, or for as long as this; nothing is taken any more then.
    pub(super) async fn close(&self, within: Duration) {
        let idle = tokio::time::timeout(within, self.places.acquire_many(self.most)).await;
        self.places.close();
        if idle.is_err() {
            let left = usize::try_from(self.most).unwrap_or(usize::MAX) - self.places.available_permits();
            tracing::warn!(left, "notifications were given up: the server ends");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_are_so_many_places_and_no_more() {
        let queue = Queue::new(2);
        let (let_go, wait) = tokio::sync::watch::channel(());
        let one = || {
            let mut wait = wait.clone();
            async move {
                let _ = wait.changed().await;
            }
        };
        assert!(queue.push(one()) && queue.push(one()));
        assert!(!queue.push(one()), "it is full");
        queue.close(Duration::from_millis(10)).await;
        assert!(!queue.push(one()), "it is closed");
        drop(let_go);
    }

    #[tokio::test]
    async fn the_end_waits_for_what_is_under_way() {
        let queue = Queue::new(2);
        let (done, mut heard) = tokio::sync::oneshot::channel();
        assert!(queue.push(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = done.send(());
        }));
        queue.close(Duration::from_secs(10)).await;
        assert!(heard.try_recv().is_ok());
    }
}
