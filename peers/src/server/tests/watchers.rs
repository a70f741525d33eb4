use super::{is_here, *};
use crate::CollectedSpan;

/// Asks with curl; returns the status and the body.
fn curl(args: &[&str], url: &str) -> (String, String) {
    let mut command = Command::new("curl");
    command.args(["-s", "--noproxy", "*", "--max-time", PATIENCE, "-w", "\n%{http_code}"]).args(args);
    let output = command.arg(url).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

#[test]
fn openbao_makes_tokens_and_keeps_what_it_has_to() {
    if !is_here("openbao_makes_tokens_and_keeps_what_it_has_to", Kind::OpenBao, "curl") {
        return;
    }
    let create = |server: &Server, token: &str| {
        let header = format!("X-Vault-Token: {token}");
        let body = r#"{"policies": ["app"], "ttl": "15m", "id": "kept"}"#;
        curl(&["-H", &header, "-d", body], &format!("{}/v1/auth/token/create", server.url()))
    };
    let look = |server: &Server| {
        curl(&["-H", "X-Vault-Token: kept"], &format!("{}/v1/auth/token/lookup-self", server.url()))
    };
    for (mut server, is_kept) in [
        (Server::start(Kind::OpenBao).unwrap(), false),
        (Server::start_durable(Kind::OpenBao).unwrap(), true),
    ] {
        assert_eq!(create(&server, "wrong").0, "403");
        let (status, body) = create(&server, "root");
        assert!(status == "200" && body.contains(r#""policies":["app","default"]"#), "{status} {body}");
        assert_eq!(look(&server).0, "200");
        server.kill().unwrap();
        assert_eq!(look(&server).0, "000");
        server.restart().unwrap();
        // It knows its data a moment after it says that it started.
        assert!(wait_until(|| create(&server, "wrong").0 == "403").is_ok());
        assert_eq!(look(&server).0 == "200", is_kept);
        let audit = std::fs::read_to_string(server.nodes[0].place.folder().join("audit.log")).unwrap();
        assert!(audit.contains("auth/token/create"));
        server.stop().unwrap();
    }
}

#[test]
fn prometheus_scrapes_what_it_is_told_of() {
    if !is_here("prometheus_scrapes_what_it_is_told_of", Kind::Prometheus, "curl") {
        return;
    }
    let mut server = Server::start(Kind::Prometheus).unwrap();
    let up = |server: &Server| {
        let url = format!("{}/api/v1/query", server.url());
        curl(&["-G", "--data-urlencode", "query=up{job=\"itself\"}"], &url).1
    };
    assert!(up(&server).contains(r#""result":[]"#));
    // It has metrics of its own.
    server.prometheus().unwrap().scrape("itself", server.port()).unwrap();
    assert!(wait_until(|| up(&server).contains(r#","1"]"#)).is_ok(), "{}", up(&server));
    server.kill().unwrap();
    server.restart().unwrap();
    assert!(wait_until(|| up(&server).contains(r#","1"]"#)).is_ok(), "{}", up(&server));
    server.stop().unwrap();
}

#[test]
fn a_collector_keeps_spans() {
    if !is_here("a_collector_keeps_spans", Kind::Otlp, "curl") {
        return;
    }
    let mut server = Server::start(Kind::Otlp).unwrap();
    let collector = server.collector().unwrap();
    // ExportTraceServiceRequest with one span: service `a`, trace 1..., span 2..., name `probe`.
    let span: Vec<u8> =
        [&[0x0a, 0x10][..], &[0x11; 16], &[0x12, 0x08], &[0x22; 8], &[0x2a, 0x05], b"probe", &[0x30, 0x02]]
            .concat();
    let field = |tag: u8, inner: &[u8]| [&[tag, u8::try_from(inner.len()).unwrap()][..], inner].concat();
    let name = [field(0x0a, b"service.name"), field(0x12, &field(0x0a, b"a"))].concat();
    let resource = field(0x0a, &field(0x0a, &name));
    let request = field(0x0a, &[resource, field(0x12, &field(0x12, &span))].concat());
    let file = server.nodes[0].place.folder().join("request");
    std::fs::write(&file, request).unwrap();
    let data = format!("@{}", file.display());
    let send = |server: &Server| {
        let args = ["-H", "Content-Type: application/x-protobuf", "--data-binary", &data];
        curl(&args, &format!("{}/v1/traces", server.url())).0
    };
    assert!(wait_until(|| send(&server) == "200").is_ok());
    assert!(wait_until(|| !collector.spans().unwrap().is_empty()).is_ok());
    let expected = CollectedSpan {
        service: "a".into(),
        trace_id: "11".repeat(16),
        id: "22".repeat(8),
        name: "probe".into(),
        kind: "SPAN_KIND_SERVER".into(),
        ..CollectedSpan::default()
    };
    let found = collector.spans().unwrap().remove(0);
    assert_eq!(CollectedSpan { status: String::new(), ..found }, expected);
    server.kill().unwrap();
    assert_eq!(send(&server), "000");
    server.restart().unwrap();
    assert!(wait_until(|| send(&server) == "200").is_ok());
    server.stop().unwrap();
}
