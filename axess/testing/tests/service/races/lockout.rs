use super::*;
use axess_core::{
    authn::FactorCredential,
    store::{AttemptOutcome, IdentityAuthnLog},
};

/// How the attempts on the suite's account were settled.
fn settled(world: &World) -> Vec<AttemptOutcome> {
    let attempts = alone(async {
        let owner = world.suite.owner().await;
        world.suite.backend.last_attempts(owner.tenant_id, owner.user_id, 100).await.unwrap()
    });
    attempts.into_iter().map(|attempt| attempt.outcome).collect()
}

fn guesses(world: &World, texts: &[&'static str]) -> Vec<&'static str> {
    let racers = texts.iter().enumerate().map(|(n, text)| {
        task(async move {
            let session = world.visitor().await;
            if n % 2 == 0 {
                return ending(&world.service.login_with_password(&session, USER, TENANT, *text).await);
            }
            world.service.begin_login(&session, USER, TENANT).await.unwrap();
            let credential = FactorCredential::Password((*text).into());
            ending(&world.service.verify_factor(&session, credential).await)
        })
    });
    world.run(racers.collect())
}

#[test]
fn parallel_guesses_are_as_many_as_the_policy_allows_and_no_more() {
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let seen = guesses(&world, &["wrong"; 7]);
        assert!(!seen.contains(&"right"));
        let settled = settled(&world);
        let verified = settled.iter().filter(|outcome| **outcome == AttemptOutcome::Failure).count();
        assert_eq!((verified, settled.len()), (3, 7), "{settled:?}");
        assert!(!world.accepts(PASSWORD), "the account is locked");
    });
}

/// The right password among wrong ones: accepted if it was among the first three, refused otherwise; and the session
/// of a refused one is not authenticated.
#[test]
fn the_right_password_in_a_burst_counts_only_inside_the_limit() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let seen = guesses(&world, &["wrong", "wrong", PASSWORD, "wrong", "wrong"]);
        let accepted = seen.iter().filter(|ending| **ending == "right").count();
        assert_eq!(accepted, usize::from(seen[2] == "right"));
        assert_eq!(world.live(), accepted);
        endings.saw(seen[2]);
    });
    endings.must_include(&[r#""right""#, r#""locked""#]);
}

/// Successes of somebody else at the same address never widen the address's limit.
#[test]
fn successes_give_back_only_their_own_attempts() {
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let seen = guesses(&world, &[PASSWORD, PASSWORD, PASSWORD]);
        assert!(seen.iter().all(|ending| ["right", "locked"].contains(ending)), "{seen:?}");
        assert!(seen.contains(&"right"));
        assert!(world.accepts(PASSWORD), "successes leave no lock behind");
    });
}
