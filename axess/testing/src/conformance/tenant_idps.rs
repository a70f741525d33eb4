//! The identity providers of tenants.

use super::{
    ground::Ground,
    race::{CUTS, RACERS, cut_off, race, settles},
    suite::{Setting, Suite, suite},
    verdict::{Breach, Verdict, holds, same, some},
};
use axess_core::store::{Expected, IdpProtocol, SaveOutcome, TenantIdp, TenantIdpStore};
use axess_identity::{ProviderName, TenantId};
use serde_json::json;
use std::sync::Arc;

/// Makes the suite of [`TenantIdpStore`].
///
/// ```
/// use axess_core::memory::MemoryTenantIdpStore;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::tenant_idp_store(MemoryTenantIdpStore::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "no_verb_reaches_another_tenant"));
/// ```
pub fn tenant_idp_store<S: TenantIdpStore>(store: S, setting: Setting) -> Suite {
    suite!("TenantIdpStore", store, setting, [
        self:
            every_field_comes_back,
            a_write_finds_what_it_expects,
            providers_are_listed_in_name_order,
            no_verb_reaches_another_tenant,
            deleting_removes_one,
            racing_writers_have_one_winner,
            a_call_cut_off_leaves_nothing_half_done;
    ])
}

#[expect(clippy::expect_used, reason = "the suite's own names are well-formed")]
fn name(text: &str) -> ProviderName {
    text.parse().expect("a provider name")
}

fn idp(ground: &Ground, tenant_id: TenantId, called: &str) -> TenantIdp {
    TenantIdp {
        tenant_id,
        name: name(called),
        protocol: IdpProtocol::Oidc,
        issuer: format!("https://{called}.example.com"),
        settings: json!({ "client_id": ground.word() }),
        secret: Some(ground.word().into()),
        enabled: true,
    }
}

/// Compares field by field: a secret has no equality of its own.
fn alike(got: &TenantIdp, want: &TenantIdp) -> Verdict {
    same("the tenant", got.tenant_id, want.tenant_id)?;
    same("the name", &got.name, &want.name)?;
    same("the protocol", got.protocol, want.protocol)?;
    same("the issuer", &got.issuer, &want.issuer)?;
    same("the settings", &got.settings, &want.settings)?;
    same("whether it is enabled", got.enabled, want.enabled)?;
    let secrets = (got.secret.as_ref(), want.secret.as_ref());
    let alike = match secrets {
        (Some(got), Some(want)) => got.ct_eq(want.expose()),
        (None, None) => true,
        _ => false,
    };
    holds("the secret is what was written", alike)
}

/// Demands that the provider reads as it was written, with this version, or not at all.
async fn reads(
    store: &impl TenantIdpStore,
    what: &str,
    tenant: TenantId,
    called: &str,
    want: Option<(&TenantIdp, u64)>,
) -> Verdict {
    let got = store.get_idp(tenant, name(called)).await?;
    same(&format!("{what}, its version"), got.as_ref().map(|s| s.version), want.map(|(_, version)| version))?;
    match (got, want) {
        (Some(got), Some((want, _))) => alike(&got.value, want),
        _ => Ok(()),
    }
}

async fn written(store: &impl TenantIdpStore, idp: TenantIdp) -> Result<TenantIdp, Breach> {
    let done = store.save_idp(idp.clone(), Expected::Absent).await?;
    same("the first write", done, SaveOutcome::Saved)?;
    Ok(idp)
}

async fn every_field_comes_back<S: TenantIdpStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let tenant = ground.tenant();
    let settings = [
        json!(null),
        json!({}),
        json!({ "a": [1, -1, 1.5, u64::MAX, i64::MIN, true, null], "ключ": { "": "👩🏽‍💻 e\u{301} \"'\\\n" } }),
        json!({ "metadata": "x".repeat(60 * 1024) }),
    ];
    let secrets = [None, Some("".into()), Some("-- ключ 🔑".into()), Some("k".repeat(8_000).into())];
    let protocols = [IdpProtocol::Oidc, IdpProtocol::OAuth2, IdpProtocol::Saml, IdpProtocol::Saml];
    let names = ["a", "okta-eu.example_1", &"x".repeat(64), "b"];
    for (n, ((settings, secret), protocol)) in settings.into_iter().zip(secrets).zip(protocols).enumerate() {
        let called = names.get(n).copied().unwrap_or("c");
        let issuer = format!("https://{}", "é".repeat(252));
        let one = TenantIdp {
            settings,
            secret,
            protocol,
            issuer,
            enabled: n % 2 == 0,
            ..idp(&ground, tenant, called)
        };
        let one = written(&*store, one).await?;
        reads(&*store, "read back", tenant, called, Some((&one, 1))).await?;
    }
    reads(&*store, "one that never was", tenant, "nothing", None).await
}

