//! Keys in GNOME Keyring: made there, moved there, and what happens when they cannot be had.

use crate::home::{Home, wait_until};
use axess_peers::Desktop;
use std::{
    fs,
    path::Path,
    process::{Output, Stdio},
};

const KEYRING: &str = "[credentials]\nstore = \"keyring\"\n";
const RUN: &str = "run --provider local --allow orders:Read";

fn home(desktop: &Desktop, config: &str) -> Home {
    let mut home = Home::with_config(config);
    home.set("DBUS_SESSION_BUS_ADDRESS", &desktop.address());
    home
}

fn configure(home: &Home, config: &str) {
    fs::write(home.path().join(".config/audex/config.toml"), config).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn run(home: &Home) -> Output {
    home.shell(RUN, "echo ran").output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn assert_ran(output: &Output) {
    assert!(output.status.success() && output.stdout == b"ran\n", "{output:?}");
}

#[track_caller]
fn assert_refused(output: &Output, code: i32, why: &str) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(told(output).contains(why), "{why}: {output:?}");
    assert!(output.stdout.is_empty(), "it ran without a record");
}

fn assert_in_keyring(home: &Home) {
    assert_eq!(names(&home.data().join("keys")), ["checkpoint.pub", "keyring.lock"]);
    let issuer = names(&home.data().join("issuer"));
    assert!(
        issuer.contains(&"keys.keyring".to_owned()) && !issuer.contains(&"keys.json".to_owned()),
        "{issuer:?}"
    );
    let verified = home.verify();
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn no_private_key_is_in_a_file() {
    let Some(desktop) = Desktop::enter("keyring::no_private_key_is_in_a_file") else { return };
    let home = home(&desktop, KEYRING);
    let both: Vec<_> = (0..2)
        .map(|_| home.shell(RUN, "echo ran").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    both.into_iter().for_each(|child| assert_ran(&child.wait_with_output().unwrap()));
    let third = run(&home);
    assert_ran(&third);
    assert!(!told(&third).contains("moved"), "{third:?}");
    assert_eq!(home.sessions().len(), 3);
    assert_in_keyring(&home);
    let jwks = |home: &Home| home.tryaudex("issuer --jwks").output().unwrap().stdout;
    let keys = jwks(&home);
    assert!(String::from_utf8_lossy(&keys).contains("\"kid\""));
    desktop.kill_keyring().unwrap();
    desktop.start_keyring().unwrap();
    assert_eq!(jwks(&home), keys, "as after the next login");
    let health = home.tryaudex("health").output().unwrap();
    assert!(health.status.success(), "{health:?}");
    let cleaned = home.tryaudex("clean").output().unwrap();
    assert!(cleaned.status.success(), "{cleaned:?}");
    assert_in_keyring(&home);
}

#[test]
fn files_move_in_once_and_the_log_goes_on() {
    let Some(desktop) = Desktop::enter("keyring::files_move_in_once_and_the_log_goes_on") else { return };
    let home = home(&desktop, "");
    assert_ran(&run(&home));
    let public = fs::read(home.data().join("keys/checkpoint.pub")).unwrap();
    let jwks = home.tryaudex("issuer --jwks").output().unwrap().stdout;
    configure(&home, KEYRING);

    // Locked: nothing moves, nothing runs, nothing is lost.
    desktop.lock_keyring().unwrap();
    assert_refused(&run(&home), 87, "the keyring is locked");
    assert!(home.data().join("keys/signing.key").exists() && home.data().join("issuer/keys.json").exists());
    desktop.kill_keyring().unwrap();
    assert_refused(&run(&home), 87, "no keyring answers");
    desktop.start_keyring().unwrap();

    let moved = run(&home);
    assert_ran(&moved);
    assert!(told(&moved).contains("the keys of the audit log were moved from"), "{moved:?}");
    assert!(told(&moved).contains("the issuer's keys in"), "{moved:?}");
    assert_in_keyring(&home);
    assert_eq!(fs::read(home.data().join("keys/checkpoint.pub")).unwrap(), public, "the same keys");
    assert_eq!(home.tryaudex("issuer --jwks").output().unwrap().stdout, jwks);
    assert!(!told(&run(&home)).contains("moved"));

    // Back to files: no new keys, and it says what to do.
    configure(&home, "");
    assert_refused(&run(&home), 87, "set credentials.store = \"keyring\"");
    let issuer = home.tryaudex("issuer --jwks").output().unwrap();
    assert!(
        !issuer.status.success() && told(&issuer).contains("the keys are in the operating system's keyring")
    );
    assert_in_keyring(&home);
}

#[test]
fn keys_that_cannot_be_had_are_not_made_anew() {
    let Some(desktop) = Desktop::enter("keyring::keys_that_cannot_be_had_are_not_made_anew") else { return };
    let mut home = home(&desktop, KEYRING);
    assert_ran(&run(&home));
    let sessions = home.sessions().len();
    desktop.lock_keyring().unwrap();
    assert_refused(&run(&home), 87, "unlock the keyring");
    let verified = home.verify();
    assert_eq!(verified.status.code(), Some(87), "{verified:?}");
    // Whoever has the public key alone can still verify.
    let public = home.data().join("keys/checkpoint.pub");
    let verified = home.tryaudex(&format!("audit verify --key {}", public.display())).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
    desktop.kill_keyring().unwrap();
    assert_refused(&run(&home), 87, "no keyring answers");
    home.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    assert_refused(&run(&home), 87, "DBUS_SESSION_BUS_ADDRESS");
    home.set("DBUS_SESSION_BUS_ADDRESS", &desktop.address());
    desktop.start_keyring().unwrap();
    assert_eq!(home.sessions().len(), sessions, "nothing was issued");
    assert_ran(&run(&home));
    // Another data folder's keys are not these.
    fs::copy(&public, home.path().join("kept.pub")).unwrap();
    fs::write(&public, format!("{}\n", "A".repeat(43))).unwrap();
    let lost = run(&home);
    assert_eq!(lost.status.code(), Some(87), "{lost:?}");
    assert!(lost.stdout.is_empty());
    fs::copy(home.path().join("kept.pub"), &public).unwrap();
    assert_ran(&run(&home));
    assert_in_keyring(&home);
}

#[test]
fn a_killed_wrappers_session_is_closed_with_keys_in_the_keyring() {
    let name = "keyring::a_killed_wrappers_session_is_closed_with_keys_in_the_keyring";
    let Some(desktop) = Desktop::enter(name) else { return };
    let kill = |home: &Home, before: fn(&Desktop)| {
        let ready = home.path().join("ready");
        let mut wrapper = home.shell(RUN, "echo > ready; sleep 60").stdout(Stdio::null()).spawn().unwrap();
        wait_until("the command runs", || ready.exists());
        before(&desktop);
        wrapper.kill().unwrap();
        wrapper.wait().unwrap();
        wait_until("the private folder is removed", || home.leftovers().is_empty());
    };
    let closed = home(&desktop, KEYRING);
    kill(&closed, |_| {});
    wait_until("the record says so", || closed.session()["status"] == "Failed");
    assert_eq!(closed.session()["ending"]["signal"], 15);
    assert_in_keyring(&closed);

    // Without the keyring it stays open, and the next command closes it.
    let open = home(&desktop, KEYRING);
    kill(&open, |desktop| desktop.kill_keyring().unwrap());
    assert_eq!(open.session()["status"], "Active");
    desktop.start_keyring().unwrap();
    assert_ran(&run(&open));
    let sessions = open.sessions();
    assert!(sessions.iter().any(|session| session["status"] == "Failed"), "{sessions:#?}");
    assert_in_keyring(&open);
}
