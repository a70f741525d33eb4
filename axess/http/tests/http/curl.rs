//! The cookie in a jar of somebody else's: curl's.

use super::{
    site::Site,
    wire::{Server, find_program},
};
use std::process::Stdio;

/// Asks with curl's own cookie jar, and returns the body.
async fn curl(jar: &std::path::Path, server: &Server, arguments: &[&str], path: &str) -> String {
    let output = tokio::process::Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "10", "--noproxy", "*", "--cookie-jar"])
        .arg(jar)
        .arg("--cookie")
        .arg(jar)
        .args(arguments)
        .arg(server.url(path))
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_cookie_jar_of_somebody_elses_keeps_and_drops_the_cookie() {
    let Some(_) = find_program("curl::jar", "curl") else { return };
    let site = Site::new().await;
    let server = Server::start(site.app()).await;
    let folder = tempfile::tempdir().unwrap();
    let jar = folder.path().join("jar");
    let kept = || std::fs::read_to_string(&jar).unwrap_or_default().matches("__Host-session").count();

    assert_eq!(curl(&jar, &server, &[], "/read").await, "");
    assert_eq!(kept(), 0);
    // curl enforces the rules of the `__Host-` prefix, and takes loopback for secure.
    curl(&jar, &server, &[], "/write").await;
    assert_eq!(kept(), 1);
    assert_eq!(curl(&jar, &server, &["--request", "POST"], "/login?user=alice").await, "in");
    assert_eq!(curl(&jar, &server, &[], "/whoami").await, "authenticated");
    assert_eq!(curl(&jar, &server, &[], "/read").await, "green");
    assert_eq!((kept(), site.store.len()), (1, 1));
    curl(&jar, &server, &["--request", "POST"], "/logout").await;
    assert_eq!((kept(), site.store.len()), (0, 0));
    assert_eq!(curl(&jar, &server, &[], "/whoami").await, "guest");
}
