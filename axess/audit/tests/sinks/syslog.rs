use crate::{
    events::{Events, PATIENCE, deliver_until_taken, fails, refused_at, text},
    receiver::{certificates, free_port, program},
};
use axess_audit::{
    AuditRecord,
    sink::{
        EventSink as _, SinkError, SyslogConfig, SyslogConfigError, SyslogFacility, SyslogSeverity,
        SyslogSink, SyslogTls, SyslogTransport,
    },
};
use axess_peers::{Kind, Server, SyslogInbox, SyslogMessage, skip};
use serde_json::json;
use std::{
    fs::File,
    process::{Command, Stdio},
    time::Duration,
};

fn inbox(test: &str) -> Option<SyslogInbox> {
    let inbox = SyslogInbox::shared();
    if inbox.is_none() {
        skip(&format!("audit syslog::{test}"), "no syslog server: run `cargo xtask test`");
    }
    inbox
}

fn udp(inbox: &SyslogInbox) -> SyslogTransport {
    SyslogTransport::Udp(format!("127.0.0.1:{}", inbox.port()))
}

fn tcp(inbox: &SyslogInbox) -> SyslogTransport {
    SyslogTransport::Tcp(format!("localhost:{}", inbox.port()))
}

fn tls(inbox: &SyslogInbox, server_name: &str) -> SyslogTransport {
    let authorities = std::fs::read(inbox.ca()).unwrap();
    let tls = SyslogTls { server_name: server_name.into(), authorities, identity: None };
    SyslogTransport::Tls(format!("127.0.0.1:{}", inbox.tls_port()), tls)
}

fn config(transport: SyslogTransport) -> SyslogConfig {
    SyslogConfig { timeout: Duration::from_secs(5), ..SyslogConfig::new(transport, "app-1.example") }
}

fn sink(transport: SyslogTransport) -> SyslogSink {
    SyslogSink::new(config(transport)).unwrap()
}

