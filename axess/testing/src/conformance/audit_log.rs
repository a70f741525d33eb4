//! The audit store: every event once, pages without gaps, nobody else's events.

use super::{
    ground::{Ground, LOOKALIKES, far_future, long_ago},
    race::{CUTS, RACERS, cut_off, race, settles},
    suite::{Setting, Suite, suite},
    verdict::{Breach, Verdict, holds, same},
};
use axess_core::store::{AuditOrder, AuditQuery, AuditRow, AuditScope, AuditStore};
use axess_identity::TenantId;
use std::sync::Arc;

/// The most rows every store returns at once.
const CAP: usize = 1_000;

/// Makes the suite of [`AuditStore`].
///
/// ```
/// use axess_core::memory::MemoryAuditStore;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::audit_store(MemoryAuditStore::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "pages_have_no_gap_and_no_repeat"));
/// ```
pub fn audit_store<S: AuditStore>(store: S, setting: Setting) -> Suite {
    suite!("AuditStore", store, setting, [
        self:
            every_field_comes_back,
            an_event_is_kept_once,
            every_condition_must_hold,
            events_are_found_newest_first,
            pages_have_no_gap_and_no_repeat,
            oldest_first_is_the_other_way_round,
            scopes_are_listed_in_order,
            a_body_is_replaced_if_it_is_the_expected_one,
            of_racing_replacements_one_wins,
            named_events_are_deleted,
            scopes_do_not_mix,
            old_events_are_deleted_oldest_first,
            racing_writers_count_each_event_once,
            a_batch_cut_off_is_there_or_not;
    ])
}

fn row(ground: &Ground, tenant: TenantId, second: i64) -> AuditRow {
    AuditRow {
        event_id: ground.event(),
        tenant_id: Some(tenant),
        user_id: Some(ground.user()),
        event_type: "LoginFailed".into(),
        at: ground.at(second),
        body: ground.bytes(60).into(),
    }
}

async fn of_tenant(store: &impl AuditStore, tenant: TenantId) -> Result<Vec<AuditRow>, Breach> {
    Ok(store.query(AuditQuery::new(AuditScope::Tenant(tenant), CAP)).await?)
}

/// Sorts as a query does: newest first, by time and then by id.
fn newest_first(mut rows: Vec<AuditRow>) -> Vec<AuditRow> {
    rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.event_id)));
    rows
}

async fn every_field_comes_back<S: AuditStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let bodies = [vec![], vec![0], (0..=255).collect(), ground.bytes(100_000)];
    let times = [ground.just_before(0), long_ago(), far_future(), ground.at(0)];
    let types = ["x".repeat(128), "é".repeat(64), "Löschung 👾".into(), "TenantCreated".into()];
    for ((body, at), event_type) in bodies.into_iter().zip(times).zip(types) {
        let tenant = ground.tenant();
        let user_id = (!body.is_empty()).then(|| ground.user());
        let row = AuditRow { user_id, event_type, at, body: body.into(), ..row(&ground, tenant, 0) };
        same("how many are new", store.append(vec![row.clone()]).await?, 1)?;
        holds("the event reads back as it was written", of_tenant(&*store, tenant).await? == [row])?;
    }
    let user_id = Some(ground.user());
    let system = AuditRow { tenant_id: None, user_id, ..row(&ground, ground.tenant(), 0) };
    same("how many are new", store.append(vec![system.clone()]).await?, 1)?;
    let query = AuditQuery { user_id, ..AuditQuery::new(AuditScope::System, CAP) };
    same("an event of no tenant", store.query(query).await?, vec![system])
}

async fn an_event_is_kept_once<S: AuditStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let tenant = ground.tenant();
    let (first, second) = (row(&ground, tenant, 0), row(&ground, tenant, 1));
    let other = AuditRow { body: ground.bytes(9).into(), ..first.clone() };
    same("of one and itself", store.append(vec![first.clone(), other.clone()]).await?, 1)?;
    same("of one that is known", store.append(vec![other.clone()]).await?, 0)?;
    same("of a known and a new one", store.append(vec![other, second.clone()]).await?, 1)?;
    same("of none", store.append(vec![]).await?, 0)?;
    same("what is kept", of_tenant(&*store, tenant).await?, vec![second, first])
}

