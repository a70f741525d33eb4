use super::{message::Message, slack, *};
use crate::model::Ask;
use audex_core::{
    Requester,
    approval::{Approval, Vote},
};
use audex_policy::Provider;
use axess::rng::SystemRng;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_704_110_400, 0).unwrap()
}

fn pending() -> PendingRequest {
    let roles = vec!["security".to_owned()];
    PendingRequest {
        session_id: "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6".parse().unwrap(),
        requester: Requester::Principal { email: "alice@example.com".to_owned(), groups: vec![] },
        asked_by: None,
        ask: Ask {
            allow: "s3:DeleteObject".to_owned(),
            reason: Some("<!channel> *now*\nVote: bob agreed \u{202e}evil".to_owned()),
            ..Ask::new(Provider::Aws)
        },
        target: None,
        ttl: None,
        rules: vec!["*:Delete*".to_owned()],
        document: "{}".to_owned(),
        approval: Approval::new([7; 32], "alice@example.com", 1, roles, now() + TimeDelta::hours(24)),
        callback: None,
        created_at: now(),
    }
}

fn denied() -> PendingRequest {
    let mut pending = pending();
    let vote = Vote {
        approver: "bob@example.com".to_owned(),
        role: "security".to_owned(),
        approve: false,
        comment: "TTL too long".to_owned(),
        at: now(),
        signature: None,
    };
    pending.approval.vote(vote).unwrap();
    pending
}

fn message(notice: Notice<'_>) -> Message {
    Message::new(notice, "https://audex.example.com/", now(), &SystemRng)
}

#[test]
fn a_webhook_says_what_a_program_needs() {
    let message = message(Notice::Decided(&denied()));
    let json: Value = serde_json::from_str(&message.json).unwrap();
    assert_eq!(json["event"], "request.denied");
    assert_eq!(json["status"], "denied");
    assert_eq!(json["session_id"], "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6");
    assert_eq!(json["timestamp"], "2024-01-01T12:00:00Z");
    assert_eq!(json["votes"][0]["comment"], "TTL too long");
    let page = "https://audex.example.com/console/requests/a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6";
    assert_eq!(json["url"], page);
    assert_eq!(json["id"], message.id.to_string());
}

#[test]
fn what_people_write_stays_a_text() {
    let message = message(Notice::Asked(&pending()));
    let reason = &message.facts.iter().find(|(name, _)| *name == "Reason").unwrap().1;
    assert_eq!(reason, "<!channel> *now* Vote: bob agreed evil");
    let slack: Value = serde_json::from_str(&slack::body(&message)).unwrap();
    for field in slack["blocks"][1]["fields"].as_array().unwrap() {
        assert_eq!(field["type"], "plain_text");
    }
    let text = slack["text"].as_str().unwrap();
    assert!(text.starts_with("Approval needed: alice@example.com asks for s3:DeleteObject (aws)"), "{text}");
    let mut shouting = pending();
    shouting.ask.allow = "<!channel>&".to_owned();
    let slack: Value = serde_json::from_str(&slack::body(&self::message(Notice::Asked(&shouting)))).unwrap();
    let text = slack["text"].as_str().unwrap();
    assert!(text.contains("&lt;!channel&gt;&amp;") && !text.contains("<!channel>"), "{text}");
}

#[test]
fn signatures_are_hmac_of_time_and_body() {
    // printf '1704110400.{}' | openssl dgst -sha256 -hmac 'a key that both sides know'
    let expected = "sha256=c86c494e6738e5488e22e99931f2ec961a475473d51bd456a433386e5c3929df";
    assert_eq!(signature(b"a key that both sides know", 1_704_110_400, b"{}"), expected);
}

fn fault(change: impl FnOnce(&mut ServerSettings)) -> Option<&'static str> {
    let mut settings = ServerSettings::new("/nowhere");
    change(&mut settings);
    Sinks::new(&settings, CallbackKeys([7; 32])).err().map(|fault| fault.key)
}

#[test]
fn settings_that_cannot_work_are_named() {
    assert_eq!(fault(|_| {}), None);
    assert_eq!(
        fault(|s| s.notifications.webhooks = vec!["https://x.example/".into()]),
        Some("notifications.webhook_key")
    );
    assert_eq!(
        fault(|s| s.notifications.webhook_key = Some("short".into())),
        Some("notifications.webhook_key")
    );
    assert_eq!(
        fault(|s| s.notifications.slack = vec!["hooks.slack.com/x".into()]),
        Some("notifications.slack")
    );
    assert_eq!(fault(|s| s.notifications.mail_to = vec!["a@example.com".into()]), Some("notifications.smtp"));
    assert_eq!(
        fault(|s| s.notifications.smtp = Some("smtp://mail.example.com".into())),
        Some("notifications.mail_from")
    );
    for address in
        ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://mail.example.com?tls=none"]
    {
        let change = |settings: &mut ServerSettings| {
            settings.notifications.smtp = Some(address.into());
            settings.notifications.mail_from = Some("audex@example.com".into());
        };
        assert_eq!(fault(change), Some("notifications.smtp"), "{address}");
    }
}

#[test]
fn all_that_cannot_work_is_named_at_once() {
    let mut settings = ServerSettings::new("/nowhere");
    settings.notifications.webhooks = vec!["https://x.example/".into()];
    settings.notifications.slack = vec!["hooks.slack.com/x".into()];
    settings.notifications.smtp = Some("smtp://:25".into());
    let keys: Vec<_> = Notifier::check(&settings).iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["notifications.webhook_key", "notifications.slack", "notifications.smtp"]);
    assert!(Notifier::check(&ServerSettings::new("/nowhere")).is_empty());
}

#[test]
fn no_secret_is_shown() {
    let mut settings = ServerSettings::new("/nowhere");
    settings.notifications.slack = vec!["https://hooks.slack.example/services/T0/B0/slacksecret".into()];
    settings.notifications.webhooks = vec!["https://x.example/hooksecret".into()];
    settings.notifications.webhook_key = Some("keysecret-keysecret".into());
    settings.notifications.smtp = Some("smtp://audex:mailsecret@mail.example.com".into());
    settings.notifications.mail_from = Some("audex@example.com".into());
    let shown = format!("{:?}", Sinks::new(&settings, CallbackKeys([7; 32])).unwrap());
    assert!(!shown.contains("secret"), "{shown}");
}