/// The messages about the events of a batch, once there are that many; in the order in which they came.
async fn messages(inbox: &SyslogInbox, batch: &[AuditRecord], count: usize) -> Vec<SyslogMessage> {
    let ids: Vec<String> = batch.iter().map(|record| format!("event=\"{}\"", record.event_id())).collect();
    let ours = |message: &SyslogMessage| ids.iter().any(|id| message.data.contains(id));
    let search = async {
        loop {
            let found: Vec<SyslogMessage> = inbox.messages().unwrap().into_iter().filter(ours).collect();
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap()
}

#[tokio::test]
async fn every_transport_brings_every_event_in_order() {
    let Some(inbox) = inbox("every_transport_brings_every_event_in_order") else { return };
    let table = [
        ("udp", udp(&inbox)),
        ("tcp", tcp(&inbox)),
        ("tls", tls(&inbox, "127.0.0.1")),
        ("tls", tls(&inbox, "localhost")),
        ("imuxsock", SyslogTransport::Unix(inbox.socket())),
    ];
    for (number, (input, transport)) in table.into_iter().enumerate() {
        let batch = Events::of(&format!("syslog {number}")).entries(60);
        let sink = sink(transport);
        for part in batch.chunks(25) {
            sink.deliver(part).await.unwrap();
        }
        let found = messages(&inbox, &batch, batch.len()).await;
        assert_eq!(found.len(), batch.len());
        for (message, record) in found.iter().zip(&batch) {
            assert_eq!(message.input, input);
            // 13 times eight, and four.
            let head = [&message.priority, &message.version, &message.host, &message.app, &message.id];
            assert_eq!(head, ["108", "1", "app-1.example", "axess", "LoginFailed"]);
            assert_eq!(message.process, std::process::id().to_string());
            assert_eq!(message.text, format!("\u{feff}{}", text(record)));
            // rsyslog replaces the time of what comes over its socket.
            if input != "imuxsock" {
                let time = message.time.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
                assert_eq!(time, record.occurred_at());
            }
        }
    }
}

#[tokio::test]
async fn what_others_chose_stays_where_it_belongs() {
    let Some(inbox) = inbox("what_others_chose_stays_where_it_belongs") else { return };
    let events = Events::of("syslog forged");
    let forged = events.event(
        1,
        json!({
            "actor": { "kind": "operator", "id": "eve\"] [x@1 event=\"\\" },
            "event_type": "T\n<8>1 - forged forged - - - \u{85}",
            "note": "\r\n<8>1 - forged forged - - - hello\u{0}\u{9b}\u{2028}",
            "request_id": "a]\\\"",
        }),
    );
    // White space that JSON allows, and a frame of another kind inside.
    let pretty = serde_json::to_string_pretty(&events.json(2, json!({ "note": "5 <8>1" }))).unwrap();
    let batch = [forged, AuditRecord::from_event(pretty.replace('\n', "\r\n").into()).unwrap()];
    let sink = SyslogSink::new(SyslogConfig {
        facility: SyslogFacility::Local3,
        severity: |_| SyslogSeverity::Critical,
        app_name: "own".into(),
        enterprise: 99_999,
        ..config(tcp(&inbox))
    })
    .unwrap();
    sink.deliver(&batch).await.unwrap();
    let found = messages(&inbox, &batch, 2).await;
    assert_eq!(found.len(), 2);
    for (message, record) in found.iter().zip(&batch) {
        assert_eq!((message.priority.as_str(), message.app.as_str()), ("154", "own"));
        let json = message.text.strip_prefix('\u{feff}').unwrap();
        assert!(!json.contains(char::is_control), "{json:?}");
        let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(value(json), value(text(record)));
    }
    assert_eq!(found[0].id, "T?<8>1?-?forged?forged?-?-?-??");
    let data = &found[0].data;
    assert!(
        data.starts_with("[axess@99999 event=") && data.contains(r#" actor="eve\"\] [x@1 event=\"\\" "#),
        "{data}"
    );
    assert!(data.ends_with(r#" request="a\]\\\""]"#), "{data}");
    assert!(
        !inbox.messages().unwrap().iter().any(|message| message.host == "forged" || message.app == "forged")
    );
}

#[tokio::test]
async fn a_large_event_is_whole_or_refused() {
    let Some(inbox) = inbox("a_large_event_is_whole_or_refused") else { return };
    let events = Events::of("syslog large");
    // The largest that a log has.
    let large = events.entry(2, json!({ "note": "\u{e9}".repeat(96 * 1024) }));
    let batch = [events.entry(1, json!({})), large.clone(), events.entry(3, json!({}))];
    for transport in [tcp(&inbox), tls(&inbox, "localhost")] {
        sink(transport).deliver(&batch).await.unwrap();
    }
    let found = messages(&inbox, &batch, 6).await;
    assert_eq!(found[1].text.len(), text(&large).len() + 3);
    let (error, said) = fails(&sink(udp(&inbox)), &batch).await;
    assert_eq!((refused_at(&error), said.contains("longer than 8192")), (Some(1), true), "{said}");
    let found = messages(&inbox, &batch, 7).await;
    assert!(found[6].input == "udp" && found[6].data.contains(&events.id(1).to_string()));
    let whole = SyslogConfig { max_message: 65_507, ..config(udp(&inbox)) };
    let almost = [events.entry(4, json!({ "note": "x".repeat(60_000) }))];
    SyslogSink::new(whole).unwrap().deliver(&almost).await.unwrap();
    assert_eq!(messages(&inbox, &almost, 1).await[0].text.len(), text(&almost[0]).len() + 3);
}

#[tokio::test]
async fn a_server_that_comes_back_gets_what_it_missed() {
    if let Some(reason) = Kind::Syslog.missing() {
        return skip("audit syslog::a_server_that_comes_back_gets_what_it_missed", &reason);
    }
    let mut server = Server::start(Kind::Syslog).unwrap();
    let inbox = server.syslog_inbox().unwrap();
    let sinks =
        [sink(tcp(&inbox)), sink(tls(&inbox, "localhost")), sink(SyslogTransport::Unix(inbox.socket()))];
    let mut expected = 0;
    let mut batch = Vec::new();
    for round in 0..3 {
        batch = Events::of(&format!("syslog back {round}")).entries(20);
        for sink in &sinks {
            // The connection of the last round is dead, and nothing is written into it.
            deliver_until_taken(sink, &batch).await;
            expected += batch.len();
        }
        assert_eq!(messages(&inbox, &batch, 60).await.len(), 60);
        if round == 0 {
            server.kill().unwrap()
        } else {
            server.stop().unwrap()
        }
        for sink in &sinks {
            let (error, said) = fails(sink, &batch).await;
            assert!(matches!(error, SinkError::Retry { .. }), "{said}");
        }
        server.restart().unwrap();
    }
    assert_eq!(inbox.messages().unwrap().len(), expected);

    // Over UDP the network says when nobody listens, if there is somebody to say so.
    let udp = sink(udp(&inbox));
    udp.deliver(&batch).await.unwrap();
    server.kill().unwrap();
    let tries = async { while udp.deliver(&batch[..1]).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, tries).await.unwrap();
}

#[tokio::test]
async fn a_server_that_stands_still_does_not_hold_us() {
    if let Some(reason) = Kind::Syslog.missing() {
        return skip("audit syslog::a_server_that_stands_still_does_not_hold_us", &reason);
    }
    let mut server = Server::start(Kind::Syslog).unwrap();
    let inbox = server.syslog_inbox().unwrap();
    let quick = |transport| SyslogConfig { timeout: Duration::from_secs(1), ..config(transport) };
    let streams = [tcp(&inbox), tls(&inbox, "localhost")];
    let sinks: Vec<SyslogSink> = streams.map(|one| SyslogSink::new(quick(one)).unwrap()).into();
    let events = Events::of("syslog still");
    let large: Vec<AuditRecord> =
        (1..=100).map(|number| events.entry(number, json!({ "note": "x".repeat(100_000) }))).collect();
    for sink in &sinks {
        sink.deliver(&large[..2]).await.unwrap();
    }
    messages(&inbox, &large[..2], 4).await;
    server.pause();
    for sink in &sinks {
        let (error, said) = fails(sink, &large).await;
        assert!(matches!(error, SinkError::Retry { .. }) && said.contains("took too long"), "{said}");
    }
    // A handshake that does not end.
    let (_, said) = fails(&SyslogSink::new(quick(tls(&inbox, "localhost"))).unwrap(), &large[..1]).await;
    assert!(said.contains("connecting took too long"), "{said}");
    server.resume();
    // The connection with half a message in it is not used again.
    let after = Events::of("syslog still after").entries(3);
    for sink in &sinks {
        deliver_until_taken(sink, &after).await;
    }
    let found = messages(&inbox, &after, 6).await;
    let plain = |message: &&SyslogMessage| {
        message
            .text
            .strip_prefix('\u{feff}')
            .is_some_and(|json| after.iter().any(|record| text(record) == json))
    };
    assert_eq!(found.iter().filter(plain).count(), 6);
}

#[tokio::test]
async fn a_stranger_gets_nothing() {
    let Some(inbox) = inbox("a_stranger_gets_nothing") else { return };
    let batch = Events::of("syslog stranger").entries(1);
    let (_, said) = fails(&sink(tls(&inbox, "other.example")), &batch).await;
    assert!(said.to_lowercase().contains("certificate"), "{said}");
    // In clear to the port for TLS, and TLS to the one in clear.
    let SyslogTransport::Tls(_, settings) = tls(&inbox, "localhost") else { unreachable!() };
    let swapped = SyslogTransport::Tls(format!("127.0.0.1:{}", inbox.port()), settings.clone());
    let swapped =
        SyslogSink::new(SyslogConfig { timeout: Duration::from_secs(2), ..config(swapped) }).unwrap();
    fails(&swapped, &batch).await;
    assert!(messages(&inbox, &batch, 0).await.is_empty());
    let own_only = |authorities: &[u8]| {
        let settings = SyslogTls { authorities: authorities.to_vec(), ..settings.clone() };
        SyslogSink::new(config(SyslogTransport::Tls("localhost:1".into(), settings))).map(drop)
    };
    assert_eq!(own_only(b""), Err(SyslogConfigError::Certificates));
    assert_eq!(
        own_only(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        Err(SyslogConfigError::Certificates)
    );
}

#[tokio::test]
async fn a_server_that_asks_who_we_are_is_told() {
    const TEST: &str = "syslog::a_server_that_asks_who_we_are_is_told";
    let Some(openssl) = program(TEST, "openssl") else { return };
    let folder = tempfile::tempdir().unwrap();
    certificates(&openssl, folder.path());
    let (port, output) = (free_port(), folder.path().join("output"));
    let mut command = Command::new(openssl);
    command.args(["s_server", "-quiet", "-cert", "server.pem", "-key", "server.key", "-CAfile", "ca.pem"]);
    command.args(["-Verify", "1", "-verify_return_error", "-accept", &format!("127.0.0.1:{port}")]);
    command.current_dir(folder.path()).stdout(File::create(&output).unwrap()).stderr(Stdio::null());
    // It ends when its input does.
    let mut server = command.stdin(Stdio::piped()).spawn().unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let sink_of = |identity| {
        let tls = SyslogTls { server_name: "127.0.0.1".into(), authorities: read("ca.pem"), identity };
        SyslogSink::new(config(SyslogTransport::Tls(format!("127.0.0.1:{port}"), tls)))
    };
    let batch = Events::of("syslog identity").entries(2);
    let known = sink_of(Some((read("server.pem"), read("server.key")))).unwrap();
    deliver_until_taken(&known, &batch).await;
    let arrived = async {
        while std::fs::read_to_string(&output).unwrap().matches("LoginFailed").count() < 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, arrived).await.unwrap();
    drop(known);
    // TLS 1.3 lets us believe for a moment that it takes anybody.
    let (error, said) = fails(&sink_of(None).unwrap(), &batch).await;
    assert!(matches!(error, SinkError::Retry { .. }), "{said}");
    assert!(sink_of(Some((read("server.pem"), b"no key".to_vec()))).is_err());
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let make = |change: fn(&mut SyslogConfig)| {
        let mut config = config(SyslogTransport::Udp("localhost:514".into()));
        change(&mut config);
        SyslogSink::new(config).map(drop)
    };
    assert_eq!(make(|_| {}), Ok(()));
    let bad: [fn(&mut SyslogConfig); 9] = [
        |config| config.name = String::new(),
        |config| config.host_name = "a b".into(),
        |config| config.host_name = "\u{e9}".into(),
        |config| config.app_name = "x".repeat(49),
        |config| config.app_name = String::new(),
        |config| config.max_message = 65_508,
        |config| config.max_message = 479,
        |config| config.transport = SyslogTransport::Tcp("localhost".into()),
        |config| config.transport = SyslogTransport::Udp("localhost:0".into()),
    ];
    for (index, change) in bad.into_iter().enumerate() {
        assert!(matches!(make(change), Err(SyslogConfigError::Setting(_))), "{index}");
    }
}