async fn every_condition_must_hold<S: AuditStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let tenant = ground.tenant();
    let users = [ground.user(), ground.user()];
    let mut rows = Vec::new();
    for (second, name) in (0..).zip(LOOKALIKES) {
        for user in users.map(Some).into_iter().chain([None]) {
            rows.push(AuditRow { user_id: user, event_type: name.into(), ..row(&ground, tenant, second) });
        }
    }
    let count = u64::try_from(rows.len()).unwrap_or(0);
    same("how many are new", store.append(rows.clone()).await?, count)?;
    let all = AuditQuery::new(AuditScope::Tenant(tenant), CAP);
    let user = users.first().copied();
    let (name, from, until) = (Some(String::from("GitHub")), Some(ground.at(2)), Some(ground.at(4)));
    for query in [
        AuditQuery { user_id: user, ..all.clone() },
        AuditQuery { event_type: name.clone(), ..all.clone() },
        AuditQuery { event_type: Some("nothing".into()), ..all.clone() },
        AuditQuery { from, ..all.clone() },
        AuditQuery { until, ..all.clone() },
        AuditQuery { from, until, ..all.clone() },
        AuditQuery { from: until, until: from, ..all.clone() },
        AuditQuery { user_id: user, event_type: name, from: Some(ground.at(1)), until, ..all.clone() },
        AuditQuery { user_id: Some(ground.user()), ..all.clone() },
    ] {
        let hit = |row: &&AuditRow| {
            query.user_id.is_none_or(|user| row.user_id == Some(user))
                && query.event_type.as_ref().is_none_or(|name| row.event_type == *name)
                && query.from.is_none_or(|from| row.at >= from)
                && query.until.is_none_or(|until| row.at < until)
        };
        let want = newest_first(rows.iter().filter(hit).cloned().collect());
        same(&format!("{query:?}"), store.query(query).await?, want)?;
    }
    Ok(())
}

async fn events_are_found_newest_first<S: AuditStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let tenant = ground.tenant();
    let rows: Vec<_> = [3, 0, 3, 1, 3, 2].into_iter().map(|second| row(&ground, tenant, second)).collect();
    store.append(rows.clone()).await?;
    let want = newest_first(rows);
    for limit in [0, 1, 4, 6, 7, usize::MAX] {
        let got = store.query(AuditQuery::new(AuditScope::Tenant(tenant), limit)).await?;
        same(&format!("the newest {limit}"), got, want.iter().take(limit).cloned().collect())?;
    }
    Ok(())
}

/// Also when several events happen at one time, and when new ones arrive between two pages.
async fn pages_have_no_gap_and_no_repeat<S: AuditStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let tenant = ground.tenant();
    let rows: Vec<_> = (0..23).map(|n| row(&ground, tenant, n / 6)).collect();
    store.append(rows.clone()).await?;
    let want = newest_first(rows);
    for limit in [1, 4, 6, 22, 23, 24] {
        let (mut got, mut after) = (Vec::new(), None);
        for _ in 0..=want.len() {
            let query = AuditQuery { after, ..AuditQuery::new(AuditScope::Tenant(tenant), limit) };
            let page = store.query(query).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.at, last.event_id));
            holds(&format!("at most {limit} on a page"), page.len() <= limit)?;
            got.extend(page);
            let late = row(&ground, tenant, 1_000);
            store.append(vec![late]).await?;
        }
        let got: Vec<_> = got.into_iter().filter(|row| row.at < ground.at(1_000)).collect();
        same(&format!("all pages of {limit}"), got, want.clone())?;
    }
    Ok(())
}

/// Every condition and every page of the one order, turned round.
async fn oldest_first_is_the_other_way_round<S: AuditStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let (tenant, user, order) = (ground.tenant(), ground.user(), AuditOrder::OldestFirst);
    let of = |second: i64| AuditRow {
        user_id: (second % 2 == 0).then_some(user),
        event_type: if second % 3 == 0 { "LoginFailed".into() } else { "Logout".into() },
        ..row(&ground, tenant, second)
    };
    let rows: Vec<_> = (0..23).map(|n| of(n / 6)).collect();
    store.append(rows.clone()).await?;
    let event_type = Some(String::from("LoginFailed"));
    let all = AuditQuery { order, ..AuditQuery::new(AuditScope::Tenant(tenant), CAP) };
    for query in [
        all.clone(),
        AuditQuery { user_id: Some(user), ..all.clone() },
        AuditQuery { event_type: event_type.clone(), ..all.clone() },
        AuditQuery { user_id: Some(user), event_type, from: Some(ground.at(0)), ..all.clone() },
        AuditQuery { from: Some(ground.at(1)), until: Some(ground.at(3)), ..all },
    ] {
        let mut want = newest_first(rows.iter().filter(|row| query.matches(row)).cloned().collect());
        want.reverse();
        for limit in [1, 5, 22, 24] {
            let (mut got, mut after) = (Vec::new(), None);
            for _ in 0..=want.len() {
                let page = store.query(AuditQuery { after, limit, ..query.clone() }).await?;
                let Some(last) = page.last() else { break };
                after = Some((last.at, last.event_id));
                holds(&format!("at most {limit} on a page"), page.len() <= limit)?;
                got.extend(page);
            }
            same(&format!("all pages of {limit} of {query:?}"), got, want.clone())?;
        }
    }
    Ok(())
}

