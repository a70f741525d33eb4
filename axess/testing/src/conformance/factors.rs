//! What users enrolled: records as they were written, and codes that are spent once.

use super::{
    ground::{Ground, far_future, long_ago},
    race::{CUTS, RACERS, ROUNDS, cut_off, race, race_two, settles},
    suite::{Setting, Suite, suite},
    verdict::{Breach, Verdict, holds, same, some},
};
use axess_core::{
    authn::{AuthnScope, FactorConfig, FactorPolicy, OtpPolicy, PasswordRecord},
    store::{Expected, FactorStore, Owner, SaveOutcome, Stored},
};
use axess_factors::{
    EmailOtpConfig, HmacAlgorithm, HotpConfig, MAX_RECOVERY_CODES, PasswordConfig, RecoveryCodes, TotpConfig,
};
use axess_identity::FactorKind;
use std::{sync::Arc, time::Duration};

/// Makes the suite of [`FactorStore`].
///
/// Its users and tenants are in no table: a record stands by itself.
///
/// ```
/// use axess_core::memory::InMemoryBackend;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::factor_store(InMemoryBackend::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "a_code_is_spent_once"));
/// ```
pub fn factor_store<S: FactorStore>(store: S, setting: Setting) -> Suite {
    suite!("FactorStore", store, setting, [
        self:
            every_record_comes_back,
            a_write_finds_what_it_expects,
            factors_of_a_user_are_listed,
            no_verb_reaches_another_account,
            deleting_removes_one,
            everything_about_a_user_is_deleted,
            policies_follow_the_scope_chain,
            a_code_is_spent_once,
            racing_enrolments_have_one_winner,
            a_removal_beats_a_racing_write,
            a_call_cut_off_leaves_nothing_half_done;
    ])
}

fn password(ground: &Ground) -> FactorConfig {
    FactorConfig::Password(PasswordRecord {
        hash: ground.word().into(),
        history: vec![ground.word().into(), ground.word().into()],
        changed_at: ground.at(0),
    })
}

fn codes(ground: &Ground) -> FactorConfig {
    FactorConfig::RecoveryCodes(RecoveryCodes::generate(MAX_RECOVERY_CODES, ground.rng()).1)
}

/// One record of each kind, and extreme ones.
fn records(ground: &Ground) -> Vec<FactorConfig> {
    let hash = |times: usize| format!("$argon2id${}", "x".repeat(times));
    let history = |n: usize| (0..n).map(|_| hash(200).into()).collect();
    let totp = TotpConfig::generate(ground.rng());
    let odd = TotpConfig {
        digits: 8,
        period: Duration::from_secs(60),
        algorithm: HmacAlgorithm::Sha512,
        drift_window: 3,
        last_step: Some(u64::MAX),
        seed: ground.bytes(64).into(),
    };
    vec![
        password(ground),
        FactorConfig::Password(PasswordRecord {
            hash: hash(500).into(),
            history: history(24),
            changed_at: far_future(),
        }),
        FactorConfig::Password(PasswordRecord { hash: "".into(), history: vec![], changed_at: long_ago() }),
        FactorConfig::Totp(totp),
        FactorConfig::Totp(odd),
        FactorConfig::Hotp(HotpConfig::generate(ground.rng())),
        FactorConfig::Hotp(HotpConfig { counter: u64::MAX, ..HotpConfig::generate(ground.rng()) }),
        codes(ground),
    ]
}

/// Demands that a record is what was written: its stored form is the same.
fn alike(what: &str, got: &FactorConfig, want: &FactorConfig) -> Verdict {
    same(what, got.kind(), want.kind())?;
    let (got, want) = (got.to_stored(), want.to_stored());
    // The bytes are secret: only whether they are the same is told.
    holds(&format!("{what}: it is what was written"), got.is_some() && got == want)
}

async fn load(
    store: &impl FactorStore,
    owner: Owner,
    kind: FactorKind,
) -> Result<Option<Stored<FactorConfig>>, Breach> {
    Ok(store.load_factor(owner.tenant_id, owner.user_id, kind).await?.record)
}

