//! What comes at the same moment, on SQLite and PostgreSQL: one of them wins, nobody is told what is not so.

mod gate;

use super::{agreed, delete, get};
use crate::{
    site::{Someone, approvals, someone},
    store::place::{Place, on_both},
};
use audex_core::{
    CredentialProvider, Fate, IssueRules, ProviderFault,
    rate::RateRule,
    session::{SessionId, SessionRecord, SessionStatus},
};
use audex_server::{
    app::{App, ServerKeys},
    evidence::AuditQuery,
    requests::{Asked, PickedUp},
};
use axess::{
    audit::chain::AuditKeys,
    clock::{Clock, MockClock},
    rng::{MockRng, SystemRng},
};
use chrono::TimeDelta;
use futures_util::future::join_all;
use gate::Gate;
use std::{collections::HashSet, sync::Arc, time::Duration};

/// A server over a database of its own, with a provider that is told what to do.
struct Race {
    app: Arc<App>,
    gate: Arc<Gate>,
    clock: Arc<MockClock>,
    alice: Someone,
    bob: Someone,
    _place: Place,
}

impl Race {
    async fn new(place: Place, rules: IssueRules) -> Self {
        let mut settings = place.settings.clone();
        (settings.is_dev, settings.rules) = (true, rules);
        #[expect(clippy::disallowed_methods, reason = "the log wants a time that can be")]
        let clock = Arc::new(MockClock::new(chrono::Utc::now()));
        let gate = Arc::new(Gate::new(Arc::clone(&clock)));
        let providers = vec![Arc::clone(&gate) as Arc<dyn CredentialProvider>];
        let keys = ServerKeys { audit: AuditKeys::generate(&MockRng::new(7)), secret: [7; 32] };
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let app = App::open(settings, providers, keys, time, Arc::new(SystemRng)).await.unwrap();
        let alice = someone(&app, "alice@example.com", &[], &[]).await;
        let bob = someone(&app, "bob@example.com", &[], &["security"]).await;
        Self { app, gate, clock, alice, bob, _place: place }
    }

    async fn issued(&self) -> SessionId {
        match self.app.ask(&self.alice.caller(), get(), None, None).await.unwrap() {
            Asked::Issued(issued) => issued.session_id,
            other => panic!("{other:?}"),
        }
    }

    async fn approved(&self) -> SessionId {
        let asked = self.app.ask(&self.alice.caller(), delete(), None, None).await.unwrap();
        let Asked::Pending(pending) = asked else { panic!("{asked:?}") };
        self.app.vote(&self.bob.caller(), pending.session_id, agreed()).await.unwrap();
        pending.session_id
    }

    async fn record(&self, id: SessionId) -> SessionRecord {
        self.app.session(&self.alice.caller(), id).await.unwrap()
    }

    /// Counts the events of a type.
    async fn told(&self, event_type: &str) -> usize {
        let query = AuditQuery {
            event_type: Some(event_type.to_owned()),
            limit: Some(1_000),
            ..AuditQuery::default()
        };
        self.app.evidence.search(&query).await.unwrap().items.len()
    }
}

fn three_an_hour() -> IssueRules {
    let (identity, window) = ("*".to_owned(), TimeDelta::hours(1));
    let rate = RateRule { identity, max_requests: 3, window, max_concurrent: Some(1) };
    IssueRules { rates: vec![rate], ..IssueRules::default() }
}

on_both!(whoever_refreshes_in_a_loop_is_revoked, |place: Place| async move {
    let race = Race::new(place, IssueRules::default()).await;
    for round in 1..=6 {
        let id = race.issued().await;
        let refreshing = (0..4).map(|_| {
            let (app, alice) = (Arc::clone(&race.app), race.alice.caller());
            tokio::spawn(async move {
                loop {
                    match app.refresh(&alice, id).await {
                        Ok(_) => {}
                        Err(problem) if problem.code() == "rate_limit_exceeded" => {}
                        Err(problem) => return problem,
                    }
                }
            })
        });
        let refreshing: Vec<_> = refreshing.collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let revoked = race.app.revoke(&race.alice.caller(), id, Some("stolen")).await;
        let (record, revocation) = revoked.unwrap();
        assert_eq!(record.status, SessionStatus::Revoked);
        assert!(revocation.is_complete());
        for ended in join_all(refreshing).await {
            assert_eq!(ended.unwrap().code(), "session_over");
        }
        // Whatever was being minted was ended by whoever minted it.
        let record = race.record(id).await;
        assert!(record.credentials.iter().all(|one| one.fate == Some(Fate::Dead)), "{record:?}");
        assert_eq!(race.told("credential_revoked").await, round);
    }
    race.app.close().await;
});

