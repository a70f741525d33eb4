use super::house::{House, PASSWORD, id_of, quiet};
use audex_server::access::device;
use axess_peers::Tab;

#[test]
fn who_enrolled_signs_in_with_both_factors() {
    let Some(mut house) = House::open("who_enrolled_signs_in_with_both_factors", |_| {}) else { return };
    let url = house.url.clone();
    // Whoever is not signed in is led to the login and back.
    let link = house.invite("bob@example.com", "Bob", &[]);
    let mut bob = house.window();
    house.follow_link(&mut bob, &link, "bob@example.com");
    bob.follow(|tab| tab.click(".account button")).unwrap();
    bob.open(&format!("{url}/console/new")).unwrap();
    assert_eq!(bob.run("location.pathname + location.search").unwrap(), "/login?next=/console/new");
    bob.fill("#email", "bob@example.com").unwrap();
    bob.fill("#password", "wrong").unwrap();
    bob.follow(|tab| tab.click("main button")).unwrap();
    assert!(bob.text("[role=alert]").unwrap().contains("not right"));
    bob.fill("#email", "bob@example.com").unwrap();
    bob.fill("#password", PASSWORD).unwrap();
    bob.follow(|tab| tab.click("main button")).unwrap();
    let code = house.code("bob@example.com");
    bob.fill("#code", &code).unwrap();
    bob.follow(|tab| tab.click("main button")).unwrap();
    assert_eq!(bob.run("location.pathname").unwrap(), "/console/new");
    // The link works once.
    let mut other = house.window();
    other.open(&link).unwrap();
    assert!(other.text("h1").unwrap().contains("does not work"));

    quiet_but_for_refusals(&mut bob);
}

/// What a refused page leaves in the log is its status.
fn quiet_but_for_refusals(tab: &mut Tab) {
    let complaints = tab.complaints();
    assert!(complaints.iter().all(|line| line.contains("responded with a status of 4")), "{complaints:?}");
}

#[test]
fn ask_approve_pick_up_and_revoke() {
    let Some(mut house) = House::open("ask_approve_pick_up_and_revoke", |_| {}) else { return };
    let url = house.url.clone();
    let mut bob = house.enrol("bob@example.com", "Bob", &[]);
    let mut cleo = house.enrol("cleo@example.com", "Cleo", &["security"]);
    house.ask(&mut bob, "orders:Delete", "the customer asked for it");
    let id = id_of(&mut bob);
    assert!(bob.text("main").unwrap().contains("Somebody else decides"));
    assert_eq!(
        bob.run("document.querySelector('#vote')").unwrap(),
        serde_json::Value::Null,
        "never one's own"
    );

    // It is on the other's first page, and in the list.
    cleo.open(&format!("{url}/console")).unwrap();
    assert!(cleo.text("#waiting").unwrap().contains("orders:Delete"));
    cleo.open(&format!("{url}/console/approvals")).unwrap();
    cleo.follow(|tab| tab.click("a.row")).unwrap();
    let shown = cleo.text("main").unwrap();
    for needed in
        ["bob@example.com", "the customer asked for it", "all of it is new", "orders:Delete", "Exact policy"]
    {
        assert!(shown.contains(needed), "{needed}\n{shown}");
    }
    let digest = cleo.text("#digest").unwrap();
    assert_eq!(digest.len(), 64);
    cleo.fill("#comment", "agreed, <b>once</b>").unwrap();
    cleo.follow(|tab| tab.click("#vote button[value=approve]")).unwrap();
    assert!(cleo.text("main").unwrap().contains("agreed, <b>once</b>"));

    // The requester's page finds out by itself.
    bob.wait_for("document.body.innerText.includes('It was approved')").unwrap();
    bob.follow(|tab| tab.click("form[action$='pick-up'] button")).unwrap();
    let token = bob.text("#part-1").unwrap();
    assert_eq!(token.matches('.').count(), 2, "a signed token");
    quiet(&mut bob);
    let cached = bob.run("fetch(location.href, {method: 'HEAD'}).then((answer) => answer.status)").unwrap();
    assert_eq!(cached, 405, "it cannot be fetched again");
    bob.complaints();
    // What was granted is the usual from now on.
    house.ask(&mut bob, "orders:Delete,orders:DeleteAll", "more of it");
    let more = id_of(&mut bob);
    cleo.open(&format!("{url}/console/requests/{more}")).unwrap();
    let diff = cleo.text(".diff").unwrap();
    assert!(diff.contains("orders:DeleteAll") && !diff.contains("orders:Delete\n"), "{diff}");

    bob.open(&format!("{url}/console/sessions/{id}")).unwrap();
    assert!(bob.text("main").unwrap().contains("Works"));
    bob.fill("#reason", "done").unwrap();
    bob.follow(|tab| tab.click("form[action$='revoke'] button")).unwrap();
    let after = bob.text("main").unwrap();
    assert!(after.contains("Revoked") && !after.contains("Works\n"), "{after}");
    for tab in [&mut bob, &mut cleo] {
        quiet(tab);
    }
}

