//! Starts the real program on its real port, with the provider it starts itself, and signs in with a real browser.

#[cfg(test)]
#[expect(dead_code, reason = "the other examples use the rest")]
#[path = "../../../minimal/tests/e2e/program.rs"]
mod program;

#[cfg(test)]
mod readme;

#[cfg(test)]
use axess_peers::{Browser, Kind, skip};
#[cfg(test)]
use program::Program;

#[cfg(test)]
const PROGRAM: &str = env!("CARGO_BIN_EXE_example-oidc");

#[test]
fn somebody_signs_in_and_out_at_the_provider() {
    const NAME: &str = "example-oidc: somebody_signs_in_and_out_at_the_provider";
    if let Some(reason) = Kind::OpenIdProvider.missing() {
        return skip(NAME, &reason);
    }
    let Some(browser) = Browser::start(NAME).unwrap() else { return };
    let program = Program::start(PROGRAM, 3005);
    let mut alice = browser.person().unwrap();
    alice.open(&program.url("/account")).unwrap();
    assert!(alice.text("body").unwrap().contains("authentication_required"));
    alice.open(&program.url("/")).unwrap();
    alice.follow(|tab| tab.click("a")).unwrap();
    let account = alice.text("body").unwrap();
    assert!(account.starts_with("alice at https://127.0.0.1:"), "{account}");
    alice.open(&program.url("/")).unwrap();
    alice.follow(|tab| tab.click("button")).unwrap();
    // The provider asks whether to sign out there too.
    alice.follow(|tab| tab.click("[name=logout]")).unwrap();
    assert!(alice.text("body").unwrap().contains("You are a guest"));
    alice.open(&program.url("/account")).unwrap();
    assert!(alice.text("body").unwrap().contains("authentication_required"));
}
