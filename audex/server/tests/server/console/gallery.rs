//! Every page, on a desktop, on a phone and in the dark: looked at by rules here, and by people in the pictures.

use super::house::{House, PASSWORD, id_of, pictures};
use audex_core::{
    Requester, Ttl,
    audit::BrokerEvent,
    rate::RateRule,
    roles::{RoleMap, RoleRule, Subject},
};
use audex_policy::{Ceiling, Provider, Rules};
use audex_server::{
    access::device,
    model::ApprovalKey,
    settings::{OidcSettings, ServerSettings, SsoProtocol, SsoSettings},
};
use axess::clock::{Clock, SystemClock};
use axess_peers::{Look, Tab};
use chrono::TimeDelta;

const LOOK: &str = include_str!("look.js");
const SCREENS: [(&str, u32, u32, Look); 4] = [
    ("desktop", 1_280, 800, Look::Light),
    ("desktop-dark", 1_280, 800, Look::Dark),
    ("phone", 360, 740, Look::Light),
    ("phone-dark", 360, 740, Look::Dark),
];

/// What is wrong with the pages so far.
#[derive(Default)]
pub(crate) struct Gallery(pub(crate) Vec<String>);

impl Gallery {
    /// Looks at the page that is open, on every screen.
    pub(crate) fn look(&mut self, tab: &mut Tab, name: &str) {
        for (screen, width, height, colours) in SCREENS {
            tab.screen(width, height, colours).unwrap();
            let found = tab.run(&LOOK.replace("WIDTH", &width.to_string())).unwrap();
            self.0
                .extend(found.as_array().unwrap().iter().map(|fault| format!("{name} ({screen}): {fault}")));
            tab.picture(&pictures().join(format!("{name}-{screen}.png"))).unwrap();
        }
        tab.screen(1_280, 800, Look::Light).unwrap();
        self.0.extend(tab.complaints().into_iter().map(|complaint| format!("{name}: {complaint}")));
    }

    fn visit(&mut self, tab: &mut Tab, url: &str, path: &str, name: &str) {
        tab.open(&format!("{url}{path}")).unwrap();
        self.look(tab, name);
    }
}

/// Sets something of everything that the pages show.
fn furnish(settings: &mut ServerSettings) {
    let rules = &mut settings.rules;
    rules.max_ttl = Ttl::from_seconds(4 * 3_600).unwrap();
    rules.denies = Rules::parse(["iam:*", "*:Purge*"]).unwrap();
    let within = Rules::parse(["orders:*", "s3:*"]).unwrap();
    rules.boundary = Some(Ceiling { name: "boundary".to_owned(), rules: within });
    let rate = |identity: &str, max_concurrent| RateRule {
        identity: identity.to_owned(),
        max_requests: 100,
        window: TimeDelta::hours(1),
        max_concurrent,
    };
    rules.rates = vec![rate("*", None), rate("team:data-engineering", Some(10))];
    let target = (Provider::Local, "https://orders.example.com".to_owned());
    // The page of the login offers it; nobody goes there.
    let oidc = OidcSettings {
        provider_url: "https://auth.example.com".to_owned(),
        client_id: "audex".to_owned(),
        client_secret: None,
        client_key_path: None,
        is_public: true,
        redirect_uri: format!("{}/oidc/callback", settings.public_url),
        scopes: vec!["openid".to_owned()],
    };
    settings.sso = Some(SsoSettings::new(SsoProtocol::Oidc(oidc)));
    let subject = Subject::Group("team:demo".to_owned());
    let rule = RoleRule { subject, targets: [target].into(), ceiling: None };
    rules.roles = RoleMap { is_enabled: true, rules: vec![rule] };
}

#[test]
fn every_page_is_looked_at() {
    let Some(mut house) = House::open("every_page_is_looked_at", furnish) else { return };
    let mut gallery = Gallery::default();
    let mut ada = administrator(&mut house, &mut gallery);
    let mut bob = house.enrol("bob@example.com", "Bob", &[]);
    let mut cleo =
        house.enrol("cleo.with.a.rather.long.address@engineering.example.com", "Cleo", &["security"]);
    requests(&house, &mut gallery, &mut bob, &mut cleo);
    own_pages(&house, &mut gallery, &mut bob);
    keys(&house, &mut gallery, &mut cleo);
    administration(&house, &mut gallery, &mut ada);
    assert_eq!(gallery.0, Vec::<String>::new());
}

fn administrator(house: &mut House, gallery: &mut Gallery) -> Tab {
    let url = house.url.clone();
    let link = house.invite("ada@example.com", "Ada Lovelace", &["admin", "auditor"]);
    let mut ada = house.window();
    gallery.visit(&mut ada, &url, "/login?next=/console/new", "sign-in");
    ada.open(&link).unwrap();
    gallery.look(&mut ada, "enrol-password");
    ada.fill("#password", PASSWORD).unwrap();
    ada.follow(|tab| tab.click("form button.main")).unwrap();
    gallery.look(&mut ada, "enrol-authenticator");
    house.follow_link_from_password(&mut ada, "ada@example.com", |tab| gallery.look(tab, "enrol-recovery"));
    gallery.visit(&mut ada, &url, "/console", "home-empty");
    gallery.visit(&mut ada, &url, "/login/totp?next=/console/me", "sign-in-code");
    gallery.visit(&mut ada, &url, "/login/recovery?next=/console/me&failed=1", "sign-in-recovery");
    ada
}