on_both!(what_is_minted_while_its_session_is_revoked_is_ended, |place: Place| async move {
    let race = Race::new(place, IssueRules::default()).await;
    let (app, alice) = (&race.app, race.alice.caller());
    let id = race.issued().await;
    let gate = race.gate.close().await;
    let refreshing = tokio::spawn({
        let (app, alice) = (Arc::clone(app), alice.clone());
        async move { app.refresh(&alice, id).await }
    });
    race.gate.asked().await;
    assert_eq!(app.revoke(&alice, id, None).await.unwrap().0.status, SessionStatus::Revoked);
    assert_eq!(*race.gate.revoked.lock().unwrap(), ["jti0"]);
    drop(gate);
    assert_eq!(refreshing.await.unwrap().unwrap_err().code(), "session_over");
    assert!(race.gate.revoked.lock().unwrap().contains(&"jti1".to_owned()), "nobody else knew of it");
    assert_eq!(race.record(id).await.credentials[1].fate, Some(Fate::Dead));

    // The first credential of a session.
    let gate = race.gate.close().await;
    let asking = tokio::spawn({
        let (app, alice) = (Arc::clone(app), alice.clone());
        async move { app.ask(&alice, get(), None, None).await }
    });
    race.gate.asked().await;
    let active = app.sessions(&alice, Default::default(), &Default::default()).await.unwrap().items;
    let other = active.iter().find(|record| record.session_id != id).unwrap().session_id;
    app.revoke(&alice, other, None).await.unwrap();
    drop(gate);
    let refused = asking.await.unwrap().unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.code()), (409, "session_over"));
    assert!(race.gate.revoked.lock().unwrap().contains(&"jti2".to_owned()));
    assert_eq!(race.record(other).await.status, SessionStatus::Revoked);
    app.close().await;
});

on_both!(the_same_many_times_at_once_is_no_fault, |place: Place| async move {
    let race = Race::new(place, IssueRules::default()).await;
    let (app, alice) = (&race.app, race.alice.caller());
    let id = race.issued().await;
    let refreshed = join_all((0..20).map(|_| app.refresh(&alice, id))).await;
    let handed: HashSet<String> = refreshed
        .into_iter()
        .map(|one| one.unwrap().parts().map(|(_, secret)| secret.expose().to_owned()).collect())
        .collect();
    assert_eq!(handed.len(), 20);
    let record = race.record(id).await;
    assert!(handed.iter().all(|id| record.credentials.iter().any(|one| one.id == *id)));
    let revoked = join_all((0..6).map(|_| app.revoke(&alice, id, None))).await;
    assert!(revoked.iter().all(Result::is_ok), "{revoked:?}");
    assert_eq!(race.told("credential_revoked").await, 1, "it was ended once");
    app.close().await;
});

on_both!(a_refresh_counts_and_forgets_nothing_that_works, |place: Place| async move {
    let race = Race::new(place, three_an_hour()).await;
    let (alice, id) = (race.alice.caller(), race.issued().await);
    // One session at once is no matter here: it is the same.
    let refreshed = join_all((0..20).map(|_| race.app.refresh(&alice, id))).await;
    assert_eq!(refreshed.iter().filter(|one| one.is_ok()).count(), 2);
    for limited in refreshed.into_iter().filter_map(Result::err) {
        assert_eq!((limited.status().as_u16(), limited.code()), (429, "rate_limit_exceeded"));
        assert_eq!(limited.json()["error"], "rate_limit_exceeded");
        assert!(limited.json()["retry_after"].as_u64().is_some_and(|seconds| seconds > 0));
    }
    assert_eq!(race.told("credential_denied").await, 18);
    race.app.close().await;
});

on_both!(no_more_credentials_work_than_are_kept, |place: Place| async move {
    let race = Race::new(place, IssueRules::default()).await;
    let (app, alice, id) = (&race.app, race.alice.caller(), race.issued().await);
    let gate = race.gate.close().await;
    let refreshing: Vec<_> = (0..90)
        .map(|_| {
            let (app, alice) = (Arc::clone(app), alice.clone());
            tokio::spawn(async move { app.refresh(&alice, id).await })
        })
        .collect();
    for _ in 0..90 {
        race.gate.asked().await;
    }
    // All of them asked while there was room.
    drop(gate);
    let mut handed = 0;
    for refreshed in join_all(refreshing).await {
        match refreshed.unwrap() {
            Ok(_) => handed += 1,
            Err(limited) => assert_eq!(limited.code(), "rate_limit_exceeded"),
        }
    }
    assert_eq!(handed, SessionRecord::MAX_CREDENTIALS - 1);
    assert_eq!(race.record(id).await.credentials.len(), SessionRecord::MAX_CREDENTIALS);
    let (record, revocation) = app.revoke(&alice, id, None).await.unwrap();
    assert!(record.credentials.iter().all(|one| one.fate.is_some()) && revocation.is_complete());
    app.close().await;
});

