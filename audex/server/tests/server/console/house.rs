//! A server with people in it, and a browser for each of them.

use crate::site::{Site, approvals};
use audex_core::Requester;
use audex_server::{
    access::{
        Caller, Proof,
        people::{self, NewPerson},
    },
    app::App,
    model::PersonKind,
    settings::ServerSettings,
};
use axess::clock::{Clock, SystemClock};
use axess_peers::{Browser, Tab, find_program, skip};
use chrono::TimeDelta;
use std::{collections::HashMap, path::PathBuf, process::Command};
use tokio::runtime::Runtime;

pub(super) const PASSWORD: &str = "correct horse battery staple 7";

pub(super) struct House {
    pub(super) url: String,
    pub(super) site: Site,
    pub(super) runtime: Runtime,
    browser: Browser,
    /// The authenticator key of each, and how many codes were taken from it.
    keys: HashMap<String, (String, i32)>,
}

impl House {
    /// Opens it, where there is a browser and an authenticator.
    pub(super) fn open(test: &str, change: impl FnOnce(&mut ServerSettings)) -> Option<Self> {
        if find_program("oathtool").is_none() {
            skip(test, "oathtool is missing (cargo xtask peers install)");
            return None;
        }
        let browser = Browser::start(test).unwrap()?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let site = runtime.block_on(Site::with(|settings| {
            settings.rules = approvals(1);
            change(settings);
        }));
        let url = site.url.clone();
        Some(Self { url, site, runtime, browser, keys: HashMap::new() })
    }

    pub(super) fn app(&self) -> &App {
        &self.site.app
    }

    /// Opens a window in which nobody is signed in.
    pub(super) fn window(&self) -> Tab {
        self.browser.person().unwrap()
    }

    /// Makes an account, and returns the link to enrol with.
    pub(super) fn invite(&self, email: &str, name: &str, roles: &[&str]) -> String {
        let now = SystemClock.now();
        let root = Caller {
            requester: Requester::Principal { email: "root@example.com".to_owned(), groups: vec![] },
            user_id: Some(axess::UserId::generate(now, &*self.app().rng)),
            roles: vec!["admin".to_owned()],
            display_name: "Root".to_owned(),
            how: Proof::Session { proved_at: now },
            is_service: false,
            client_ip: None,
        };
        let new = NewPerson {
            email: email.to_owned(),
            display_name: Some(name.to_owned()),
            kind: PersonKind::Human,
            groups: vec!["team:demo".to_owned()],
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
        };
        let added = self.runtime.block_on(people::add(&self.app().access, &root, new));
        added.unwrap().1.unwrap().url
    }

    /// Makes an account and enrols in a window of its own: signed in afterwards.
    pub(super) fn enrol(&mut self, email: &str, name: &str, roles: &[&str]) -> Tab {
        let link = self.invite(email, name, roles);
        let mut tab = self.window();
        self.follow_link(&mut tab, &link, email);
        tab
    }

    /// Enrols with a link, all three steps.
    pub(super) fn follow_link(&mut self, tab: &mut Tab, link: &str, email: &str) -> Vec<String> {
        tab.open(link).unwrap();
        tab.fill("#password", PASSWORD).unwrap();
        tab.follow(|tab| tab.click("form button.main")).unwrap();
        self.follow_link_from_password(tab, email, |_| {})
    }

    /// Goes on where the authenticator is set up.
    pub(super) fn follow_link_from_password(
        &mut self,
        tab: &mut Tab,
        email: &str,
        see: impl FnOnce(&mut Tab),
    ) -> Vec<String> {
        tab.click("summary").unwrap();
        let key = tab.text("#key").unwrap();
        self.keys.insert(email.to_owned(), (key, 0));
        tab.fill("#code", &self.code(email)).unwrap();
        tab.follow(|tab| tab.click("form button.main")).unwrap();
        let codes =
            tab.run("[...document.querySelectorAll('#codes li')].map((code) => code.textContent)").unwrap();
        let codes: Vec<String> = serde_json::from_value(codes).unwrap();
        assert!(codes.len() >= 8, "{codes:?}");
        see(tab);
        tab.follow(|tab| tab.click("main a.button.main")).unwrap();
        tab.wait_for("location.pathname === '/console'").unwrap();
        codes
    }

    /// Takes the next code of somebody's authenticator. Each works once, so that the second is that of the next step.
    pub(super) fn code(&mut self, email: &str) -> String {
        let (key, taken) = self.keys.get_mut(email).unwrap();
        let at = SystemClock.now() + TimeDelta::seconds(30) * *taken;
        *taken += 1;
        let now = at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        let output =
            Command::new("oathtool").args(["--totp", "--base32", "--now", &now, key]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Asks for something in the form, and returns the id of the request, or of the session.
    pub(super) fn ask(&self, tab: &mut Tab, allow: &str, reason: &str) {
        tab.open(&format!("{}/console/new", self.url)).unwrap();
        tab.fill("#allow", allow).unwrap();
        tab.fill("#reason", reason).unwrap();
        tab.follow(|tab| tab.click("button[value=preview]")).unwrap();
        tab.follow(|tab| tab.click("button[value=ask]")).unwrap();
    }
}

/// Returns the last part of the path.
pub(super) fn id_of(tab: &mut Tab) -> String {
    tab.run("location.pathname.split('/').pop()").unwrap().as_str().unwrap().to_owned()
}

/// Fails when the browser complained about anything.
pub(super) fn quiet(tab: &mut Tab) {
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

/// Returns the folder of pictures, for people to look at.
pub(super) fn pictures() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("console")
}
