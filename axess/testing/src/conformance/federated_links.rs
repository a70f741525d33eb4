//! Whose account an identity at a provider is: one account for one identity, whoever races.

use super::{
    ground::{Ground, LOOKALIKES, far_future, long_ago},
    race::{CUTS, RACERS, ROUNDS, cut_off, race, race_two, settles},
    suite::{Setting, Suite, suite},
    verdict::{Breach, Verdict, holds, same, some},
};
use axess_core::store::{Expected, FederatedLink, FederatedLinkStore, Owner, SaveOutcome};
use std::sync::Arc;

const ISSUER: &str = "https://login.example.com";

/// Makes the suite of [`FederatedLinkStore`].
///
/// ```
/// use axess_core::memory::MemoryFederatedLinkStore;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::federated_link_store(MemoryFederatedLinkStore::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "of_racing_accounts_one_gets_the_identity"));
/// ```
pub fn federated_link_store<S: FederatedLinkStore>(store: S, setting: Setting) -> Suite {
    suite!("FederatedLinkStore", store, setting, [
        self:
            every_field_comes_back,
            names_are_told_apart,
            a_write_finds_what_it_expects,
            touching_says_whose_it_is,
            no_verb_reaches_another_account,
            links_are_listed_in_order,
            everything_about_a_user_is_deleted,
            everything_about_a_tenant_is_deleted,
            of_racing_accounts_one_gets_the_identity,
            a_deletion_beats_a_racing_touch,
            a_call_cut_off_leaves_nothing_half_done;
    ])
}

fn link(ground: &Ground, owner: Owner, subject: &str) -> FederatedLink {
    FederatedLink {
        owner,
        issuer: ISSUER.into(),
        subject: subject.into(),
        provider: provider(),
        linked_at: ground.at(0),
        last_used_at: None,
    }
}

#[expect(clippy::expect_used, reason = "a fixture's fault must stop the test")]
fn provider() -> axess_identity::ProviderName {
    "okta".parse().expect("the name is valid")
}

async fn written(
    store: &impl FederatedLinkStore,
    ground: &Ground,
    owner: Owner,
    subject: &str,
) -> Result<FederatedLink, Breach> {
    let link = link(ground, owner, subject);
    let done = store.save_link(link.clone(), Expected::Absent).await?;
    same("the first write", done, SaveOutcome::Saved)?;
    Ok(link)
}

/// Demands that the identity of `like` reads as `want`, with this version, or not at all.
async fn reads(
    store: &impl FederatedLinkStore,
    what: &str,
    like: &FederatedLink,
    want: Option<(&FederatedLink, u64)>,
) -> Verdict {
    let got = store.find_link(like.owner.tenant_id, like.issuer.clone(), like.subject.clone()).await?;
    same(what, got.as_ref().map(|stored| (&stored.value, stored.version)), want)
}

async fn every_field_comes_back<S: FederatedLinkStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let longest = FederatedLink {
        issuer: format!("https://{}", "é".repeat(252)),
        subject: "👾".repeat(63),
        linked_at: long_ago(),
        last_used_at: Some(far_future()),
        ..link(&ground, owner, "")
    };
    let used = FederatedLink { last_used_at: Some(ground.just_before(0)), ..link(&ground, owner, "2") };
    for one in [link(&ground, owner, "1"), used, longest] {
        let done = store.save_link(one.clone(), Expected::Absent).await?;
        same("the first write", done, SaveOutcome::Saved)?;
        reads(&*store, "the link read back", &one, Some((&one, 1))).await?;
    }
    reads(&*store, "one that never was", &link(&ground, owner, "nobody"), None).await
}

async fn names_are_told_apart<S: FederatedLinkStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let mut all = Vec::new();
    for name in LOOKALIKES {
        for (issuer, subject) in [(format!("https://{name}"), "s"), (ISSUER.into(), name)] {
            let one = FederatedLink { issuer, ..link(&ground, owner, subject) };
            reads(&*store, "one before it is written", &one, None).await?;
            let done = store.save_link(one.clone(), Expected::Absent).await?;
            same("the first write", done, SaveOutcome::Saved)?;
            all.push(one);
        }
    }
    for one in &all {
        reads(&*store, "each of them", one, Some((one, 1))).await?;
    }
    same("how many there are", store.find_links(owner).await?.len(), all.len())
}

