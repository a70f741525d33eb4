use super::receiver::{Receiver, away};
use crate::{
    api::{Api, delete_order, id_of},
    site::{Site, approvals},
};
use audex_server::{notify::signature, settings::NotificationSettings};
use serde_json::{Value, json};
use std::{
    io,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::net::TcpListener;

const KEY: &str = "a key that both sides know";

async fn site(notifications: NotificationSettings) -> (Site, Api, Api) {
    let site = Site::with(|settings| {
        settings.rules = approvals(1);
        settings.notifications = notifications;
    })
    .await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let bob = Api::of(&site, &site.someone("bob@example.com", &[], &["security"]).await);
    (site, alice, bob)
}

fn webhook(receiver: &Receiver) -> NotificationSettings {
    let webhooks = vec![format!("{}/hook", receiver.url)];
    NotificationSettings { webhooks, webhook_key: Some(KEY.to_owned()), ..NotificationSettings::default() }
}

async fn approve(bob: &Api, id: &str) {
    bob.post(&format!("/approvals/{id}/approve"), &json!({"comment": "agreed"})).await.is(200);
}

#[tokio::test]
async fn a_webhook_is_told_of_each_step_and_can_check_who_says_so() {
    let receiver = Receiver::start().await;
    let (site, alice, bob) = site(webhook(&receiver)).await;
    let id = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
    receiver.wait_for(1).await;
    approve(&bob, &id).await;
    let got = receiver.wait_for(2).await;
    let events: Vec<Value> = got.iter().map(|one| one.json()["event"].clone()).collect();
    assert_eq!(events, ["request.pending_approval", "request.approved"]);
    for one in &got {
        let body = one.json();
        assert_eq!((one.path.as_str(), one.header("content-type")), ("/hook", "application/json"));
        assert_eq!((&body["session_id"], &body["requester"]), (&json!(id), &json!("alice@example.com")));
        assert_eq!(body["url"], format!("{}/console/requests/{id}", site.url));
        assert_eq!(one.header("x-audex-id"), body["id"]);
        let seconds: i64 = one.header("x-audex-timestamp").parse().unwrap();
        assert_eq!(one.header("x-audex-signature"), signature(KEY.as_bytes(), seconds, &one.body));
    }
    assert_ne!(got[0].header("x-audex-id"), got[1].header("x-audex-id"));
    site.stop().await;
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_nothing_else() {
    let receiver = Receiver::start().await;
    let (site, alice, _) = site(webhook(&receiver)).await;
    receiver.will_answer(&[(503, None)]);
    alice.post("/credentials", &delete_order()).await.is(202);
    let got = receiver.wait_for(2).await;
    assert_eq!(got[0].header("x-audex-id"), got[1].header("x-audex-id"), "a receiver knows a repetition");
    assert_eq!(got[0].body, got[1].body);
    receiver.will_answer(&[(400, None), (302, Some("/elsewhere")), (307, Some("/elsewhere"))]);
    for _ in 0..3 {
        alice.post("/credentials", &delete_order()).await.is(202);
    }
    receiver.wait_for(5).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let got = receiver.got();
    assert_eq!(got.len(), 5, "neither a refusal nor a redirect is followed up: {got:?}");
    assert!(got.iter().all(|one| one.path == "/hook"));
    site.stop().await;
}

#[tokio::test]
async fn one_that_is_away_for_a_while_is_told_when_it_is_back() {
    let (away, address) = away();
    let webhooks = vec![format!("http://{address}/hook")];
    let settings = NotificationSettings {
        webhooks,
        webhook_key: Some(KEY.to_owned()),
        ..NotificationSettings::default()
    };
    let (site, alice, bob) = site(settings).await;
    let id = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
    tokio::time::sleep(Duration::from_millis(800)).await;
    let receiver = Receiver::on(away.listen(128).unwrap());
    approve(&bob, &id).await;
    let got = receiver.wait_for(2).await;
    let mut events: Vec<String> = got.iter().map(|one| one.json()["event"].to_string()).collect();
    events.sort_unstable();
    assert_eq!(events, ["\"request.approved\"", "\"request.pending_approval\""]);
    site.stop().await;
}

#[tokio::test]
async fn the_one_who_asked_is_called_back_with_the_decision() {
    let receiver = Receiver::start().await;
    // The operator's key signs what goes to the operator, and nothing that goes where a requester wants.
    let settings =
        NotificationSettings { webhook_key: Some(KEY.to_owned()), ..NotificationSettings::default() };
    let (site, alice, bob) = site(settings).await;
    let mut ask = delete_order();
    ask["callback"] = json!(format!("{}/done?build=17", receiver.url));
    let waiting = alice.post("/credentials", &ask).await.is(202);
    let (id, key) = (id_of(&waiting), waiting["callback_key"].as_str().unwrap().to_owned());
    let again = alice.get(&format!("/credentials/{id}")).await.is(202);
    assert_eq!(again["callback_key"], key.as_str());
    let other = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
    bob.post(&format!("/approvals/{other}/deny"), &json!({"comment": "no"})).await.is(200);
    approve(&bob, &id).await;
    let got = receiver.wait_for(1).await;
    let body = got[0].json();
    assert_eq!((&body["session_id"], &body["status"]), (&json!(id), &json!("approved")));
    assert!(
        !String::from_utf8_lossy(&got[0].body).contains("audex_token"),
        "a credential is fetched, never sent"
    );
    let seconds: i64 = got[0].header("x-audex-timestamp").parse().unwrap();
    assert_eq!(got[0].header("x-audex-signature"), signature(key.as_bytes(), seconds, &got[0].body));
    site.stop().await;
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test]
async fn slack_gets_what_it_reads() {
    let receiver = Receiver::start().await;
    let slack = vec![format!("{}/services/T0/B0/x", receiver.url)];
    let (site, alice, _) = site(NotificationSettings { slack, ..NotificationSettings::default() }).await;
    let mut ask = delete_order();
    ask["reason"] = json!("<!here> & now");
    alice.post("/credentials", &ask).await.is(202);
    let body = receiver.wait_for(1).await[0].json();
    assert!(body["text"].as_str().unwrap().starts_with("Approval needed: alice@example.com"), "{body}");
    let kinds: Vec<&Value> = body["blocks"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["header", "section", "actions"]);
    let button = &body["blocks"][2]["elements"][0];
    assert!(
        button["url"].as_str().unwrap().starts_with(&format!("{}/console/requests/", site.url)),
        "{button}"
    );
    assert!(!body["text"].as_str().unwrap().contains("<!here>"));
    site.stop().await;
}

#[tokio::test]
async fn receivers_that_hang_hold_nobody_up() {
    // It takes connections, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let settings = NotificationSettings {
        webhooks: vec![url.clone(), "http://127.0.0.1:1/".to_owned()],
        webhook_key: Some(KEY.to_owned()),
        slack: vec![url],
        ..NotificationSettings::default()
    };
    let (_site, alice, bob) = site(settings).await;
    #[expect(clippy::disallowed_methods, reason = "how long requests take is measured")]
    let begin = Instant::now();
    for _ in 0..10 {
        let id = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
        approve(&bob, &id).await;
        alice.get(&format!("/credentials/{id}")).await.is(200);
    }
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    drop(silent);
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn failures_are_logged_without_secrets() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let receiver = Receiver::start().await;
    receiver.will_answer(&[(410, None), (410, None)]);
    let settings = NotificationSettings {
        slack: vec![format!("{}/services/slacksecret", receiver.url)],
        ..webhook(&receiver)
    };
    let (site, alice, _) = site(settings).await;
    alice.post("/credentials", &delete_order()).await.is(202);
    receiver.wait_for(2).await;
    for _ in 0..3_000 {
        if log.text().matches("a notification was given up").count() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ours: Vec<String> =
        log.text().lines().filter(|line| line.contains("audex_server")).map(str::to_owned).collect();
    let given_up: Vec<&String> =
        ours.iter().filter(|line| line.contains("a notification was given up")).collect();
    assert_eq!(given_up.len(), 2, "{ours:?}");
    assert!(given_up.iter().all(|line| line.contains("the answer was 410")), "{given_up:?}");
    assert!(!log.text().contains(KEY) && !ours.join("\n").contains("slacksecret"), "{ours:?}");
    site.stop().await;
}
