//! Credentials for acting elsewhere: conditional writes, and that nobody sees somebody else's.

use super::{
    ground::{Ground, LOOKALIKES, far_future, long_ago},
    race::{CUTS, RACERS, ROUNDS, cut_off, race, race_two, settles},
    suite::{Setting, Suite, suite},
    verdict::{Breach, Verdict, holds, same, some},
};
use axess_core::store::{
    DelegatedCredentialStore, DelegatedRow, Expected, MAX_DOWNSTREAM_BYTES, Owner, SaveOutcome,
};
use std::sync::Arc;

/// Makes the suite of [`DelegatedCredentialStore`].
///
/// ```
/// use axess_core::memory::MemoryDelegatedCredentialStore;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::delegated_credential_store(MemoryDelegatedCredentialStore::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "of_racing_refreshes_one_wins"));
/// ```
pub fn delegated_credential_store<S: DelegatedCredentialStore>(store: S, setting: Setting) -> Suite {
    suite!("DelegatedCredentialStore", store, setting, [
        self:
            every_field_comes_back,
            names_are_told_apart,
            a_write_finds_what_it_expects,
            no_verb_reaches_another_account,
            revoking_removes_one,
            downstreams_are_listed_in_name_order,
            everything_about_a_user_is_deleted,
            of_racing_refreshes_one_wins,
            racing_first_writes_have_one_winner,
            a_revocation_beats_a_racing_refresh,
            a_call_cut_off_leaves_nothing_half_done;
    ])
}

fn row(ground: &Ground, downstream: &str) -> DelegatedRow {
    DelegatedRow {
        downstream: downstream.to_owned(),
        payload: ground.bytes(48).into(),
        updated_at: ground.at(0),
    }
}

/// Demands that the credential reads as it was written, with this version, or not at all.
async fn reads(
    store: &impl DelegatedCredentialStore,
    what: &str,
    owner: Owner,
    downstream: &str,
    want: Option<(&DelegatedRow, u64)>,
) -> Verdict {
    let got = store.load_credential(owner, downstream.to_owned()).await?;
    same(what, got.as_ref().map(|stored| (&stored.value, stored.version)), want)
}

async fn written(
    store: &impl DelegatedCredentialStore,
    ground: &Ground,
    owner: Owner,
    downstream: &str,
) -> Result<DelegatedRow, Breach> {
    let row = row(ground, downstream);
    let done = store.save_credential(owner, row.clone(), Expected::Absent).await?;
    same("the first write", done, SaveOutcome::Saved)?;
    Ok(row)
}

async fn every_field_comes_back<S: DelegatedCredentialStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let longest = "é".repeat(MAX_DOWNSTREAM_BYTES / 2);
    let payloads = [vec![], vec![0; 3], (0..=255).collect(), ground.bytes(70_000)];
    let times = [ground.just_before(0), long_ago(), far_future(), ground.at(0)];
    for (n, (payload, updated_at)) in payloads.into_iter().zip(times).enumerate() {
        let downstream = if n == 0 { longest.clone() } else { format!("service-{n}") };
        let row = DelegatedRow { downstream: downstream.clone(), payload: payload.into(), updated_at };
        let done = store.save_credential(owner, row.clone(), Expected::Absent).await?;
        same("the first write", done, SaveOutcome::Saved)?;
        reads(&*store, "the credential read back", owner, &downstream, Some((&row, 1))).await?;
    }
    reads(&*store, "one that never was", owner, "nothing", None).await
}

async fn names_are_told_apart<S: DelegatedCredentialStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let mut rows = Vec::new();
    for name in LOOKALIKES {
        reads(&*store, "a name before it is written", owner, name, None).await?;
        rows.push(written(&*store, &ground, owner, name).await?);
    }
    for row in &rows {
        reads(&*store, "each of them", owner, &row.downstream, Some((row, 1))).await?;
    }
    same("how many there are", store.find_downstreams(owner).await?.len(), LOOKALIKES.len())
}

async fn a_write_finds_what_it_expects<S: DelegatedCredentialStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owner = ground.owner();
    let save = async |expected: Expected| {
        let row = row(&ground, "github");
        let done = store.save_credential(owner, row.clone(), expected).await?;
        Ok::<_, Breach>((done == SaveOutcome::Saved, row))
    };
    let refused = async |expected: Expected| {
        let what = format!("a write that expects {expected:?}");
        same(&what, save(expected).await?.0, false)
    };
    for expected in [Expected::Version(0), Expected::Version(1), Expected::Version(u64::MAX)] {
        refused(expected).await?;
        reads(&*store, "nothing is written then", owner, "github", None).await?;
    }
    let (done, first) = save(Expected::Absent).await?;
    same("a write that expects nothing", done, true)?;
    for expected in
        [Expected::Absent, Expected::Version(0), Expected::Version(2), Expected::Version(u64::MAX)]
    {
        refused(expected).await?;
        reads(&*store, "the credential after it", owner, "github", Some((&first, 1))).await?;
    }
    let (done, second) = save(Expected::Version(1)).await?;
    same("a write that expects version 1", done, true)?;
    reads(&*store, "the credential after it", owner, "github", Some((&second, 2))).await?;
    refused(Expected::Version(1)).await?;
    let (done, third) = save(Expected::Any).await?;
    same("a write that expects anything", done, true)?;
    reads(&*store, "the credential after it", owner, "github", Some((&third, 3))).await?;
    store.revoke_credential(owner, "github".into()).await?;
    refused(Expected::Version(3)).await?;
    let (done, again) = save(Expected::Any).await?;
    same("a write that expects anything, where nothing is", done, true)?;
    reads(&*store, "the credential after it", owner, "github", Some((&again, 1))).await
}