async fn a_write_finds_what_it_expects<S: FederatedLinkStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let [me, _, other] = ground.owners();
    let mine = link(&ground, me, "1");
    for expected in [Expected::Version(0), Expected::Version(1), Expected::Version(u64::MAX)] {
        let done = store.save_link(mine.clone(), expected).await?;
        same(&format!("a write that expects {expected:?}, where nothing is"), done, SaveOutcome::Conflict)?;
        reads(&*store, "nothing is written then", &mine, None).await?;
    }
    written(&*store, &ground, me, "1").await?;
    let theirs = link(&ground, other, "1");
    for expected in [Expected::Absent, Expected::Version(0), Expected::Version(2)] {
        let done = store.save_link(theirs.clone(), expected).await?;
        same(&format!("a write that expects {expected:?}, of version 1"), done, SaveOutcome::Conflict)?;
        reads(&*store, "the link after it", &mine, Some((&mine, 1))).await?;
    }
    let done = store.save_link(theirs.clone(), Expected::Version(1)).await?;
    same("a write that expects version 1", done, SaveOutcome::Saved)?;
    reads(&*store, "the link after it", &mine, Some((&theirs, 2))).await?;
    same("what was mine", store.find_links(me).await?, vec![])?;
    let done = store.save_link(mine.clone(), Expected::Any).await?;
    same("a write that expects anything", done, SaveOutcome::Saved)?;
    reads(&*store, "the link after it", &mine, Some((&mine, 3))).await
}

async fn touching_says_whose_it_is<S: FederatedLinkStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let mine = written(&*store, &ground, me, "1").await?;
    for other in [namesake, neighbour] {
        let touched = store.touch_link(other, ISSUER.into(), "1".into(), ground.at(9)).await?;
        same("touched by another account", touched, false)?;
    }
    same(
        "touched, but another one",
        store.touch_link(me, ISSUER.into(), "2".into(), ground.at(9)).await?,
        false,
    )?;
    reads(&*store, "untouched so far", &mine, Some((&mine, 1))).await?;
    // Twice at the same time: a row that stays as it is counts as well.
    for _ in 0..2 {
        same("touched", store.touch_link(me, ISSUER.into(), "1".into(), ground.at(5)).await?, true)?;
        let used = FederatedLink { last_used_at: Some(ground.at(5)), ..mine.clone() };
        reads(&*store, "the link after it", &mine, Some((&used, 1))).await?;
    }
    Ok(())
}

async fn no_verb_reaches_another_account<S: FederatedLinkStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let mine = written(&*store, &ground, me, "1").await?;
    for other in [namesake, neighbour] {
        same("deleted", store.delete_link(other, ISSUER.into(), "1".into()).await?, false)?;
        same("deleted with the account", store.delete_for_user(other).await?, 0)?;
        same("listed", store.find_links(other).await?, vec![])?;
    }
    for other in [namesake, neighbour].into_iter().filter(|other| other.tenant_id != me.tenant_id) {
        reads(&*store, "in another tenant", &link(&ground, other, "1"), None).await?;
        let theirs = written(&*store, &ground, other, "1").await?;
        reads(&*store, "their own", &theirs, Some((&theirs, 1))).await?;
    }
    reads(&*store, "mine after all", &mine, Some((&mine, 1))).await?;
    same("deleted by its owner", store.delete_link(me, ISSUER.into(), "1".into()).await?, true)?;
    same("deleted again", store.delete_link(me, ISSUER.into(), "1".into()).await?, false)?;
    reads(&*store, "after it", &mine, None).await
}

async fn links_are_listed_in_order<S: FederatedLinkStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    same("before any", store.find_links(owner).await?, vec![])?;
    let mut all = Vec::new();
    for (issuer, subject) in [("b", "1"), ("a", "2"), ("a", "10"), ("a", "B"), ("B", "1"), ("a", "b")] {
        let one = FederatedLink { issuer: issuer.into(), ..link(&ground, owner, subject) };
        let _ = store.save_link(one.clone(), Expected::Absent).await?;
        all.push(one);
    }
    all.sort_by(|a, b| (&a.issuer, &a.subject).cmp(&(&b.issuer, &b.subject)));
    same("the links", store.find_links(owner).await?, all)
}

