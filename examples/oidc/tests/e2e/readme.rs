//! The commands of the README, typed as they are there.

use super::{PROGRAM, Program};
use axess_peers::{Kind, skip};

const README: &str = include_str!("../../README.md");

/// What the answers have to contain, in this order.
const ANSWERS: [&str; 4] = ["authentication_required", "alice at https://127.0.0.1:", "401\n", "400\n"];

#[test]
fn the_readme_is_right() {
    const NAME: &str = "example-oidc: the_readme_is_right";
    if !crate::program::installed(NAME, &["curl"]) {
        return;
    }
    if let Some(reason) = Kind::OpenIdProvider.missing() {
        return skip(NAME, &reason);
    }
    let (_, rest) = README.split_once("```sh\n").unwrap();
    let (script, _) = rest.split_once("```").unwrap();
    let (_program, folder) = (Program::start(PROGRAM, 3005), tempfile::tempdir().unwrap());
    let answers = crate::program::sh(folder.path(), &format!("set -e\n{script}"));
    let mut rest = answers.as_str();
    for answer in ANSWERS {
        let found = rest.split_once(answer);
        rest = found.unwrap_or_else(|| panic!("{answer} is not in {rest}\nof {answers}")).1;
    }
}
