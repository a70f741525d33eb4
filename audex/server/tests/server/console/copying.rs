//! What a button copies is what is shown.

use super::house::{House, PASSWORD, id_of, quiet};
use axess_peers::Tab;

/// Presses the button beside a part of the page; what is pasted then is what the part shows.
///
/// What is folded is unfolded first.
fn copies(tab: &mut Tab, id: &str) -> String {
    let is_folded = format!("document.querySelector('details:not([open]):has(#{id})') !== null");
    if tab.run(&is_folded).unwrap() == true {
        tab.click(&format!("details:has(#{id}) > summary")).unwrap();
    }
    let shown = tab.text(&format!("#{id}")).unwrap().trim_end().to_owned();
    assert!(!shown.is_empty(), "{id} shows nothing");
    let button = format!("[data-copy={id}]");
    let says = |text: &str| format!("document.querySelector('{button}').firstChild.textContent === '{text}'");
    tab.click(&button).unwrap();
    tab.wait_for(&says("Copied")).unwrap();
    assert_eq!(pasted(tab), shown, "{id}");
    shown
}

/// Pastes into a field that is no part of the page, as its owner would elsewhere.
fn pasted(tab: &mut Tab) -> String {
    let field = "const field = document.createElement('textarea'); field.id = 'pasted'; document.body.append(field); field.focus()";
    tab.run(&format!("(() => {{ {field} }})()")).unwrap();
    tab.press("Shift+Insert").unwrap();
    let taken = "const field = document.querySelector('#pasted'); field.remove(); return field.value";
    tab.run(&format!("(() => {{ {taken} }})()")).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn what_an_enrolment_shows_once_is_copied_whole() {
    let Some(mut house) = House::open("what_an_enrolment_shows_once_is_copied_whole", |_| {}) else { return };
    let link = house.invite("bob@example.com", "Bob", &[]);
    let mut bob = house.window();
    bob.open(&link).unwrap();
    bob.fill("#password", PASSWORD).unwrap();
    bob.follow(|tab| tab.click("form button.main")).unwrap();
    let key = copies(&mut bob, "key");
    assert!(key.len() >= 26 && key.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{key}");
    bob.click("summary").unwrap();
    let mut copied = String::new();
    let codes = house.follow_link_from_password(&mut bob, "bob@example.com", |tab| {
        copied = copies(tab, "codes");
    });
    assert_eq!(copied.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>(), codes);
    quiet(&mut bob);
}

#[test]
fn what_is_handed_over_is_copied_whole() {
    let Some(mut house) = House::open("what_is_handed_over_is_copied_whole", |_| {}) else { return };
    let url = house.url.clone();
    let mut bob = house.enrol("bob@example.com", "Bob", &[]);
    house.ask(&mut bob, "orders:Read,orders:List=orders/2026/*", "the weekly report");
    let token = copies(&mut bob, "part-1");
    assert!(token.starts_with("ey") && token.matches('.').count() == 2, "{token}");
    // The button says again what it does.
    bob.wait_for("document.querySelector('[data-copy=part-1]').firstChild.textContent === 'Copy'").unwrap();
    let exports = copies(&mut bob, "exports");
    assert_eq!(exports, format!("export AUDEX_TOKEN='{token}'"));
    let session = bob.run("document.querySelector('.actions-row a').href").unwrap();
    bob.open(session.as_str().unwrap()).unwrap();
    let grant = copies(&mut bob, "grant");
    assert!(grant.contains("orders:List"), "{grant}");
    bob.open(&format!("{url}/console/me")).unwrap();
    bob.fill("#token-name", "nightly build").unwrap();
    bob.follow(|tab| tab.click("form[action$='tokens'] button.main")).unwrap();
    let token = copies(&mut bob, "made");
    assert!(token.starts_with("audx_"), "{token}");
    quiet(&mut bob);
}

#[test]
fn what_is_decided_on_is_copied_as_it_is() {
    let Some(mut house) = House::open("what_is_decided_on_is_copied_as_it_is", |_| {}) else { return };
    let url = house.url.clone();
    let mut bob = house.enrol("bob@example.com", "Bob", &[]);
    bob.open(&format!("{url}/console/new")).unwrap();
    bob.fill("#allow", "orders:Delete=eu/*").unwrap();
    bob.fill("#reason", "twice").unwrap();
    bob.follow(|tab| tab.click("button[value=preview]")).unwrap();
    let preview = copies(&mut bob, "policy");
    bob.follow(|tab| tab.click("button[value=ask]")).unwrap();
    let asked = copies(&mut bob, "policy");
    for policy in [&preview, &asked] {
        assert!(policy.contains("orders:Delete") && policy.lines().count() > 1, "{policy}");
    }
    assert_eq!(preview, asked, "what was shown before is what is asked for: {}", id_of(&mut bob));
    bob.open(&format!("{url}/console/policies")).unwrap();
    let cedar = copies(&mut bob, "cedar-1");
    assert!(cedar.contains("forbid (principal") && cedar.lines().count() > 5, "{cedar}");
    let mut ada = house.enrol("ada@example.com", "Ada", &["admin"]);
    ada.open(&format!("{url}/console/people")).unwrap();
    ada.fill("#email", "dan@example.com").unwrap();
    ada.follow(|tab| tab.click("form[action='/console/people'] button.main")).unwrap();
    let link = copies(&mut ada, "invitation");
    assert!(link.starts_with(&format!("{url}/enrol/")), "{link}");
    for tab in [&mut bob, &mut ada] {
        quiet(tab);
    }
}
