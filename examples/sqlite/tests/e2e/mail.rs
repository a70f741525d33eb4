//! The mail server and the connection to it.

use crate::{
    browser::{Browser, said},
    home::Home,
    site::Site,
};
use axess_peers::{Kind, shared};
use serde_json::json;

async fn signs_up(site: &Site, address: &str) {
    let form = json!({"email": address, "password": "four grey herons in a row"});
    assert_eq!(Browser::at(site).post("/signup", form).await, said("code_sent"));
}

fn given_up(site: &Site) -> Option<String> {
    site.events("a mail was given up").first().map(|event| event["fault"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn mails_say_who_they_are_from_and_what_they_are_about() {
    let Some(home) = Home::with_mail_server("mails_say_who_they_are_from_and_what_they_are_about") else {
        return;
    };
    let (mut site, carol) = (home.start(), home.address("carol"));
    signs_up(&site, &carol).await;
    let mail = site.mail_to(&carol);
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    for line in [
        "From: \"The application\" <app@example.com>",
        &format!("To: {carol}"),
        "Subject: Confirm your address",
        "Content-Type: text/plain; charset=utf-8",
    ] {
        assert!(head.lines().any(|known| known == line), "{line} is not in\n{head}");
    }
    assert!(head.contains("Message-ID: <") && head.contains("Date: "), "{head}");
    assert!(body.contains("Code: ") && body.contains(" UTC. Give it to nobody."), "{body}");
    assert!(!mail.contains("herons"), "{mail}");
}

#[tokio::test]
async fn a_mail_on_its_way_is_sent_before_the_end() {
    let Some(home) = Home::with_mail_server("a_mail_on_its_way_is_sent_before_the_end") else { return };
    let (site, carol) = (home.start(), home.address("carol"));
    signs_up(&site, &carol).await;
    site.stop();
    assert_eq!(home.mailbox.as_ref().unwrap().mails_to(&carol).unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_name_gets_no_password_and_no_mail() {
    let Some(home) =
        Home::with_mail_server("a_server_that_cannot_prove_its_name_gets_no_password_and_no_mail")
    else {
        return;
    };
    let home = home.without(&["SMTP_CA"]);
    let (mut site, carol) = (home.start(), home.address("carol"));
    signs_up(&site, &carol).await;
    let fault = site.soon("the mail is given up", |site| given_up(site));
    assert_eq!(fault, "no connection to the mail server, or none to trust");
    assert!(site.mails_to(&carol).is_empty());
}

#[tokio::test]
async fn a_refused_login_at_the_mail_server_is_reported_without_its_password() {
    let Some(home) =
        Home::with_mail_server("a_refused_login_at_the_mail_server_is_reported_without_its_password")
    else {
        return;
    };
    let url = shared(Kind::Smtp).unwrap()[0].replace("mailpass", "not-the-password");
    let home = home.with("SMTP_URL", &url);
    let mut site = home.start();
    signs_up(&site, &home.address("carol")).await;
    let fault = site.soon("the mail is given up", |site| given_up(site));
    assert_eq!(fault, "the mail server answered 535");
    assert!(!site.log().contains("not-the-password"), "{}", site.log());
    let metrics = Browser::at(&site).get("/metrics").await.1;
    assert!(metrics.as_str().unwrap().contains("\napp_mails_total{outcome=\"failed\"} 1\n"), "{metrics}");
}
