//! Whoever administers and cannot get in any more is let in by whoever starts the server.

use super::{browser::Browser, site::Site};
use crate::home::{Home, signal};
use serde_json::json;
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

/// Starts a server, and ends it again; returns what it printed up to the link, if there is one.
fn started(home: &Home, arguments: &str, lines: usize) -> Vec<String> {
    let mut child = home.tryaudex(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let printed = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let printed = printed.take(lines).collect();
    signal("TERM", child.id());
    child.wait().unwrap();
    printed
}

#[test]
fn a_recovery_is_announced_as_one_and_a_first_start_as_that() {
    let (home, arguments) = Site::dev().kill();
    // Nobody has enrolled yet, however often it is started, and whatever address is named now.
    let other = format!("{arguments} --admin other@example.com");
    let printed = started(&home, &other, 4);
    assert!(printed[2].starts_with("nobody administers yet: until "), "{printed:?}");
    assert!(printed[2].contains(" admin@localhost enrols, once, at"), "{printed:?}");
    let site = Site::again((home, arguments));
    let admin = site.admin();
    let (status, _) = Browser::new(&site.url).try_send(
        http::Method::POST,
        "/login",
        Some(&json!({ "email": "admin@localhost", "password": "a guess, and a wrong one" })),
    );
    assert_eq!(status, 401);
    drop(admin);
    let (home, arguments) = site.kill();
    assert!(
        Site::again((copied(&home), arguments.clone())).link.is_none(),
        "one wrong guess locks nobody out"
    );
    // Guessing on until the account is locked for good takes hours.
    let database = home.data().join("dev-server/audex.db");
    let lock = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); \
                done = db.execute('UPDATE axess_lockout SET consecutive = 100 WHERE user_id IS NOT NULL'); \
                db.commit(); sys.exit(done.rowcount < 1)";
    let locked = Command::new("python3").args(["-c", lock]).arg(&database).status().unwrap();
    assert!(locked.success());
    let printed = started(&home, &format!("{arguments} --admin other@example.com"), 4);
    assert!(printed[2].starts_with("everybody who administers is locked out: until "), "{printed:?}");
    assert!(printed[2].contains(" admin@localhost recovers the account, once, at"), "{printed:?}");
    let site = Site::again((home, arguments));
    assert!(site.recovers);
    let mut admin = Browser::new(&site.url);
    admin.enrol_with(site.link.as_ref().unwrap(), "another lantern, quite blue, in fog");
    assert_eq!(admin.get("/me")["roles"], json!(["admin"]));
    let (home, arguments) = site.kill();
    assert!(Site::again((home, arguments)).link.is_none(), "somebody administers again");
}

/// A copy of a home, with everything that a server kept there.
fn copied(home: &Home) -> Home {
    let copy = Home::new();
    let from = home.path().join(".local");
    let done = Command::new("cp").arg("-a").arg(from).arg(copy.path()).status().unwrap();
    assert!(done.success());
    copy
}
