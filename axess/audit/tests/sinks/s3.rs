use crate::{
    events::{Events, deliver_until_taken, fails, tenant, text},
    receiver::Canned,
};
use axess_audit::{
    AuditRecord,
    sink::{EventSink as _, S3Config, S3Credentials, S3LockMode, S3Retention, S3Sink, S3Style, SinkError},
};
use axess_clock::{Clock as _, MockClock, SystemClock};
use axess_peers::{Kind, Server, find_program, shared, skip};
use chrono::TimeDelta;
use serde_json::json;
use std::{process::Command, sync::Arc, time::Duration};

/// A bucket of the calling test alone, and curl, which signs requests too.
struct Bucket {
    port: u16,
    name: String,
}

impl Bucket {
    /// Makes one on the server that all tests share.
    fn shared(test: &str, options: &[&str]) -> Option<Self> {
        let url = shared(Kind::S3).and_then(|urls| urls.into_iter().next());
        let missing = find_program("curl").is_none().then_some("curl is missing");
        match (url, missing) {
            (Some(url), None) => {
                Some(Self::on(url.rsplit_once(':').unwrap().1.parse().unwrap(), test, options))
            }
            (_, missing) => {
                skip(&format!("audit s3::{test}"), missing.unwrap_or("no S3 server: run `cargo xtask test`"));
                None
            }
        }
    }

    fn on(port: u16, test: &str, options: &[&str]) -> Self {
        let id = Events::of(&format!("bucket {test}")).id(1).as_uuid().simple().to_string();
        let bucket = Self { port, name: format!("b{id}") };
        let (status, body) = bucket.ask("PUT", "", options);
        assert_eq!(status, "200", "{body}");
        bucket
    }