/// Each once, the system's before those of the tenants, however many others there are.
async fn scopes_are_listed_in_order<S: AuditStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let mut mine: Vec<_> = (0..7).map(|_| AuditScope::Tenant(ground.tenant())).collect();
    mine.push(AuditScope::System);
    for scope in &mine {
        let tenant_id = if let AuditScope::Tenant(id) = *scope { Some(id) } else { None };
        let rows = [0, 1, 1].map(|second| AuditRow { tenant_id, ..row(&ground, ground.tenant(), second) });
        store.append(rows.into()).await?;
    }
    mine.sort_unstable();
    same("none", store.scopes(None, 0).await?, vec![])?;
    for limit in [1, 3, CAP] {
        let (mut got, mut after) = (Vec::new(), None);
        loop {
            let page = store.scopes(after, limit).await?;
            let Some(last) = page.last() else { break };
            holds(&format!("at most {limit} on a page"), page.len() <= limit)?;
            holds("after the last page", after.is_none_or(|after| page.iter().all(|scope| *scope > after)))?;
            holds("in order", page.is_sorted())?;
            after = Some(*last);
            got.extend(page);
        }
        // Others may come and go on the same store.
        got.retain(|scope| mine.contains(scope));
        same(&format!("the scopes in pages of {limit}"), got, mine.clone())?;
    }
    let gone = AuditScope::Tenant(ground.tenant());
    same("of a scope without events", store.scopes(Some(gone), CAP).await?.contains(&gone), false)
}

async fn a_body_is_replaced_if_it_is_the_expected_one<S: AuditStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (tenant, stranger) = (ground.tenant(), ground.tenant());
    let (old, other) = (row(&ground, tenant, 0), row(&ground, tenant, 1));
    store.append(vec![old.clone(), other.clone()]).await?;
    let new = AuditRow { user_id: Some(ground.user()), body: ground.bytes(90_000).into(), ..old.clone() };
    for (what, row, expected) in [
        ("another body", new.clone(), ground.bytes(60).into()),
        ("no body", new.clone(), vec![].into()),
        ("a prefix", new.clone(), old.body.slice(..59)),
        ("another scope", AuditRow { tenant_id: Some(stranger), ..new.clone() }, old.body.clone()),
        ("no scope", AuditRow { tenant_id: None, ..new.clone() }, old.body.clone()),
        ("an unknown event", AuditRow { event_id: ground.event(), ..new.clone() }, old.body.clone()),
    ] {
        same(what, store.replace(row, expected).await?, false)?;
    }
    same("nothing changed", of_tenant(&*store, tenant).await?, vec![other.clone(), old.clone()])?;
    same("by the same", store.replace(old.clone(), old.body.clone()).await?, true)?;
    // What an event is found by, other than its user, is not touched.
    let given = AuditRow { at: ground.at(9), event_type: "Other".into(), ..new.clone() };
    same("as expected", store.replace(given, old.body.clone()).await?, true)?;
    same("again", store.replace(new.clone(), old.body.clone()).await?, false)?;
    same("the new one", of_tenant(&*store, tenant).await?, vec![other.clone(), new.clone()])?;
    let query = AuditQuery { user_id: new.user_id, ..AuditQuery::new(AuditScope::Tenant(tenant), CAP) };
    same("found by its new user", store.query(query).await?, vec![new.clone()])?;
    let nobody = AuditRow { user_id: None, ..new.clone() };
    same("by nobody's", store.replace(nobody.clone(), new.body).await?, true)?;
    same("without a user", of_tenant(&*store, tenant).await?, vec![other, nobody])
}

async fn of_racing_replacements_one_wins<S: AuditStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let tenant = ground.tenant();
    let old = row(&ground, tenant, 0);
    store.append(vec![old.clone()]).await?;
    let wins = race(RACERS, |n| {
        let (store, old) = (Arc::clone(&store), old.clone());
        let new = AuditRow { body: vec![u8::try_from(n).unwrap_or(0); 70].into(), ..old.clone() };
        async move { store.replace(new, old.body).await }
    });
    same("how many won", wins.await?.into_iter().filter(|won| *won).count(), 1)
}

