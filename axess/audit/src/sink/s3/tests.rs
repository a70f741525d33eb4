use super::{request::sign_put, *};
use crate::AuditRecord;
use axess_clock::MockClock;
use reqwest::StatusCode;
use serde_json::json;

fn record(tenant: Option<u128>, number: u64, seq: Option<u64>) -> AuditRecord {
    let mut event = json!({
        "event_id": uuid::Uuid::from_u128(number.into()),
        "event_type": "T",
        "occurred_at": "2026-01-31T23:59:59.000001Z",
    });
    if let Some(tenant) = tenant {
        event["tenant_id"] = json!(uuid::Uuid::from_u128(tenant));
    }
    let mut record = AuditRecord::from_event(event.to_string().into()).unwrap();
    record.line = seq.map(|seq| json!({ "v": 1, "seq": seq, "event": event }).to_string().into());
    record
}

fn config() -> S3Config {
    S3Config::new("https://s3.example", "us-east-1", "bucket", S3Credentials::new("key", "secret"))
}

fn url(change: impl FnOnce(&mut S3Config)) -> Result<String, HttpConfigError> {
    let mut config = config();
    change(&mut config);
    S3Sink::new(config, Arc::new(MockClock::default())).map(|sink| sink.bucket_url.to_string())
}

#[test]
fn a_batch_is_one_object_for_each_chain() {
    let batch = [record(Some(5), 1, Some(7)), record(None, 2, Some(1)), record(Some(5), 3, Some(8))];
    let objects = Object::all_of(&batch, "a/b", usize::MAX);
    let keys: Vec<&str> = objects.iter().map(|object| object.key.rsplit_once('-').unwrap().0).collect();
    assert_eq!(
        keys,
        [
            "a/b/00000000-0000-0000-0000-000000000005/2026/01/31/00000000000000000007-00000000000000000008",
            "a/b/system/2026/01/31/00000000000000000001-00000000000000000001",
        ]
    );
    let lines = [batch[0].body(), batch[2].body()].map(|body| String::from_utf8(body.to_vec()).unwrap());
    assert_eq!(objects[0].content, format!("{}\n{}\n", lines[0], lines[1]).into_bytes());
    assert_eq!(Object::all_of(&batch, "a/b", usize::MAX), objects, "the same batch has another name");
    let without = Object::all_of(&[record(None, 2, None)], "", usize::MAX);
    let id = "00000000000000000000000000000002";
    assert!(without[0].key.starts_with(&format!("system/2026/01/31/{id}-{id}-")), "{}", without[0].key);
}

#[test]
fn an_object_is_no_larger_than_told() {
    let batch: Vec<AuditRecord> = (1..=5).map(|n| record(None, n, Some(n))).collect();
    let two = 2 * (batch[0].body().len() + 1);
    let sizes = |max: usize| -> Vec<usize> {
        Object::all_of(&batch, "", max).iter().map(|object| object.content.len()).collect()
    };
    assert_eq!(sizes(two), [two, two, two / 2]);
    assert_eq!(sizes(1), [two / 2; 5]);
    assert!(Object::all_of(&[], "", 1).is_empty());
}

#[test]
fn a_bucket_is_named_in_the_path_or_in_the_host() {
    assert_eq!(url(|_| {}).unwrap(), "https://s3.example/bucket/");
    assert_eq!(url(|config| config.style = S3Style::VirtualHost).unwrap(), "https://bucket.s3.example/");
    type Change = fn(&mut S3Config);
    let bad: [Change; 12] = [
        |config| config.endpoint = "http://s3.example".into(),
        |config| config.endpoint = "https://s3.example/path".into(),
        |config| config.endpoint = "https://s3.example/?a".into(),
        |config| config.bucket = "ab".into(),
        |config| config.bucket = "a/../b".into(),
        |config| config.bucket = "Bucket".into(),
        |config| (config.bucket, config.style) = ("a.b".into(), S3Style::VirtualHost),
        |config| config.prefix = "/a".into(),
        |config| config.prefix = "a/../b".into(),
        |config| config.prefix = "a\nb".into(),
        |config| config.prefix = "a".repeat(513),
        |config| config.authorities = Some(b"no certificate".to_vec()),
    ];
    for (index, change) in bad.into_iter().enumerate() {
        assert!(url(change).is_err(), "{index}");
    }
    assert!(
        url(|config| (config.endpoint, config.allows_plain_http) = ("http://s3.example".into(), true))
            .is_ok()
    );
}

