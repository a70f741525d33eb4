//! From the sign-up to the second password, with a mail server and an authenticator app.

use crate::{
    browser::{Browser, refused, said, second_factor_required},
    home::Home,
    phone,
    site::Site,
};
use serde_json::{Value, json};

const PASSWORD: &str = "four grey herons in a row";
const NEW_PASSWORD: &str = "the kettle sings at dusk";

#[tokio::test]
async fn an_account_from_its_first_day() {
    let test = "an_account_from_its_first_day";
    let (Some(home), true) = (Home::with_mail_server(test), phone::is_there(test)) else { return };
    let (mut site, carol) = (home.start(), home.address("carol"));

    let laptop = Browser::at(&site);
    signs_up(&mut site, &laptop, &carol).await;
    let (secret, recovery_codes) = enrols(&laptop).await;
    assert_eq!(laptop.post("/logout", json!({})).await.0, 200);
    assert!(!laptop.is_in().await);

    assert_eq!(laptop.log_in(&carol, PASSWORD).await, second_factor_required());
    assert!(!laptop.is_in().await, "half a login opens nothing");
    let (_, next) = phone::codes(&secret);
    assert_eq!(laptop.code("/login/totp", &next).await, said("authenticated"));
    assert_eq!(laptop.get("/account").await.1["proved_with"], json!(["password", "totp"]));

    let thief = Browser::at(&site);
    assert_eq!(thief.log_in(&carol, PASSWORD).await, second_factor_required());
    assert_eq!(thief.code("/login/totp", &next).await, refused(), "a code works once");

    let tablet = Browser::at(&site);
    assert_eq!(tablet.log_in(&carol, PASSWORD).await, second_factor_required());
    assert_eq!(tablet.code("/login/recovery", &recovery_codes[0]).await, said("authenticated"));
    assert_eq!(thief.code("/login/recovery", &recovery_codes[0]).await, refused(), "so does a recovery code");

    resets(&mut site, &carol).await;
    assert!(!laptop.is_in().await && !tablet.is_in().await, "old sessions are over");
    assert_eq!(laptop.log_in(&carol, PASSWORD).await, refused());
    assert_eq!(
        laptop.log_in(&carol, NEW_PASSWORD).await,
        second_factor_required(),
        "a reset is no second factor"
    );
    assert_eq!(laptop.code("/login/recovery", &recovery_codes[1]).await, said("authenticated"));

    changes(&site, &laptop, &carol, &recovery_codes[2]).await;
    nothing_leaked(&home, &site, &[&carol, PASSWORD, NEW_PASSWORD, &secret, &recovery_codes[0], &next]);
}

async fn signs_up(site: &mut Site, laptop: &Browser, carol: &str) {
    let signup = async |password| laptop.post("/signup", json!({"email": carol, "password": password})).await;
    let (status, weak) = signup("12345678").await;
    assert_eq!((status, &weak["status"]), (422, &json!("weak_password")), "{weak}");
    assert_eq!(signup(PASSWORD).await, said("code_sent"));
    assert!(!laptop.is_in().await);
    let code = site.code_to(carol);
    let wrong = if code.starts_with('0') { "1" } else { "0" }.to_owned() + &code[1..];
    assert_eq!(laptop.code("/signup/code", &wrong).await, refused());
    assert_eq!(laptop.code("/signup/code", &code).await, said("account_created"));
    let account = json!({"username": carol, "email": carol, "proved_with": ["email_otp"]});
    assert_eq!(laptop.get("/account").await, (200, account));
}

/// Returns the secret of the app and the recovery codes.
async fn enrols(laptop: &Browser) -> (String, Vec<String>) {
    let (status, shown) = laptop.post("/totp", json!({})).await;
    assert_eq!(status, 200, "{shown}");
    assert!(
        shown["uri"].as_str().unwrap().starts_with("otpauth://totp/axess%20SQLite%20example:"),
        "{shown}"
    );
    let secret = shown["secret"].as_str().unwrap().to_owned();
    let (now, _) = phone::codes(&secret);
    assert_eq!(laptop.code("/totp/code", "not it").await, refused());
    let (status, enrolled) = laptop.code("/totp/code", &now).await;
    assert_eq!((status, &enrolled["status"]), (200, &json!("enrolled")));
    let recovery_codes: Vec<String> = serde_json::from_value(enrolled["recovery_codes"].clone()).unwrap();
    assert_eq!(recovery_codes.len(), 10);
    (secret, recovery_codes)
}

async fn resets(site: &mut Site, carol: &str) {
    let library = Browser::at(site);
    assert_eq!(library.post("/password/forgotten", json!({"username": carol})).await, said("code_sent"));
    assert_eq!(library.post("/password/forgotten/new", json!({"new": NEW_PASSWORD})).await.0, 401, "not yet");
    let code = site.code_to(carol);
    assert_eq!(library.code("/password/forgotten/code", "00000000").await, refused());
    assert_eq!(library.code("/password/forgotten/code", &code).await, said("code_accepted"));
    let new = async |password| library.post("/password/forgotten/new", json!({"new": password})).await;
    assert_eq!(new("short").await.1["status"], "weak_password");
    assert_eq!(new(PASSWORD).await, (422, json!({"status": "password_used_before"})));
    assert_eq!(new(NEW_PASSWORD).await, said("password_set"));
    assert!(!library.is_in().await, "a reset logs nobody in");
    assert_eq!(library.code("/password/forgotten/code", &code).await.0, 401, "the code is spent");
}

async fn changes(site: &Site, laptop: &Browser, carol: &str, recovery_code: &str) {
    let phone = Browser::at(site);
    phone.log_in(carol, NEW_PASSWORD).await;
    assert_eq!(phone.code("/login/recovery", recovery_code).await, said("authenticated"));
    let change = async |current: &str, new: &str| {
        laptop.post("/password", json!({"current": current, "new": new})).await
    };
    assert_eq!(change(PASSWORD, "a third long password").await, refused());
    assert_eq!(change(NEW_PASSWORD, NEW_PASSWORD).await.1["status"], "password_used_before");
    assert_eq!(change(NEW_PASSWORD, "a third long password").await, said("password_set"));
    assert!(laptop.is_in().await && !phone.is_in().await, "all other sessions are over");
}

/// The logs name nobody and nothing secret; the audit trail has the story, without the secrets.
fn nothing_leaked(home: &Home, site: &Site, secrets: &[&str]) {
    let (log, trail) = (site.log(), std::fs::read_to_string(home.file("audit.jsonl")).unwrap());
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in\n{log}");
        assert!(!trail.contains(secret), "{secret} is in the audit trail");
    }
    let events: Vec<Value> = trail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for expected in [
        "SignupCompleted",
        "FactorEnrolled",
        "LoginCompleted",
        "PasswordResetCompleted",
        "PasswordChanged",
        "Logout",
    ] {
        assert!(events.iter().any(|event| event["event_type"] == expected), "no {expected} in\n{trail}");
    }
}
