use super::*;
use crate::session::SessionId;
use axess_rng::MockRng;

const RECORD: &str = r#"{"schema_version":1,"session_id":"ID","status":"Active","requester":{"kind":"local_user","uid":1},
"entry_point":"run","provider":"local","asked":"orders:Read","grant":{"provider":"local","allow":["orders:Read"],"deny":[]},
"delivery":"env","ttl":"15m","created_at":"2026-01-01T00:00:00Z","deadline":"2026-01-01T00:15:00Z"}"#;

fn opened() -> (tempfile::TempDir, SessionFolder, MockRng) {
    let data = tempfile::tempdir().unwrap();
    let sessions = SessionFolder::open(data.path()).unwrap();
    (data, sessions, MockRng::new(3))
}

fn add(sessions: &SessionFolder, id: SessionId) -> SessionRecord {
    let record: SessionRecord = serde_json::from_str(&RECORD.replace("ID", &id.to_string())).unwrap();
    let guard = sessions.take(id).unwrap().unwrap();
    sessions.save(&guard, &record).unwrap();
    record
}

#[test]
fn the_first_version_is_read_and_a_later_one_refused() {
    let (_data, sessions, rng) = opened();
    let id = SessionId::generate(&rng);
    let record = add(&sessions, id);
    assert_eq!(sessions.load(id).unwrap(), record);
    let later = RECORD.replace("ID", &id.to_string()).replace("\"schema_version\":1", "\"schema_version\":2");
    fs::write(sessions.path().join(format!("{id}.json")), later).unwrap();
    let error = sessions.load(id).unwrap_err().to_string();
    assert!(error.contains("use the newer program"), "{error}");
}

#[test]
fn a_member_that_this_version_does_not_know_is_passed_over() {
    let (_data, sessions, rng) = opened();
    let id = SessionId::generate(&rng);
    let text = RECORD.replace("ID", &id.to_string()).replace("\"ttl\"", "\"new_in_2031\":{},\"ttl\"");
    fs::write(sessions.path().join(format!("{id}.json")), text).unwrap();
    assert_eq!(sessions.load(id).unwrap().session_id, id);
}

#[test]
fn what_cannot_be_read_is_named_and_hides_nothing_else() {
    let (_data, sessions, rng) = opened();
    let good = SessionId::generate(&rng);
    add(&sessions, good);
    for bad in ["", "{", "[]", "\u{0}", "{\"schema_version\":1}"] {
        let path = sessions.path().join(format!("{}.json", SessionId::generate(&rng)));
        fs::write(path, bad).unwrap();
    }
    let huge = sessions.path().join(format!("{}.json", SessionId::generate(&rng)));
    fs::write(&huge, vec![b' '; 300_000]).unwrap();
    fs::write(sessions.path().join("notes.txt"), "x").unwrap();
    let (records, unreadable) = sessions.recent(100).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(unreadable.0.len(), 6);
    assert!(unreadable.0.iter().any(|(path, why)| *path == huge && why.contains("larger")));
}

#[test]
fn a_beginning_names_one_session_or_says_which_it_could_be() {
    let (_data, sessions, _) = opened();
    let ids: Vec<SessionId> =
        ["a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6", "a1b2ffff-e5f6-4748-b9c0-d1e2f3a4b5c6"]
            .map(|id| id.parse().unwrap())
            .to_vec();
    for id in &ids {
        add(&sessions, *id);
    }
    assert_eq!(sessions.find("A1B2C").unwrap(), ids[0]);
    assert_eq!(sessions.find(&ids[1].to_string()).unwrap(), ids[1]);
    assert!(
        matches!(sessions.find("a1b2"), Err(SessionStoreError::Ambiguous { candidates, .. }) if candidates == ids)
    );
    assert!(matches!(sessions.find("ffff"), Err(SessionStoreError::Unknown(_))));
    for text in ["", "a1b", "../../etc/passwd", "zzzz", "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6-and-more"] {
        assert!(matches!(sessions.find(text), Err(SessionStoreError::NotAnId(_))), "{text}");
    }
}

#[test]
fn one_process_holds_a_session_and_lets_go_when_it_ends() {
    let (_data, sessions, rng) = opened();
    let id = SessionId::generate(&rng);
    for round in 0..50 {
        let taken: Vec<Option<SessionGuard>> = std::thread::scope(|scope| {
            let taking: Vec<_> = (0..4).map(|_| scope.spawn(|| sessions.take(id).unwrap())).collect();
            taking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut held: Vec<SessionGuard> = taken.into_iter().flatten().collect();
        assert_eq!(held.len(), 1, "round {round}");
        if round % 2 == 0 {
            sessions.release(held.remove(0)).unwrap();
        }
    }
}

#[test]
fn what_is_not_over_is_not_removed() {
    let (_data, sessions, rng) = opened();
    let id = SessionId::generate(&rng);
    let mut record = add(&sessions, id);
    assert!(!sessions.remove(id).unwrap());
    let guard = sessions.take(id).unwrap().unwrap();
    assert!(!sessions.remove(id).unwrap());
    record.status = crate::session::SessionStatus::Completed;
    sessions.save(&guard, &record).unwrap();
    drop(guard);
    assert!(sessions.remove(id).unwrap());
    assert!(matches!(sessions.load(id), Err(SessionStoreError::Unknown(_))));
    assert!(sessions.live().unwrap().is_empty());
}

#[test]
fn a_request_to_end_is_seen_and_goes_with_the_session() {
    let (_data, sessions, rng) = opened();
    let id = SessionId::generate(&rng);
    let guard = sessions.take(id).unwrap().unwrap();
    assert_eq!(sessions.asked_to_end(id), None);
    sessions.ask_to_end(id, "the laptop was lost").unwrap();
    assert_eq!(sessions.asked_to_end(id).as_deref(), Some("the laptop was lost"));
    assert_eq!(sessions.live().unwrap(), [id]);
    sessions.release(guard).unwrap();
    assert_eq!(sessions.asked_to_end(id), None);
}