async fn a_write_finds_what_it_expects<S: TenantIdpStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let tenant = ground.tenant();
    let save = async |expected: Expected, want: SaveOutcome| {
        let one = idp(&ground, tenant, "okta");
        let done = store.save_idp(one.clone(), expected).await?;
        same(&format!("a write that expects {expected:?}"), done, want)?;
        Ok::<_, Breach>(one)
    };
    for expected in [Expected::Version(0), Expected::Version(1)] {
        save(expected, SaveOutcome::Conflict).await?;
        reads(&*store, "nothing is written then", tenant, "okta", None).await?;
    }
    let first = save(Expected::Absent, SaveOutcome::Saved).await?;
    for expected in
        [Expected::Absent, Expected::Version(0), Expected::Version(2), Expected::Version(u64::MAX)]
    {
        save(expected, SaveOutcome::Conflict).await?;
        reads(&*store, "after it", tenant, "okta", Some((&first, 1))).await?;
    }
    let second = save(Expected::Version(1), SaveOutcome::Saved).await?;
    reads(&*store, "after it", tenant, "okta", Some((&second, 2))).await?;
    let third = save(Expected::Any, SaveOutcome::Saved).await?;
    reads(&*store, "after it", tenant, "okta", Some((&third, 3))).await
}

async fn providers_are_listed_in_name_order<S: TenantIdpStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let tenant = ground.tenant();
    same("before any", store.find_idps(tenant).await?.len(), 0)?;
    let names = ["c", "a", "b.x", "b_x", "b-x", "b2", "b10", "b"];
    let mut all = Vec::new();
    for called in names {
        all.push(written(&*store, idp(&ground, tenant, called)).await?);
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let got = store.find_idps(tenant).await?;
    let order: Vec<_> = got.iter().map(|stored| (&stored.value.name, stored.version)).collect();
    same("the order", order, all.iter().map(|idp| (&idp.name, 1)).collect())?;
    got.iter().zip(&all).try_for_each(|(got, want)| alike(&got.value, want))
}

async fn no_verb_reaches_another_tenant<S: TenantIdpStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let (mine, theirs) = (ground.tenant(), ground.tenant());
    let one = written(&*store, idp(&ground, mine, "okta")).await?;
    reads(&*store, "for another tenant", theirs, "okta", None).await?;
    same("listed", store.find_idps(theirs).await?.len(), 0)?;
    same("deleted", store.delete_idp(theirs, name("okta")).await?, false)?;
    let other = written(&*store, idp(&ground, theirs, "okta")).await?;
    reads(&*store, "mine after all", mine, "okta", Some((&one, 1))).await?;
    reads(&*store, "theirs", theirs, "okta", Some((&other, 1))).await
}

async fn deleting_removes_one<S: TenantIdpStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let tenant = ground.tenant();
    written(&*store, idp(&ground, tenant, "okta")).await?;
    let kept = written(&*store, idp(&ground, tenant, "okta2")).await?;
    same("the first time", store.delete_idp(tenant, name("okta")).await?, true)?;
    same("the second time", store.delete_idp(tenant, name("okta")).await?, false)?;
    reads(&*store, "the deleted one", tenant, "okta", None).await?;
    reads(&*store, "the other one", tenant, "okta2", Some((&kept, 1))).await?;
    let done = store.save_idp(idp(&ground, tenant, "okta"), Expected::Version(1)).await?;
    same("a late write of the deleted one", done, SaveOutcome::Conflict)
}

async fn racing_writers_have_one_winner<S: TenantIdpStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let tenant = ground.tenant();
    for (expected, version) in [(Expected::Absent, 1), (Expected::Version(1), 2)] {
        let rows: Vec<_> = (0..RACERS).map(|_| idp(&ground, tenant, "okta")).collect();
        let answers = race(RACERS, |n| {
            let (store, row) = (Arc::clone(&store), rows.get(n).cloned());
            async move {
                let Some(row) = row else { return Ok(SaveOutcome::Conflict) };
                store.save_idp(row, expected).await
            }
        })
        .await?;
        let won = answers.iter().zip(&rows).filter(|(answer, _)| **answer == SaveOutcome::Saved);
        let won: Vec<_> = won.map(|(_, row)| row).collect();
        same("how many won", won.len(), 1)?;
        let won = some("the winner", won.first().copied())?;
        reads(&*store, "what the winner wrote", tenant, "okta", Some((won, version))).await?;
    }
    Ok(())
}

async fn a_call_cut_off_leaves_nothing_half_done<S: TenantIdpStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for cut in CUTS {
        let tenant = ground.tenant();
        let first = written(&*store, idp(&ground, tenant, "okta")).await?;
        let second = idp(&ground, tenant, "okta");
        let _ = cut_off(store.save_idp(second.clone(), Expected::Version(1)), cut).await.transpose()?;
        settles(async || {
            let stored = some("the provider", store.get_idp(tenant, name("okta")).await?)?;
            alike(&stored.value, if stored.version == 1 { &first } else { &second })
        })
        .await?;
        let _ = store.save_idp(second.clone(), Expected::Version(1)).await?;
        settles(async || reads(&*store, "after it was repeated", tenant, "okta", Some((&second, 2))).await)
            .await?;
    }
    Ok(())
}
