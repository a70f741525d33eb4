//! The commands of the README, typed as they are there: only the port is another one.

use crate::site::Site;
use axess_peers::skip;
use std::process::Command;

const README: &str = include_str!("../../README.md");
const ADDRESS: &str = "http://127.0.0.1:3003";

/// What the answers have to contain, in this order.
const ANSWERS: [&str; 9] = [
    "204\n204\n204\n",
    r#"{"id":"plan","#,
    r#"{"id":"roadmap","#,
    r#"{"id":"sketch","#,
    r#"{"id":"vault","#,
    r#""body":"What the sketch says.""#,
    r#""code":"forbidden""#,
    r#""code":"not_found""#,
    "allow [groups-read-what-is-shared-with-them]",
];

#[test]
fn the_readme_is_right() {
    if Command::new("curl").arg("--version").output().is_err() {
        return skip("example-authz: the_readme_is_right", "curl is not installed");
    }
    let (_, rest) = README.split_once("```sh\n").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let (site, folder) = (Site::start(), tempfile::tempdir().unwrap());
    let script = block.replace(ADDRESS, site.base());
    let mut shell = Command::new("sh");
    let output =
        shell.args(["-ec", &script]).current_dir(folder.path()).env("NO_PROXY", "127.0.0.1").output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers = String::from_utf8(output.stdout).unwrap();
    let mut rest = answers.as_str();
    for answer in ANSWERS {
        let found = rest.split_once(answer);
        rest = found.unwrap_or_else(|| panic!("{answer} is not in {rest}\nof {answers}")).1;
    }
}
