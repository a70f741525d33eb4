//! Waiting for a decision, at a server that answers what no sound one would, or only at an unlucky moment.

use crate::{
    answers::Answering,
    home::{Home, answer},
};
use axess_clock::{Clock, SystemClock};
use std::{
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

const ID: &str = "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6";

/// A server at which somebody is logged in.
fn site(answers: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> (Answering, Home) {
    let server = Answering::new(move |asked| match asked {
        "GET /me" => (200, r#"{"identity":"a@example.com","roles":[]}"#.to_owned()),
        "GET /me/keys" => (200, r#"{"items":[]}"#.to_owned()),
        asked => answers(asked),
    });
    let home = Home::new();
    let told = home.told(&["login", "--token-stdin", "--server", &server.url], "audx_1\n");
    assert_eq!(told.code, 0, "{told:?}");
    (server, home)
}

fn take_up(server: &Answering, home: &Home, more: &[&str]) -> Command {
    let named = ["run", "--server", &server.url, "--request", ID];
    home.command(&[&named, more, &["--", "true"]].concat())
}

fn standing(status: &str) -> (u16, String) {
    (200, format!(r#"{{"session_id":"{ID}","status":"{status}"}}"#))
}

#[test]
fn an_approved_request_of_somebody_else_is_not_waited_for() {
    let (server, home) = site(|_| standing("approved"));
    let told = answer(&mut take_up(&server, &home, &["--wait", "3s"]));
    assert!(told.code == 80 && told.err.contains("not yours to pick up"), "{told:?}");
    assert_eq!(server.count("GET /credentials/"), 1);
}

#[test]
fn a_server_that_does_not_wait_is_asked_once_a_second() {
    let asked = AtomicUsize::new(0);
    let (server, home) = site(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0..3 => standing("pending_approval"),
        _ => standing("denied"),
    });
    let began = SystemClock.now();
    let told = answer(&mut take_up(&server, &home, &["--wait", "10m"]));
    let took = (SystemClock.now() - began).num_milliseconds();
    assert_eq!((told.code, server.count("GET /credentials/")), (80, 4), "{told:?}");
    assert!(took > 2_900, "{took} ms");

    let (server, home) = site(|_| standing("pending_approval"));
    let told = answer(&mut take_up(&server, &home, &["--wait", "2s"]));
    assert_eq!(told.code, 81, "{told:?}");
    let count = server.count("GET /credentials/");
    assert!((1..=3).contains(&count), "{count} times");
}

#[test]
fn who_does_not_wait_is_told_at_once_where_it_stands() {
    for (status, code) in [("pending_approval", 81), ("denied", 80), ("approved", 80)] {
        let (server, home) = site(move |_| standing(status));
        let told = answer(&mut take_up(&server, &home, &["--no-wait"]));
        assert_eq!(told.code, code, "{status}: {told:?}");
        assert_eq!(server.asked().last().unwrap(), &format!("GET /credentials/{ID}"), "{status}");
    }
}

#[test]
fn ctrl_c_ends_the_session_of_a_request_that_was_just_approved() {
    let revoked = AtomicUsize::new(0);
    let (server, home) = site(move |asked| match asked {
        asked if asked.ends_with("/withdraw") => {
            (409, r#"{"code":"already_decided","detail":"it is decided"}"#.to_owned())
        }
        asked if asked.ends_with("/revoke") => match revoked.fetch_add(1, Ordering::SeqCst) {
            // The question that makes it is still under way.
            0 => (404, r#"{"code":"not_found","detail":"there is none"}"#.to_owned()),
            _ => (
                200,
                r#"{"session":{"status":"revoked","deadline":"2026-01-01T00:00:00Z","credentials":[]}}"#
                    .to_owned(),
            ),
        },
        _ => {
            thread::sleep(Duration::from_secs(60));
            standing("pending_approval")
        }
    });
    let mut command = take_up(&server, &home, &[]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..3_000 {
        if server.count("GET /credentials/") > 0 {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let id = child.id().to_string();
    assert!(Command::new("sh").args(["-c", &format!("kill -INT {id}")]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("its session was ended"), "{told}");
    assert_eq!(server.count(&format!("POST /credentials/{ID}/revoke")), 2, "{:?}", server.asked());
}