on_both!(many_that_pick_up_have_one_answer_and_no_denial, |place: Place| async move {
    let race = Race::new(place, approvals(1)).await;
    let (app, alice) = (&race.app, race.alice.caller());
    let id = race.approved().await;
    let picked_up = join_all((0..8).map(|_| {
        let (app, alice) = (Arc::clone(app), alice.clone());
        tokio::spawn(async move { app.pick_up(&alice, id).await })
    }))
    .await;
    for one in picked_up {
        let one = one.unwrap().unwrap();
        let PickedUp::Handover(handover) = one else { panic!("{one:?}") };
        assert_eq!(handover.parts().next().unwrap().1.expose(), "jti0");
    }
    // One who takes it back at the same moment does so, or is too late: either way the requester knows.
    for _ in 0..12 {
        let id = race.approved().await;
        let picking = tokio::spawn({
            let (app, alice) = (Arc::clone(app), alice.clone());
            async move { app.pick_up(&alice, id).await }
        });
        let withdrawn = app.withdraw(&alice, id).await;
        match (picking.await.unwrap().unwrap(), withdrawn) {
            (PickedUp::Handover(_), Err(late)) => assert_eq!(late.code(), "already_decided"),
            (PickedUp::Decided(decided), Ok(_)) => {
                assert_eq!(decided.state(race.clock.now()).name(), "withdrawn");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(race.told("credential_denied").await, 0);
    app.close().await;
});

on_both!(an_approval_is_given_back_when_nothing_was_issued, |place: Place| async move {
    let race = Race::new(place, approvals(1)).await;
    let (app, alice) = (&race.app, race.alice.caller());
    let id = race.approved().await;
    race.gate.fail(Some(ProviderFault::Denied));
    for _ in 0..2 {
        let failed = app.pick_up(&alice, id).await.unwrap_err();
        assert_eq!((failed.status().as_u16(), failed.code()), (502, "provider_failed"));
    }
    race.gate.fail(None);
    assert!(matches!(app.pick_up(&alice, id).await.unwrap(), PickedUp::Handover(_)));
    assert_eq!(race.record(id).await.status, SessionStatus::Active);
    // Where it is not known whether something was, it stays used, and whoever asks is told why.
    let id = race.approved().await;
    race.gate.fail(Some(ProviderFault::Unreachable));
    assert_eq!(app.pick_up(&alice, id).await.unwrap_err().code(), "provider_failed");
    race.gate.fail(None);
    let again = app.pick_up(&alice, id).await.unwrap();
    let PickedUp::Session(failed) = again else { panic!("{again:?}") };
    let code = failed.ending.as_ref().and_then(|ending| ending.code.as_deref());
    assert_eq!((failed.status, code), (SessionStatus::Failed, Some("provider_failed")));
    // Those who wait beside one who fails hear of that too.
    let id = race.approved().await;
    race.gate.fail(Some(ProviderFault::Rejected));
    let picked_up = join_all((0..6).map(|_| app.pick_up(&alice, id))).await;
    for one in &picked_up {
        let is_failed =
            |record: &SessionRecord| record.status == SessionStatus::Failed && record.credentials.is_empty();
        match one {
            Ok(PickedUp::Session(record)) => assert!(is_failed(record)),
            Err(problem) => assert!(problem.code() == "provider_failed", "{problem:?}"),
            other => panic!("{other:?}"),
        }
    }
    race.gate.fail(None);
    assert!(matches!(app.pick_up(&alice, id).await.unwrap(), PickedUp::Handover(_)));
    app.close().await;
});

on_both!(a_second_try_after_a_failure_counts, |place: Place| async move {
    let rules = IssueRules { rates: three_an_hour().rates, ..approvals(1) };
    let race = Race::new(place, rules).await;
    let (app, alice, id) = (&race.app, race.alice.caller(), race.approved().await);
    race.gate.fail(Some(ProviderFault::Denied));
    for code in ["provider_failed", "provider_failed", "provider_failed", "rate_limit_exceeded"] {
        assert_eq!(app.pick_up(&alice, id).await.unwrap_err().code(), code);
    }
    app.close().await;
});

on_both!(a_session_is_expired_when_its_time_is_over, |place: Place| async move {
    let race = Race::new(place, IssueRules::default()).await;
    let (app, alice, id) = (&race.app, race.alice.caller(), race.issued().await);
    // Before the round that ends it.
    race.clock.advance(Duration::from_secs(15 * 60));
    let picked_up = app.pick_up(&alice, id).await.unwrap();
    assert!(matches!(picked_up, PickedUp::Session(record) if record.status == SessionStatus::Expired));
    let (record, _) = app.revoke(&alice, id, Some("too late")).await.unwrap();
    assert_eq!(record.status, SessionStatus::Expired);
    app.round().await;
    assert_eq!((race.told("session_ended").await, race.told("credential_revoked").await), (1, 0));
    app.close().await;
});
