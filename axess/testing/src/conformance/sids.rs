//! Sessions by what an identity provider calls them.

use super::{
    ground::{Ground, LOOKALIKES, far_future},
    race::{CUTS, RACERS, cut_off, race, settles},
    suite::{Setting, Suite, suite},
    sweep::drain,
    verdict::{Breach, Verdict, holds, same},
};
use axess_core::store::{LoggedOut, LogoutKey, Owner, SidBinding, SidStore};
use std::sync::Arc;

const ISSUER: &str = "https://login.example.com";

/// Makes the suite of [`SidStore`].
///
/// ```
/// use axess_core::memory::MemorySidStore;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::sid_store(MemorySidStore::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "names_are_told_apart"));
/// ```
pub fn sid_store<S: SidStore>(store: S, setting: Setting) -> Suite {
    suite!("SidStore", store, setting, [
        self:
            every_field_comes_back,
            names_are_told_apart,
            a_binding_ends_with_its_session,
            a_binding_is_replaced_by_issuer_and_lineage,
            bindings_are_found_in_lineage_order,
            a_session_without_a_name_is_found_by_subject_only,
            no_verb_reaches_another_tenant,
            without_a_tenant_all_are_searched,
            unbinding_removes_one,
            cleanup_deletes_what_expired_and_nothing_else,
            a_logout_is_remembered_for_its_time,
            the_later_of_two_logouts_counts,
            logouts_are_told_apart,
            cleanup_deletes_logouts_too,
            racing_logouts_leave_the_latest,
            racing_bindings_leave_one,
            a_call_cut_off_leaves_nothing_half_done;
    ])
}

fn binding(ground: &Ground, owner: Owner) -> SidBinding {
    SidBinding {
        owner,
        issuer: ISSUER.into(),
        sid: Some("08a5019c".into()),
        subject: "248289761001".into(),
        lineage: ground.session(),
        expires_at: ground.at(1_000),
    }
}

async fn bound(store: &impl SidStore, binding: SidBinding) -> Result<SidBinding, Breach> {
    store.bind(binding.clone()).await?;
    Ok(binding)
}

/// Demands that `like`'s names find exactly `want` just before second 1000.
async fn found(
    store: &impl SidStore,
    ground: &Ground,
    what: &str,
    like: &SidBinding,
    want: &[SidBinding],
) -> Verdict {
    let (tenant, issuer, now) = (like.owner.tenant_id, like.issuer.clone(), ground.just_before(1_000));
    let by_subject = store.find_by_subject(Some(tenant), issuer.clone(), like.subject.clone(), now).await?;
    same(&format!("{what}, by subject"), by_subject, want.to_vec())?;
    let Some(sid) = like.sid.clone() else { return Ok(()) };
    same(&format!("{what}, by sid"), store.find_by_sid(Some(tenant), issuer, sid, now).await?, want.to_vec())
}

async fn every_field_comes_back<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let longest = SidBinding {
        issuer: format!("https://{}", "é".repeat(252)),
        sid: Some("é".repeat(127)),
        subject: "👾".repeat(63),
        expires_at: far_future(),
        ..binding(&ground, owner)
    };
    for one in [binding(&ground, owner), longest] {
        let one = bound(&*store, one).await?;
        found(&*store, &ground, "the binding read back", &one, std::slice::from_ref(&one)).await?;
    }
    let unknown =
        SidBinding { sid: Some("unknown".into()), subject: "unknown".into(), ..binding(&ground, owner) };
    found(&*store, &ground, "one that never was", &unknown, &[]).await
}

