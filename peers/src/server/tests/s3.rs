use super::{is_here, *};

/// Asks the server something with curl, which signs it; returns the status and the body.
fn ask(server: &Server, user: &str, path: &str, options: &[&str]) -> (String, String) {
    let mut command = Command::new("curl");
    command.args(["-s", "--noproxy", "*", "--max-time", "20", "--aws-sigv4", "aws:amz:us-east-1:s3"]);
    // What S3 wants signed beside the rest; old versions of curl do not send it by themselves.
    command.args(["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]);
    command.args(["--user", user, "-w", "\n%{http_code}"]).args(options);
    let output = command.arg(format!("http://127.0.0.1:{}{path}", server.port())).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

#[test]
fn an_s3_server_checks_who_asks_and_keeps_objects() {
    if !is_here("an_s3_server_checks_who_asks_and_keeps_objects", Kind::S3, "curl") {
        return;
    }
    const ADMIN: &str = "admin:adminpass";
    let mut server = Server::start(Kind::S3).unwrap();
    assert_eq!(server.url(), format!("http://{ADMIN}@127.0.0.1:{}", server.port()));
    let put = |server: &Server, user: &str, text: &str| {
        ask(server, user, "/bucket/a", &["-X", "PUT", "--data-binary", text])
    };
    let (status, body) = put(&server, ADMIN, "one");
    assert!(status == "404" && body.contains("NoSuchBucket"), "{status} {body}");
    assert_eq!(ask(&server, ADMIN, "/bucket", &["-X", "PUT"]).0, "200");
    let table = [
        ("admin:wrong", "SignatureDoesNotMatch"),
        ("nobody:adminpass", "InvalidAccessKeyId"),
        ("reader:readerpass", "AccessDenied"),
    ];
    for (user, code) in table {
        let (status, body) = put(&server, user, "two");
        assert!(status == "403" && body.contains(code), "{code} is missing in {status} {body}");
    }
    assert_eq!(put(&server, ADMIN, "three").0, "200");
    let get = |server: &Server| ask(server, "reader:readerpass", "/bucket/a", &[]);
    assert_eq!(get(&server), ("200".to_owned(), "three".to_owned()));

    server.pause();
    assert_eq!(ask(&server, ADMIN, "/bucket/a", &["--max-time", MOMENT]).0, "000");
    server.resume();
    let marks = mark_folders(&server);
    server.kill().unwrap();
    assert_eq!(get(&server).0, "000");
    server.restart().unwrap();
    // It answers before it has found its volumes again.
    let found = (0..60).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(500));
        get(&server) == ("200".to_owned(), "three".to_owned())
    });
    assert!(found, "{:?}", get(&server));
    let litter = std::fs::read_to_string(server.nodes[0].place.folder().join("litter")).unwrap();
    drop(server);
    assert!(!marks[0].exists());
    assert!(!litter.lines().any(|path| std::path::Path::new(path).exists()));
}
