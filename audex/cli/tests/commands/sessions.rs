use crate::{
    home::Home,
    records::{ids, record, write},
};
use axess_clock::{Clock, SystemClock};
use serde_json::json;
use std::fs;

#[test]
fn an_empty_store_is_no_failure_and_stays_empty() {
    let home = Home::new();
    let answer = home.run(&["sessions"]);
    assert_eq!((answer.code, answer.out.as_str(), answer.err.as_str()), (0, "", "no sessions\n"));
    assert_eq!(home.json(&["sessions"]).1["sessions"].as_array().unwrap().len(), 0);
    assert!(!home.data().exists(), "looking makes nothing");
    let answer = home.run(&["sessions", "show", "a1b2c3d4"]);
    assert_eq!(answer.code, 2);
    assert!(answer.err.starts_with("error: there is no session a1b2c3d4\n"), "{answer:?}");
}

#[test]
fn a_session_is_listed_and_shown_by_a_part_of_its_id() {
    let home = Home::new();
    let id = home.session();
    let answer = home.run(&["sessions", "list"]);
    assert!(answer.out.contains(&id[..8]) && answer.out.contains("Completed"), "{answer:?}");
    let answer = home.run(&["sessions", "show", &id[..5]]);
    assert_eq!(answer.code, 0);
    for part in [&id, "orders:Read=eu/*", "Completed", "works until"] {
        assert!(answer.out.contains(part), "{part}: {answer:?}");
    }
    let (code, shown) = home.json(&["sessions", "show", &id]);
    assert_eq!((code, shown["session_id"].as_str()), (0, Some(id.as_str())));
}

#[test]
fn filters_find_what_they_say() {
    let home = Home::new();
    for (id, (status, days)) in
        ids(4).into_iter().zip([("Failed", 0), ("Completed", 1), ("Failed", 3), ("Revoked", 9)])
    {
        write(&home, id, &record(id, status, days));
    }
    for (filter, expected) in [
        (&["--status", "Failed"][..], 2),
        (&["--status", "Failed", "--since", "2d"], 1),
        (&["--since", "5d"], 3),
        (&["-n", "1"], 1),
        (&["--all"], 4),
        (&["--status", "Expired"], 0),
        (&["-n", "0"], 0),
    ] {
        let (code, found) = home.json(&[&["sessions"], filter].concat());
        assert_eq!((code, found["sessions"].as_array().unwrap().len()), (0, expected), "{filter:?}");
    }
    for wrong in [&["--status", "Gone"][..], &["--since", "yesterday"], &["-n", "-1"]] {
        assert_eq!(home.run(&[&["sessions"], wrong].concat()).code, 2, "{wrong:?}");
    }
}

#[test]
fn a_part_of_several_ids_lists_them() {
    let home = Home::new();
    for text in ["abcd0000-0000-4000-8000-000000000001", "abcd0000-0000-4000-8000-000000000002"] {
        let id = text.parse().unwrap();
        write(&home, id, &record(id, "Completed", 1));
    }
    let answer = home.run(&["sessions", "show", "abcd"]);
    assert_eq!(answer.code, 2);
    assert!(answer.err.contains("000000000001") && answer.err.contains("000000000002"), "{answer:?}");
    assert_eq!(home.run(&["sessions", "show", "ab"]).code, 2);
    assert_eq!(home.run(&["sessions", "show", "../../etc/passwd"]).code, 2);
}

#[test]
fn records_that_cannot_be_read_are_named_and_the_others_listed() {
    let home = Home::new();
    let all = ids(5);
    write(&home, all[0], &record(all[0], "Completed", 1));
    for (id, text) in all[1..].iter().zip(["", "{", "{\"schema_version\":999}", "\u{0}\u{1b}[2J"]) {
        fs::write(home.data().join(format!("sessions/{id}.json")), text).unwrap();
    }
    fs::write(home.data().join("sessions/\u{1b}[2J.json"), "{}").unwrap();
    let answer = home.run(&["sessions"]);
    assert_eq!(answer.code, 0);
    assert_eq!(answer.err.matches("warning: ").count(), 4, "{answer:?}");
    assert!(answer.out.contains(&all[0].short()) && !answer.err.contains('\u{1b}'), "{answer:?}");
    let (_, listed) = home.json(&["sessions", "--quiet"]);
    assert_eq!((listed["sessions"].as_array().unwrap().len(), listed["unreadable"].as_u64()), (1, Some(4)));
    assert_eq!(home.run(&["sessions", "show", &all[1].to_string()]).code, 87);
}

#[test]
fn nothing_in_a_record_reaches_the_terminal_as_it_is() {
    let home = Home::new();
    let id = ids(1)[0];
    let mut hostile = record(id, "Completed", 1);
    let text = "\u{1b}]0;owned\u{7}\r\n\u{202e}\u{9b}31m";
    hostile["command"] = json!([text, text.repeat(2_000)]);
    hostile["asked"] = text.into();
    hostile["target"] = text.into();
    hostile["requester"]["name"] = text.into();
    hostile["ending"] = json!({ "reason": text });
    write(&home, id, &hostile);
    for arguments in [&["sessions"][..], &["sessions", "show", &id.short()]] {
        let answer = home.run(arguments);
        let acts = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!answer.out.contains(acts) && !answer.err.contains(acts), "{answer:?}");
        assert!(answer.out.lines().all(|line| line.chars().count() < 2_200), "bounded");
    }
    assert_eq!(home.run(&["sessions"]).out.lines().count(), 2);
}

#[test]
fn ten_thousand_sessions_are_listed_at_once() {
    let home = Home::new();
    // Whoever read one of the older ones would say that it cannot be read.
    for id in ids(10_000) {
        write(&home, id, &json!("nonsense"));
    }
    let newest = SystemClock.now() + chrono::TimeDelta::hours(1);
    for id in ids(20) {
        write(&home, id, &record(id, "Completed", 1));
        let file = home.data().join("sessions").join(format!("{id}.json"));
        fs::File::options().write(true).open(file).unwrap().set_modified(newest.into()).unwrap();
    }
    let (_, listed) = home.json(&["sessions"]);
    assert_eq!((listed["sessions"].as_array().unwrap().len(), &listed["unreadable"]), (20, &json!(0)));
}
