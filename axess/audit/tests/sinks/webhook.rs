use crate::{
    events::{Events, PATIENCE, deliver_until_taken, fails, noon, refused_at},
    receiver::{Canned, Running, free_port},
};
use axess_audit::{
    AuditRecord,
    sink::{EventSink as _, HttpConfigError, SinkError, WebhookConfig, WebhookSink},
};
use axess_clock::{MockClock, SystemClock};
use axess_identity::SigningKey;
use serde_json::{Value, json};
use std::{collections::HashSet, io::Write as _, net::TcpStream, sync::Arc, time::Duration};

fn key(number: u8) -> SigningKey {
    SigningKey::from([number; 32])
}

fn sink(url: &str, change: impl FnOnce(&mut WebhookConfig)) -> WebhookSink {
    let mut config = WebhookConfig::new(url, key(1));
    change(&mut config);
    WebhookSink::new(config, Arc::new(SystemClock)).unwrap()
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect()
}

fn expected(batch: &[AuditRecord]) -> Vec<String> {
    batch.iter().map(|record| record.event_id().to_string()).collect()
}

#[tokio::test]
async fn a_receiver_believes_what_is_signed() {
    let Some(receiver) = Running::python("webhook::a_receiver_believes_what_is_signed", &[&key(1)]) else {
        return;
    };
    let url = format!("http://127.0.0.1:{}/audit?token=sesame", receiver.port);
    let mut batch = Events::of("webhook signed").entries(50);
    batch.push(Events::of("webhook signed").event(51, json!({})));
    let sink_of = |keys: Vec<SigningKey>| sink(&url, |config| config.keys = keys);
    sink_of(vec![key(1)]).deliver(&batch).await.unwrap();
    // While keys are changed, each side may be ahead of the other.
    sink_of(vec![key(2), key(1)]).deliver(&batch).await.unwrap();
    let events = receiver.events();
    assert_eq!(ids(&events), expected(&batch));
    assert_eq!(events[7]["note"], "h\u{e9}llo \u{1f600}");

    let requests = receiver.requests();
    let header = |index: usize, name: &str| requests[index]["headers"][name].as_str().unwrap().to_owned();
    assert_eq!(requests[0]["path"], "/audit?token=sesame");
    assert_eq!(header(0, "content-type"), "application/json");
    assert_eq!(header(0, "idempotency-key"), header(0, "webhook-id"));
    assert_eq!(header(0, "webhook-id"), header(1, "webhook-id"), "the same batch has another key");
    assert_eq!(header(0, "webhook-id").len(), 43);
    assert_eq!(header(1, "webhook-signature").split(' ').count(), 2);

    // A wrong key is the operator's fault: no event is given up for it, and nothing secret is said.
    let (error, said) = fails(&sink_of(vec![key(3)]), &batch).await;
    assert_eq!(refused_at(&error), None);
    assert!(said.contains("401") && said.contains("keys") && !said.contains("sesame"), "{said}");
    assert_eq!(receiver.requests().len(), 3, "a refused login was tried with parts of the batch");
}

#[tokio::test]
async fn the_poison_is_found_and_the_rest_delivered() {
    let Some(receiver) = Running::python("webhook::the_poison_is_found", &[&key(1)]) else { return };
    let events = Events::of("webhook poison");
    let sink = sink(&format!("http://127.0.0.1:{}/", receiver.port), |_| {});
    for poison in [0, 1, 13, 30, 31] {
        let events = events.in_tenant(Some(crate::events::tenant(poison as u8 + 10)));
        let numbers = poison as u32 * 100..poison as u32 * 100 + 32;
        let mut batch: Vec<AuditRecord> =
            numbers.clone().map(|number| events.entry(number, json!({}))).collect();
        batch[poison] = events.entry(numbers.start + poison as u32, json!({ "note": "poison" }));
        let before = receiver.events().len();
        let (error, said) = fails(&sink, &batch).await;
        assert_eq!(refused_at(&error), Some(poison), "{said}");
        assert!(said.contains("422"), "{said}");
        assert_eq!(ids(&receiver.events()[before..]), expected(&batch[..poison]));
        sink.deliver(&batch[poison + 1..]).await.unwrap();
    }
    assert_eq!(receiver.events().len(), 5 * 31);
}

