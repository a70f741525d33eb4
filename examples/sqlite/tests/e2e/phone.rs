//! An authenticator app: `oathtool`, which knows nothing of this project.

use axess_peers::skip;
use std::process::Command;

/// What bob's app was set up with.
pub(crate) const BOBS_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// Tells whether there is one; says so where not.
pub(crate) fn is_there(test: &str) -> bool {
    let there = Command::new("oathtool").arg("--version").output().is_ok();
    if !there {
        skip(test, "oathtool is not installed");
    }
    there
}

/// Returns the code of now and the next one, which a server accepts as well.
pub(crate) fn codes(secret: &str) -> (String, String) {
    let output =
        Command::new("oathtool").args(["--totp", "--base32", "--window=1", secret]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let (now, next) = printed.trim().split_once('\n').unwrap();
    (now.to_owned(), next.to_owned())
}
