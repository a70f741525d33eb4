use super::site::{APPROVALS, Site, log_in, log_in_with};
use crate::home::Home;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::Stdio,
};

#[test]
fn a_browser_confirms_a_login_that_is_kept_and_forgotten() {
    let site = Site::dev();
    let admin = site.admin();
    let mut home = Home::new();
    home.set("AUDEX_SERVER", &site.url);
    let denied = home.tryaudex("run --server --allow orders:Read -- true").output().unwrap();
    assert_eq!(denied.status.code(), Some(80), "{denied:?}");
    let output = log_in(&home, &admin);
    assert!(output.status.success(), "{output:?}\n{}", site.log());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["identity"], "admin@localhost");
    // An administrator's machine does not administer unless that is asked for; where nobody approves, nor does it.
    assert_eq!(scopes(&told), ["read", "request"]);
    let servers = home.data().join("servers");
    let folder = std::fs::read_dir(&servers).unwrap().next().unwrap().unwrap().path();
    for file in ["login.json", "approval.key"] {
        let mode = std::fs::metadata(folder.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let kept: Value = serde_json::from_slice(&std::fs::read(folder.join("login.json")).unwrap()).unwrap();
    let token = kept["token"].as_str().unwrap().to_owned();
    assert!(!String::from_utf8_lossy(&output.stdout).contains(&token));
    // Who was given a token forgets it; it is others' to revoke.
    let mut given = Home::new();
    given.set("AUDEX_SERVER", &site.url);
    let file = home.path().join("token");
    std::fs::write(&file, &token).unwrap();
    let pipe = || {
        let mut login = given.tryaudex("login --token-stdin");
        login.stdin(std::fs::File::open(&file).unwrap()).output().unwrap()
    };
    assert!(pipe().status.success());
    let out = given.tryaudex("logout").output().unwrap();
    assert!(out.status.success(), "{out:?}");
    assert!(String::from_utf8_lossy(&out.stdout).contains("still works"), "{out:?}");
    assert!(pipe().status.success(), "it was revoked");
    let out = home.tryaudex("logout").output().unwrap();
    assert!(out.status.success(), "{out:?}");
    assert!(!folder.join("login.json").exists() && folder.join("approval.key").exists());
    // What was revoked does not work any more, wherever it still is.
    let refused = pipe();
    assert_eq!(refused.status.code(), Some(80), "{refused:?}");
    assert!(!site.log().contains(&token), "a token is in the log");
}

fn scopes(told: &Value) -> Vec<String> {
    let mut scopes: Vec<String> = serde_json::from_value(told["scopes"].clone()).unwrap();
    scopes.sort_unstable();
    scopes
}

#[test]
fn a_login_is_for_what_it_was_asked_for_and_says_so() {
    let site = Site::dev();
    let admin = site.admin();
    let mut home = Home::new();
    home.set("AUDEX_SERVER", &site.url);
    let output =
        log_in_with(&home, &admin, "--output json login --scope read --scope request,administer,read");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(scopes(&told), ["administer", "read", "request"], "{output:?}");
    let output = log_in_with(&home, &admin, "login --scope read");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("logged in to http://") && said.ends_with("Z, to read\n"), "{said}");
    // What it is not for it does not do.
    let refused = home.tryaudex("run --server --allow orders:Read -- true").output().unwrap();
    assert_eq!(refused.status.code(), Some(80), "{refused:?}");
    // Nobody gives what they may not do.
    let bob = site.person(&admin, "bob@example.com", &[]);
    let output = log_in_with(&home, &bob, "--output json login --scope read,administer");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["identity"], scopes(&told)), (&"bob@example.com".into(), vec!["read".to_owned()]));
}

