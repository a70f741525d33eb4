use super::house::{House, quiet};
use axess_peers::Tab;

/// Presses Tab until the part has the focus, as somebody without a mouse does.
fn reach(tab: &mut Tab, selector: &str) {
    for _ in 0..80 {
        let at = format!("document.activeElement?.matches({}) === true", serde_json::json!(selector));
        if tab.run(&at).unwrap() == true {
            let ring = tab.run("getComputedStyle(document.activeElement).outlineStyle").unwrap();
            assert_ne!(ring, "none", "{selector}: the focus is seen");
            return;
        }
        tab.press("Tab").unwrap();
    }
    panic!("{selector} is not reached");
}

#[test]
fn everything_is_reached_without_a_mouse() {
    let Some(mut house) = House::open("everything_is_reached_without_a_mouse", |_| {}) else { return };
    let url = house.url.clone();
    let mut bob = house.enrol("bob@example.com", "Bob", &[]);
    let mut cleo = house.enrol("cleo@example.com", "Cleo", &["security"]);
    bob.open(&format!("{url}/console")).unwrap();
    // The first thing is the way past the menu.
    bob.press("Tab").unwrap();
    assert_eq!(bob.run("document.activeElement.className").unwrap(), "skip");
    bob.press("Enter").unwrap();
    bob.wait_for("document.activeElement.id === 'main'").unwrap();
    bob.follow(|tab| {
        tab.press("g")?;
        tab.press("n")
    })
    .unwrap();
    assert_eq!(bob.run("location.pathname").unwrap(), "/console/new");
    reach(&mut bob, "#allow");
    bob.type_in("orders:Delete").unwrap();
    reach(&mut bob, "#reason");
    bob.type_in("by keyboard").unwrap();
    reach(&mut bob, "button[value=preview]");
    bob.follow(|tab| tab.press("Enter")).unwrap();
    reach(&mut bob, "button[value=ask]");
    bob.follow(|tab| tab.press("Enter")).unwrap();

    cleo.open(&format!("{url}/console")).unwrap();
    cleo.follow(|tab| {
        tab.press("g")?;
        tab.press("a")
    })
    .unwrap();
    cleo.press("j").unwrap();
    cleo.follow(|tab| tab.press("Enter")).unwrap();
    reach(&mut cleo, "#comment");
    // What is typed into a field is no shortcut.
    for key in ["g", "h", "?"] {
        cleo.press(key).unwrap();
    }
    assert_eq!(cleo.run("document.querySelector('#comment').value").unwrap(), "gh?");
    reach(&mut cleo, "button[value=approve]");
    cleo.follow(|tab| tab.press("Enter")).unwrap();
    assert!(cleo.text("main").unwrap().contains("Your approval counts"));

    bob.wait_for("document.body.innerText.includes('It was approved')").unwrap();
    reach(&mut bob, "form[action$='pick-up'] button");
    bob.follow(|tab| tab.press("Enter")).unwrap();
    reach(&mut bob, "[data-copy='part-1']");
    for tab in [&mut bob, &mut cleo] {
        quiet(tab);
    }
}

#[test]
fn shortcuts_are_listed_and_can_be_turned_off() {
    let Some(mut house) = House::open("shortcuts_are_listed_and_can_be_turned_off", |_| {}) else { return };
    let url = house.url.clone();
    let mut bob = house.enrol("bob@example.com", "Bob", &[]);
    bob.open(&format!("{url}/console")).unwrap();
    bob.press("?").unwrap();
    bob.wait_for("document.querySelector('#shortcuts').open").unwrap();
    reach(&mut bob, "#shortcuts-off");
    bob.press(" ").unwrap();
    bob.press("Escape").unwrap();
    bob.wait_for("!document.querySelector('#shortcuts').open").unwrap();
    bob.press("g").unwrap();
    bob.press("n").unwrap();
    bob.press("?").unwrap();
    // The list is still there, so that they can be turned on again.
    bob.wait_for("document.querySelector('#shortcuts').open && location.pathname === '/console'").unwrap();
    quiet(&mut bob);
}
