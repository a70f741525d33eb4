use super::*;
use crate::fixtures::code;
use axess_core::{
    authn::{EnrolmentOutcome, FactorConfig, FactorCredential},
    service::TotpEnrolment,
    store::FactorStore,
};
use axess_factors::TotpConfig;
use axess_identity::{FactorKind, OtpSeed, RecoveryCode};

fn app(enrolment: &TotpEnrolment) -> TotpConfig {
    let key = enrolment.uri.expose_key();
    TotpConfig::new(OtpSeed::from(data_encoding::BASE32_NOPAD.decode(key.as_bytes()).unwrap())).unwrap()
}

fn stored(world: &World) -> Option<TotpConfig> {
    let found = alone(async {
        let owner = world.suite.owner().await;
        world.suite.backend.load_factor(owner.tenant_id, owner.user_id, FactorKind::Totp).await.unwrap()
    });
    match found.record?.value {
        FactorConfig::Totp(config) => Some(config),
        other => panic!("{other:?}"),
    }
}

/// Begins an enrolment in the session and returns what the user's app holds.
async fn shown(world: &World, id: SessionId) -> TotpConfig {
    let session = world.suite.session_by_id(id).await;
    let enrolment = world.suite.service.begin_totp_enrolment(&session).await.unwrap();
    session.finish().await.unwrap();
    app(&enrolment)
}

async fn confirm(world: &World, id: SessionId, app: &TotpConfig) -> Option<Vec<RecoveryCode>> {
    let session = world.open(id).await;
    let outcome = world.service.confirm_totp_enrolment(&session, code(&world.suite, app)).await;
    session.finish().await.unwrap();
    match outcome {
        Ok(EnrolmentOutcome::Enrolled { recovery_codes }) => Some(recovery_codes),
        Ok(EnrolmentOutcome::Expired | EnrolmentOutcome::InvalidCode) => None,
        Err(AuthnError::SessionEnded | AuthnError::NotAuthenticated) => None,
        Err(other) => panic!("{other:?}"),
    }
}

/// The recovery codes the winner was shown work.
fn recovery_works(world: &World, codes: &[RecoveryCode]) {
    alone(async {
        let methods = vec![Method::password_then_totp()];
        let scope = axess_core::authn::AuthnScope::Global;
        axess_core::store::IdentityAdmin::save_methods(&world.suite.backend, scope, methods).await.unwrap();
        let session = crate::fixtures::half_way(&world.suite).await;
        let credential = FactorCredential::RecoveryCode(codes[0].clone());
        assert_eq!(world.suite.service.verify_factor(&session, credential).await.unwrap(), RIGHT);
    });
}

#[test]
fn of_two_enrolments_in_two_sessions_one_is_stored() {
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let racers: Vec<_> = (0..2)
            .map(|_| {
                let id = world.password_proved();
                (id, alone(shown(&world, id)))
            })
            .collect();
        let tasks = racers.iter().map(|(id, app)| task(confirm(&world, *id, app)));
        let codes = world.run(tasks.collect());
        let winners: Vec<_> = (0..2).filter(|n| codes[*n].is_some()).collect();
        assert_eq!(winners.len(), 1);
        let winner = winners[0];
        assert!(stored(&world).unwrap().seed.ct_eq(racers[winner].1.seed.expose()));
        recovery_works(&world, codes[winner].as_ref().unwrap());
    });
}

#[test]
fn one_code_confirms_an_enrolment_once() {
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let id = world.password_proved();
        let app = alone(shown(&world, id));
        let codes = world.run(vec![task(confirm(&world, id, &app)), task(confirm(&world, id, &app))]);
        let shown: Vec<_> = codes.into_iter().flatten().collect();
        assert_eq!(shown.len(), 1, "one set of recovery codes is shown");
        assert_eq!(world.live(), 1);
        recovery_works(&world, &shown[0]);
    });
}

/// Somebody begins another enrolment in the same session while the first is being confirmed: what is stored is what the
/// confirming code was made from, or nothing.
#[test]
fn a_secret_that_is_swapped_under_a_code_is_not_stored() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let id = world.password_proved();
        let mine = alone(shown(&world, id));
        let swap = task(async {
            let session = world.open(id).await;
            if session.is_authenticated() {
                let _ = world.service.begin_totp_enrolment(&session).await;
            }
            session.finish().await.unwrap();
            None
        });
        let codes = world.run(vec![task(confirm(&world, id, &mine)), swap]);
        let stored = stored(&world);
        assert_eq!(stored.is_some(), codes[0].is_some());
        assert!(stored.is_none_or(|stored| stored.seed.ct_eq(mine.seed.expose())));
        endings.saw(codes[0].is_some());
    });
    endings.must_include(&["true", "false"]);
}
