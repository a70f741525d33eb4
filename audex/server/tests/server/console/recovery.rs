//! Signing in without the authenticator.

use super::house::{House, PASSWORD, quiet};
use axess_peers::Tab;

/// Gives the password, and goes to where a recovery code is asked for.
fn reach_recovery(tab: &mut Tab, url: &str) {
    tab.open(&format!("{url}/console/new")).unwrap();
    tab.fill("#email", "bob@example.com").unwrap();
    tab.fill("#password", PASSWORD).unwrap();
    tab.follow(|tab| tab.click("main button")).unwrap();
    assert_eq!(tab.run("location.pathname").unwrap(), "/login/totp");
    tab.follow(|tab| tab.click("a[href^='/login/recovery']")).unwrap();
    assert_eq!(tab.text("label[for=code]").unwrap(), "Recovery code");
}

#[test]
fn a_recovery_code_stands_in_for_the_authenticator_once() {
    let Some(mut house) = House::open("a_recovery_code_stands_in_for_the_authenticator_once", |_| {}) else {
        return;
    };
    let url = house.url.clone();
    let link = house.invite("bob@example.com", "Bob", &[]);
    let mut bob = house.window();
    let codes = house.follow_link(&mut bob, &link, "bob@example.com");
    bob.follow(|tab| tab.click(".account button")).unwrap();
    quiet(&mut bob);

    // On another machine, without the phone. A code is read however it is typed.
    let mut tablet = house.window();
    reach_recovery(&mut tablet, &url);
    quiet(&mut tablet);
    tablet.fill("#code", "AAAAA-AAAAA-AAAAA-AAAAA").unwrap();
    tablet.follow(|tab| tab.press("Enter")).unwrap();
    assert!(tablet.text("[role=alert]").unwrap().contains("not right"));
    // The refused page is what is in the log.
    assert!(tablet.complaints().iter().all(|line| line.contains("responded with a status of 4")));
    tablet.fill("#code", &codes[0].to_lowercase()).unwrap();
    tablet.follow(|tab| tab.press("Enter")).unwrap();
    assert_eq!(tablet.run("location.pathname").unwrap(), "/console/new", "where it was wanted to go");
    assert!(tablet.text(".account").unwrap().contains("Bob"));
    quiet(&mut tablet);

    // Whoever saw the code comes too late with it, and another one works.
    let mut other = house.window();
    reach_recovery(&mut other, &url);
    other.fill("#code", &codes[0]).unwrap();
    other.follow(|tab| tab.click("main button")).unwrap();
    assert!(other.text("[role=alert]").unwrap().contains("not right"));
    other.open(&format!("{url}/console")).unwrap();
    assert_eq!(other.run("location.pathname").unwrap(), "/login", "half a login opens nothing");
    other.complaints();
    reach_recovery(&mut other, &url);
    other.fill("#code", &codes[1]).unwrap();
    other.follow(|tab| tab.click("main button")).unwrap();
    assert_eq!(other.run("location.pathname").unwrap(), "/console/new");
    quiet(&mut other);
}