async fn save(
    store: &impl FactorStore,
    owner: Owner,
    config: &FactorConfig,
    expected: Expected,
) -> Result<SaveOutcome, Breach> {
    Ok(store.save_factor(owner.tenant_id, owner.user_id, config.clone(), expected).await?)
}

/// Demands that the record is what was written, with this version.
async fn reads(
    store: &impl FactorStore,
    what: &str,
    owner: Owner,
    want: &FactorConfig,
    version: u64,
) -> Verdict {
    let got = some(what, load(store, owner, want.kind()).await?)?;
    same(what, got.version, version)?;
    alike(what, &got.value, want)
}

async fn absent(store: &impl FactorStore, what: &str, owner: Owner, kind: FactorKind) -> Verdict {
    holds(what, load(store, owner, kind).await?.is_none())
}

async fn enrolled(
    store: &impl FactorStore,
    owner: Owner,
    config: FactorConfig,
) -> Result<FactorConfig, Breach> {
    same("enrolment", save(store, owner, &config, Expected::Absent).await?, SaveOutcome::Saved)?;
    Ok(config)
}

async fn every_record_comes_back<S: FactorStore>(store: Arc<S>, ground: Ground) -> Verdict {
    for config in records(&ground) {
        let owner = ground.owner();
        absent(&*store, "before it is written", owner, config.kind()).await?;
        let config = enrolled(&*store, owner, config).await?;
        reads(&*store, "read back", owner, &config, 1).await?;
    }
    Ok(())
}

async fn a_write_finds_what_it_expects<S: FactorStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let write = async |expected: Expected, want: SaveOutcome| {
        let config = password(&ground);
        same(
            &format!("a write that expects {expected:?}"),
            save(&*store, owner, &config, expected).await?,
            want,
        )?;
        Ok::<_, Breach>(config)
    };
    for expected in [Expected::Version(0), Expected::Version(1), Expected::Version(u64::MAX)] {
        write(expected, SaveOutcome::Conflict).await?;
        absent(&*store, "nothing is written then", owner, FactorKind::Password).await?;
    }
    let first = write(Expected::Absent, SaveOutcome::Saved).await?;
    for expected in
        [Expected::Absent, Expected::Version(0), Expected::Version(2), Expected::Version(u64::MAX)]
    {
        write(expected, SaveOutcome::Conflict).await?;
        reads(&*store, "after it", owner, &first, 1).await?;
    }
    let second = write(Expected::Version(1), SaveOutcome::Saved).await?;
    reads(&*store, "after it", owner, &second, 2).await?;
    let third = write(Expected::Any, SaveOutcome::Saved).await?;
    reads(&*store, "after it", owner, &third, 3).await
}

async fn factors_of_a_user_are_listed<S: FactorStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let list = async |want: &[FactorKind]| {
        let (mut got, mut want) = (store.find_factors(owner.tenant_id, owner.user_id).await?, want.to_vec());
        got.sort();
        want.sort();
        same("what is enrolled", got, want)
    };
    list(&[]).await?;
    let mut kinds = Vec::new();
    for config in [
        FactorConfig::Totp(TotpConfig::generate(ground.rng())),
        password(&ground),
        codes(&ground),
        FactorConfig::Hotp(HotpConfig::generate(ground.rng())),
    ] {
        kinds.push(enrolled(&*store, owner, config).await?.kind());
        list(&kinds).await?;
    }
    Ok(())
}

async fn no_verb_reaches_another_account<S: FactorStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let mine = enrolled(&*store, me, password(&ground)).await?;
    for other in [namesake, neighbour] {
        let (tenant, user) = (other.tenant_id, other.user_id);
        absent(&*store, "for another account", other, FactorKind::Password).await?;
        same("listed", store.find_factors(tenant, user).await?, vec![])?;
        let written = save(&*store, other, &password(&ground), Expected::Version(1)).await?;
        same("written", written, SaveOutcome::Conflict)?;
        same("deleted", store.delete_factor(tenant, user, FactorKind::Password).await?, false)?;
        same("deleted, all", store.delete_factors(tenant, user).await?, 0)?;
        let theirs = enrolled(&*store, other, password(&ground)).await?;
        reads(&*store, "theirs", other, &theirs, 1).await?;
    }
    reads(&*store, "mine after all", me, &mine, 1).await
}

