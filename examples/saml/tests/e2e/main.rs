//! Starts the real program on its real port, with the identity provider it starts itself, and signs in with a real browser.

#[cfg(test)]
#[expect(dead_code, reason = "the other examples use the rest")]
#[path = "../../../minimal/tests/e2e/program.rs"]
mod program;

#[cfg(test)]
use axess_peers::{Browser, Kind, skip};
#[cfg(test)]
use program::Program;

#[cfg(test)]
const PROGRAM: &str = env!("CARGO_BIN_EXE_example-saml");

#[test]
fn somebody_signs_in_at_the_identity_provider() {
    const NAME: &str = "example-saml: somebody_signs_in_at_the_identity_provider";
    if let Some(reason) = Kind::SimpleSamlPhp.missing() {
        return skip(NAME, &reason);
    }
    let Some(browser) = Browser::start(NAME).unwrap() else { return };
    let program = Program::start(PROGRAM, 3006);
    let mut alice = browser.person().unwrap();
    alice.open(&program.url("/")).unwrap();
    alice.follow(|tab| tab.click("a")).unwrap();
    for (password, then) in [("wrong", "Incorrect username or password"), ("alicepass", "alice at http://")] {
        alice.fill("[name=username]", "alice").unwrap();
        alice.fill("[name=password]", password).unwrap();
        alice.follow(|tab| tab.press("Enter")).unwrap();
        alice.wait_for(&format!("document.body && document.body.innerText.includes({then:?})")).unwrap();
    }
    alice.open(&program.url("/")).unwrap();
    alice.follow(|tab| tab.click("button")).unwrap();
    assert!(alice.text("body").unwrap().contains("You are a guest"));
    alice.open(&program.url("/account")).unwrap();
    assert!(alice.text("body").unwrap().contains("authentication_required"));
}