#[tokio::test]
async fn nginx_with_tls_and_a_limit_is_a_receiver() {
    const TEST: &str = "webhook::nginx_with_tls_and_a_limit_is_a_receiver";
    let Some(mut receiver) = Running::python(TEST, &[&key(1)]) else { return };
    let Some(mut nginx) = Running::nginx(TEST, receiver.port) else { return };
    let url = format!("https://127.0.0.1:{}/", nginx.port);
    let authorities = nginx.authorities();
    let trusting = sink(&url, |config| config.authorities = Some(authorities.clone()));
    let events = Events::of("webhook nginx");
    // 4 KiB are about 15 of them: nginx answers 413 until the parts are small enough.
    let batch = events.entries(100);
    trusting.deliver(&batch).await.unwrap();
    assert_eq!(ids(&receiver.events()), expected(&batch));
    let requests = receiver.requests();
    assert!(
        requests.len() > 6 && requests.iter().all(|request| request["length"].as_u64().unwrap() <= 4_096)
    );
    let keys: HashSet<&str> =
        requests.iter().map(|request| request["headers"]["idempotency-key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), requests.len(), "two parts have one key");
    // With the limit in the settings nothing is split by trial.
    let fitting = sink(&url, |config| {
        (config.authorities, config.max_body) = (Some(authorities.clone()), 4_000);
    });
    fitting.deliver(&batch).await.unwrap();
    // One event alone that does not fit will never fit.
    let large = events.entry(101, json!({ "note": "x".repeat(5_000) }));
    let (error, said) = fails(&trusting, &[batch[0].clone(), large, batch[1].clone()]).await;
    assert_eq!((refused_at(&error), said.contains("413")), (Some(1), true), "{said}");

    let (_, said) = fails(&sink(&url, |_| {}), &batch).await;
    assert!(said.to_lowercase().contains("certificate"), "a stranger's certificate was believed: {said}");
    let moved = sink(&format!("{url}moved"), |config| config.authorities = Some(authorities.clone()));
    let before = receiver.requests().len();
    let (_, said) = fails(&moved, &batch[..1]).await;
    assert!(said.contains("301") && said.contains("not followed"), "{said}");
    assert_eq!(receiver.requests().len(), before);

    receiver.kill();
    let (error, said) = fails(&trusting, &batch[..1]).await;
    assert!(refused_at(&error).is_none() && said.contains("502"), "{said}");
    nginx.kill();
    let (error, _) = fails(&trusting, &batch[..1]).await;
    assert!(matches!(error, SinkError::Retry { after: None, .. }));
}

#[tokio::test]
async fn a_receiver_that_comes_back_gets_everything() {
    let Some(receiver) = Running::python("webhook::a_receiver_that_comes_back", &[&key(1)]) else { return };
    let batch = Events::of("webhook back").entries(10);
    let gate = free_port();
    let sink = sink(&format!("http://127.0.0.1:{gate}/"), |_| {});
    let (error, _) = fails(&sink, &batch).await;
    assert!(matches!(error, SinkError::Retry { .. }));
    // Now something listens there, and passes on what comes.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", gate)).await.unwrap();
    let port = receiver.port;
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let mut to = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut to).await });
        }
    });
    deliver_until_taken(&sink, &batch).await;
    assert_eq!(ids(&receiver.events()), expected(&batch));
}

