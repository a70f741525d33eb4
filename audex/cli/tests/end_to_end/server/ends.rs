use super::site::Site;
use crate::home::{Home, signal};
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

#[test]
fn it_ends_in_good_order_and_its_log_verifies() {
    let site = Site::dev();
    let admin = site.admin();
    let home = site.machine(&admin);
    assert!(home.shell("run --server --allow orders:Read", "true").status().unwrap().success());
    let data = site.home.data().join("dev-server");
    let copy = tempfile::tempdir().unwrap();
    let status = std::process::Command::new("cp").arg("-r").arg(&data).arg(copy.path()).status().unwrap();
    assert!(status.success());
    let (code, log) = site.stop();
    assert_eq!(code, Some(0), "{log}");
    for line in log.lines() {
        let read: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(read.is_ok(), "a line of the log is no JSON: {line}");
    }
}

#[test]
fn it_begins_anew_with_what_it_had() {
    let site = Site::dev();
    let admin = site.admin();
    let home = site.machine(&admin);
    assert!(home.shell("run --server --allow orders:Read", "true").status().unwrap().success());
    let site = site.kill_and_restart();
    assert!(site.link.is_none());
    // The login of the machine and the one of the browser are still good.
    assert!(home.shell("run --server --allow orders:Read", "true").status().unwrap().success());
    assert_eq!(admin.get("/me")["identity"], "admin@localhost");
    assert_eq!(site.stop().0, Some(0));
}

#[test]
fn development_is_for_this_machine_and_needs_nothing() {
    let home = Home::new();
    let output = home.tryaudex("server --dev --listen 0.0.0.0:0").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = home.tryaudex("server --enable-sso").output().unwrap();
    assert_eq!(output.status.code(), Some(86), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("write a table [sso]"));
    let mut child =
        home.tryaudex("server --dev --listen 127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let first = stdout.next().unwrap();
    assert!(first.starts_with("http://127.0.0.1:"), "{first}");
    assert!(stdout.any(|line| line.contains("/enrol/")), "no link");
    signal("INT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