async fn no_verb_reaches_another_account<S: DelegatedCredentialStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let mine = written(&*store, &ground, me, "github").await?;
    for other in [namesake, neighbour] {
        reads(&*store, "for another account", other, "github", None).await?;
        same("revoked", store.revoke_credential(other, "github".into()).await?, false)?;
        same("deleted", store.delete_for_user(other).await?, 0)?;
        same("listed", store.find_downstreams(other).await?, vec![])?;
        let theirs = written(&*store, &ground, other, "github").await?;
        reads(&*store, "their own", other, "github", Some((&theirs, 1))).await?;
    }
    reads(&*store, "mine after all", me, "github", Some((&mine, 1))).await
}

async fn revoking_removes_one<S: DelegatedCredentialStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    written(&*store, &ground, owner, "github").await?;
    let kept = written(&*store, &ground, owner, "gitlab").await?;
    same("the first time", store.revoke_credential(owner, "github".into()).await?, true)?;
    same("the second time", store.revoke_credential(owner, "github".into()).await?, false)?;
    reads(&*store, "the revoked one", owner, "github", None).await?;
    reads(&*store, "the other one", owner, "gitlab", Some((&kept, 1))).await
}

async fn downstreams_are_listed_in_name_order<S: DelegatedCredentialStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owner = ground.owner();
    same("before any", store.find_downstreams(owner).await?, vec![])?;
    for name in ["c", "a", "b2", "b10", "b"] {
        written(&*store, &ground, owner, name).await?;
    }
    same(
        "the names",
        store.find_downstreams(owner).await?,
        ["a", "b", "b10", "b2", "c"].map(String::from).to_vec(),
    )
}

async fn everything_about_a_user_is_deleted<S: DelegatedCredentialStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    for owner in [me, namesake, neighbour] {
        written(&*store, &ground, owner, "github").await?;
        written(&*store, &ground, owner, "gitlab").await?;
    }
    same("the first time", store.delete_for_user(me).await?, 2)?;
    same("the second time", store.delete_for_user(me).await?, 0)?;
    same("what is left", store.find_downstreams(me).await?, vec![])?;
    for other in [namesake, neighbour] {
        same("somebody else's", store.find_downstreams(other).await?.len(), 2)?;
    }
    Ok(())
}

async fn one_writer_wins<S: DelegatedCredentialStore>(
    store: Arc<S>,
    ground: &Ground,
    owner: Owner,
    expected: Expected,
    version: u64,
) -> Verdict {
    let rows: Vec<_> = (0..RACERS).map(|_| row(ground, "github")).collect();
    let answers = race(RACERS, |n| {
        let (store, row) = (Arc::clone(&store), rows.get(n).cloned());
        async move {
            let Some(row) = row else { return Ok(SaveOutcome::Conflict) };
            store.save_credential(owner, row, expected).await
        }
    })
    .await?;
    let won = answers.iter().zip(&rows).filter(|(answer, _)| **answer == SaveOutcome::Saved);
    let won: Vec<_> = won.map(|(_, row)| row).collect();
    same("how many won", won.len(), 1)?;
    let won = some("the winner", won.first().copied())?;
    reads(&*store, "what the winner wrote", owner, "github", Some((won, version))).await
}

async fn of_racing_refreshes_one_wins<S: DelegatedCredentialStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    written(&*store, &ground, owner, "github").await?;
    one_writer_wins(Arc::clone(&store), &ground, owner, Expected::Version(1), 2).await
}

async fn racing_first_writes_have_one_winner<S: DelegatedCredentialStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    one_writer_wins(store, &ground, ground.owner(), Expected::Absent, 1).await
}

async fn a_revocation_beats_a_racing_refresh<S: DelegatedCredentialStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for round in 0..ROUNDS {
        let owner = ground.owner();
        written(&*store, &ground, owner, "github").await?;
        let (one, other, row) = (Arc::clone(&store), Arc::clone(&store), row(&ground, "github"));
        let (_, revoked) = race_two(
            round,
            async move { one.save_credential(owner, row, Expected::Version(1)).await },
            async move { other.revoke_credential(owner, "github".into()).await },
        )
        .await?;
        same("the revocation found one", revoked, true)?;
        reads(&*store, "what is left", owner, "github", None).await?;
    }
    Ok(())
}

async fn a_call_cut_off_leaves_nothing_half_done<S: DelegatedCredentialStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for cut in CUTS {
        let owner = ground.owner();
        let (first, second) = (written(&*store, &ground, owner, "github").await?, row(&ground, "github"));
        let _ = cut_off(store.save_credential(owner, second.clone(), Expected::Version(1)), cut).await;
        settles(async || {
            let stored = some("the credential", store.load_credential(owner, "github".into()).await?)?;
            let (got, version) = (stored.value, stored.version);
            let whole = (&got, version) == (&first, 1) || (&got, version) == (&second, 2);
            holds(&format!("the old or the new one, not version {version} of {got:?}"), whole)
        })
        .await?;
        let _ = store.save_credential(owner, second.clone(), Expected::Version(1)).await?;
        settles(async || reads(&*store, "after it was repeated", owner, "github", Some((&second, 2))).await)
            .await?;
    }
    Ok(())
}
