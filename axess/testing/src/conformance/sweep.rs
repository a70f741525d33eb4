use super::verdict::{Breach, Verdict};
use axess_core::store::StoreError;
use std::future::Future;

/// More calls than it takes to clean up after any test.
const MAX_CALLS: usize = 100_000;

/// Cleans up until nothing is left to clean up, whoever left it.
pub(super) async fn drain<F>(mut cleanup: impl FnMut() -> F) -> Verdict
where
    F: Future<Output = Result<u64, StoreError>>,
{
    for _ in 0..MAX_CALLS {
        if cleanup().await? == 0 {
            return Ok(());
        }
    }
    Err(Breach::new("cleaning up does not come to an end"))
}
