//! The program: its exit codes and what it prints.

use crate::sample::{A, B, Sample, name};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_axess-audit")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_whole_log_exits_with_0_and_a_changed_one_with_1() {
    let mut sample = Sample::standard();
    let folder = tempfile::tempdir().unwrap();
    sample.write(folder.path());
    let key = sample.keys.signing.public_key().to_string();
    let whole = run(&["verify", path(folder.path()), "--key", &key]);
    assert_eq!(whole.status.code(), Some(0), "{}", text(&whole.stderr));
    assert!(
        text(&whole.stdout).contains("30 entries in 3 chains") && text(&whole.stdout).ends_with("WHOLE\n")
    );

    sample.remove(A, 5);
    sample.write(folder.path());
    let changed = run(&["verify", path(folder.path()), "--key", &key]);
    assert_eq!(changed.status.code(), Some(1));
    let expected =
        format!("missing: chain {}, entry 5, segment 2, line 6: entry 5 is missing\nTAMPERED\n", name(A));
    assert!(text(&changed.stdout).ends_with(&expected), "{}", text(&changed.stdout));

    let json = run(&["verify", path(folder.path()), "--key", &key, "--json"]);
    assert_eq!(json.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (&report["findings"][0]["kind"], &report["findings"][0]["seq"]),
        (&"missing".into(), &5.into())
    );
    assert_eq!(report["findings"][0]["chain"], name(A));
}

#[test]
fn a_torn_tail_exits_with_0_and_a_log_nothing_attests_with_1() {
    let mut sample = Sample::standard();
    let folder = tempfile::tempdir().unwrap();
    let key = sample.keys.signing.public_key().to_string();
    sample.write(folder.path());
    let last = folder.path().join("000000000003.jsonl");
    let torn = [fs::read(&last).unwrap(), b"{\"v\":1,".to_vec()].concat();
    fs::write(&last, torn).unwrap();
    let output = run(&["verify", path(folder.path()), "--key", &key]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("torn tail: 7 bytes of an unfinished line at segment 3, line 12"));

    sample.checkpoints.clear();
    sample.write(folder.path());
    let output = run(&["verify", path(folder.path()), "--key", &key]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).ends_with("UNATTESTED\n"), "{}", text(&output.stdout));
}

#[test]
fn keys_and_checkpoints_are_read_from_files() {
    let keys = tempfile::tempdir().unwrap();
    let at = keys.path().join("keys");
    let made = run(&["keygen", path(&at)]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    assert_eq!(fs::read(at.join("checkpoint.pub")).unwrap(), made.stdout);
    assert_eq!(run(&["keygen", path(&at)]).stdout, made.stdout, "keys that are there stay");

    let mut sample = Sample::new(4);
    sample.keys = axess_audit::chain::AuditKeys::load(&at).unwrap();
    sample.add(A);
    sample.checkpoint(axess_audit::chain::CheckpointReason::Request);
    let folder = tempfile::tempdir().unwrap();
    sample.write(folder.path());
    let kept = keys.path().join("kept.jsonl");
    fs::copy(folder.path().join("checkpoints.jsonl"), &kept).unwrap();
    let (public, mac) = (at.join("checkpoint.pub"), at.join("mac.key"));
    let all = [
        "verify",
        path(folder.path()),
        "--key",
        path(&public),
        "--mac-key",
        path(&mac),
        "--checkpoint",
        path(&kept),
    ];
    let output = run(&all);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("MACs: checked"));
    let whole = fs::read(&kept).unwrap();
    fs::write(&kept, [&whole[..], b"{\"checkpoint\":{\"v\":1,"].concat()).unwrap();
    assert_eq!(run(&all).status.code(), Some(0), "a copy may end within a line");
    fs::write(&kept, [b"{\"checkpoint\":{\"v\":1,\n", &whole[..]].concat()).unwrap();
    assert_eq!(run(&all).status.code(), Some(2), "only at its end");
    fs::write(&kept, whole).unwrap();

    sample.segments.get_mut(&1).unwrap().pop();
    sample.checkpoints.clear();
    sample.write(folder.path());
    assert_eq!(run(&all[..4]).status.code(), Some(0), "nothing in the folder says that anything is gone");
    assert_eq!(run(&all).status.code(), Some(1));
}

#[test]
fn an_extract_is_made_and_verified() {
    let sample = Sample::standard();
    let folder = tempfile::tempdir().unwrap();
    sample.write(folder.path());
    let to = folder.path().join("extract");
    let (key, chain) = (sample.keys.signing.public_key().to_string(), name(B));
    let made = run(&["extract", path(folder.path()), "--chain", &chain, "--to", path(&to)]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    assert_eq!(run(&["verify", path(&to), "--key", &key, "--chain", &chain]).status.code(), Some(0));
    assert_eq!(run(&["verify", path(&to), "--key", &key]).status.code(), Some(1));
    let nobody = "00000000-0000-7000-8000-00000000000f";
    let none = folder.path().join("none");
    let made = run(&["extract", path(folder.path()), "--chain", nobody, "--to", path(&none)]);
    assert_eq!((made.status.code(), none.exists()), (Some(2), false), "{}", text(&made.stderr));
    let verified = run(&["verify", path(folder.path()), "--key", &key, "--chain", nobody]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(text(&verified.stdout).ends_with("UNATTESTED\n"), "{}", text(&verified.stdout));
}

#[test]
fn wrong_use_exits_with_2_and_says_what_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    let at = path(folder.path());
    let wrong: [&[&str]; 10] = [
        &[],
        &["destroy"],
        &["verify"],
        &["verify", at],
        &["verify", at, "--key", "short"],
        &["verify", at, "--key"],
        &["verify", at, "--key", "A", "--unknown"],
        &["verify", at, "--key", &"A".repeat(43)],
        &["extract", at, "--chain", "nobody", "--to", "x"],
        &["keygen"],
    ];
    for arguments in wrong {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            text(&output.stderr).starts_with("axess-audit: ") && output.stdout.is_empty(),
            "{arguments:?}"
        );
    }
    let help = run(&["--help"]);
    assert_eq!((help.status.code(), text(&help.stdout).contains("Exit codes: 0")), (Some(0), true));
}