async fn names_are_told_apart<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let mut all = Vec::new();
    for name in LOOKALIKES {
        let issuer = format!("https://{name}");
        for (issuer, sid, subject) in
            [(issuer.as_str(), "s", "s"), (ISSUER, name, "s2"), (ISSUER, "s2", name)]
        {
            let (sid, subject) = (Some(sid.to_owned()), subject.to_owned());
            let one = SidBinding { issuer: issuer.into(), sid, subject, ..binding(&ground, owner) };
            all.push(bound(&*store, one).await?);
        }
    }
    let now = ground.at(0);
    for one in &all {
        let (tenant, issuer) = (owner.tenant_id, one.issuer.clone());
        let of = |same_name: &dyn Fn(&SidBinding) -> bool| {
            let mut of: Vec<_> =
                all.iter().filter(|other| other.issuer == one.issuer && same_name(other)).cloned().collect();
            of.sort_by_key(|other| other.lineage);
            of
        };
        let by_sid =
            store.find_by_sid(Some(tenant), issuer.clone(), one.sid.clone().unwrap_or_default(), now).await?;
        same("each of them, by sid", by_sid, of(&|other| other.sid == one.sid))?;
        let by_subject = store.find_by_subject(Some(tenant), issuer, one.subject.clone(), now).await?;
        same("each of them, by subject", by_subject, of(&|other| other.subject == one.subject))?;
    }
    Ok(())
}

async fn a_binding_ends_with_its_session<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let one = bound(&*store, binding(&ground, ground.owner())).await?;
    found(&*store, &ground, "just before the end", &one, std::slice::from_ref(&one)).await?;
    for late in [1_000, 1_001] {
        let (tenant, now) = (one.owner.tenant_id, ground.at(late));
        let by_sid = store.find_by_sid(Some(tenant), ISSUER.into(), "08a5019c".into(), now).await?;
        same("by sid, at or after the end", by_sid, vec![])?;
        let by_subject = store.find_by_subject(Some(tenant), ISSUER.into(), one.subject.clone(), now).await?;
        same("by subject, at or after the end", by_subject, vec![])?;
    }
    Ok(())
}

async fn a_binding_is_replaced_by_issuer_and_lineage<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let old = bound(&*store, binding(&ground, ground.owner())).await?;
    let elsewhere = SidBinding { issuer: "https://other.example.com".into(), ..old.clone() };
    let elsewhere = bound(&*store, elsewhere).await?;
    let new = SidBinding {
        sid: Some("new".into()),
        subject: "new".into(),
        expires_at: ground.at(2_000),
        ..old.clone()
    };
    for _ in 0..2 {
        store.bind(new.clone()).await?;
        found(&*store, &ground, "the old names", &old, &[]).await?;
        found(&*store, &ground, "the new names", &new, std::slice::from_ref(&new)).await?;
    }
    found(&*store, &ground, "another issuer", &elsewhere, std::slice::from_ref(&elsewhere)).await
}

async fn bindings_are_found_in_lineage_order<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let mut all = Vec::new();
    for _ in 0..6 {
        all.push(bound(&*store, binding(&ground, owner)).await?);
    }
    all.sort_by_key(|binding| binding.lineage);
    let Some(first) = all.first() else { return Ok(()) };
    found(&*store, &ground, "all of them", first, &all).await
}

async fn a_session_without_a_name_is_found_by_subject_only<S: SidStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let one = bound(&*store, SidBinding { sid: None, ..binding(&ground, ground.owner()) }).await?;
    found(&*store, &ground, "the binding", &one, std::slice::from_ref(&one)).await?;
    for sid in ["", "null", "NULL", "None"] {
        let by_sid =
            store.find_by_sid(Some(one.owner.tenant_id), ISSUER.into(), sid.into(), ground.at(0)).await?;
        same("by a sid it does not have", by_sid, vec![])?;
    }
    Ok(())
}

async fn no_verb_reaches_another_tenant<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let [me, namesake, _] = ground.owners();
    let mine = bound(&*store, binding(&ground, me)).await?;
    let theirs = SidBinding { owner: namesake, ..mine.clone() };
    found(&*store, &ground, "the names of another tenant", &theirs, &[]).await?;
    store.unbind(namesake.tenant_id, ISSUER.into(), mine.lineage).await?;
    found(&*store, &ground, "mine after they unbound it", &mine, std::slice::from_ref(&mine)).await?;
    let theirs = bound(&*store, theirs).await?;
    found(&*store, &ground, "mine after they bound theirs", &mine, std::slice::from_ref(&mine)).await?;
    found(&*store, &ground, "theirs", &theirs, std::slice::from_ref(&theirs)).await
}

