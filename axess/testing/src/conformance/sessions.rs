//! Sessions: compare-and-swap, rotation, and that ending always wins.

mod ends;
mod lists;
mod model;
mod races;
mod rows;

use super::{
    ground::Ground,
    suite::{Setting, Suite, suite},
    verdict::{Verdict, same},
};
use axess_core::store::{Owner, SaveOutcome, SessionRow, SessionStore};
use axess_identity::SessionId;
use bytes::Bytes;

/// The most sessions a case looks for.
const MANY: usize = 1_000;

/// Makes the suite of [`SessionStore`].
///
/// ```
/// use axess_core::memory::InMemorySessionStore;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::session_store(InMemorySessionStore::new(), Setting::default());
/// assert!(suite.cases().count() > 20);
/// ```
pub fn session_store<S: SessionStore>(store: S, setting: Setting) -> Suite {
    suite!("SessionStore", store, setting, [
        rows:
            every_field_comes_back,
            payloads_are_opaque_bytes,
            an_expired_row_is_never_returned,
            an_insert_never_replaces,
            a_save_follows_the_stored_version,
            a_save_replaces_every_field,
            a_cycle_moves_the_row,
            a_cycle_follows_the_stored_version;
        ends:
            ending_follows_rotations,
            what_ended_never_comes_back,
            ending_leaves_other_sessions_alone,
            the_sessions_of_a_user_end_together,
            the_sessions_of_a_tenant_end_together;
        lists:
            sessions_of_a_user_are_listed_newest_first,
            a_list_has_a_limit,
            a_list_follows_the_owner,
            a_scan_sees_every_row,
            a_scan_goes_on_while_rows_change,
            cleanup_deletes_what_expired_and_nothing_else;
        races:
            racing_inserts_have_one_winner,
            racing_saves_have_one_winner,
            no_update_is_lost,
            racing_cycles_have_one_winner,
            of_a_save_and_a_cycle_one_wins,
            an_end_beats_a_racing_save,
            an_end_beats_a_racing_cycle,
            ending_a_user_beats_a_racing_cycle,
            ending_a_tenant_beats_a_racing_cycle,
            a_call_cut_off_leaves_nothing_half_done;
        model:
            any_sequence_answers_as_in_memory;
    ])
}

/// A first row that lives from second 0 to second 1000.
fn fresh(ground: &Ground, owner: Option<Owner>) -> SessionRow {
    let id = ground.session();
    SessionRow {
        id,
        lineage: id,
        version: 1,
        owner,
        payload: Bytes::from(ground.bytes(40)),
        created_at: ground.at(0),
        expires_at: ground.at(1_000),
    }
}

/// What `row` is rotated into.
fn next(ground: &Ground, row: &SessionRow) -> SessionRow {
    SessionRow { id: ground.session(), version: 1, payload: ground.bytes(40).into(), ..row.clone() }
}

/// The next write of `row`.
fn changed(ground: &Ground, row: &SessionRow) -> SessionRow {
    SessionRow { version: row.version + 1, payload: ground.bytes(40).into(), ..row.clone() }
}

async fn inserted(
    store: &impl SessionStore,
    ground: &Ground,
    owner: Option<Owner>,
) -> Result<SessionRow, super::verdict::Breach> {
    let row = fresh(ground, owner);
    same("insert of a new row", store.insert(row.clone()).await?, SaveOutcome::Saved)?;
    Ok(row)
}

/// Demands that a row reads as it was written, or not at all.
async fn reads(
    store: &impl SessionStore,
    ground: &Ground,
    what: &str,
    id: SessionId,
    want: Option<&SessionRow>,
) -> Verdict {
    same(what, store.load(id, ground.at(0)).await?.as_ref(), want)
}

/// Demands that exactly these sessions of `owner` are listed, in any order.
async fn lists(
    store: &impl SessionStore,
    ground: &Ground,
    what: &str,
    owner: Owner,
    want: &[SessionId],
) -> Verdict {
    let listed = store.find_sessions_for_user(owner, ground.at(0), MANY).await?;
    let mut got: Vec<_> = listed.into_iter().map(|summary| summary.id).collect();
    let mut want = want.to_vec();
    got.sort_unstable();
    want.sort_unstable();
    same(what, got, want)
}
