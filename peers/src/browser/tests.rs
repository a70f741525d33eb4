use super::*;

const PAGE: &str = "data:text/html,<title>one</title><meta http-equiv='content-security-policy' content=\"img-src 'none'\">\
<label>Name <input id=name></label><button onclick=\"document.title = document.querySelector('input').value\">Say</button>";

#[test]
fn a_page_is_used_and_complained_about() {
    let Some(browser) = Browser::start("a_page_is_used_and_complained_about").unwrap() else { return };
    let (mut alice, mut bob) = (browser.person().unwrap(), browser.person().unwrap());
    alice.open(PAGE).unwrap();
    bob.open("about:blank").unwrap();
    assert_eq!(alice.run("document.title").unwrap(), "one");
    alice.fill("#name", "Alice").unwrap();
    alice.press("Tab").unwrap();
    alice.press("Enter").unwrap();
    alice.wait_for("document.title === 'Alice'").unwrap();
    alice.fill("#name", "Al").unwrap();
    alice.click("button").unwrap();
    alice.wait_for("document.title === 'Al'").unwrap();
    assert_eq!(alice.text("button").unwrap(), "Say");
    assert_eq!(bob.run("document.title").unwrap(), "");
    assert_eq!((alice.complaints(), bob.complaints()), (vec![], vec![]));
    alice.run("new Image().src = 'https://example.com/a.png'; console.error('oh')").unwrap();
    alice.wait_for("new Promise((done) => setTimeout(() => done(true), 100))").unwrap();
    let complaints = alice.complaints().join("\n");
    assert!(complaints.contains("Content Security Policy") && complaints.contains("oh"), "{complaints}");
    assert!(alice.run("nothing.here").unwrap_err().contains("nothing is not defined"));
}

#[test]
fn the_screen_is_what_was_asked_for() {
    let Some(browser) = Browser::start("the_screen_is_what_was_asked_for").unwrap() else { return };
    let mut tab = browser.person().unwrap();
    tab.open(PAGE).unwrap();
    tab.screen(360, 640, Look::Dark).unwrap();
    let seen = tab.run("[innerWidth > 0, matchMedia('(prefers-color-scheme: dark)').matches]").unwrap();
    assert_eq!(seen, serde_json::json!([true, true]));
    let file = std::env::temp_dir().join(format!("axess-picture-{}.png", std::process::id()));
    tab.picture(&file).unwrap();
    assert!(fs::read(&file).unwrap().starts_with(b"\x89PNG"));
    fs::remove_file(file).unwrap();
    let folder = browser.folder.clone();
    drop(browser);
    assert!(!folder.exists());
}