async fn deleting_removes_one<S: FactorStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let (kept, gone) = (password(&ground), codes(&ground));
    let (kept, gone) = (enrolled(&*store, owner, kept).await?, enrolled(&*store, owner, gone).await?);
    for found in [true, false] {
        let deleted = store.delete_factor(owner.tenant_id, owner.user_id, gone.kind()).await?;
        same("deleted", deleted, found)?;
        absent(&*store, "the deleted one", owner, gone.kind()).await?;
    }
    reads(&*store, "the other one", owner, &kept, 1).await?;
    let late = save(&*store, owner, &gone, Expected::Version(1)).await?;
    same("a late write of the deleted one", late, SaveOutcome::Conflict)
}

async fn everything_about_a_user_is_deleted<S: FactorStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owners @ [me, namesake, neighbour] = ground.owners();
    for owner in owners {
        enrolled(&*store, owner, password(&ground)).await?;
        enrolled(&*store, owner, codes(&ground)).await?;
    }
    same("the first time", store.delete_factors(me.tenant_id, me.user_id).await?, 2)?;
    same("the second time", store.delete_factors(me.tenant_id, me.user_id).await?, 0)?;
    same("what is left", store.find_factors(me.tenant_id, me.user_id).await?, vec![])?;
    for other in [namesake, neighbour] {
        same("somebody else's", store.find_factors(other.tenant_id, other.user_id).await?.len(), 2)?;
    }
    Ok(())
}

async fn policies_follow_the_scope_chain<S: FactorStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let [me, stranger, neighbour] = ground.owners();
    let policies = [
        FactorPolicy::Password(PasswordConfig { history: 7, min_length: 20, ..PasswordConfig::default() }),
        FactorPolicy::Totp(OtpPolicy { digits: 8, period: Duration::from_secs(60), ..OtpPolicy::default() }),
        FactorPolicy::Hotp(OtpPolicy { window: 9, algorithm: HmacAlgorithm::Sha256, ..OtpPolicy::default() }),
        FactorPolicy::EmailOtp(EmailOtpConfig { digits: 6, max_tries: 3, ..EmailOtpConfig::default() }),
    ];
    let (of_user, of_tenant) =
        (AuthnScope::User { tenant_id: me.tenant_id, user_id: me.user_id }, AuthnScope::Tenant(me.tenant_id));
    for policy in &policies {
        let kind = policy.kind();
        let find = async |owner: Owner| {
            store.load_factor(owner.tenant_id, owner.user_id, kind.clone()).await.map(|found| found.policy)
        };
        let set = async |scope: AuthnScope, policy: Option<&FactorPolicy>| {
            store.save_factor_policy(scope, kind.clone(), policy.cloned()).await
        };
        // What is global is not this case's to change: it is read, and must be what a stranger has.
        let global = find(stranger).await?;
        same("without any other", find(me).await?, global.clone())?;
        set(of_tenant, Some(policy)).await?;
        same("of the tenant", find(me).await?.as_ref(), Some(policy))?;
        same("of a neighbour", find(neighbour).await?.as_ref(), Some(policy))?;
        same("of another tenant's user", find(stranger).await?, global.clone())?;
        let own = match policy {
            FactorPolicy::EmailOtp(config) => {
                FactorPolicy::EmailOtp(EmailOtpConfig { max_tries: 1, ..config.clone() })
            }
            FactorPolicy::Password(config) => {
                FactorPolicy::Password(PasswordConfig { history: 1, ..config.clone() })
            }
            FactorPolicy::Totp(config) => FactorPolicy::Totp(OtpPolicy { window: 2, ..config.clone() }),
            FactorPolicy::Hotp(config) => FactorPolicy::Hotp(OtpPolicy { window: 2, ..config.clone() }),
        };
        set(of_user, Some(&own)).await?;
        same("of the user", find(me).await?, Some(own))?;
        same("of a neighbour still", find(neighbour).await?.as_ref(), Some(policy))?;
        set(of_user, None).await?;
        same("without that of the user", find(me).await?.as_ref(), Some(policy))?;
        set(of_tenant, None).await?;
        same("without that of the tenant", find(me).await?, global)?;
    }
    Ok(())
}

