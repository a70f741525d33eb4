//! What a run would be refused for, health finds before it.

use crate::{home::Home, records::ids};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

/// Breaks one thing, and tells the code a run then leaves with.
type Case = (&'static str, i32, fn(&Path));

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn cut(path: &Path, lines: usize) {
    let text = fs::read_to_string(path).unwrap();
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(path, all[..all.len() - lines].concat()).unwrap();
}

const SEGMENT: &str = "audit/000000000001.jsonl";

const CASES: [Case; 19] = [
    ("keys are gone", 85, |data| fs::remove_dir_all(data.join("keys")).unwrap()),
    ("a key is gone", 87, |data| fs::remove_file(data.join("keys/mac.key")).unwrap()),
    ("a key is junk", 87, |data| fs::write(data.join("keys/mac.key"), "junk").unwrap()),
    ("another's key", 85, |data| {
        fs::write(data.join("keys/mac.key"), "A".repeat(43)).unwrap();
    }),
    ("a key is open", 87, |data| chmod(&data.join("keys/signing.key"), 0o644)),
    ("keys are shared", 87, |data| chmod(&data.join("keys"), 0o777)),
    ("data is shared", 87, |data| chmod(data, 0o777)),
    ("a segment is gone", 85, |data| fs::remove_file(data.join(SEGMENT)).unwrap()),
    ("a segment is empty", 85, |data| fs::write(data.join(SEGMENT), "").unwrap()),
    ("a line is cut off", 85, |data| cut(&data.join(SEGMENT), 1)),
    ("three lines are cut off", 85, |data| cut(&data.join(SEGMENT), 3)),
    ("checkpoints are gone", 85, |data| fs::remove_file(data.join("audit/checkpoints.jsonl")).unwrap()),
    ("the lock is a folder", 87, |data| {
        fs::remove_file(data.join("audit/lock")).unwrap();
        fs::create_dir(data.join("audit/lock")).unwrap();
    }),
    ("the log is a link to nothing", 87, |data| {
        fs::remove_dir_all(data.join("audit")).unwrap();
        symlink("nowhere", data.join("audit")).unwrap();
    }),
    ("the issuer's keys are open", 84, |data| chmod(&data.join("issuer/keys.json"), 0o666)),
    ("the issuer's keys are junk", 84, |data| fs::write(data.join("issuer/keys.json"), "{").unwrap()),
    ("the issuer's keys are a link", 84, |data| {
        fs::rename(data.join("issuer/keys.json"), data.join("issuer/other")).unwrap();
        symlink("other", data.join("issuer/keys.json")).unwrap();
    }),
    ("the issuer is a link to a shared folder", 84, |data| {
        fs::rename(data.join("issuer"), data.join("other")).unwrap();
        chmod(&data.join("other"), 0o755);
        symlink("other", data.join("issuer")).unwrap();
    }),
    ("the sessions are a file", 87, |data| {
        fs::remove_dir_all(data.join("sessions")).unwrap();
        fs::write(data.join("sessions"), "").unwrap();
    }),
];

#[test]
fn it_finds_what_a_run_is_refused_for() {
    for (name, refused, break_it) in CASES {
        let home = Home::new();
        home.session();
        home.session();
        assert_eq!(home.run(&["health"]).code, 0, "{name}");
        break_it(&home.data());
        let (code, told) = home.json(&["health"]);
        let wrong = told["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["state"] == "wrong")
            .collect::<Vec<_>>();
        assert_eq!((code, wrong.is_empty()), (1, false), "{name}: {told}");
        let has_help = |check: &&serde_json::Value| {
            let message = check["message"].as_str().unwrap();
            !check["help"].as_array().unwrap().is_empty() || message.contains("chmod")
        };
        assert!(wrong.iter().any(has_help), "{name}: {told}");
        let (again, _) = home.json(&["health"]);
        assert_eq!(again, 1, "a look mends nothing: {name}");
        let run = home.run(&["run", "--provider", "local", "--allow", "a:B", "--", "true"]);
        assert_eq!(run.code, refused, "{name}: {run:?}");
    }
}

#[test]
fn a_folder_that_a_session_left_is_found() {
    let home = Home::new();
    home.session();
    let run = home.data().join("run");
    fs::create_dir_all(run.join(ids(1)[0].to_string())).unwrap();
    chmod(&run, 0o700);
    let told = home.run(&["health"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.out.contains("tryaudex clean"), "{told:?}");
    assert_eq!(home.run(&["clean"]).code, 0);
    assert_eq!(home.run(&["health"]).code, 0);
}

#[test]
fn it_makes_nothing() {
    let home = Home::new();
    assert_eq!(home.run(&["health"]).code, 0);
    assert!(!home.data().exists());
    fs::create_dir_all(home.data().join("issuer")).unwrap();
    chmod(&home.data().join("issuer"), 0o700);
    assert_eq!(home.run(&["health"]).code, 0);
    assert_eq!(fs::read_dir(home.data()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(home.data().join("issuer")).unwrap().count(), 0);
}

#[test]
fn a_data_folder_that_others_can_write_is_refused_with_what_mends_it() {
    let home = Home::new();
    home.session();
    for folder in [home.data(), home.data().join("keys")] {
        for mode in [0o720, 0o702] {
            chmod(&folder, mode);
            let told = home.run(&["run", "--provider", "local", "--allow", "a:B", "--", "echo", "ran"]);
            assert_eq!((told.code, told.out.as_str()), (87, ""), "{told:?}");
            let mend = told.err.lines().find_map(|line| line.strip_prefix("help: run: ")).unwrap();
            assert!(std::process::Command::new("sh").args(["-c", mend]).status().unwrap().success());
            home.session();
        }
    }
}