    /// Asks something about the bucket; returns the status and the body.
    fn ask(&self, method: &str, rest: &str, options: &[&str]) -> (String, String) {
        let mut command = Command::new("curl");
        command.args(["-s", "--noproxy", "*", "--max-time", "20", "-X", method, "-w", "\n%{http_code}"]);
        command.args(["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", "admin:adminpass"]);
        command.args(["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]).args(options);
        let url = format!("http://127.0.0.1:{}/{}{rest}", self.port, self.name);
        let output = command.arg(url).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.to_owned(), body.to_owned())
    }

    fn keys(&self) -> Vec<String> {
        let (status, body) = self.ask("GET", "?list-type=2", &[]);
        assert_eq!(status, "200", "{body}");
        body.split("<Key>").skip(1).map(|rest| rest.split_once("</Key>").unwrap().0.to_owned()).collect()
    }

    fn get(&self, key: &str) -> String {
        let (status, body) = self.ask("GET", &format!("/{key}"), &[]);
        assert_eq!(status, "200", "{body}");
        body
    }

    fn config(&self) -> S3Config {
        let credentials = S3Credentials::new("admin", "adminpass");
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        S3Config {
            timeout: Duration::from_secs(10),
            ..S3Config::new(endpoint, "us-east-1", &self.name, credentials)
        }
    }

    fn sink(&self, change: impl FnOnce(&mut S3Config)) -> S3Sink {
        let mut config = self.config();
        change(&mut config);
        S3Sink::new(config, Arc::new(SystemClock)).unwrap()
    }
}

fn lines(batch: &[AuditRecord]) -> String {
    batch.iter().map(|record| format!("{}\n", text(record))).collect()
}

#[tokio::test]
async fn a_batch_is_an_object_for_each_chain() {
    let Some(bucket) = Bucket::shared("a_batch_is_an_object_for_each_chain", &[]) else { return };
    let events = Events::of("s3 chains");
    let mine = events.entries(50);
    let none = events.in_tenant(None).entry(7, json!({}));
    let mut batch = mine.clone();
    batch.insert(20, none.clone());
    let sink = bucket.sink(|_| {});
    sink.deliver(&batch).await.unwrap();
    // A retry overwrites itself.
    sink.deliver(&batch).await.unwrap();
    let keys = bucket.keys();
    assert_eq!(keys.len(), 2, "{keys:?}");
    let numbers = format!("{:020}-{:020}-", 1, 50);
    assert!(keys[0].starts_with(&format!("audit/{}/2026/01/01/{numbers}", tenant(1))), "{keys:?}");
    assert!(keys[1].starts_with("audit/system/2026/01/01/00000000000000000007-"), "{keys:?}");
    assert_eq!(bucket.get(&keys[0]), lines(&mine));
    assert_eq!(bucket.get(&keys[1]), lines(&[none]));
    // The same sequences with another content are another object.
    let mut forged = mine.clone();
    forged[3] = events.entry(4, json!({ "note": "other" }));
    sink.deliver(&forged).await.unwrap();
    assert_eq!(bucket.keys().len(), 3);
    assert_eq!(bucket.get(&keys[0]), lines(&mine));
}

#[tokio::test]
async fn any_prefix_and_both_styles_are_signed() {
    let Some(bucket) = Bucket::shared("any_prefix_and_both_styles_are_signed", &[]) else { return };
    let batch = Events::of("s3 styles").entries(2);
    let prefixes = ["", "a/b", "\u{fc}n\u{ef}/ + %41&=?#;:@!$'()*,~[]", "\u{1f600}"];
    for (index, prefix) in prefixes.into_iter().enumerate() {
        let style = if index % 2 == 0 { S3Style::VirtualHost } else { S3Style::Path };
        let sink = bucket.sink(|config| {
            (config.prefix, config.style) = (prefix.into(), style);
            if style == S3Style::VirtualHost {
                config.endpoint = format!("http://localhost:{}", bucket.port);
            }
        });
        let delivered = sink.deliver(&batch).await;
        assert!(delivered.is_ok(), "{prefix}: {delivered:?}");
    }
    let mut keys = bucket.keys();
    keys.sort();
    let rest = keys.iter().find(|key| key.starts_with(&tenant(1).to_string())).unwrap().clone();
    for prefix in &prefixes[1..] {
        // As XML writes it.
        let key = format!("{prefix}/{rest}").replace('&', "&amp;").replace('\'', "&#39;");
        assert!(keys.contains(&key), "{key} is not in {keys:?}");
    }
    assert_eq!(keys.len(), 4);
}

#[tokio::test]
async fn a_large_batch_is_several_objects() {
    let Some(bucket) = Bucket::shared("a_large_batch_is_several_objects", &[]) else { return };
    let events = Events::of("s3 large");
    let note = "\u{e9}".repeat(50_000);
    let batch: Vec<AuditRecord> =
        (1..=60).map(|number| events.entry(number, json!({ "note": note }))).collect();
    bucket.sink(|config| config.max_object = 2_500_000).deliver(&batch).await.unwrap();
    let keys = bucket.keys();
    assert_eq!(keys.len(), 3, "{keys:?}");
    let all: String = keys.iter().map(|key| bucket.get(key)).collect();
    assert_eq!(all, lines(&batch));
}

#[tokio::test]
async fn a_store_that_refuses_keeps_no_event_from_being_sent_again() {
    let Some(bucket) = Bucket::shared("a_store_that_refuses", &[]) else { return };
    let batch = Events::of("s3 refuses").entries(3);
    let with = |access: &str, secret: &str| {
        let credentials = S3Credentials::new(access, secret);
        bucket.sink(|config| config.credentials = credentials)
    };
    let clock = Arc::new(MockClock::new(SystemClock.now() - TimeDelta::days(1)));
    let table = [
        (with("admin", "Wr0ng-s3cret"), "403 SignatureDoesNotMatch: the credentials"),
        (with("nobody", "Wr0ng-s3cret"), "403 InvalidAccessKeyId: the credentials"),
        (with("reader", "readerpass"), "403 AccessDenied: the credentials"),
        (bucket.sink(|config| config.bucket = "no-such-bucket".into()), "404 NoSuchBucket: look at"),
        (S3Sink::new(bucket.config(), clock).unwrap(), "403 RequestTimeTooSkewed: its clock"),
        // The bucket has no Object Lock.
        (
            bucket.sink(|config| {
                let keep = Duration::from_secs(60);
                config.retention = Some(S3Retention { mode: S3LockMode::Compliance, keep });
            }),
            "400 InvalidRequest: look at",
        ),
    ];
    for (sink, expected) in &table {
        let (error, said) = fails(sink, &batch).await;
        assert!(matches!(error, SinkError::Retry { .. }), "{said}");
        assert!(said.contains(expected), "{expected} is not in {said}");
        let shown = format!("{said} {sink:?}");
        assert!(
            !["Wr0ng-s3cret", "readerpass", "adminpass"].iter().any(|secret| shown.contains(secret)),
            "{shown}"
        );
    }
    assert!(bucket.keys().is_empty());
    // An operator puts it right while the sink runs.
    table[0].0.set_credentials(S3Credentials::new("admin", "adminpass"));
    table[0].0.deliver(&batch).await.unwrap();
    assert_eq!(bucket.keys().len(), 1);
    // A token of another day: it is sent, and signed.
    let token = S3Credentials::new("admin", "adminpass").with_session_token("t0ken/+=");
    table[0].0.set_credentials(token);
    let (_, said) = fails(&table[0].0, &batch).await;
    assert!(said.contains("the credentials may not write") && !said.contains("t0ken"), "{said}");
}

#[tokio::test]
async fn an_object_can_be_kept_from_everybody() {
    let lock = ["-H", "x-amz-bucket-object-lock-enabled: true"];
    let Some(bucket) = Bucket::shared("an_object_can_be_kept_from_everybody", &lock) else { return };
    let batch = Events::of("s3 lock").entries(3);
    let keep = Duration::from_secs(3_600);
    let sink = bucket.sink(|config| {
        config.retention = Some(S3Retention { mode: S3LockMode::Compliance, keep });
        config.writes_once = true;
    });
    sink.deliver(&batch).await.unwrap();
    // It is there already, and that is all that is wanted.
    sink.deliver(&batch).await.unwrap();
    let (_, versions) = bucket.ask("GET", "?versions=", &[]);
    assert_eq!(versions.matches("<VersionId>").count(), 1, "{versions}");
    let version = versions.split_once("<VersionId>").unwrap().1.split_once('<').unwrap().0;
    let key = &bucket.keys()[0];
    let (status, body) = bucket.ask("GET", &format!("/{key}?retention="), &[]);
    assert!(status == "200" && body.contains("<Mode>COMPLIANCE</Mode>"), "{status} {body}");
    let (status, body) = bucket.ask("DELETE", &format!("/{key}?versionId={version}"), &[]);
    assert!(status == "403" && body.contains("AccessDenied"), "{status} {body}");
    assert_eq!(bucket.get(key), lines(&batch));
}

#[tokio::test]
async fn a_server_that_dies_and_comes_back_has_everything() {
    const TEST: &str = "a_server_that_dies_and_comes_back_has_everything";
    let missing =
        Kind::S3.missing().or_else(|| find_program("curl").is_none().then(|| "curl is missing".into()));
    if let Some(reason) = missing {
        return skip(&format!("audit s3::{TEST}"), &reason);
    }
    let mut server = Server::start_durable(Kind::S3).unwrap();
    let bucket = Bucket::on(server.port(), TEST, &[]);
    let sink = bucket.sink(|config| config.timeout = Duration::from_secs(2));
    let batch = Events::of("s3 dies").entries(300);
    let chunks: Vec<&[AuditRecord]> = batch.chunks(20).collect();
    for (index, chunk) in chunks.iter().enumerate() {
        if index == 5 {
            let (delivered, ()) = tokio::join!(sink.deliver(chunk), async {
                tokio::time::sleep(Duration::from_millis(2)).await;
                server.kill().unwrap();
            });
            drop(delivered);
            let (error, said) = fails(&sink, chunk).await;
            assert!(matches!(error, SinkError::Retry { .. }) && said.contains("does not answer"), "{said}");
            server.restart().unwrap();
        }
        if index == 10 {
            server.pause();
            let (error, said) = fails(&sink, chunk).await;
            assert!(matches!(error, SinkError::Retry { .. }) && said.contains("does not answer"), "{said}");
            server.resume();
        }
        deliver_until_taken(&sink, chunk).await;
    }
    let keys = bucket.keys();
    assert_eq!(keys.len(), chunks.len(), "{keys:?}");
    let all: String = keys.iter().map(|key| bucket.get(key)).collect();
    assert_eq!(all, lines(&batch));
}

#[tokio::test]
async fn answers_that_no_good_store_gives_lose_nothing() {
    let batch = Events::of("s3 answers").entries(2);
    let xml = |code: &str| format!("<Error><Code>{code}</Code></Error>");
    let table = [
        ("503 Slow Down\r\nRetry-After: 3", "SlowDown", Some(3), "it is too busy"),
        ("503 Slow Down", "SlowDown", None, "it is too busy"),
        ("500 No", "InternalError", None, "500 InternalError"),
        ("400 No", "EntityTooLarge", None, "400 EntityTooLarge"),
        ("412 No", "PreconditionFailed", None, "412 PreconditionFailed"),
        ("301 No\r\nLocation: http://127.0.0.1:1/", "PermanentRedirect", None, "look at endpoint"),
        ("403 No", "\u{1b}[2J<secret>", None, "the store answers 403 :"),
    ];
    for (line, code, seconds, expected) in table {
        let body = xml(code);
        let answer =
            format!("HTTP/1.1 {line}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let server = Canned::start(&answer, drop);
        let endpoint = format!("http://{}", server.address);
        let config = S3Config::new(endpoint, "us-east-1", "bucket", S3Credentials::new("key", "secret"));
        let sink = S3Sink::new(config, Arc::new(SystemClock)).unwrap();
        let (error, said) = fails(&sink, &batch).await;
        let SinkError::Retry { after, .. } = error else { panic!("{line}: {said}") };
        assert_eq!(after.map(|pause| pause.as_secs()), seconds, "{line}");
        assert!(said.contains(expected) && !said.contains("secret"), "{expected} is not in {said}");
        assert_eq!(server.count(), 1, "{line}");
        let head = server.heads.lock().unwrap()[0].clone();
        for header in
            ["x-amz-checksum-sha256: ", "x-amz-content-sha256: ", "authorization: aws4-hmac-sha256 "]
        {
            assert!(head.contains(header), "{header} is not in {head}");
        }
    }
}
