use super::*;
use argon2::PasswordVerifier;
use axess_identity::{AttemptId, Pepper, UserId};
use axess_rng::MockRng;

const LIGHT: Argon2idParams = Argon2idParams::light();

fn hasher_with(params: Argon2idParams, peppers: PepperRing) -> PasswordHasher {
    PasswordHasher::new(params, peppers, Arc::new(KdfPool::inline()), Arc::new(MockRng::new(1)))
}

fn hasher() -> PasswordHasher {
    hasher_with(LIGHT, PepperRing::none())
}

fn ring(id: &str, byte: u8) -> PepperRing {
    PepperRing::new(id, pepper(byte)).unwrap()
}

fn pepper(byte: u8) -> Pepper {
    Pepper::from([byte; 32])
}

fn subject() -> Subject {
    Subject { user_id: UserId::from_parts(1, [1; 10]), attempt: AttemptId::from_parts(2, [2; 10]) }
}

async fn verify(
    hasher: &PasswordHasher,
    password: &str,
    stored: Option<&PasswordHash>,
) -> Result<Option<bool>, PasswordError> {
    let before = hasher.pool.runs();
    let outcome = hasher.verify(subject(), &Password::from(password), stored).await;
    assert_eq!(hasher.pool.runs(), before + 1, "one derivation, whatever happens");
    outcome.map(|outcome| match outcome {
        PasswordOutcome::Verified { needs_rehash, .. } => Some(needs_rehash),
        PasswordOutcome::Rejected => None,
    })
}

#[tokio::test]
async fn right_wrong_and_nobody() {
    let hasher = hasher();
    let stored = hasher.hash(&Password::from("correct horse")).await.unwrap();
    assert_eq!(verify(&hasher, "correct horse", Some(&stored)).await.unwrap(), Some(false));
    for wrong in ["Correct horse", "correct horse ", " correct horse", "correct hors", "", "correct horse\0"]
    {
        assert_eq!(verify(&hasher, wrong, Some(&stored)).await.unwrap(), None, "{wrong:?}");
    }
    assert_eq!(verify(&hasher, "correct horse", None).await.unwrap(), None);
}

#[tokio::test]
async fn the_decoy_itself_is_nobodys_password() {
    let decoy = std::str::from_utf8(DECOY_INPUT).unwrap();
    assert_eq!(verify(&hasher(), decoy, None).await.unwrap(), None);
}

#[tokio::test]
async fn the_proof_names_user_factor_and_attempt() {
    let hasher = hasher();
    let password = Password::from("correct horse");
    let stored = hasher.hash(&password).await.unwrap();
    let outcome = hasher.verify(subject(), &password, Some(&stored)).await.unwrap();
    let PasswordOutcome::Verified { proof, .. } = outcome else {
        panic!("refused");
    };
    assert_eq!(proof.user_id(), subject().user_id);
    assert_eq!(proof.attempt(), subject().attempt);
    assert_eq!(proof.factor(), &FactorKind::Password);
}

#[tokio::test]
async fn passwords_are_verified_exactly_as_typed() {
    let hasher = hasher();
    // The same letter composed and decomposed, and a NUL that a C string would end at.
    let stored = hasher.hash(&Password::from("caf\u{e9}\0rest")).await.unwrap();
    assert!(verify(&hasher, "caf\u{e9}\0rest", Some(&stored)).await.unwrap().is_some());
    for other in ["cafe\u{301}\0rest", "caf\u{e9}", "caf\u{e9}\0"] {
        assert_eq!(verify(&hasher, other, Some(&stored)).await.unwrap(), None, "{other:?}");
    }
}

#[tokio::test]
async fn hashes_are_salted_and_in_phc_form() {
    let hasher = hasher_with(LIGHT, PepperRing::none());
    let password = Password::from("correct horse");
    let (a, b) = (hasher.hash(&password).await.unwrap(), hasher.hash(&password).await.unwrap());
    assert_ne!(a.expose(), b.expose());
    assert!(a.expose().starts_with("$argon2id$v=19$m=1024,t=1,p=1$"));
    // Without a pepper it is a hash any Argon2 implementation verifies.
    assert!(Argon2::default().verify_password(b"correct horse", a.expose()).is_ok());
    assert!(Argon2::default().verify_password(b"wrong", a.expose()).is_err());
}

#[tokio::test]
async fn a_hash_of_the_reference_implementation_verifies() {
    // From the test suite of phc-winner-argon2: m=2^16, t=2, p=1, "password", "somesalt".
    let stored = PasswordHash::from(
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    );
    let hasher = hasher_with(Argon2idParams::default(), PepperRing::none());
    assert_eq!(verify(&hasher, "password", Some(&stored)).await.unwrap(), Some(true), "its salt is short");
    assert_eq!(verify(&hasher, "differentpassword", Some(&stored)).await.unwrap(), None);
}

#[tokio::test]
async fn a_megabyte_costs_one_run_and_is_nobodys_password() {
    let hasher = hasher();
    let stored = hasher.hash(&Password::from("correct horse")).await.unwrap();
    let megabyte = "x".repeat(1_000_000);
    assert_eq!(verify(&hasher, &megabyte, Some(&stored)).await.unwrap(), None);
    assert_eq!(verify(&hasher, &megabyte, None).await.unwrap(), None);
    let forced = hasher.hash_bytes(LIGHT, megabyte.as_bytes()).await.unwrap();
    assert_eq!(
        verify(&hasher, &megabyte, Some(&forced)).await.unwrap(),
        None,
        "its hash is never even computed"
    );
    let runs = hasher.pool.runs();
    assert!(matches!(hasher.hash(&Password::from(megabyte)).await, Err(PasswordError::TooLong)));
    assert_eq!(hasher.pool.runs(), runs);
    let longest = "x".repeat(MAX_PASSWORD_BYTES);
    let stored = hasher.hash(&Password::from(longest.as_str())).await.unwrap();
    assert!(verify(&hasher, &longest, Some(&stored)).await.unwrap().is_some());
    assert_eq!(verify(&hasher, &(longest + "x"), Some(&stored)).await.unwrap(), None, "cut off nowhere");
}

