#![expect(clippy::disallowed_methods, reason = "how long it really takes is what is looked at")]
use super::*;

const LIMITS: ServeLimits = ServeLimits {
    max_connections: 64,
    max_connections_per_address: None,
    head_timeout: PATIENCE,
    max_head: 8_192,
    max_body: 4_096,
    request_timeout: PATIENCE,
    longest_poll: Duration::from_secs(1),
    drain: Duration::from_secs(5),
};
const IMPATIENT: ServeLimits = ServeLimits { request_timeout: Duration::from_millis(700), ..LIMITS };

fn post(path: &str, headers: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n")
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let served = Served::start(LIMITS).await;
    let sized = |size: usize| post("/length", &format!("Content-Length: {size}\r\n")) + &"x".repeat(size);
    assert!(served.exchange(sized(4_096)).await.ends_with("\r\n\r\n4096"));
    // A byte more; a lot more, which is not all read; and one that is only announced.
    for request in [sized(4_097), sized(600_000), post("/length", "Content-Length: 99999999999\r\n")] {
        let said = served.exchange(&request).await;
        assert!(said.starts_with("HTTP/1.1 413") && said.contains("\"code\":\"body_too_large\""), "{said}");
    }
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4_096));
    let chunked = |chunks: &str| post("/length", "Transfer-Encoding: chunked\r\n") + chunks + "0\r\n\r\n";
    assert!(served.exchange(chunked(&chunk)).await.ends_with("\r\n\r\n4096"));
    let said = served.exchange(chunked(&chunk.repeat(2))).await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_before_it_sends() {
    let served = Served::start(LIMITS).await;
    let mut stream = served.connect().await;
    let head = post("/length", "Content-Length: 5000\r\nExpect: 100-continue\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 413"));
    let mut stream = served.connect().await;
    let head = post("/length", "Content-Length: 5\r\nExpect: 100-continue\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut buffer = [0; 64];
    let count = stream.read(&mut buffer).await.unwrap();
    assert!(buffer[..count].starts_with(b"HTTP/1.1 100 "));
    stream.write_all(b"hello").await.unwrap();
    assert!(rest(&mut stream).await.ends_with("\r\n\r\n5"));
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_the_clients_fault() {
    let served = Served::start(IMPATIENT).await;
    for request in [
        post("/length", "Content-Length: 10\r\n") + "12345",
        post("/length", "Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n",
    ] {
        let said = served.exchange(request).await;
        assert!(said.starts_with("HTTP/1.1 408") && said.contains("\"code\":\"slow_body\""), "{said}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_ours() {
    let served = Served::start(IMPATIENT).await;
    for method in ["GET", "POST"] {
        let said = served.exchange(format!("{method} /never HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert!(said.starts_with("HTTP/1.1 503") && said.contains("\"code\":\"timeout\""), "{said}");
        assert!(said.to_lowercase().contains("\r\nretry-after: "), "{said}");
    }
    // One that says it waits has longer.
    let began = std::time::Instant::now();
    let said = served.exchange("GET /never?x=1&wait=1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 503") && began.elapsed() > Duration::from_millis(1_600), "{said}");
}

#[tokio::test]
async fn a_panic_is_an_answer_and_the_connection_goes_on() {
    let served = Served::start(LIMITS).await;
    let mut stream = served.connect().await;
    for method in ["GET", "POST"] {
        let request = format!("{method} /panic HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let said = answer(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 500") && said.contains("\"code\":\"internal_error\""), "{said}");
        assert!(!said.contains("on purpose"));
    }
    stream.write_all(b"GET /peer HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let said = answer(&mut stream).await;
    assert!(said.ends_with(&format!("\r\n\r\n{}", stream.local_addr().unwrap())), "{said}");
}

#[tokio::test]
async fn what_was_begun_is_finished_though_its_client_is_gone() {
    let served = Served::start(LIMITS).await;
    for (number, method) in [(1, "GET"), (2, "POST")] {
        let mut stream = served.connect().await;
        stream.write_all(format!("{method} /slow HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
        served.has_begun(number).await;
    }
    // The server has time to notice.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(served.finished(), 0);
    served.desk.go_on.add_permits(2);
    until(|| served.finished() == 2).await;
}