/// Everybody spends the same code: they read the same record and write what is left of it.
async fn a_code_is_spent_once<S: FactorStore>(store: Arc<S>, ground: Ground) -> Verdict {
    for _ in 0..4 {
        let owner = ground.owner();
        let full = enrolled(&*store, owner, codes(&ground)).await?;
        let FactorConfig::RecoveryCodes(_) = &full else { return Ok(()) };
        let left: Vec<_> = (0..RACERS).map(|_| codes(&ground)).collect();
        one_write_wins(&store, owner, &left, Expected::Version(1), 2).await?;
    }
    Ok(())
}

async fn racing_enrolments_have_one_winner<S: FactorStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let all: Vec<_> = (0..RACERS).map(|_| password(&ground)).collect();
    one_write_wins(&store, ground.owner(), &all, Expected::Absent, 1).await
}

async fn one_write_wins<S: FactorStore>(
    store: &Arc<S>,
    owner: Owner,
    all: &[FactorConfig],
    expected: Expected,
    version: u64,
) -> Verdict {
    let answers = race(RACERS, |n| {
        let (store, config) = (Arc::clone(store), all.get(n).cloned());
        async move {
            let Some(config) = config else { return Ok(SaveOutcome::Conflict) };
            store.save_factor(owner.tenant_id, owner.user_id, config, expected).await
        }
    })
    .await?;
    let won = answers.iter().zip(all).filter(|(answer, _)| **answer == SaveOutcome::Saved);
    let won: Vec<_> = won.map(|(_, config)| config).collect();
    same("how many won", won.len(), 1)?;
    reads(&**store, "what the winner wrote", owner, some("the winner", won.first())?, version).await
}

async fn a_removal_beats_a_racing_write<S: FactorStore>(store: Arc<S>, ground: Ground) -> Verdict {
    for round in 0..ROUNDS {
        let owner = ground.owner();
        enrolled(&*store, owner, password(&ground)).await?;
        let (one, other, config) = (Arc::clone(&store), Arc::clone(&store), password(&ground));
        let (tenant, user) = (owner.tenant_id, owner.user_id);
        let (_, deleted) = race_two(
            round,
            async move { one.save_factor(tenant, user, config, Expected::Version(1)).await },
            async move { other.delete_factor(tenant, user, FactorKind::Password).await },
        )
        .await?;
        same("the removal found one", deleted, true)?;
        absent(&*store, "what is left", owner, FactorKind::Password).await?;
    }
    Ok(())
}

async fn a_call_cut_off_leaves_nothing_half_done<S: FactorStore>(store: Arc<S>, ground: Ground) -> Verdict {
    for cut in CUTS {
        let owner = ground.owner();
        let (first, second) = (enrolled(&*store, owner, password(&ground)).await?, password(&ground));
        let (tenant, user) = (owner.tenant_id, owner.user_id);
        let _ = cut_off(store.save_factor(tenant, user, second.clone(), Expected::Version(1)), cut)
            .await
            .transpose()?;
        settles(async || {
            let got = some("the record", load(&*store, owner, FactorKind::Password).await?)?;
            alike("the old or the new one", &got.value, if got.version == 1 { &first } else { &second })
        })
        .await?;
        let _ = save(&*store, owner, &second, Expected::Version(1)).await?;
        settles(async || reads(&*store, "after it was repeated", owner, &second, 2).await).await?;
    }
    Ok(())
}