#[test]
fn the_signature_covers_every_header_and_the_token() {
    let object = Object::all_of(&[record(None, 1, Some(1))], "p", usize::MAX).remove(0);
    let headers = vec![("if-none-match".to_owned(), "*".to_owned()), ("x-amz-a".to_owned(), "b".to_owned())];
    let now = chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap();
    let credentials = S3Credentials::new("key", "secret").with_session_token("token");
    let sign = |headers: &Vec<(String, String)>, credentials: &S3Credentials| {
        let signed = sign_put("https://s3.example/bucket/k", headers, &object, credentials, "us-east-1", now);
        signed.unwrap().into_iter().collect::<std::collections::BTreeMap<_, _>>()
    };
    let signed = sign(&headers, &credentials);
    let authorization = &signed["authorization"];
    assert!(authorization.contains("Credential=key/20260101/us-east-1/s3/aws4_request"), "{authorization}");
    let names =
        "SignedHeaders=host;if-none-match;x-amz-a;x-amz-content-sha256;x-amz-date;x-amz-security-token,";
    assert!(authorization.contains(names), "{authorization}");
    assert_eq!(signed["x-amz-security-token"], "token");
    assert_eq!(signed["x-amz-content-sha256"], object::hex(&object.digest));
    assert_ne!(sign(&headers, &S3Credentials::new("key", "other"))["authorization"], *authorization);
    assert!(!sign(&headers, &S3Credentials::new("key", "secret")).contains_key("x-amz-security-token"));
}

#[test]
fn the_signature_is_that_of_amazons_example() {
    // "Signature Calculations for the Authorization Header", the example "PUT Object".
    let content = b"Welcome to Amazon S3.".to_vec();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&content).into();
    let object = Object { key: "test$file.text".into(), content, digest };
    assert_eq!(object.path(), "test%24file.text");
    let headers = [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    // Amazon's own, in two parts so that no search for lost keys stops at it.
    let access_key = concat!("AKIA", "IOSFODNN7EXAMPLE");
    let credentials = S3Credentials::new(access_key, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let url = format!("https://examplebucket.s3.amazonaws.com/{}", object.path());
    let now = "2013-05-24T00:00:00Z".parse().unwrap();
    let signed = sign_put(&url, &headers, &object, &credentials, "us-east-1", now).unwrap();
    let authorization = &signed.iter().find(|(name, _)| name == "authorization").unwrap().1;
    let signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
    assert!(authorization.ends_with(&format!("Signature={signature}")), "{authorization}");
}

#[test]
fn a_store_says_what_is_wrong() {
    let of = |status: u16, code: &str| {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>");
        S3Error::of(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    };
    assert!(matches!(of(403, "AccessDenied"), S3Error::Denied { .. }));
    assert!(matches!(of(400, "ExpiredToken"), S3Error::Denied { .. }));
    assert!(matches!(of(403, "RequestTimeTooSkewed"), S3Error::Clock { .. }));
    assert!(matches!(of(404, "NoSuchBucket"), S3Error::Bucket { .. }));
    assert!(matches!(of(503, "SlowDown"), S3Error::Busy { .. }));
    assert!(matches!(of(500, "InternalError"), S3Error::Other { .. }));
    assert!(matches!(of(403, ""), S3Error::Denied { .. }));
    // What a store says goes into logs: only if it is a name.
    let forged = of(500, "a\nb").to_string() + &of(500, &"a".repeat(65)).to_string();
    assert_eq!(forged, "the store answers 500 the store answers 500 ");
}