#[tokio::test]
async fn unusable_records_are_errors_after_equal_work() {
    let hasher = hasher();
    for text in
        ["", "x", "$2b$12$abc", "$argon2id$v=19$m=4194304,t=99,p=64$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"]
    {
        let stored = PasswordHash::from(text);
        assert!(matches!(verify(&hasher, "x", Some(&stored)).await, Err(PasswordError::CorruptRecord)));
        assert!(hasher.matches(&Password::from("x"), &stored).await.is_err());
    }
}

#[tokio::test]
async fn a_missing_pepper_is_an_operators_fault_never_a_pass() {
    let stored = hasher_with(LIGHT, ring("a", 1)).hash(&Password::from("x")).await.unwrap();
    assert!(stored.expose().contains(",keyid="));
    for other in [PepperRing::none(), ring("b", 1)] {
        let error = verify(&hasher_with(LIGHT, other), "x", Some(&stored)).await.unwrap_err();
        assert!(matches!(&error, PasswordError::UnknownPepper { id } if id == "a"));
    }
    // The right id with another secret is just a wrong password.
    assert_eq!(verify(&hasher_with(LIGHT, ring("a", 2)), "x", Some(&stored)).await.unwrap(), None);
    // A plain Argon2id run over the password does not verify: the pepper is really in there.
    let plain = PasswordHash::from(stored.expose().replace(",keyid=AWE", ""));
    assert_ne!(plain.expose(), stored.expose());
    assert_eq!(verify(&hasher(), "x", Some(&plain)).await.unwrap(), None);
}

#[tokio::test]
async fn rotation_asks_for_a_rehash() {
    let password = Password::from("correct horse");
    let unpeppered = hasher().hash(&password).await.unwrap();
    let first = hasher_with(LIGHT, ring("a", 1));
    let old = first.hash(&password).await.unwrap();
    let rotated = hasher_with(LIGHT, ring("b", 2).with_previous("a", pepper(1)).unwrap());
    let new = rotated.hash(&password).await.unwrap();
    let retired = hasher_with(LIGHT, PepperRing::none().with_previous("b", pepper(2)).unwrap());
    for (hasher, stored, needs_rehash) in [
        (&first, &unpeppered, true),
        (&first, &old, false),
        (&rotated, &old, true),
        (&rotated, &new, false),
        (&retired, &new, true),
        (&retired, &unpeppered, false),
    ] {
        let outcome = verify(hasher, "correct horse", Some(stored)).await.unwrap();
        assert_eq!(outcome, Some(needs_rehash), "{:?}", hasher.peppers);
        assert_eq!(verify(hasher, "wrong", Some(stored)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn changed_parameters_ask_for_a_rehash() {
    let stored = hasher().hash(&Password::from("x")).await.unwrap();
    for (memory, time, lanes) in [(2048, 1, 1), (1024, 2, 1), (1024, 1, 2), (512, 1, 1)] {
        let params = Argon2idParams::new(memory, time, lanes).unwrap();
        let changed = hasher_with(params, PepperRing::none());
        assert_eq!(verify(&changed, "x", Some(&stored)).await.unwrap(), Some(true), "{params:?}");
        let rehashed = changed.hash(&Password::from("x")).await.unwrap();
        assert_eq!(verify(&changed, "x", Some(&rehashed)).await.unwrap(), Some(false));
    }
}

#[tokio::test]
async fn history_is_searched_one_run_each() {
    let hasher = hasher();
    let mut history = Vec::new();
    for old in ["first one", "second one"] {
        history.push(hasher.hash(&Password::from(old)).await.unwrap());
    }
    let before = hasher.pool.runs();
    let mut found = Vec::new();
    for stored in &history {
        found.push(hasher.matches(&Password::from("second one"), stored).await.unwrap());
    }
    assert_eq!(found, [false, true]);
    assert_eq!(hasher.pool.runs(), before + 2);
}

#[tokio::test]
async fn overload_is_an_error_not_a_wrong_password() {
    let pool = Arc::new(KdfPool::new(1, 0));
    let hasher = PasswordHasher::new(LIGHT, PepperRing::none(), Arc::clone(&pool), Arc::new(MockRng::new(1)));
    let (release, held) = std::sync::mpsc::channel::<()>();
    let busy = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { pool.run(move || held.recv()).await }
    });
    tokio::task::yield_now().await;
    let refused = hasher.verify(subject(), &Password::from("x"), None).await;
    assert!(matches!(refused, Err(PasswordError::Kdf(KdfError::Overloaded { .. }))));
    drop(release);
    assert!(busy.await.unwrap().unwrap().is_err());
    assert!(matches!(
        hasher.verify(subject(), &Password::from("x"), None).await,
        Ok(PasswordOutcome::Rejected)
    ));
}

#[test]
fn nothing_secret_is_printed() {
    let hasher = hasher_with(LIGHT, ring("a", 0x41));
    let debug = format!("{hasher:?}");
    assert!(debug.contains("current: Some(\"a\")"), "{debug}");
    assert!(!debug.contains("65, 65") && !debug.contains("AAAA"), "{debug}");
}