async fn without_a_tenant_all_are_searched<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    // Other cases use the same names: these are of this one alone.
    let issuer = format!("https://{:?}.example.com", ground.session());
    let [me, namesake, colleague] = ground.owners();
    let mut all = Vec::new();
    for owner in [me, namesake, colleague] {
        let one = SidBinding { issuer: issuer.clone(), ..binding(&ground, owner) };
        all.push(bound(&*store, one.clone()).await?);
        bound(&*store, SidBinding { subject: "other".into(), sid: None, lineage: ground.session(), ..one })
            .await?;
    }
    all.sort_by_key(|binding| (binding.owner.tenant_id, binding.lineage));
    let (now, one) = (ground.just_before(1_000), binding(&ground, me));
    let by_sid = store.find_by_sid(None, issuer.clone(), one.sid.unwrap_or_default(), now).await?;
    same("by sid in all tenants", by_sid, all.clone())?;
    let by_subject = store.find_by_subject(None, issuer.clone(), one.subject.clone(), now).await?;
    same("by subject in all tenants", by_subject, all)?;
    let late = store.find_by_subject(None, issuer, one.subject, ground.at(1_000)).await?;
    same("in all tenants, at the end", late, vec![])
}

async fn unbinding_removes_one<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let one = bound(&*store, binding(&ground, owner)).await?;
    let other = bound(&*store, binding(&ground, owner)).await?;
    store.unbind(owner.tenant_id, "https://other.example.com".into(), one.lineage).await?;
    store.unbind(owner.tenant_id, ISSUER.into(), ground.session()).await?;
    let mut both = [one.clone(), other.clone()];
    both.sort_by_key(|binding| binding.lineage);
    found(&*store, &ground, "after others were unbound", &one, &both).await?;
    for _ in 0..2 {
        store.unbind(owner.tenant_id, ISSUER.into(), one.lineage).await?;
        found(&*store, &ground, "after it was unbound", &one, std::slice::from_ref(&other)).await?;
    }
    Ok(())
}

async fn cleanup_deletes_what_expired_and_nothing_else<S: SidStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (now, owner) = (ground.at(2_000), ground.owner());
    drain(|| store.cleanup_expired(now, 1_000)).await?;
    let live = bound(&*store, SidBinding { expires_at: ground.at(2_001), ..binding(&ground, owner) }).await?;
    for _ in 0..5 {
        bound(&*store, binding(&ground, owner)).await?;
    }
    same("deleted with limit 0", store.cleanup_expired(now, 0).await?, 0)?;
    same("deleted with limit 2", store.cleanup_expired(now, 2).await?, 2)?;
    same("deleted after that", store.cleanup_expired(now, usize::MAX).await?, 3)?;
    same("deleted after those", store.cleanup_expired(now, 1_000).await?, 0)?;
    found(&*store, &ground, "what was not expired", &live, std::slice::from_ref(&live)).await
}

async fn racing_bindings_leave_one<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let one = binding(&ground, ground.owner());
    race(RACERS, |n| {
        let store = Arc::clone(&store);
        let one = SidBinding { sid: Some(format!("sid-{n}")), ..one.clone() };
        async move { store.bind(one).await }
    })
    .await?;
    let (tenant, now) = (one.owner.tenant_id, ground.at(0));
    let left = store.find_by_subject(Some(tenant), ISSUER.into(), one.subject.clone(), now).await?;
    same("how many are left", left.len(), 1)?;
    let mut by_sid = 0;
    for n in 0..RACERS {
        by_sid += store.find_by_sid(Some(tenant), ISSUER.into(), format!("sid-{n}"), now).await?.len();
    }
    same("how many are left, by sid", by_sid, 1)
}

async fn a_call_cut_off_leaves_nothing_half_done<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    for cut in CUTS {
        let old = bound(&*store, binding(&ground, ground.owner())).await?;
        let new = SidBinding { sid: Some("new".into()), ..old.clone() };
        let _ = cut_off(store.bind(new.clone()), cut).await;
        settles(async || {
            let (tenant, now) = (old.owner.tenant_id, ground.at(0));
            let left = store.find_by_subject(Some(tenant), ISSUER.into(), old.subject.clone(), now).await?;
            let whole = left == [old.clone()] || left == [new.clone()];
            holds(&format!("the old or the new one, not {left:?}"), whole)
        })
        .await?;
        store.bind(new.clone()).await?;
        let settled =
            async || found(&*store, &ground, "after it was repeated", &new, std::slice::from_ref(&new)).await;
        settles(settled).await?;
    }
    Ok(())
}

