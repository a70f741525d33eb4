use super::wire::{Link, ToKeeper};
use std::time::Duration;

/// How long a wrapper that closed its socket may take to let go of what it held, and how often that is tried.
const CLAIMING_BOUND: Duration = Duration::from_secs(2);
const BETWEEN_CLAIMS: Duration = Duration::from_millis(1);

/// How W went.
pub(super) enum Parting<C> {
    Goodbye,
    /// With what was claimed then, if that could be.
    Vanished(Option<C>),
}

impl<C> Parting<C> {
    pub(super) fn claimed(self) -> Option<C> {
        match self {
            Self::Goodbye | Self::Vanished(None) => None,
            Self::Vanished(claimed) => claimed,
        }
    }
}

/// Waits until W goes, and claims what it leaves.
pub(super) async fn part<C>(link: &mut Link, mut claim: impl FnMut() -> Option<C>) -> Parting<C> {
    loop {
        match link.next().await {
            Ok(Some(ToKeeper::Goodbye)) => return Parting::Goodbye,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    // The socket may close a moment before W has let go of the rest.
    let claimed = async {
        loop {
            if let Some(claimed) = claim() {
                return claimed;
            }
            tokio::time::sleep(BETWEEN_CLAIMS).await;
        }
    };
    Parting::Vanished(tokio::time::timeout(CLAIMING_BOUND, claimed).await.ok())
}
