use super::RefreshToken;
use chrono::{DateTime, TimeDelta, Utc};

/// What a presented token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing, and nobody is told why: there is no such token, the secret is not its secret, or its time is over.
    Refuse,
    /// It was spent or revoked before: whoever presents it has an old copy, and the family cannot be trusted any more.
    Reuse,
    /// It is exchanged for a successor.
    Rotate,
    /// It goes on working for another lifetime.
    Extend,
    /// It was exchanged a moment ago: the loser of the race may have the same successor, if nobody had it yet.
    HandOver,
}

/// Decides about the stored token `row`, whose secret the caller has presented (`proven`) or not.
///
/// The secret comes first: whoever does not have it must not be able to have a family revoked. The time comes second:
/// a token that is over may be gone from the store, so it must look like one that is.
pub(super) fn decide(
    row: Option<&RefreshToken>,
    proven: bool,
    rotation: bool,
    race_window: TimeDelta,
    now: DateTime<Utc>,
) -> Decision {
    let Some(row) = row.filter(|_| proven) else { return Decision::Refuse };
    if now >= row.expires_at {
        return Decision::Refuse;
    }
    if row.revoked_at.is_some() {
        return Decision::Reuse;
    }
    match row.rotated_at {
        None if rotation => Decision::Rotate,
        None => Decision::Extend,
        Some(at) if now - at < race_window && row.successor.is_some() => Decision::HandOver,
        Some(_) => Decision::Reuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        refresh::{RefreshGrant, Successor, TokenHash},
        store::Owner,
    };
    use axess_identity::{RefreshTokenId, TenantId, TokenFamilyId, UserId};

    const WINDOW: TimeDelta = TimeDelta::seconds(10);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
    }

    fn token() -> RefreshToken {
        RefreshToken {
            id: RefreshTokenId::from_parts(0, [1; 10]),
            owner: Owner {
                tenant_id: TenantId::from_parts(0, [2; 10]),
                user_id: UserId::from_parts(0, [3; 10]),
            },
            family_id: TokenFamilyId::from_parts(0, [4; 10]),
            token_hash: TokenHash::new("sha256::00").unwrap(),
            grant: RefreshGrant::new(at(0), vec![]),
            device_id: None,
            device_info: None,
            issued_at: at(0),
            expires_at: at(1_000),
            rotated_at: None,
            revoked_at: None,
            successor: None,
        }
    }

    fn rotated(taken: bool) -> RefreshToken {
        let successor = Successor { id: RefreshTokenId::from_parts(0, [5; 10]), sealed: vec![1].into() };
        RefreshToken { rotated_at: Some(at(100)), successor: (!taken).then_some(successor), ..token() }
    }

    fn revoked(row: RefreshToken) -> RefreshToken {
        RefreshToken { revoked_at: Some(at(100)), ..row }
    }

    #[test]
    fn the_table() {
        use Decision::*;
        let rows: &[(&str, Option<RefreshToken>, i64, Decision, Decision)] = &[
            // name, row, time, with rotation, without
            ("no such token", None, 100, Refuse, Refuse),
            ("active", Some(token()), 100, Rotate, Extend),
            ("active in its last second", Some(token()), 999, Rotate, Extend),
            ("expired", Some(token()), 1_000, Refuse, Refuse),
            ("long expired", Some(token()), 9_000, Refuse, Refuse),
            ("rotated just now", Some(rotated(false)), 100, HandOver, HandOver),
            ("rotated, the clock went back", Some(rotated(false)), 40, HandOver, HandOver),
            ("rotated, window nearly over", Some(rotated(false)), 109, HandOver, HandOver),
            ("rotated, window over", Some(rotated(false)), 110, Reuse, Reuse),
            ("rotated, successor taken", Some(rotated(true)), 101, Reuse, Reuse),
            ("rotated and expired", Some(rotated(false)), 1_000, Refuse, Refuse),
            ("revoked", Some(revoked(token())), 101, Reuse, Reuse),
            ("revoked and expired", Some(revoked(token())), 1_000, Refuse, Refuse),
            ("rotated and revoked within the window", Some(revoked(rotated(false))), 101, Reuse, Reuse),
        ];
        for (name, row, time, with, without) in rows {
            let decide = |proven, rotation| decide(row.as_ref(), proven, rotation, WINDOW, at(*time));
            assert_eq!((decide(true, true), decide(true, false)), (*with, *without), "{name}");
            assert_eq!((decide(false, true), decide(false, false)), (Refuse, Refuse), "{name}, wrong secret");
        }
    }

    #[test]
    fn without_a_window_there_is_no_second_chance() {
        let row = rotated(false);
        assert_eq!(decide(Some(&row), true, true, TimeDelta::zero(), at(100)), Decision::Reuse);
    }
}