/// A logout that no other case knows of.
fn logout(ground: &Ground) -> LogoutKey {
    let name = format!("{:?}", ground.session());
    LogoutKey::new(Some(ground.owner().tenant_id), ISSUER, LoggedOut::Session(&name))
}

async fn a_logout_is_remembered_for_its_time<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let key = logout(&ground);
    same("before it was noted", store.last_logout(key, ground.at(0)).await?, None)?;
    store.note_logout(key, ground.at(10), ground.at(1_000)).await?;
    same("at once", store.last_logout(key, ground.at(10)).await?, Some(ground.at(10)))?;
    let now = ground.just_before(1_000);
    same("just before the end", store.last_logout(key, now).await?, Some(ground.at(10)))?;
    for late in [1_000, 1_001] {
        same("at or after the end", store.last_logout(key, ground.at(late)).await?, None)?;
    }
    Ok(())
}

async fn the_later_of_two_logouts_counts<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let key = logout(&ground);
    for (at, want, until) in [(10, 10, 1_010), (30, 30, 1_030), (20, 30, 1_030)] {
        store.note_logout(key, ground.at(at), ground.at(at + 1_000)).await?;
        let now = ground.just_before(until);
        same("the latest until its end", store.last_logout(key, now).await?, Some(ground.at(want)))?;
        same("at its end", store.last_logout(key, ground.at(until)).await?, None)?;
    }
    Ok(())
}

async fn logouts_are_told_apart<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let [me, namesake, _] = ground.owners();
    let name = format!("{:?}", ground.session());
    let mut keys = Vec::new();
    for tenant in [None, Some(me.tenant_id), Some(namesake.tenant_id)] {
        for issuer in [ISSUER, "https://other.example.com"] {
            let what = [LoggedOut::Session(&name), LoggedOut::User(&name), LoggedOut::Nameless(&name)];
            let of = ["a", "b"].map(|subject| LoggedOut::SessionOf(&name, subject));
            keys.extend(what.into_iter().chain(of).map(|what| LogoutKey::new(tenant, issuer, what)));
        }
    }
    for (at, key) in (0..).zip(&keys) {
        same("before its turn", store.last_logout(*key, ground.at(0)).await?, None)?;
        store.note_logout(*key, ground.at(at), ground.at(1_000)).await?;
    }
    for (at, key) in (0..).zip(&keys) {
        same("each of them", store.last_logout(*key, ground.at(0)).await?, Some(ground.at(at)))?;
    }
    Ok(())
}

async fn cleanup_deletes_logouts_too<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let now = ground.at(2_000);
    drain(|| store.cleanup_expired(now, 1_000)).await?;
    let live = logout(&ground);
    store.note_logout(live, ground.at(0), ground.at(2_001)).await?;
    for _ in 0..3 {
        store.note_logout(logout(&ground), ground.at(0), now).await?;
        bound(&*store, binding(&ground, ground.owner())).await?;
    }
    same("deleted with limit 0", store.cleanup_expired(now, 0).await?, 0)?;
    same("deleted with limit 4", store.cleanup_expired(now, 4).await?, 4)?;
    same("deleted after that", store.cleanup_expired(now, usize::MAX).await?, 2)?;
    same("what was not expired", store.last_logout(live, ground.at(0)).await?, Some(ground.at(0)))
}

async fn racing_logouts_leave_the_latest<S: SidStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let key = logout(&ground);
    let times: Vec<_> = (0..).take(RACERS).map(|n| ground.at(n)).collect();
    let (latest, until) = (times.last().copied(), ground.at(1_000));
    race(RACERS, |n| {
        let (store, at) = (Arc::clone(&store), times.get(n).copied().unwrap_or(until));
        async move { store.note_logout(key, at, until).await }
    })
    .await?;
    same("the latest", store.last_logout(key, ground.at(0)).await?, latest)
}
