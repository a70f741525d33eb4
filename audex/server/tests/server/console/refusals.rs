use super::house::{House, quiet};
use http::StatusCode;

#[test]
fn hostile_texts_stay_texts() {
    let Some(mut house) = House::open("hostile_texts_stay_texts", |_| {}) else { return };
    let url = house.url.clone();
    let name = "\"><img src=x onerror=alert(1)> '{{7*7}}'";
    let mut bob = house.enrol("bob@example.com", name, &[]);
    let mut cleo = house.enrol("cleo@example.com", "Cleo", &["security", "admin"]);
    assert!(bob.text(".account").unwrap().contains(name));
    let reason = "</textarea><script>alert(1)</script>\u{202e}txet\u{200b}";
    bob.open(&format!("{url}/console/new")).unwrap();
    bob.fill("#allow", "orders:Delete").unwrap();
    bob.fill("#reason", reason).unwrap();
    bob.fill("#ttl", "\" autofocus onfocus=alert(1) x=\"").unwrap();
    bob.follow(|tab| tab.click("button[value=preview]")).unwrap();
    assert_eq!(
        bob.run("document.querySelector('#ttl').value").unwrap(),
        "\" autofocus onfocus=alert(1) x=\""
    );
    assert!(bob.text("#ttl-wrong").unwrap().contains("lifetime"));
    bob.complaints();
    bob.fill("#ttl", "5m").unwrap();
    bob.fill("#allow", "orders:Delete=\u{202e}*sgol").unwrap();
    bob.follow(|tab| tab.click("button[value=preview]")).unwrap();
    // Refused, with the character shown.
    assert!(bob.run("document.querySelector('button[value=ask]') === null").unwrap() == true);
    assert!(bob.text("#allow-wrong").unwrap().contains("\\u{202e}"));
    bob.complaints();
    bob.fill("#allow", "orders:Delete").unwrap();
    bob.follow(|tab| tab.click("button[value=preview]")).unwrap();
    bob.follow(|tab| tab.click("button[value=ask]")).unwrap();
    let page = bob.run("location.href").unwrap();
    cleo.open(page.as_str().unwrap()).unwrap();
    let shown = cleo.text("main").unwrap();
    assert!(shown.contains("<script>alert(1)</script>\\u{202e}txet\\u{200b}"), "{shown}");
    cleo.open(&format!("{url}/console/people")).unwrap();
    assert!(cleo.text("main").unwrap().contains(name));
    assert_eq!(cleo.run("document.images.length").unwrap(), 1, "the sign of the console alone");
    for tab in [&mut bob, &mut cleo] {
        quiet(tab);
    }
}

#[test]
fn a_form_without_its_token_changes_nothing() {
    let Some(mut house) = House::open("a_form_without_its_token_changes_nothing", |_| {}) else { return };
    let url = house.url.clone();
    let mut bob = house.enrol("bob@example.com", "Bob", &[]);
    bob.open(&format!("{url}/console/new")).unwrap();
    bob.run("document.querySelector('main [name=csrf]').value = 'x'.repeat(64)").unwrap();
    bob.fill("#allow", "orders:Read").unwrap();
    bob.follow(|tab| tab.click("button[value=preview]")).unwrap();
    assert!(bob.text("main").unwrap().contains("form_too_old"));
    bob.complaints();
    // A page of another place: the browser says so, and is refused before that.
    let mut evil = house.window();
    evil.open("about:blank").unwrap();
    let form = format!("<form method=post action='{url}/logout'><button>x</button></form>");
    evil.run(&format!("document.body.innerHTML = {}", serde_json::json!(form))).unwrap();
    evil.follow(|tab| tab.click("button")).unwrap();
    assert!(evil.text("body").unwrap().contains("may not do that"), "{}", evil.text("body").unwrap());
    bob.open(&format!("{url}/console")).unwrap();
    assert_eq!(bob.text("h1").unwrap(), "Hello, Bob");
}

#[test]
fn refusals_are_pages_with_a_way_on() {
    let Some(mut house) = House::open("refusals_are_pages_with_a_way_on", |_| {}) else { return };
    let url = house.url.clone();
    let mut bob = house.enrol("bob@example.com", "Bob", &[]);
    let cases = [
        ("/console/nothing", "Not found"),
        ("/console/requests/a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6", "Not found"),
        ("/console/requests/%3Cscript%3E", "Not found"),
        ("/console/people", "You may not do that"),
        ("/console/audit", "You may not do that"),
        ("/console/sessions?after=nowhere", "That cannot be read"),
        ("/enrol/nothing", "This link does not work any more"),
    ];
    for (path, title) in cases {
        bob.open(&format!("{url}{path}")).unwrap();
        assert_eq!(bob.text("h1").unwrap(), title, "{path}");
        assert_eq!(
            bob.run("document.querySelector('main a.button').pathname").unwrap(),
            "/console",
            "{path}"
        );
        // The status of the page is all that is in the log.
        assert!(bob.complaints().iter().all(|line| line.contains("the server responded with a status of 4")));
    }
    // A login leads nowhere else.
    bob.open(&format!("{url}/login?next=//evil.example/")).unwrap();
    assert_eq!(bob.run("location.origin").unwrap(), url.as_str());
}

#[test]
fn assets_are_kept_for_good_and_pages_never() {
    let Some(mut house) = House::open("assets_are_kept_for_good_and_pages_never", |_| {}) else { return };
    let url = house.url.clone();
    let mut bob = house.enrol("bob@example.com", "Bob", &[]);
    let header = |tab: &mut axess_peers::Tab, path: &str, name: &str| {
        let script = format!("fetch('{path}').then((answer) => answer.headers.get('{name}'))");
        tab.run(&script).unwrap().as_str().unwrap_or_default().to_owned()
    };
    let sheet = bob.run("document.querySelector('link[rel=stylesheet]').getAttribute('href')").unwrap();
    let sheet = sheet.as_str().unwrap();
    assert!(header(&mut bob, sheet, "cache-control").contains("immutable"));
    for path in ["/console", "/console/new", "/login/totp"] {
        assert_eq!(header(&mut bob, path, "cache-control"), "no-store", "{path}");
        let policy = header(&mut bob, path, "content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    quiet(&mut bob);
    let missing =
        bob.run(&format!("fetch('{url}/assets/console-0.css').then((answer) => answer.status)")).unwrap();
    assert_eq!(missing, StatusCode::NOT_FOUND.as_u16());
}