#[tokio::test]
async fn an_answer_says_when_to_come_again() {
    let batch = Events::of("webhook later").entries(3);
    let clock = Arc::new(MockClock::new(noon()));
    let table = [
        ("503 Service Unavailable\r\nRetry-After: 7", Some(7)),
        ("429 Too Many Requests\r\nRetry-After: 0", Some(0)),
        ("429 Too Many Requests\r\nRetry-After: 99999999999", Some(3_600)),
        ("503 No\r\nRetry-After: Thu, 01 Jan 2026 12:01:00 GMT", Some(59)),
        ("503 No\r\nRetry-After: Thu, 01 Jan 2015 12:01:00 GMT", Some(0)),
        ("503 No\r\nRetry-After: -5", None),
        ("503 No\r\nRetry-After: soon", None),
        ("500 No", None),
        ("408 No", None),
        ("403 No", None),
        ("404 No", None),
        ("409 No", None),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", None),
        ("999 What", None),
    ];
    for (line, seconds) in table {
        let server = Canned::status(line);
        let config = WebhookConfig::new(format!("http://{}/", server.address), key(1));
        let sink = WebhookSink::new(config, clock.clone()).unwrap();
        let (error, said) = fails(&sink, &batch).await;
        let SinkError::Retry { after, .. } = error else { panic!("{line}: {said}") };
        assert_eq!(after.map(|pause| pause.as_secs()), seconds, "{line}");
        assert_eq!(server.count(), 1, "{line}");
    }
    let server = Canned::status("400 No");
    let (error, _) = fails(&sink(&format!("http://{}/", server.address), |_| {}), &batch).await;
    // All three, then the first alone.
    assert_eq!((refused_at(&error), server.count()), (Some(0), 2));
}

#[tokio::test]
async fn a_receiver_that_misbehaves_costs_little() {
    fn endless(mut stream: TcpStream) {
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    }
    fn hangs(stream: TcpStream) {
        std::thread::sleep(PATIENCE + Duration::from_secs(10));
        drop(stream);
    }
    let batch = Events::of("webhook misbehaves").entries(2);
    let deliver = |server: &Canned| {
        let sink =
            sink(&format!("http://{}/", server.address), |config| config.timeout = Duration::from_secs(1));
        let batch = batch.clone();
        async move { tokio::time::timeout(PATIENCE, sink.deliver(&batch)).await.unwrap() }
    };
    let taken = Canned::start("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n", endless);
    deliver(&taken).await.unwrap();
    let refused = Canned::start("HTTP/1.1 500 No\r\nContent-Length: 99999999999\r\n\r\n", endless);
    assert!(deliver(&refused).await.is_err());
    for answer in ["", "HTTP/1.1 ", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"] {
        assert!(deliver(&Canned::start(answer, hangs)).await.is_err(), "{answer:?}");
        assert!(deliver(&Canned::start(answer, drop)).await.is_err(), "{answer:?}");
    }
    // The status has been said; how the body ends does not matter.
    deliver(&Canned::start("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", drop)).await.unwrap();
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(100_000));
    assert!(deliver(&Canned::start(&many, drop)).await.is_err());
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let make = |change: fn(&mut WebhookConfig)| {
        let mut config = WebhookConfig::new("https://siem.example/", key(1));
        change(&mut config);
        WebhookSink::new(config, Arc::new(SystemClock)).map(drop)
    };
    assert!(make(|_| {}).is_ok());
    assert!(make(|config| config.keys.push(key(2))).is_ok());
    assert!(matches!(make(|config| config.keys = vec![key(1); 3]), Err(HttpConfigError::Setting(_))));
    assert!(matches!(make(|config| config.keys.clear()), Err(HttpConfigError::Setting(_))));
    assert!(matches!(make(|config| config.name = "Web hook".into()), Err(HttpConfigError::Setting(_))));
    assert!(matches!(make(|config| config.url = "http://siem.example/".into()), Err(HttpConfigError::Plain)));
    assert!(matches!(
        make(|config| config.url = "https://a:b@siem.example/".into()),
        Err(HttpConfigError::Excess)
    ));
    assert!(make(|config| config.authorities = Some(b"none".to_vec())).is_err());
    let shown = format!("{:?}", WebhookConfig::new("https://siem.example/", SigningKey::from([77; 32])));
    assert!(!shown.contains("77"), "{shown}");
}