fn requests(house: &House, gallery: &mut Gallery, bob: &mut Tab, cleo: &mut Tab) {
    let url = &house.url;
    house.ask(bob, "orders:Read,orders:List=orders/2026/*", "the weekly report");
    gallery.look(bob, "credential");
    let allow = "orders:DeleteOrder=orders/2026/*,orders:Read";
    house.ask(bob, allow, "Order 4711 was entered twice, see the ticket");
    let id = id_of(bob);
    gallery.look(bob, "request-own");
    bob.open(&format!("{url}/console/new")).unwrap();
    gallery.look(bob, "ask");
    bob.fill("#allow", "orders:Delete*, orders:Read").unwrap();
    bob.fill("#reason", "cleaning up").unwrap();
    bob.follow(|tab| tab.click("button[value=preview]")).unwrap();
    gallery.look(bob, "ask-preview");
    bob.fill("#ttl", "a fortnight").unwrap();
    bob.follow(|tab| tab.click("button[value=preview]")).unwrap();
    bob.complaints();
    gallery.look(bob, "ask-wrong");
    gallery.visit(cleo, url, "/console", "home-approver");
    gallery.visit(cleo, url, "/console/approvals", "approvals");
    gallery.visit(cleo, url, &format!("/console/requests/{id}"), "request-to-decide");
    cleo.fill("#comment", "Checked with the customer. Fine, once.").unwrap();
    cleo.follow(|tab| tab.click("#vote button[value=approve]")).unwrap();
    gallery.look(cleo, "request-approved");
    gallery.visit(bob, url, &format!("/console/requests/{id}"), "request-to-pick-up");
    bob.follow(|tab| tab.click("form[action$='pick-up'] button")).unwrap();
    gallery.visit(bob, url, "/console", "home");
    gallery.visit(bob, url, "/console/sessions", "sessions");
    gallery.visit(bob, url, &format!("/console/sessions/{id}"), "session");
    bob.follow(|tab| tab.click("form[action$='revoke'] button")).unwrap();
    gallery.look(bob, "session-revoked");
}

fn own_pages(house: &House, gallery: &mut Gallery, bob: &mut Tab) {
    let url = &house.url;
    gallery.visit(bob, url, "/console/me", "me");
    bob.fill("#token-name", "nightly build").unwrap();
    bob.follow(|tab| tab.click("form[action$='tokens'] button.main")).unwrap();
    gallery.look(bob, "me-token");
    gallery.visit(bob, url, "/console/policies", "policies");
    gallery.visit(bob, url, "/console/help", "help");
    gallery.visit(bob, url, "/device", "device");
    gallery.visit(bob, url, &program(), "program");
    let begun = device::begin(&house.app().access, Some("tryaudex on laptop"), None, None, None);
    let code = house.runtime.block_on(begun).unwrap().user_code;
    bob.open(&format!("{url}/device")).unwrap();
    bob.fill("#user_code", &code).unwrap();
    bob.follow(|tab| tab.press("Enter")).unwrap();
    gallery.look(bob, "device-compare");
}

/// The page that a program on this machine asks for.
fn program() -> String {
    format!(
        "/login/program?redirect_uri=http://127.0.0.1:49152/login&state=s&code_challenge={}&code_challenge_method=S256&client=laptop",
        "x".repeat(43)
    )
}

/// What an approver sees of the key that a program brings, and where there is no room for it.
fn keys(house: &House, gallery: &mut Gallery, cleo: &mut Tab) {
    let jwk = "%7B%22kty%22:%22OKP%22,%22crv%22:%22Ed25519%22,%22x%22:%2211qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo%22%7D";
    let program = format!("{}&jwk={jwk}", program());
    gallery.visit(cleo, &house.url, &program, "program-key");
    let store = &house.app().store;
    house.runtime.block_on(async {
        let email = "cleo.with.a.rather.long.address@engineering.example.com";
        let owner = store.person_by_email(email).await.unwrap().unwrap().user_id;
        for n in 0..8 {
            let id = format!("{n}").repeat(43);
            let jwk = serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": id });
            let key =
                ApprovalKey { id, owner, name: format!("laptop {n}"), jwk, created_at: SystemClock.now() };
            let event = BrokerEvent::Administered {
                action: "key.added".to_owned(),
                subject: key.id.clone(),
                detail: None,
            };
            store.insert_key(&Requester::LocalUser { uid: 0, name: None }, &key, 8, event).await.unwrap();
        }
    });
    gallery.visit(cleo, &house.url, &program, "program-full");
}

fn administration(house: &House, gallery: &mut Gallery, ada: &mut Tab) {
    let url = &house.url;
    gallery.visit(ada, url, "/console/people", "people");
    ada.fill("#email", "dan@example.com").unwrap();
    ada.follow(|tab| tab.click("form[action='/console/people'] button.main")).unwrap();
    gallery.look(ada, "people-invited");
    ada.follow(|tab| tab.click("a.row")).unwrap();
    gallery.look(ada, "person");
    // The log is a moment behind.
    let is_there = "fetch('/console/audit', {headers: {accept: 'text/html'}}).then((answer) => answer.text())
        .then((text) => text.includes('credential_issued') || text.includes('<td'))";
    ada.wait_for(is_there).unwrap();
    gallery.visit(ada, url, "/console/audit", "audit");
    gallery.visit(ada, url, "/console/audit?event_type=login_failed&user=%22%3E", "audit-nothing");
    ada.open(&format!("{url}/console/none")).unwrap();
    ada.complaints();
    gallery.look(ada, "not-found");
}
