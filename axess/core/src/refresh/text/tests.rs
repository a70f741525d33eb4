use super::*;
use axess_identity::Pepper;
use axess_rng::MockRng;

fn owner() -> Owner {
    Owner { tenant_id: TenantId::from_parts(1, [2; 10]), user_id: UserId::from_parts(1, [3; 10]) }
}

fn token(seed: u64) -> TokenText {
    TokenText::draw(owner(), DateTime::UNIX_EPOCH, &MockRng::new(seed))
}

fn ring(id: &str, byte: u8) -> PepperRing {
    PepperRing::new(id, Pepper::from([byte; 32])).unwrap()
}

#[test]
fn what_is_written_is_read_back() {
    let token = token(1);
    let text = token.encode();
    assert_eq!(text.expose().len(), 5 + 107);
    let read = TokenText::parse(&text).unwrap();
    assert_eq!((read.owner, read.id, read.secret()), (token.owner, token.id, token.secret()));
    assert_eq!(read.encode().expose(), text.expose());
}

#[test]
fn everything_else_is_no_token() {
    let good = token(1).encode().expose().to_owned();
    let cut = &good[..good.len() - 1];
    // The last character holds two bits that must be zero.
    let last = good.chars().last().unwrap();
    let loose = char::from_u32(u32::from(last) + 1).unwrap();
    for bad in [
        "",
        "axr1_",
        "axr1",
        &good[5..],
        cut,
        &format!("{good}A"),
        &format!("{good}="),
        &format!("{cut}{loose}"),
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([good.replace("axr1_", "axr2_"), good.replace("axr1_", "AXR1_"), format!(" {good}")])
    .chain([good.replacen(|c: char| c.is_ascii_digit(), "+", 2), "ä".repeat(56)])
    {
        assert!(TokenText::parse(&bad.as_str().into()).is_none(), "{bad}");
    }
}

#[test]
fn a_hash_is_of_one_token_and_one_pepper() {
    let (mine, other) = (token(1), token(2));
    let (none, old, new) = (PepperRing::none(), ring("2025", 1), ring("2026", 2));
    let both = new.clone().with_previous("2025", Pepper::from([1; 32])).unwrap();
    let plain = mine.hash(&none).unwrap();
    let keyed = mine.hash(&old).unwrap();
    assert!(plain.as_str().starts_with("sha256::") && plain.pepper_id().is_none());
    assert!(keyed.as_str().starts_with("hmac-sha256:2025:"));
    assert_eq!(keyed.pepper_id(), Some("2025"));
    for (hash, ring, proves) in [
        (&plain, &none, true),
        (&plain, &new, true),
        (&keyed, &old, true),
        (&keyed, &both, true),
        (&keyed, &new, false),
        (&keyed, &none, false),
    ] {
        assert_eq!(mine.proves(ring, hash), proves, "{hash:?} {ring:?}");
        assert!(!other.proves(ring, hash));
    }
    assert!(
        mine.hash(&both).unwrap().as_str().starts_with("hmac-sha256:2026:"),
        "new hashes take the current one"
    );
}

/// The same secret in the row of another token or another user proves nothing: a row cannot be copied over another.
#[test]
fn the_ids_are_part_of_what_is_hashed() {
    let mine = token(1);
    let hash = mine.hash(&PepperRing::none()).unwrap();
    let moved = TokenText::from_parts(mine.owner, token(2).id, mine.secret()).unwrap();
    let stranger = Owner { user_id: UserId::from_parts(9, [9; 10]), ..mine.owner };
    let taken = TokenText::from_parts(stranger, mine.id, mine.secret()).unwrap();
    assert!(!moved.proves(&PepperRing::none(), &hash) && !taken.proves(&PepperRing::none(), &hash));
}

#[test]
fn debug_says_nothing_of_the_secret() {
    let token = token(1);
    let shown = format!("{token:?} {:?}", token.encode());
    let hex = hex(token.secret());
    assert!(
        !shown.contains(&hex)
            && !shown.contains("axr1_")
            && !shown.contains(&format!("{:?}", token.secret()))
    );
}
