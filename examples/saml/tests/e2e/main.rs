//! Starts the real program on its real port, with the identity provider it starts itself, and signs in with a real browser.

#[cfg(test)]
#[expect(dead_code, reason = "the other examples use the rest")]
#[path = "../../../minimal/tests/e2e/program.rs"]
mod program;

#[cfg(test)]
mod readme;

#[cfg(test)]
use axess_peers::{Browser, Kind, Tab, skip};
#[cfg(test)]
use program::Program;

#[cfg(test)]
const PROGRAM: &str = env!("CARGO_BIN_EXE_example-saml");

/// Follows the link of the first page, to the page of the identity provider that asks who it is.
#[cfg(test)]
fn asked_there(alice: &mut Tab, program: &Program) {
    alice.open(&program.url("/")).unwrap();
    assert!(alice.text("body").unwrap().contains("You are a guest"));
    alice.follow(|tab| tab.click("a")).unwrap();
    alice.wait_for("document.querySelector('[name=password]') !== null").unwrap();
}

#[cfg(test)]
fn typed(alice: &mut Tab, password: &str, then: &str) {
    alice.fill("[name=username]", "alice").unwrap();
    alice.fill("[name=password]", password).unwrap();
    alice.follow(|tab| tab.press("Enter")).unwrap();
    alice.wait_for(&format!("document.body && document.body.innerText.includes({then:?})")).unwrap();
}

#[cfg(test)]
fn is_out(alice: &mut Tab, program: &Program) {
    alice.open(&program.url("/account")).unwrap();
    assert!(alice.text("body").unwrap().contains("authentication_required"));
}

#[test]
fn somebody_signs_in_at_the_identity_provider_and_out_from_either_side() {
    const NAME: &str = "example-saml: somebody_signs_in_at_the_identity_provider_and_out_from_either_side";
    if let Some(reason) = Kind::SimpleSamlPhp.missing() {
        return skip(NAME, &reason);
    }
    let Some(browser) = Browser::start(NAME).unwrap() else { return };
    let program = Program::start(PROGRAM, 3006);
    let mut alice = browser.person().unwrap();
    const SIGNED_IN: &str = "alice at http://";
    asked_there(&mut alice, &program);
    typed(&mut alice, "wrong", "Incorrect username or password");
    typed(&mut alice, "alicepass", SIGNED_IN);

    // Out here: the identity provider is told, answers, and asks again who it is.
    alice.open(&program.url("/")).unwrap();
    alice.follow(|tab| tab.click("button")).unwrap();
    alice.wait_for("document.body && document.body.innerText.includes('You are a guest')").unwrap();
    assert_eq!(alice.run("location.pathname").unwrap(), "/", "its answer was refused");
    is_out(&mut alice, &program);
    asked_there(&mut alice, &program);
    typed(&mut alice, "alicepass", SIGNED_IN);

    // Out there: this session is over too.
    let account = alice.text("body").unwrap();
    let (_, after) = account.split_once(" at ").unwrap();
    let (idp, _) = after.split_once("/saml2/").unwrap();
    let there = format!("{idp}/saml2/idp/SingleLogoutService.php?ReturnTo={idp}/sp");
    alice.open(&there).unwrap();
    alice.wait_for("location.pathname === '/sp'").unwrap();
    is_out(&mut alice, &program);
}
