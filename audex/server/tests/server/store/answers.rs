use super::{place::*, requests::approved};
use audex_core::session::{Beginning, Change, SessionRecord, SessionStatus, SessionStore, Step};
use audex_server::store::{AnswerKey, AnswerState};
use chrono::TimeDelta;

fn key(name: &str) -> AnswerKey {
    AnswerKey { identity: "alice@example.com".to_owned(), key: name.to_owned() }
}

on_both!(one_key_is_one_request, |place: Place| async move {
    let (store, id) = (&place.store, new_id());
    let begin = |digest: u8, at| {
        let key = key("k");
        async move { store.begin_answer(&key, [digest; 32], id, at).await.unwrap() }
    };
    assert_eq!(begin(1, now()).await, AnswerState::New);
    let later = now() + TimeDelta::minutes(1);
    let running = store.begin_answer(&key("k"), [1; 32], new_id(), later).await.unwrap();
    assert_eq!(running, AnswerState::Running { session_id: id, since: now() });
    assert_eq!(begin(2, later).await, AnswerState::OtherRequest);
    let others = AnswerKey { identity: "bob@example.com".to_owned(), key: "k".to_owned() };
    assert_eq!(store.begin_answer(&others, [2; 32], new_id(), now()).await.unwrap(), AnswerState::New);
    store.forget_answer(&key("k")).await.unwrap();
    assert_eq!(begin(2, now()).await, AnswerState::New);
    // After a day it is another request's.
    assert_eq!(begin(3, now() + TimeDelta::hours(24)).await, AnswerState::New);
});

on_both!(an_answer_is_kept_with_what_it_is_about, |place: Place| async move {
    let store = &place.store;
    let record = record("alice@example.com", now());
    let state = store.begin_answer(&key("k"), [1; 32], record.session_id, now()).await.unwrap();
    assert_eq!(state, AnswerState::New);
    let credential = credential(now() + TimeDelta::hours(1));
    let hold = store.begin(beginning(&record, &[], Some(&credential))).await.unwrap();
    let again = place.other().await;
    let state = again.begin_answer(&key("k"), [1; 32], new_id(), now()).await.unwrap();
    assert_eq!(state, AnswerState::Done { session_id: record.session_id });
    let handover = again.handover(record.session_id, now()).await.unwrap().unwrap();
    let (name, secret) = handover.parts().next().unwrap();
    assert_eq!((name, secret.expose(), handover.is_replayed), ("AUDEX_TOKEN", "secret-of-it", true));
    // Not for long, and never in the clear.
    assert!(again.handover(record.session_id, now() + TimeDelta::minutes(10)).await.unwrap().is_none());
    for name in ["audex.db", "audex.db-wal"] {
        let bytes = std::fs::read(place.folder.path().join(name)).unwrap_or_default();
        assert!(!bytes.windows(12).any(|window| window == b"secret-of-it"), "{name}");
    }
    // A successor takes its place.
    let successor = self::credential(now() + TimeDelta::minutes(2));
    let change = Change { credential: Some(&successor), ..change(minted(&record, "jti2")) };
    store.save(&hold, change).await.unwrap();
    assert!(store.handover(record.session_id, now() + TimeDelta::minutes(2)).await.unwrap().is_none());
});

on_both!(what_nobody_asks_for_again_is_not_kept, |place: Place| async move {
    let (store, record) = (&place.store, record("alice@example.com", now()));
    let credential = credential(now() + TimeDelta::hours(1));
    let hold = store.begin(beginning(&record, &[], Some(&credential))).await.unwrap();
    let change = Change { credential: Some(&credential), ..change(minted(&record, "jti")) };
    store.save(&hold, change).await.unwrap();
    assert!(store.handover(record.session_id, now()).await.unwrap().is_none());
});

on_both!(what_is_minted_later_is_kept_too, |place: Place| async move {
    let (store, credential) = (&place.store, credential(now() + TimeDelta::minutes(5)));
    // Asked for with a key.
    let keyed = record("alice@example.com", now());
    store.begin_answer(&key("k"), [1; 32], keyed.session_id, now()).await.unwrap();
    // Approved.
    let mut pending = approved(store, "alice@example.com").await;
    let picked_up = SessionRecord { session_id: pending.session_id, ..record("alice@example.com", now()) };
    let approval = pending.approval.consume([3; 32], now()).unwrap();
    for (record, approved) in [(&keyed, None), (&picked_up, Some(approval))] {
        let hold = store.begin(Beginning { approved, ..beginning(record, &[], None) }).await.unwrap();
        assert!(store.handover(record.session_id, now()).await.unwrap().is_none());
        let change = Change { credential: Some(&credential), ..change(minted(record, "jti")) };
        store.save(&hold, change).await.unwrap();
        assert!(store.handover(record.session_id, now()).await.unwrap().is_some());
        // Until it expires.
        assert!(store.handover(record.session_id, now() + TimeDelta::minutes(5)).await.unwrap().is_none());
    }
    let state = store.begin_answer(&key("k"), [1; 32], new_id(), now()).await.unwrap();
    assert_eq!(state, AnswerState::Done { session_id: keyed.session_id });
    assert_eq!(store.sweep_handovers(now() + TimeDelta::minutes(5)).await.unwrap(), 2);
    assert_eq!(store.sweep_handovers(now() + TimeDelta::minutes(5)).await.unwrap(), 0);
    store.sweep_handovers(now() + TimeDelta::hours(24)).await.unwrap();
    let state = store.begin_answer(&key("k"), [9; 32], new_id(), now()).await.unwrap();
    assert_eq!(state, AnswerState::New);
});

on_both!(what_was_handed_over_is_gone_with_its_session, |place: Place| async move {
    let (store, credential) = (&place.store, credential(now() + TimeDelta::hours(1)));
    let ends = [
        SessionStatus::Completed,
        SessionStatus::Failed,
        SessionStatus::Revoked,
        SessionStatus::BudgetExceeded,
    ];
    for status in ends {
        let (record, key) = (record("alice@example.com", now()), key(&format!("{status:?}")));
        store.begin_answer(&key, [1; 32], record.session_id, now()).await.unwrap();
        let hold = store.begin(beginning(&record, &[], Some(&credential))).await.unwrap();
        store.save(&hold, change(Step::Detached)).await.unwrap();
        assert!(store.handover(record.session_id, now()).await.unwrap().is_some());
        store.save(&hold, change(ended(status))).await.unwrap();
        assert!(store.handover(record.session_id, now()).await.unwrap().is_none(), "{status:?}");
    }
    let records: Vec<_> = (0..70).map(|_| record("alice@example.com", now())).collect();
    for (n, record) in records.iter().enumerate() {
        let key = key(&format!("expires {n}"));
        store.begin_answer(&key, [1; 32], record.session_id, now()).await.unwrap();
        store.begin(beginning(record, &[], Some(&credential))).await.unwrap();
    }
    // One that goes on, and is too young to have been left by a server that is gone.
    let other = record("alice@example.com", now() + TimeDelta::minutes(14));
    store.begin_answer(&key("other"), [1; 32], other.session_id, now()).await.unwrap();
    store.begin(beginning(&other, &[], Some(&credential))).await.unwrap();
    assert_eq!(store.expire_sessions(now() + TimeDelta::minutes(15)).await.unwrap(), 70);
    for record in &records {
        assert!(store.handover(record.session_id, now()).await.unwrap().is_none());
    }
    assert!(store.handover(other.session_id, now()).await.unwrap().is_some());
});
