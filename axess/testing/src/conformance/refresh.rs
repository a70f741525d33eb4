//! Refresh tokens: one rotation per token, the cap, and that revocation always wins.

mod issue;
mod lists;
mod model;
mod races;
mod revoke;
mod rotate;

use super::{
    ground::Ground,
    suite::{Setting, Suite, suite},
    verdict::{Breach, Verdict, same, some},
};
use axess_core::{
    refresh::{RefreshGrant, RefreshToken, TokenHash},
    store::{IssueOutcome, Owner, RefreshTokenStore, RotateOutcome},
};
use axess_identity::{FactorKind, RefreshTokenId};
use bytes::Bytes;

/// The most tokens a case looks for, and a cap that is out of reach.
const MANY: usize = 1_000;

/// Makes the suite of [`RefreshTokenStore`].
///
/// ```
/// use axess_core::memory::MemoryRefreshTokenStore;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::refresh_token_store(MemoryRefreshTokenStore::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "revoking_a_family_beats_a_racing_rotation"));
/// ```
pub fn refresh_token_store<S: RefreshTokenStore>(store: S, setting: Setting) -> Suite {
    suite!("RefreshTokenStore", store, setting, [
        issue:
            every_field_comes_back,
            an_issue_never_replaces,
            the_oldest_are_evicted,
            the_cap_counts_active_tokens_of_the_owner;
        rotate:
            a_rotation_hands_over,
            only_an_active_token_is_rotated,
            a_successor_is_handed_out_once,
            a_successor_that_is_not_active_is_not_handed_out,
            an_active_token_is_extended;
        revoke:
            revoking_hits_what_it_names,
            revoking_tells_the_devices,
            revoking_again_changes_nothing,
            revoking_a_tenant_spares_the_others,
            no_verb_reaches_another_account;
        lists:
            active_tokens_are_listed_newest_first,
            everything_about_a_user_is_deleted,
            cleanup_deletes_what_expired_and_nothing_else;
        races:
            the_cap_is_never_exceeded,
            racing_issues_of_one_token_have_one_winner,
            racing_rotations_have_one_winner,
            a_successor_goes_to_one_of_many,
            a_rotation_or_a_revocation_hits_the_token,
            revoking_a_family_beats_a_racing_rotation,
            revoking_a_device_beats_a_racing_rotation,
            revoking_a_user_beats_a_racing_rotation,
            revoking_a_tenant_beats_a_racing_rotation,
            revoking_beats_a_racing_extension,
            a_call_cut_off_leaves_nothing_half_done;
        model:
            any_sequence_answers_as_in_memory;
    ])
}

/// A token that is active from second 0 to second 1000, in a family and on a device of its own.
fn fresh(ground: &Ground, owner: Owner) -> RefreshToken {
    RefreshToken {
        id: ground.token(),
        owner,
        family_id: ground.family(),
        token_hash: hash(ground),
        grant: RefreshGrant::new(ground.at(0), vec![FactorKind::Password]),
        device_id: Some(ground.device()),
        device_info: Some("laptop".into()),
        issued_at: ground.at(0),
        expires_at: ground.at(1_000),
        rotated_at: None,
        revoked_at: None,
        successor: None,
    }
}

/// What `token` is exchanged for at `seconds`.
fn next(ground: &Ground, token: &RefreshToken, seconds: i64) -> RefreshToken {
    RefreshToken {
        id: ground.token(),
        token_hash: hash(ground),
        issued_at: ground.at(seconds),
        rotated_at: None,
        revoked_at: None,
        successor: None,
        ..token.clone()
    }
}

/// Draws the stored form of a hash.
fn hash(ground: &Ground) -> TokenHash {
    hash_of(&format!("hmac-sha256:2026a:{}", ground.word()))
}

#[expect(clippy::expect_used, reason = "the suite's own texts are well-formed")]
fn hash_of(text: &str) -> TokenHash {
    TokenHash::new(text).expect("the stored form of a hash")
}

fn sealed(ground: &Ground) -> Bytes {
    ground.bytes(64).into()
}

async fn issued(store: &impl RefreshTokenStore, token: RefreshToken) -> Result<RefreshToken, Breach> {
    let done = store.issue_with_eviction(token.clone(), MANY).await?;
    same("issue", done, IssueOutcome::Issued { evicted: vec![] })?;
    Ok(token)
}

async fn rotated(
    store: &impl RefreshTokenStore,
    ground: &Ground,
    token: &RefreshToken,
    seconds: i64,
) -> Result<RefreshToken, Breach> {
    let into = next(ground, token, seconds);
    let done = store.rotate_token(token.id, into.clone(), sealed(ground)).await?;
    same("rotation", done, RotateOutcome::Rotated)?;
    Ok(into)
}

async fn read(
    store: &impl RefreshTokenStore,
    owner: Owner,
    id: RefreshTokenId,
) -> Result<RefreshToken, Breach> {
    some("the token", store.load_token(owner, id).await?)
}

/// Demands that exactly these tokens of `owner` are active at second 10, in any order.
async fn active(
    store: &impl RefreshTokenStore,
    ground: &Ground,
    what: &str,
    owner: Owner,
    want: &[RefreshTokenId],
) -> Verdict {
    let found = store.find_tokens_for_user(owner, ground.at(10), MANY).await?;
    let mut got: Vec<_> = found.into_iter().map(|token| token.id).collect();
    let mut want = want.to_vec();
    got.sort_unstable();
    want.sort_unstable();
    same(what, got, want)
}