async fn everything_about_a_user_is_deleted<S: FederatedLinkStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owners = ground.owners();
    for (n, owner) in owners.into_iter().enumerate() {
        written(&*store, &ground, owner, &format!("{n}a")).await?;
        written(&*store, &ground, owner, &format!("{n}b")).await?;
    }
    let [me, others @ ..] = owners;
    same("the first time", store.delete_for_user(me).await?, 2)?;
    same("the second time", store.delete_for_user(me).await?, 0)?;
    same("what is left", store.find_links(me).await?, vec![])?;
    for other in others {
        same("somebody else's", store.find_links(other).await?.len(), 2)?;
    }
    Ok(())
}

async fn everything_about_a_tenant_is_deleted<S: FederatedLinkStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (here, there) = (ground.owner(), ground.owner());
    let colleague = Owner { tenant_id: here.tenant_id, user_id: ground.owner().user_id };
    for (n, owner) in [here, colleague, there].into_iter().enumerate() {
        written(&*store, &ground, owner, &n.to_string()).await?;
    }
    same("the first time", store.delete_for_tenant(here.tenant_id).await?, 2)?;
    same("the second time", store.delete_for_tenant(here.tenant_id).await?, 0)?;
    same("another tenant's", store.find_links(there).await?.len(), 1)
}

async fn of_racing_accounts_one_gets_the_identity<S: FederatedLinkStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let tenant_id = ground.owner().tenant_id;
    let links: Vec<_> = (0..RACERS)
        .map(|_| link(&ground, Owner { tenant_id, user_id: ground.owner().user_id }, "1"))
        .collect();
    let answers = race(RACERS, |n| {
        let (store, link) = (Arc::clone(&store), links.get(n).cloned());
        async move {
            let Some(link) = link else { return Ok(SaveOutcome::Conflict) };
            store.save_link(link, Expected::Absent).await
        }
    })
    .await?;
    let won = answers.iter().zip(&links).filter(|(answer, _)| **answer == SaveOutcome::Saved);
    let won: Vec<_> = won.map(|(_, link)| link).collect();
    same("how many won", won.len(), 1)?;
    let won = some("the winner", won.first().copied())?;
    reads(&*store, "what the winner wrote", won, Some((won, 1))).await?;
    for loser in links.iter().filter(|link| link.owner != won.owner) {
        same("what a loser has", store.find_links(loser.owner).await?, vec![])?;
    }
    Ok(())
}

async fn a_deletion_beats_a_racing_touch<S: FederatedLinkStore>(store: Arc<S>, ground: Ground) -> Verdict {
    for round in 0..ROUNDS {
        let owner = ground.owner();
        let mine = written(&*store, &ground, owner, "1").await?;
        let (one, other, at) = (Arc::clone(&store), Arc::clone(&store), ground.at(1));
        let (_, deleted) = race_two(
            round,
            async move { one.touch_link(owner, ISSUER.into(), "1".into(), at).await },
            async move { other.delete_link(owner, ISSUER.into(), "1".into()).await },
        )
        .await?;
        same("the deletion found one", deleted, true)?;
        reads(&*store, "what is left", &mine, None).await?;
    }
    Ok(())
}

async fn a_call_cut_off_leaves_nothing_half_done<S: FederatedLinkStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for cut in CUTS {
        let owner = ground.owner();
        let mine = link(&ground, owner, "1");
        let _ = cut_off(store.save_link(mine.clone(), Expected::Absent), cut).await;
        settles(async || {
            let found = store.find_link(owner.tenant_id, ISSUER.into(), "1".into()).await?;
            let listed = store.find_links(owner).await?.len();
            let whole = found.as_ref().is_none_or(|found| found.value == mine && found.version == 1);
            holds(&format!("a whole link or none, not {found:?}"), whole)?;
            same("and it is listed as it is found", listed, usize::from(found.is_some()))
        })
        .await?;
        let _ = store.save_link(mine.clone(), Expected::Absent).await?;
        settles(async || reads(&*store, "after it was repeated", &mine, Some((&mine, 1))).await).await?;
    }
    Ok(())
}