#[test]
fn a_token_of_a_service_comes_from_standard_input() {
    let site = Site::dev();
    let admin = site.admin();
    let service =
        admin.post("/people", &serde_json::json!({ "email": "deploy@services", "kind": "service" }));
    let owner = service["id"].clone();
    let made = admin
        .post("/tokens", &serde_json::json!({ "name": "ci", "owner": owner, "scopes": ["request", "read"] }));
    let token =
        made["token"].as_str().or_else(|| made["secret"].as_str()).unwrap_or_else(|| panic!("{made}"));
    let mut home = Home::new();
    home.set("AUDEX_SERVER", &site.url);
    let file = home.path().join("token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let output =
        home.tryaudex("login --token-stdin").stdin(std::fs::File::open(&file).unwrap()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("deploy@services"), "{output:?}");
    let printed = home.printed("run --server --allow orders:Read", "test -n \"$AUDEX_TOKEN\" && echo there");
    assert_eq!(printed, "there");
}

#[test]
fn nobody_there_is_told_and_nothing_is_sent_in_the_clear() {
    let home = Home::new();
    for (server, code) in [("http://127.0.0.1:9", 84), ("http://audex.example.com", 2), ("https://", 2)] {
        let output = home.tryaudex(&format!("login --server {server}")).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{server}: {output:?}");
    }
    let output = home.tryaudex("approve").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn the_browser_of_this_machine_brings_the_login_back() {
    let site = Site::dev();
    let admin = site.admin();
    let mut home = Home::new();
    home.set("AUDEX_SERVER", &site.url);
    for (arguments, decision, code) in [("--output json login --browser", "allow", 0), ("login", "deny", 80)]
    {
        if decision == "deny" {
            // A desktop is enough for it.
            home.set("DISPLAY", ":0");
        }
        let mut login = home.tryaudex(arguments);
        let mut login = login.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(login.stderr.take().unwrap()).lines().map_while(Result::ok);
        let page = said.find_map(|line| line.strip_prefix("open ").map(str::to_owned)).unwrap();
        assert!(page.starts_with(&format!("{}/login/program?", site.url)), "{page}");
        let shown = admin.answer_program(&page, decision);
        assert!(shown.contains("You can close this page"), "{shown}");
        let output = login.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}\n{}", site.log());
        if decision == "allow" {
            let told: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(
                (&told["identity"], scopes(&told)),
                (&"admin@localhost".into(), vec!["read".to_owned(), "request".to_owned()])
            );
            // Nobody approves here, so there is nothing to sign.
            assert_eq!(told["approval_key"]["registered"], false);
        }
    }
    let printed = home.printed("run --server --allow orders:Read", "test -n \"$AUDEX_TOKEN\" && echo there");
    assert_eq!(printed, "there");
}

#[test]
fn a_login_adds_a_key_where_it_may_approve_and_says_where_there_is_no_room() {
    let site = Site::with(APPROVALS);
    let admin = site.admin();
    let bob = site.person(&admin, "bob@example.com", &["security"]);
    let keys = || bob.get("/me/keys")["items"].as_array().unwrap().len();
    let log_in_as = |arguments: &str| {
        let mut home = Home::new();
        home.set("AUDEX_SERVER", &site.url);
        let output = log_in_with(&home, &bob, &format!("--output json login {arguments}"));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        (told["approval_key"]["registered"] == true, String::from_utf8(output.stderr).unwrap())
    };
    for (arguments, has_key, count) in [
        ("--scope read", false, 0),
        ("--scope read,request", false, 0),
        ("--scope read,approve", true, 1),
        ("", true, 2),
    ] {
        let (is_registered, said) = log_in_as(arguments);
        assert_eq!(
            (is_registered, keys(), said.contains("warning")),
            (has_key, count, false),
            "{arguments}: {said}"
        );
    }
    for name in 2..8 {
        let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
        let x =
            data_encoding::BASE64URL_NOPAD.encode(aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref());
        let jwk = serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
        bob.post("/me/keys", &serde_json::json!({ "name": format!("key {name}"), "jwk": jwk }));
    }
    let (is_registered, said) = log_in_as("");
    assert!(!is_registered && keys() == 8, "{said}");
    assert!(
        said.contains("warning: what you approve from here cannot be signed") && said.contains("/console/me"),
        "{said}"
    );
    // Where keys cannot be read it is not known.
    let (_, said) = log_in_as("--scope approve");
    assert!(!said.contains("warning"), "{said}");
}
