use super::house::{House, id_of, quiet};

#[test]
fn a_browser_signs_what_its_owner_agrees_to() {
    let Some(mut house) =
        House::open("a_browser_signs_what_its_owner_agrees_to", |settings| settings.require_signature = true)
    else {
        return;
    };
    let url = house.url.clone();
    let mut bob = house.enrol("bob@example.com", "Bob", &[]);
    let mut cleo = house.enrol("cleo@example.com", "Cleo", &["security"]);
    house.ask(&mut bob, "orders:Delete", "signed");
    let id = id_of(&mut bob);
    // Without a key the server refuses, and the page says what to do.
    cleo.open(&format!("{url}/console/requests/{id}")).unwrap();
    cleo.fill("#comment", "first try\nof two lines ✓").unwrap();
    cleo.follow(|tab| tab.click("#vote button[value=approve]")).unwrap();
    assert!(cleo.text("[role=alert]").unwrap().contains("signed"));
    assert_eq!(cleo.run("document.querySelector('#comment').value").unwrap(), "first try\nof two lines ✓");
    cleo.complaints();
    cleo.open(&format!("{url}/console/me")).unwrap();
    cleo.fill("#key-name", "Cleo's \"laptop\"").unwrap();
    cleo.follow(|tab| tab.click("#make-key button")).unwrap();
    cleo.wait_for("document.querySelector('[data-here]')?.hidden === false").unwrap();
    let key = cleo.run("document.querySelector('tr[data-key]').dataset.key").unwrap();
    let is_kept = "new Promise((done) => { const opened = indexedDB.open('audex'); opened.onsuccess = () => {
        const found = opened.result.transaction('keys').objectStore('keys').getAll();
        found.onsuccess = () => done(found.result.map((key) => [key.id, key.privateKey.extractable])); }; })";
    assert_eq!(cleo.run(is_kept).unwrap(), serde_json::json!([[key, false]]));

    cleo.open(&format!("{url}/console/requests/{id}")).unwrap();
    cleo.wait_for("document.querySelector('#key-note').innerText.includes('signed with the key')").unwrap();
    cleo.fill("#comment", "first try\nof two lines ✓").unwrap();
    cleo.follow(|tab| tab.click("#vote button[value=approve]")).unwrap();
    let shown = cleo.text("main").unwrap();
    assert!(shown.contains("Your approval counts") && shown.contains("· signed"), "{shown}");
    let pending =
        house.runtime.block_on(house.app().store.load_request(id.parse().unwrap())).unwrap().unwrap().0;
    let signature = pending.approval.votes()[0].signature.clone().unwrap();
    assert_eq!(signature.matches('.').count(), 2);
    cleo.open(&format!("{url}/console/me")).unwrap();
    cleo.follow(|tab| tab.click("form[action$='/remove'] button")).unwrap();
    assert!(cleo.text("#keys").unwrap().contains("No key yet"));
    quiet(&mut cleo);
}
