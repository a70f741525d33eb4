use crate::home::Home;
use axess_clock::{Clock, SystemClock};
use std::{
    fs::{self, File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::PathBuf,
};

fn segment(home: &Home) -> PathBuf {
    home.data().join("audit/000000000001.jsonl")
}

#[test]
fn with_nothing_recorded_nothing_is_wrong() {
    let home = Home::new();
    assert_eq!(home.run(&["audit", "recent"]).err, "no events\n");
    let verified = home.run(&["audit", "verify"]);
    assert_eq!((verified.code, verified.out.as_str()), (0, "nothing was recorded yet\n"));
    assert_eq!(home.run(&["audit", "export"]).code, 0);
    assert_eq!(home.run(&["audit", "show", "a1b2c3d4"]).code, 2);
    assert!(!home.data().exists());
}

/// A mistyped folder is no log in which nothing is wrong.
#[test]
fn a_named_folder_without_a_log_is_no_whole_log() {
    let home = Home::new();
    for folder in ["/no/such/folder", home.path().to_str().unwrap()] {
        let verified = home.run(&["audit", "verify", "--log", folder]);
        assert_eq!(verified.code, 87, "{verified:?}");
        assert!(verified.err.contains("holds no log"), "{verified:?}");
    }
}

#[test]
fn a_session_leaves_events_that_verify_and_export() {
    let home = Home::new();
    let id = home.session();
    let lines = |answer: crate::home::Answer| -> Vec<serde_json::Value> {
        answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let recent = lines(home.run(&["--output", "json", "audit", "recent", "-n", "2"]));
    assert_eq!(recent[0]["event_type"], "SessionEnded");
    assert_eq!(recent.len(), 2);
    let only = lines(home.run(&["--output", "json", "audit", "recent", "--event", "sessioncreated"]));
    assert_eq!(only.len(), 1);
    let shown = lines(home.run(&["--output", "json", "audit", "show", &id[..6]]));
    let types: Vec<_> = shown.iter().map(|event| event["event_type"].as_str().unwrap()).collect();
    assert_eq!(types, ["SessionCreated", "CredentialsIssued", "SessionEnded"]);
    let (code, report) = home.json(&["audit", "verify"]);
    assert_eq!((code, report["whole"].as_bool(), report["entries"].as_u64()), (0, Some(true), Some(3)));
    let array: Vec<serde_json::Value> = serde_json::from_str(&home.run(&["audit", "export"]).out).unwrap();
    assert_eq!(array.len(), 3);
    let csv = home.run(&["audit", "export", "--format", "csv", "--until", "1h"]);
    assert!(csv.out.contains(r#"{""events"":0}"#), "{csv:?}");
}

#[test]
fn every_change_to_the_log_is_found_and_its_line_named() {
    type Change = fn(&str) -> String;
    let changes: [(&str, Change); 4] = [
        ("edited", |text| text.replacen("orders:Read", "orders:Wipe", 1)),
        ("removed", |text| {
            [&text.lines().take(2).collect::<Vec<_>>()[..], &text.lines().skip(3).collect::<Vec<_>>()[..]]
                .concat()
                .join("\n")
                + "\n"
        }),
        ("moved", |text| {
            let mut lines: Vec<&str> = text.lines().collect();
            lines.swap(1, 2);
            lines.join("\n") + "\n"
        }),
        ("cut", |text| text.lines().take(2).collect::<Vec<_>>().join("\n") + "\n"),
    ];
    for (name, change) in changes {
        let home = Home::new();
        home.session();
        let text = fs::read_to_string(segment(&home)).unwrap();
        fs::write(segment(&home), change(&text)).unwrap();
        let verified = home.run(&["audit", "verify"]);
        assert_eq!(verified.code, 85, "{name}: {verified:?}");
        assert!(verified.out.contains("000000000001.jsonl: ") || name == "cut", "{name}: {verified:?}");
        let (code, report) = home.json(&["audit", "verify"]);
        assert_eq!((code, report["whole"].as_bool()), (85, Some(false)), "{name}");
        assert!(!report["findings"].as_array().unwrap().is_empty());
    }
}

#[test]
fn a_log_or_keys_that_are_gone_are_found() {
    let home = Home::new();
    home.session();
    let keys = home.data().join("keys");
    fs::rename(&keys, home.path().join("kept")).unwrap();
    assert_eq!(home.run(&["audit", "verify"]).code, 85);
    assert_eq!(home.run(&["health"]).code, 1);
    let public = home.path().join("kept/checkpoint.pub");
    assert_eq!(home.run(&["audit", "verify", "--key", public.to_str().unwrap()]).code, 0);
    fs::rename(home.path().join("kept"), &keys).unwrap();
    fs::remove_dir_all(home.data().join("audit")).unwrap();
    assert_eq!(home.run(&["audit", "verify"]).code, 85);
    assert_eq!(home.run(&["health"]).code, 1);
}

/// What was removed is not made anew by the next session, so that it stays found.
#[test]
fn nothing_is_issued_on_a_log_that_was_removed_or_lost_its_checkpoints() {
    let run = ["run", "--provider", "local", "--allow", "orders:Read", "--", "touch", "ran"];
    for part in ["audit", "audit/checkpoints.jsonl"] {
        let home = Home::new();
        home.session();
        let (path, kept) = (home.data().join(part), home.path().join("kept"));
        fs::rename(&path, &kept).unwrap();
        for _ in 0..2 {
            let refused = home.run(&run);
            assert_eq!(refused.code, 85, "{part}: {refused:?}");
            let keys = home.data().join("keys").display().to_string();
            assert!(part != "audit" || refused.err.contains(&keys), "{refused:?}");
            assert_eq!(home.run(&["audit", "verify"]).code, 85, "{part}");
        }
        assert!(!home.path().join("ran").exists() && !path.exists(), "{part}");
        fs::rename(&kept, &path).unwrap();
        home.session();
        assert_eq!(home.run(&["audit", "verify"]).code, 0);
    }
    // Who means it begins another.
    let home = Home::new();
    home.session();
    fs::remove_dir_all(home.data().join("audit")).unwrap();
    fs::rename(home.data().join("keys"), home.path().join("keys")).unwrap();
    home.session();
    let verified = home.run(&["audit", "verify"]);
    assert_eq!(verified.code, 0, "records from before are not of this log: {verified:?}");
}

#[test]
fn an_end_that_was_cut_off_with_its_checkpoints_is_found_by_the_session_records() {
    let home = Home::new();
    home.session();
    let checkpoints = home.data().join("audit/checkpoints.jsonl");
    let files = [segment(&home), checkpoints, home.data().join("audit/heads")];
    let earlier = files.each_ref().map(|path| fs::read(path).unwrap());
    let ids: Vec<String> = (0..12).map(|_| home.session()).collect();
    assert_eq!(home.run(&["audit", "verify"]).code, 0);
    for (path, content) in files.iter().zip(earlier) {
        fs::write(path, content).unwrap();
    }
    let (code, report) = home.json(&["audit", "verify"]);
    assert_eq!((code, report["whole"].as_bool()), (85, Some(false)), "{report}");
    let what = report["findings"][0]["what"].as_str().unwrap();
    assert_eq!(ids.iter().filter(|id| what.contains(id.as_str())).count(), 10, "{what}");
    assert!(what.ends_with("and 2 more"), "{what}");
    // Another session does not heal it, and a log kept elsewhere has nothing to do with these records.
    home.session();
    assert_eq!(home.run(&["audit", "verify"]).code, 85);
    let same = home.data().join("audit");
    assert_eq!(home.run(&["audit", "verify", "--log", same.to_str().unwrap()]).code, 85);
    let copied =
        std::process::Command::new("cp").arg("-a").args([same, home.path().join("elsewhere")]).status();
    assert!(copied.unwrap().success());
    assert_eq!(home.run(&["audit", "verify", "--log", "elsewhere"]).code, 0);
}

#[test]
fn a_log_put_back_to_an_earlier_state_is_found_with_checkpoints_kept_elsewhere() {
    let home = Home::new();
    home.session();
    let copy = |from: PathBuf, to: PathBuf| {
        assert!(std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap().success())
    };
    copy(home.data().join("audit"), home.path().join("earlier"));
    home.session();
    copy(home.data().join("audit/checkpoints.jsonl"), home.path().join("kept.jsonl"));
    fs::remove_dir_all(home.data().join("audit")).unwrap();
    copy(home.path().join("earlier"), home.data().join("audit"));
    assert_eq!(home.run(&["audit", "verify"]).code, 85, "a session has a record and no events");
    fs::remove_dir_all(home.data().join("sessions")).unwrap();
    assert_eq!(home.run(&["audit", "verify"]).code, 0, "by itself the earlier state is whole");
    assert_eq!(home.run(&["audit", "verify", "--checkpoint", "kept.jsonl"]).code, 85);
    fs::write(home.path().join("kept.jsonl"), "nonsense\n").unwrap();
    assert_eq!(home.run(&["audit", "verify", "--checkpoint", "kept.jsonl"]).code, 2);
}

#[test]
fn the_newest_events_are_read_from_the_end_alone() {
    let home = Home::new();
    let id = home.session();
    let text = fs::read_to_string(segment(&home)).unwrap();
    let (_, entries) = text.split_once('\n').unwrap();
    // Before the newest entries lies more than anybody could read in time: a hole of 4 TiB.
    let mut file = File::create(segment(&home)).unwrap();
    file.seek(SeekFrom::Start(4 << 40)).unwrap();
    file.write_all(format!("\n{entries}").as_bytes()).unwrap();
    let began = SystemClock.now();
    let recent = home.run(&["audit", "recent", "-n", "3"]);
    assert_eq!((recent.code, recent.out.lines().count()), (0, 4), "{recent:?}");
    assert_eq!(home.run(&["audit", "show", &id]).code, 0);
    assert!((SystemClock.now() - began).num_seconds() < 60);
    // Who asks for more gets an answer as well: what lies there is no entry.
    assert_eq!(home.run(&["audit", "recent", "-n", "10"]).code, 87);
}

#[test]
fn lines_that_are_no_entries_are_passed_over_and_told() {
    let home = Home::new();
    home.session();
    let mut file = OpenOptions::new().append(true).open(segment(&home)).unwrap();
    file.write_all(b"\x1b[2J nonsense \xff\n{\"v\":1}\n half a li").unwrap();
    let recent = home.run(&["audit", "recent"]);
    assert_eq!((recent.code, recent.out.lines().count()), (0, 4), "{recent:?}");
    assert!(
        recent.err.starts_with("warning: 2 lines are no entries") && !recent.err.contains('\u{1b}'),
        "{recent:?}"
    );
    let exported = home.run(&["audit", "export", "--format", "ndjson"]);
    assert_eq!(exported.out.lines().count(), 4);
    assert!(exported.err.contains("2 lines"), "{exported:?}");
    assert_eq!(home.run(&["health"]).code, 1);
    assert_eq!(home.run(&["audit", "verify"]).code, 85);
}

#[test]
fn a_denial_is_shown_though_it_left_no_session() {
    let home = Home::new();
    home.configure("[policy]\ndeny = [\"orders:*\"]\n");
    let refused = home.run(&["run", "--provider", "local", "--allow", "orders:Read", "--", "true"]);
    assert_eq!(refused.code, 80, "{refused:?}");
    let recent = home.run(&["--output", "json", "audit", "recent", "-n", "1"]);
    let event: serde_json::Value = serde_json::from_str(&recent.out).unwrap();
    assert_eq!(event["event_type"], "RequestDenied");
    let id = event["session_id"].as_str().unwrap();
    assert!(home.run(&["audit", "show", &id[..8]]).out.contains("RequestDenied"));
}