async fn named_events_are_deleted<S: AuditStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let (tenant, theirs) = (ground.tenant(), ground.tenant());
    let scope = AuditScope::Tenant(tenant);
    let rows: Vec<_> = (0..300).map(|second| row(&ground, tenant, second)).collect();
    let (other, system) = (row(&ground, theirs, 0), AuditRow { tenant_id: None, ..row(&ground, theirs, 0) });
    store.append([&rows[..], &[other.clone(), system.clone()]].concat()).await?;
    let ids = |rows: &[AuditRow]| rows.iter().map(|row| row.event_id).collect::<Vec<_>>();
    same("of none", store.delete(scope, vec![]).await?, 0)?;
    same("of an unknown one", store.delete(scope, vec![ground.event()]).await?, 0)?;
    let (gone, left) = rows.split_at(290);
    let foreign = [other.event_id, system.event_id];
    same("some, and others'", store.delete(scope, [&ids(gone)[..], &foreign].concat()).await?, 290)?;
    same("again", store.delete(scope, ids(gone)).await?, 0)?;
    same("what is left", of_tenant(&*store, tenant).await?, newest_first(left.to_vec()))?;
    same("what the other has", of_tenant(&*store, theirs).await?, vec![other])?;
    let query = AuditQuery { user_id: system.user_id, ..AuditQuery::new(AuditScope::System, CAP) };
    same("what nobody has", store.query(query).await?, vec![system])?;
    let twice = [ids(left), ids(left)].concat();
    same("one named twice", store.delete(scope, twice).await?, 10)
}

async fn scopes_do_not_mix<S: AuditStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let (mine, theirs) = (ground.tenant(), ground.tenant());
    let user_id = Some(ground.user());
    let of = |tenant_id| AuditRow { tenant_id, user_id, ..row(&ground, mine, 0) };
    let rows = [of(Some(mine)), of(Some(theirs)), of(None)];
    store.append(rows.to_vec()).await?;
    for row in rows {
        let query = AuditQuery { user_id, ..AuditQuery::new(AuditScope::of(row.tenant_id), CAP) };
        same("each scope", store.query(query).await?, vec![row])?;
    }
    same(
        "deleted of a stranger",
        store.delete_before(AuditScope::Tenant(ground.tenant()), far_future(), CAP).await?,
        0,
    )?;
    same("deleted of one", store.delete_before(AuditScope::Tenant(mine), far_future(), CAP).await?, 1)?;
    same("what the other has", of_tenant(&*store, theirs).await?.len(), 1)?;
    let query = AuditQuery { user_id, ..AuditQuery::new(AuditScope::System, CAP) };
    same("what nobody has", store.query(query).await?.len(), 1)
}

async fn old_events_are_deleted_oldest_first<S: AuditStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let tenant = ground.tenant();
    let scope = AuditScope::Tenant(tenant);
    let rows: Vec<_> = [3, 0, 4, 1, 2].into_iter().map(|second| row(&ground, tenant, second)).collect();
    store.append(rows.clone()).await?;
    let mut left = newest_first(rows);
    same("with limit 0", store.delete_before(scope, far_future(), 0).await?, 0)?;
    same("with limit 2", store.delete_before(scope, ground.at(4), 2).await?, 2)?;
    left.truncate(3);
    same("what is left", of_tenant(&*store, tenant).await?, left.clone())?;
    same("before the newest", store.delete_before(scope, ground.at(4), usize::MAX).await?, 2)?;
    left.truncate(1);
    same("what is left then", of_tenant(&*store, tenant).await?, left)?;
    same("again", store.delete_before(scope, ground.at(4), CAP).await?, 0)
}

async fn racing_writers_count_each_event_once<S: AuditStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let tenant = ground.tenant();
    let rows: Vec<_> = (0..12).map(|second| row(&ground, tenant, second)).collect();
    let counts = race(RACERS, |n| {
        let store = Arc::clone(&store);
        // Everybody writes all of them, each in another order.
        let mut rows = rows.clone();
        rows.rotate_left(n % 12);
        async move { store.append(rows).await }
    });
    same("the sum of the answers", counts.await?.into_iter().sum::<u64>(), 12)?;
    same("what is kept", of_tenant(&*store, tenant).await?, newest_first(rows))
}

async fn a_batch_cut_off_is_there_or_not<S: AuditStore>(store: Arc<S>, ground: Ground) -> Verdict {
    for cut in CUTS {
        let tenant = ground.tenant();
        let rows: Vec<_> = (0..5).map(|second| row(&ground, tenant, second)).collect();
        let want = newest_first(rows.clone());
        let _ = cut_off(store.append(rows.clone()), cut).await.transpose()?;
        settles(async || {
            let got = of_tenant(&*store, tenant).await?;
            holds(&format!("all or none of 5, not {}", got.len()), got.is_empty() || got == want)
        })
        .await?;
        store.append(rows).await?;
        settles(async || same("after it was repeated", of_tenant(&*store, tenant).await?, want.clone()))
            .await?;
    }
    Ok(())
}
