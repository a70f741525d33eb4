use crate::{
    api::{Api, delete_order, id_of},
    site::{Site, approvals},
};
use audex_server::settings::NotificationSettings;
use axess_peers::{Kind, Mail, Server, skip};
use serde_json::json;
use std::{env, process::Command, time::Duration};

/// Names the folder of the mail server that the first process started.
const SERVER: &str = "AUDEX_TEST_MAIL_URL";
const NAME: &str = "notify::mail::approvers_get_a_mail_over_tls";

/// The certificate of the mail server is one that the system does not trust: what it trusts is said to a process when it
/// begins. So this runs twice: to start the mail server, and once more to send mails.
#[test]
fn approvers_get_a_mail_over_tls() {
    if let Ok(url) = env::var(SERVER) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(send(&url));
    }
    if let Some(missing) = Kind::Smtp.missing() {
        return skip(NAME, &missing);
    }
    let server = Server::start(Kind::Smtp).unwrap();
    let mailbox = server.mailbox().unwrap();
    let again = |trust: &std::path::Path| {
        let mut again = Command::new(env::current_exe().unwrap());
        again.args(["--exact", NAME, "--nocapture"]).env(SERVER, server.url()).env("SSL_CERT_FILE", trust);
        again.output().unwrap()
    };
    let output = again(&mailbox.ca());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mails = mailbox.mails_to("security@example.com").unwrap();
    let [Mail { from, data, .. }] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(from, "audex@example.com");
    let (head, body) = data.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Subject: Approval needed: alice@example.com asks for"), "{head}");
    assert!(!head.contains("X-Injected"), "{head}");
    assert!(body.contains("/console/requests/") && body.contains("sign in there to decide"), "{body}");
    assert!(body.contains("Reason: a duplicate  X-Injected: yes"), "{body}");
    assert!(mailbox.mails_to("bounce@example.com").unwrap().is_empty());
    // Whom the system does not trust gets neither the password nor the mail.
    let nothing = tempfile::NamedTempFile::new().unwrap();
    let output = again(nothing.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(mailbox.mails_to("security@example.com").unwrap().len(), 1);
}

async fn send(url: &str) {
    let site = Site::with(|settings| {
        settings.rules = approvals(1);
        settings.notifications = NotificationSettings {
            smtp: Some(url.to_owned()),
            mail_from: Some("audex <audex@example.com>".to_owned()),
            mail_to: vec!["bounce@example.com".to_owned(), "security@example.com".to_owned()],
            ..NotificationSettings::default()
        };
    })
    .await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let bob = Api::of(&site, &site.someone("bob@example.com", &[], &["security"]).await);
    let mut ask = delete_order();
    ask["reason"] = json!("a duplicate\r\nX-Injected: yes");
    let id = id_of(&alice.post("/credentials", &ask).await.is(202));
    // No mail tells of a decision.
    bob.post(&format!("/approvals/{id}/approve"), &json!({"comment": "agreed"})).await.is(200);
    site.app.notifier.close(Duration::from_secs(5)).await;
    site.stop().await;
}
