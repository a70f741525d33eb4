//! The commands of the README, typed as they are there.

use super::{PROGRAM, Program};
use axess_peers::{Kind, skip};
use std::fs::File;

const README: &str = include_str!("../../README.md");

/// What the answers have to contain, in this order.
const ANSWERS: [&str; 6] = [
    "authentication_required",
    "alice at https://127.0.0.1:",
    "401\n",
    " 400 ",
    "cache-control: no-store\r\n",
    "{\"error\":\"invalid_request\",",
];

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
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let _program = Program::start_logging(PROGRAM, 3005, File::create(&log).unwrap().into());
    let answers = crate::program::sh(folder.path(), &format!("set -e\n{script}"));
    let mut rest = answers.as_str();
    for answer in ANSWERS {
        let found = rest.split_once(answer);
        rest = found.unwrap_or_else(|| panic!("{answer} is not in {rest}\nof {answers}")).1;
    }
    // What was refused is explained where the README says.
    let log = std::fs::read_to_string(log).unwrap();
    for said in ["a login did not work", "a logout was refused"] {
        assert!(log.contains(said), "{said} is not in {log}");
    }
}
