//! A real provider's tokens, and a clock of ours that is not right: up to the borders, and beyond.

use axess_clock::{Clock, MockClock, SystemClock};
use axess_factors::federated::{
    FederatedIdentity, FederatedProof, FederationContext, FederationError, FederationProvider, Redirection,
};
use axess_oauth::{OAuthProviderConfig, OidcProvider};
use axess_peers::OpenIdProvider;
use axess_rng::SystemRng;
use chrono::TimeDelta;
use std::{sync::Arc, time::Duration};

use crate::{
    browser::Browser,
    peer::{self, as_user, client_key, config, with_auth},
};

/// Logs somebody in while our clock is off by some seconds.
async fn log_in(
    peer: &OpenIdProvider,
    config: OAuthProviderConfig,
    seconds: i64,
) -> Result<FederatedIdentity, FederationError> {
    let clock = MockClock::new(SystemClock.now() + TimeDelta::seconds(seconds));
    let http = peer::http(peer, None);
    let provider = OidcProvider::new(config, http, Arc::new(clock.clone()), Arc::new(SystemRng)).unwrap();
    let name = "peer".parse().unwrap();
    let context = || FederationContext { provider: &name, now: clock.now(), rng: &SystemRng };
    let begun = provider.begin(&as_user("alice"), context()).await?;
    let Redirection::Get(url) = &begun.redirection else { panic!("no redirect") };
    let browser = Browser::new(&peer.authority().unwrap());
    let back = browser.go(url, OpenIdProvider::REDIRECT_URI).await;
    // What the way there and back took does not count.
    clock.set(SystemClock.now() + TimeDelta::seconds(seconds));
    let proof = FederatedProof::complete(&provider, &begun.pending, &back, context()).await?;
    Ok(proof.identity().clone())
}

type Expected = Option<fn(&FederationError) -> bool>;

const EARLY: Expected = Some(|e| matches!(e, FederationError::NotYetValid));
/// The tokens live for five minutes, which is as old as one may be.
const LATE: Expected = Some(|e| matches!(e, FederationError::TooOld));

#[tokio::test]
async fn a_clock_may_be_off_by_as_much_as_is_configured() {
    let Some(peer) = peer::provider("a_clock_may_be_off_by_as_much_as_is_configured") else { return };
    // A few seconds from the borders: what the provider says is of the time when it says it.
    let cases: [(u64, i64, Expected); 10] = [
        (10, -5, None),
        (10, -20, EARLY),
        (10, -3_600, EARLY),
        (10, 290, None),
        (10, 330, LATE),
        (60, -50, None),
        (60, -70, EARLY),
        (60, 340, None),
        (60, 380, LATE),
        (60, 86_400, LATE),
    ];
    for (skew, seconds, expected) in cases {
        let config = config(&peer, "basic").with_clock_skew(Duration::from_secs(skew));
        match (log_in(&peer, config, seconds).await, expected) {
            (Ok(alice), None) => assert_eq!(alice.subject, "alice"),
            (Err(refused), Some(expected)) if expected(&refused) => {}
            (found, _) => panic!("{skew} {seconds}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_whose_clock_is_wrong_is_refused_by_the_provider() {
    let Some(peer) = peer::provider("a_client_whose_clock_is_wrong_is_refused_by_the_provider") else {
        return;
    };
    let keyed = || with_auth(&peer, "keyed", client_key(&peer)).with_clock_skew(Duration::from_secs(60));
    assert!(log_in(&peer, keyed(), 0).await.is_ok());
    // Its assertions are of another hour.
    for seconds in [-3_600, 3_600] {
        let refused = log_in(&peer, keyed(), seconds).await.unwrap_err();
        assert!(matches!(refused, FederationError::ClientRejected { .. }), "{seconds}: {refused:?}");
    }
}
