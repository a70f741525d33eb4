//! A disk that is full, read-only or somebody else's turn: nothing is issued that cannot be recorded.
//!
//! Each disk is a small one of its own in memory, mounted where the program keeps things, in a namespace that goes with the
//! test: nobody else sees it.

use crate::home::Home;
use axess_peers::skip;
use std::process::Output;

const READ: &str = "run --provider local --allow orders:Read";

/// Runs a script with a new disk at `$DISK`, which is where the program keeps everything; `$RUN` is a session without its
/// command.
fn on_a_disk(test: &str, script: &str) -> Option<Output> {
    let home = Home::new();
    std::fs::create_dir_all(home.data()).unwrap();
    let namespace = ["--user", "--map-root-user", "--mount"];
    let works =
        home.program("unshare").args(namespace).args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        skip(&format!("audex-cli {test}"), "no mount in a namespace of our own");
        return None;
    }
    let mut command = home.program("unshare");
    command
        .args(namespace)
        .args(["sh", "-ec"])
        .arg(format!("mount -t tmpfs -o size=2m,mode=0700 tmpfs \"$DISK\"; {script}"));
    let program = env!("CARGO_BIN_EXE_tryaudex");
    command.env("DISK", home.data()).env("TRYAUDEX", program).env("RUN", format!("{program} {READ} --"));
    Some(command.output().unwrap())
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// The disk fills up. What was there can still be read.
#[test]
fn a_full_disk() {
    let script = "$RUN true; \
        dd if=/dev/zero of=\"$DISK/filler\" bs=1k 2>/dev/null || true; \
        code=0; $RUN echo started || code=$?; echo $code; \
        $TRYAUDEX audit verify >/dev/null && echo verified; $TRYAUDEX sessions >/dev/null && echo listed; \
        rm \"$DISK/filler\"; $RUN echo again; $TRYAUDEX audit verify >/dev/null && echo verified";
    let Some(output) = on_a_disk("a_full_disk", script) else { return };
    assert_eq!(lines(&output), ["87", "verified", "listed", "again", "verified"], "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
}

/// It was full from the beginning: not even a key can be made.
#[test]
fn a_disk_that_was_always_full() {
    let script = "dd if=/dev/zero of=\"$DISK/filler\" bs=1k 2>/dev/null || true; code=0; $RUN echo started || code=$?; echo $code";
    let Some(output) = on_a_disk("a_disk_that_was_always_full", script) else { return };
    assert_eq!(lines(&output), ["87"], "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"), "{output:?}");
}

/// The command fills it: its own end is still reported, and that its end could not be recorded is said.
#[test]
fn a_disk_that_fills_up_meanwhile() {
    let script = "code=0; $RUN sh -c 'dd if=/dev/zero of=$HOME/.local/share/audex/filler bs=1k 2>/dev/null; exit 7' || code=$?; \
        echo $code; rm \"$DISK/filler\"; $RUN true; \
        grep -c Active \"$DISK\"/sessions/*.json | grep -c ':[^0]' || true; $TRYAUDEX audit verify >/dev/null && echo verified";
    let Some(output) = on_a_disk("a_disk_that_fills_up_meanwhile", script) else { return };
    let printed = lines(&output);
    assert!(["7", "87"].contains(&printed[0].as_str()), "{output:?}");
    assert_eq!(printed[1..], ["0", "verified"], "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"), "{output:?}");
}

#[test]
fn a_read_only_disk() {
    let script = "$RUN true; mount -o remount,ro \"$DISK\"; code=0; $RUN echo started || code=$?; echo $code; \
        $TRYAUDEX audit verify >/dev/null && echo verified; $TRYAUDEX sessions >/dev/null && echo listed";
    let Some(output) = on_a_disk("a_read_only_disk", script) else { return };
    assert_eq!(lines(&output), ["87", "verified", "listed"], "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("Read-only"), "{output:?}");
}

/// Somebody holds the log's lock and does not let go. We wait a while, and then say so.
#[test]
fn a_locked_log() {
    let home = Home::new();
    home.printed(READ, "true");
    let script = "for file in \"$DISK\"/audit/* \"$DISK\"/audit/.*; do [ -f \"$file\" ] && [ ! -L \"$file\" ] && locks=\"$locks flock $file\"; done; \
        $locks sleep 40 >/dev/null 2>&1 & echo $! > holder; sleep 0.5; code=0; timeout 35 $RUN echo started || code=$?; echo $code; kill $(cat holder)";
    let program = env!("CARGO_BIN_EXE_tryaudex");
    let mut command = home.program("setsid");
    command.args(["-w", "sh", "-ec", script]).env("locks", "").env("DISK", home.data());
    let output = command.env("RUN", format!("{program} {READ} --")).output().unwrap();
    assert_eq!(lines(&output), ["87"], "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("could not lock"), "{output:?}");
    assert_eq!(home.sessions().iter().filter(|session| session["status"] == "Active").count(), 0);
}