#[test]
fn a_request_is_denied_and_another_taken_back() {
    let Some(mut house) = House::open("a_request_is_denied_and_another_taken_back", |_| {}) else { return };
    let url = house.url.clone();
    let mut bob = house.enrol("bob@example.com", "Bob", &["security"]);
    let mut cleo = house.enrol("cleo@example.com", "Cleo", &["security", "compliance"]);
    // A page of pending requests finds new ones by itself.
    cleo.open(&format!("{url}/console/approvals")).unwrap();
    assert!(cleo.text("#waiting").unwrap().contains("Nothing waits"));
    house.ask(&mut bob, "orders:Delete", "I want it");
    let id = id_of(&mut bob);
    cleo.wait_for("document.querySelector('#waiting').innerText.includes('orders:Delete')").unwrap();
    cleo.follow(|tab| tab.click("a.row")).unwrap();
    // Which role she speaks in is hers to choose.
    cleo.run("document.querySelector('#role').value = 'compliance'").unwrap();
    cleo.fill("#comment", "not without a ticket").unwrap();
    cleo.follow(|tab| tab.click("#vote button[value=deny]")).unwrap();
    let shown = cleo.text("main").unwrap();
    assert!(shown.contains("You denied the request") && shown.contains("compliance"), "{shown}");
    bob.wait_for("document.body.innerText.includes('not without a ticket')").unwrap();
    assert_eq!(
        bob.run("document.querySelectorAll('main form').length").unwrap(),
        0,
        "{id}: nothing can be done"
    );
    house.ask(&mut bob, "orders:Delete", "with a ticket");
    bob.follow(|tab| tab.click("form[action$='withdraw'] button")).unwrap();
    assert!(bob.text("main").unwrap().contains("Taken back"));
    for tab in [&mut bob, &mut cleo] {
        quiet(tab);
    }
}

#[test]
fn a_program_is_signed_in_after_the_code_was_compared() {
    let Some(mut house) = House::open("a_program_is_signed_in_after_the_code_was_compared", |_| {}) else {
        return;
    };
    let url = house.url.clone();
    let mut bob = house.enrol("bob@example.com", "Bob", &[]);
    for (decision, outcome) in [("allow", "is signed in"), ("deny", "gets nothing")] {
        let begun = house
            .runtime
            .block_on(device::begin(&house.app().access, Some("<i>laptop</i>"), None, None, None))
            .unwrap();
        bob.open(&format!("{url}/device")).unwrap();
        bob.fill("#user_code", &begun.user_code.to_lowercase().replace('-', " ")).unwrap();
        bob.follow(|tab| tab.press("Enter")).unwrap();
        let shown = bob.text("main").unwrap();
        assert!(shown.contains(&begun.user_code) && shown.contains("<i>laptop</i>"), "{shown}");
        bob.follow(|tab| tab.click(&format!("button[value={decision}]"))).unwrap();
        assert!(bob.text("main").unwrap().contains(outcome));
        let token = house.runtime.block_on(device::token(&house.app().access, &begun.device_code));
        assert_eq!(token.is_ok(), decision == "allow");
        quiet(&mut bob);
        // A code is answered once, and one in a link is not taken: whoever made the link may have made the code.
        bob.open(&format!("{url}/device?user_code={}", begun.user_code)).unwrap();
        assert!(!bob.text("main").unwrap().contains(&begun.user_code));
        bob.fill("#user_code", &begun.user_code).unwrap();
        bob.follow(|tab| tab.press("Enter")).unwrap();
        assert!(bob.text("[role=alert]").unwrap().contains("Nothing waits"));
        bob.complaints();
    }
}

#[test]
fn without_scripts_everything_that_posts_works() {
    let Some(mut house) = House::open("without_scripts_everything_that_posts_works", |_| {}) else { return };
    let url = house.url.clone();
    let mut bob = house.enrol("bob@example.com", "Bob", &[]);
    let mut cleo = house.enrol("cleo@example.com", "Cleo", &["security"]);
    let scripts = |tab: &mut Tab| tab.run("typeof span").unwrap();
    assert_eq!(scripts(&mut bob), "function");
    for tab in [&mut bob, &mut cleo] {
        tab.allow_scripts(false).unwrap();
        tab.open(&format!("{url}/console")).unwrap();
        assert_eq!(scripts(tab), "undefined");
    }
    house.ask(&mut bob, "orders:Delete", "by hand");
    let id = id_of(&mut bob);
    cleo.open(&format!("{url}/console/requests/{id}")).unwrap();
    cleo.fill("#comment", "by hand").unwrap();
    cleo.follow(|tab| tab.click("#vote button[value=approve]")).unwrap();
    bob.open(&format!("{url}/console/requests/{id}")).unwrap();
    bob.follow(|tab| tab.click("form[action$='pick-up'] button")).unwrap();
    assert!(bob.text("#part-1").unwrap().contains('.'));
    bob.follow(|tab| tab.click(".account button")).unwrap();
    assert_eq!(bob.run("location.pathname").unwrap(), "/login");
}
