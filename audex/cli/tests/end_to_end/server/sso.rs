//! Logins of the program where people sign in at the identity provider of their company: a real one, and a real browser.

use super::site::{APPROVALS, Site};
use crate::home::{Home, wait_until};
use axess_peers::{Browser, Kind, Server, Tab, skip};
use serde_json::Value;
use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    process::Stdio,
};

/// A server, the provider its people sign in at, and somebody's browser.
struct Company {
    site: Site,
    tab: Tab,
    _browser: Browser,
    _peer: Server,
}

impl Company {
    /// Opens one; nothing, and a note, where there is no provider or no browser.
    fn open(test: &str) -> Option<Self> {
        if let Some(why) = Kind::OpenIdProvider.missing() {
            skip(test, &why);
            return None;
        }
        let browser = Browser::start(test).unwrap()?;
        let mut peer = None;
        let site = Site::at(|url, home| {
            let variables = vec![("REDIRECT_URIS".to_owned(), format!("{url}/oidc/callback"))];
            let started = Server::start_with_variables(Kind::OpenIdProvider, variables).unwrap();
            let provider = started.openid_provider().unwrap();
            let ca_file = home.path().join("ca.pem");
            fs::write(&ca_file, provider.authority().unwrap()).unwrap();
            let config = format!(
                "{APPROVALS}[sso]\nenabled = true\ntype = \"oidc\"\nprovider_url = \"{}\"\nclient_id = \"basic\"\n\
                 client_secret = \"{}\"\nredirect_uri = \"{url}/oidc/callback\"\nca_file = \"{}\"\n\
                 scopes = [\"openid\", \"profile\", \"email\", \"groups\"]\n\
                 [[sso.groups]]\nname = \"admins\"\nroles = [\"security\"]\n",
                provider.issuer(),
                provider.secret("basic"),
                ca_file.display(),
            );
            peer = Some(started);
            config
        });
        let tab = browser.person().unwrap();
        Some(Self { site, tab, _browser: browser, _peer: peer.unwrap() })
    }

    /// A machine of somebody's: what would open a browser there notes what it was asked to open.
    fn machine(&self) -> Home {
        let mut home = Home::new();
        home.set("AUDEX_SERVER", &self.site.url);
        let opener = home.path().join("bin/xdg-open");
        let script =
            "#!/bin/sh\nprintf %s \"$1\" > \"$HOME/opening\" && mv \"$HOME/opening\" \"$HOME/opened\"\n";
        fs::write(&opener, script).unwrap();
        fs::set_permissions(&opener, Permissions::from_mode(0o755)).unwrap();
        home
    }

    /// Opens a page, and signs in at the provider on the way where that is asked for.
    fn visit(&mut self, page: &str, is_signed_in: bool) {
        self.tab.open(page).unwrap();
        if !is_signed_in {
            self.tab.wait_for("location.pathname === '/login'").unwrap();
            self.tab.follow(|tab| tab.click("#sso")).unwrap();
        }
    }

    fn allow(&mut self) -> String {
        self.tab.follow(|tab| tab.click("button[value=allow]")).unwrap();
        self.tab.text("body").unwrap()
    }
}

fn told(output: &std::process::Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_browser_signs_in_at_the_provider_and_brings_the_login_back() {
    let test = "the_browser_signs_in_at_the_provider_and_brings_the_login_back";
    let Some(mut company) = Company::open(test) else { return };
    let home = company.machine();
    for (arguments, scopes, has_key) in [
        ("--output json login --browser --scope read", "read", false),
        ("--output json login --browser", "approve read request", true),
    ] {
        let mut login = home.tryaudex(arguments);
        let login = login.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let opened = home.path().join("opened");
        wait_until("the browser is opened", || opened.exists());
        let page = fs::read_to_string(&opened).unwrap();
        fs::remove_file(&opened).unwrap();
        assert!(page.starts_with(&format!("{}/login/program?", company.site.url)), "{page}");
        company.visit(&page, has_key);
        company.tab.wait_for("location.pathname === '/login/program'").unwrap();
        let shown = company.tab.text("main").unwrap();
        assert!(shown.contains("alice@example.test"), "{shown}");
        assert_eq!(shown.contains("It adds"), has_key, "{shown}");
        assert!(company.allow().contains("You can close this page"));
        let output = login.wait_with_output().unwrap();
        let told = told(&output);
        assert_eq!(
            (&told["identity"], words(&told["scopes"]).as_str()),
            (&"alice@example.test".into(), scopes)
        );
        assert_eq!(told["approval_key"]["registered"], has_key, "{told}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("warning"), "{output:?}");
    }
    let printed = home.printed("run --server --allow orders:Read", "test -n \"$AUDEX_TOKEN\" && echo there");
    assert_eq!(printed, "there");
}

#[test]
fn a_code_is_confirmed_by_whoever_signs_in_at_the_provider() {
    let test = "a_code_is_confirmed_by_whoever_signs_in_at_the_provider";
    let Some(mut company) = Company::open(test) else { return };
    let home = company.machine();
    let mut login = home.tryaudex("--output json login --device");
    let mut login = login.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(login.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let (page, code) = line.trim().strip_prefix("open ").unwrap().split_once(" and type the code: ").unwrap();
    assert_eq!(page, format!("{}/device", company.site.url));
    company.visit(page, false);
    company.tab.wait_for("location.pathname === '/device'").unwrap();
    company.tab.fill("#user_code", code).unwrap();
    company.tab.follow(|tab| tab.press("Enter")).unwrap();
    let shown = company.tab.text("main").unwrap();
    assert!(
        shown.contains(code) && shown.contains("alice@example.test") && shown.contains("It adds"),
        "{shown}"
    );
    assert!(company.allow().contains("The program is signed in"));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    let told = told(&login.wait_with_output().unwrap());
    assert_eq!(
        (&told["identity"], &told["approval_key"]["registered"]),
        (&"alice@example.test".into(), &true.into())
    );
    assert!(!home.path().join("opened").exists() && rest.is_empty(), "{rest}");
    let printed = home.printed("run --server --allow orders:Read", "test -n \"$AUDEX_TOKEN\" && echo there");
    assert_eq!(printed, "there");
}

/// The words of a list, in order.
fn words(list: &Value) -> String {
    let mut words: Vec<&str> = list.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    words.sort_unstable();
    words.join(" ")
}
