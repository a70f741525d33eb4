//! Keys that took the name of others.

use super::*;

/// A key under the one name of these tests, which its set pins to its algorithm.
fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap().with_kid("1")
}

fn pinned(key: &SigningKey) -> Value {
    let mut jwk = key.public_jwk();
    jwk["alg"] = json!(key.algorithm().name());
    jwk
}

fn expected() -> Expectations {
    Expectations::new(ISSUER, AUDIENCE, &Algorithm::ALL)
}

/// When the tokens are good.
fn then() -> MockClock {
    MockClock::new(crate::forge::now())
}

impl Ground {
    async fn verify(&self, token: &str) -> Result<crate::Claims, JoseError> {
        verify_with(token, &self.cache, &expected(), &then()).await
    }

    async fn is_asked(&self, times: usize) {
        for _ in 0..10_000 {
            if self.issuer.asked() >= times {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("nobody asked");
    }
}

#[tokio::test]
async fn a_name_that_is_used_again_is_asked_for_once() {
    for (old, new, refused) in [
        (Algorithm::Es256, Algorithm::Es256, "the signature does not fit"),
        (Algorithm::Es256, Algorithm::EdDsa, "the algorithm is refused"),
        (Algorithm::Es256, Algorithm::Es384, "the algorithm is refused"),
        (Algorithm::EdDsa, Algorithm::Rs256, "the algorithm is refused"),
        (Algorithm::Rs256, Algorithm::Ps256, "the algorithm is refused"),
    ] {
        let (ground, case) = (ground(), format!("{old} to {new}"));
        let (old, new) = (key(old), key(new));
        let (before, after) = (honest(&old, &claims()), honest(&new, &claims()));
        ground.issuer.publishes(&[pinned(&old)]);
        assert!(ground.verify(&before).await.is_ok(), "{case}");
        ground.issuer.publishes(&[pinned(&new)]);
        for _ in 0..20 {
            let early = ground.verify(&after).await.unwrap_err();
            assert_eq!(early.to_string(), refused, "{case}: it is too early to ask again");
        }
        assert_eq!(ground.issuer.asked(), 1, "{case}");
        ground.later(5);
        assert!(ground.verify(&after).await.is_ok(), "{case}");
        assert_eq!(ground.issuer.asked(), 2, "{case}");
        // What the old key signed is over; to know that for sure costs one more request.
        ground.later(5);
        assert_eq!(ground.verify(&before).await.unwrap_err().to_string(), refused, "{case}");
        assert!(ground.verify(&after).await.is_ok(), "{case}");
        assert_eq!(ground.issuer.asked(), 3, "{case}");
    }
}

#[tokio::test]
async fn a_flood_of_bad_tokens_costs_one_request_in_five_seconds() {
    let ground = ground();
    let (ours, posing, other) = (key(Algorithm::Es256), key(Algorithm::Es256), key(Algorithm::EdDsa));
    ground.issuer.publishes(&[ours.public_jwk()]);
    let good = honest(&ours, &claims());
    let bad =
        [honest(&posing, &claims()), honest(&other, &claims()), honest(&other.with_kid("2"), &claims())];
    for round in 1..=3 {
        for nth in 0..300 {
            assert!(ground.verify(&bad[nth % bad.len()]).await.is_err());
        }
        assert_eq!(ground.issuer.asked(), round);
        assert!(ground.verify(&good).await.is_ok(), "the others go on");
        ground.later(5);
    }
    // All at once, while the issuer is slow: nobody with a good token waits for them.
    let gate = ground.issuer.is_slow();
    let flood: Vec<_> = (0..300)
        .map(|nth| {
            let (cache, token) = (Arc::clone(&ground.cache), bad[nth % bad.len()].clone());
            tokio::spawn(async move { verify_with(&token, &cache, &expected(), &then()).await })
        })
        .collect();
    ground.is_asked(4).await;
    assert!(ground.verify(&good).await.is_ok());
    gate.notify_one();
    for token in flood {
        assert!(token.await.unwrap().is_err());
    }
    assert_eq!(ground.issuer.asked(), 4);
}

#[tokio::test]
async fn everybody_with_a_token_of_the_new_key_waits_for_one_request() {
    for new in [key(Algorithm::Es256), key(Algorithm::EdDsa)] {
        let (ground, old) = (ground(), key(Algorithm::Es256));
        ground.issuer.publishes(&[old.public_jwk()]);
        assert!(ground.verify(&honest(&old, &claims())).await.is_ok());
        ground.issuer.publishes(&[new.public_jwk()]);
        ground.later(5);
        let gate = ground.issuer.is_slow();
        let callers: Vec<_> = (0..50)
            .map(|_| {
                let (cache, token) = (Arc::clone(&ground.cache), honest(&new, &claims()));
                tokio::spawn(async move { verify_with(&token, &cache, &expected(), &then()).await })
            })
            .collect();
        ground.is_asked(2).await;
        // On one thread: each has begun to wait.
        tokio::task::yield_now().await;
        gate.notify_one();
        for caller in callers {
            assert!(caller.await.unwrap().is_ok());
        }
        assert_eq!(ground.issuer.asked(), 2);
    }
}

#[tokio::test]
async fn what_somebody_else_was_told_meanwhile_is_not_asked_again() {
    let (ground, old, new) = (ground(), key(Algorithm::Es256), key(Algorithm::Es256));
    ground.issuer.publishes(&[old.public_jwk()]);
    let seen = ground.ask("1").await.unwrap();
    ground.issuer.publishes(&[new.public_jwk()]);
    ground.later(5);
    assert!(ground.ask("unknown").await.is_err());
    let successor = ground.cache.successor(Some("1"), Algorithm::Es256, &seen).await.unwrap();
    assert!(successor.is_same_key(&new.verification_key().unwrap()));
    assert_eq!(ground.issuer.asked(), 2);
}

#[tokio::test]
async fn while_the_source_is_down_the_known_key_decides() {
    let (ground, old) = (ground(), key(Algorithm::Es256));
    ground.issuer.publishes(&[old.public_jwk()]);
    assert!(ground.verify(&honest(&old, &claims())).await.is_ok());
    ground.issuer.is_down();
    ground.later(5);
    let refused = ground.verify(&honest(&key(Algorithm::EdDsa), &claims())).await;
    assert!(matches!(refused, Err(JoseError::AlgorithmRefused)));
    assert!(ground.verify(&honest(&old, &claims())).await.is_ok());
    assert_eq!(ground.issuer.asked(), 2);
}

#[tokio::test]
async fn a_token_that_ends_while_keys_are_waited_for_is_over() {
    let (old, new) = (key(Algorithm::Es256), key(Algorithm::Es256));
    // The first keys that are waited for, and those of a name that was used again.
    for is_again in [false, true] {
        let ground = ground();
        ground.clock.set(crate::forge::now());
        if is_again {
            ground.issuer.publishes(&[old.public_jwk()]);
            assert!(ground.verify(&honest(&old, &claims())).await.is_ok());
            ground.later(5);
        }
        ground.issuer.publishes(&[new.public_jwk()]);
        let (asked, gate) = (ground.issuer.asked(), ground.issuer.is_slow());
        let (cache, clock) = (Arc::clone(&ground.cache), ground.clock.clone());
        let token = honest(&new, &claims());
        let verdict = tokio::spawn(async move { verify_with(&token, &cache, &expected(), &clock).await });
        ground.is_asked(asked + 1).await;
        // It lasts for five minutes, and is taken one more.
        ground.later(360);
        gate.notify_one();
        let verdict = verdict.await.unwrap();
        assert!(matches!(verdict, Err(JoseError::Expired)), "{is_again}: {verdict:?}");
    }
}
