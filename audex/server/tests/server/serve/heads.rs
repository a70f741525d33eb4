#![expect(clippy::disallowed_methods, reason = "how long it really takes is what is looked at")]
use super::*;
use std::time::Instant;

const fn quick() -> ServeLimits {
    ServeLimits {
        max_connections: 64,
        max_connections_per_address: None,
        head_timeout: Duration::from_millis(400),
        max_head: 8_192,
        max_body: 4_096,
        request_timeout: Duration::from_secs(5),
        longest_poll: Duration::from_secs(5),
        drain: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn a_head_that_does_not_arrive_ends_its_connection() {
    let served = Served::start(quick()).await;
    // Nothing, a part, and a part that grows: each byte is a sign of life, and counts for nothing.
    for (first, drip) in [("", ""), ("GET / HTTP/1.1\r\nHost: a\r\n", ""), ("GET / HTTP/1.1\r\n", "X")] {
        let mut stream = served.connect().await;
        let began = Instant::now();
        stream.write_all(first.as_bytes()).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let mut buffer = [0; 64];
        let dripping = async {
            while writer.write_all(drip.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            read = reader.read(&mut buffer) => assert!(matches!(read, Ok(0) | Err(_)), "{read:?}"),
            () = dripping => {}
        }
        let took = began.elapsed();
        assert!(took > Duration::from_millis(350) && took < PATIENCE, "{took:?}");
    }
    served.ask().await;
}

#[tokio::test]
async fn the_time_for_a_head_begins_anew_with_each_request() {
    let served = Served::start(quick()).await;
    let mut stream = served.connect().await;
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(answer(&mut stream).await.ends_with("hello"));
        // Longer than a head may take: between two requests there is none.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let began = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert!(began.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_flood_of_headers_is_refused() {
    let served = Served::start(quick()).await;
    let many = "X: y\r\n".repeat(101);
    let long = format!("X: {}\r\n", "y".repeat(9_000));
    let target = format!("/{}", "a".repeat(9_000));
    for (request, statuses) in [
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), &["431"][..]),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{long}\r\n"), &["431"]),
        (format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), &["414", "431"]),
        // One that does not end.
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(2_000_000)), &["431"]),
    ] {
        let mut stream = served.connect().await;
        // The other side may stop reading before everything is sent.
        let _ = stream.write_all(request.as_bytes()).await;
        let said = rest(&mut stream).await;
        let status = said.split(' ').nth(1).unwrap_or_default();
        assert!(statuses.contains(&status), "{said} for {}", &request[..60]);
    }
    let few = "X: y\r\n".repeat(90);
    let fine = served.exchange(format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{few}\r\n")).await;
    assert!(fine.starts_with("HTTP/1.1 200"), "{fine}");
}

/// Each of these is read differently by somebody. What follows is never taken for a second request.
#[tokio::test]
async fn ambiguous_messages_do_not_smuggle_a_second_one() {
    let served = Served::start(quick()).await;
    let smuggled = "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = "POST /length HTTP/1.1\r\nHost: a\r\n";
    for (name, head, body) in [
        ("CL.TE", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        ("TE.TE", "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n", "0\r\n\r\n"),
        ("TE alone", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("not chunked", "Transfer-Encoding: identity\r\n", ""),
        ("chunked first", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ("x before", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        ("space before the colon", "Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        ("folded", "Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
        ("two lengths", "Content-Length: 0\r\nContent-Length: 5\r\n", ""),
        ("a list of lengths", "Content-Length: 0, 5\r\n", ""),
        ("a sign", "Content-Length: +0\r\n", ""),
        ("a negative length", "Content-Length: -1\r\n", ""),
        ("hexadecimal", "Content-Length: 0x0\r\n", ""),
        ("too large a number", "Content-Length: 18446744073709551616\r\n", ""),
        ("a wrong size of a chunk", "Transfer-Encoding: chunked\r\n", "0x0\r\n\r\n"),
        (
            "an endless size of a chunk",
            "Transfer-Encoding: chunked\r\n",
            "00000000000000000000000000\r\n\r\n",
        ),
        ("a NUL", "X: \0\r\nContent-Length: 0\r\n", ""),
        ("a lone CR", "X: a\rTransfer-Encoding: chunked\r\n", ""),
        ("no host", "", ""),
    ] {
        let post = if name == "no host" { "POST /length HTTP/1.1\r\n" } else { post };
        let said = served.exchange(format!("{post}{head}\r\n{body}{smuggled}")).await;
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{name}: {said}");
        assert!(!said.contains("127.0.0.1:"), "{name}: the second request was answered: {said}");
        let is_fine = ["CL.TE", "TE.CL", "TE alone"].contains(&name) || name.starts_with("an endless");
        assert!(said.starts_with("HTTP/1.1 400") || is_fine, "{name}: {said}");
    }
    let twice = served.exchange("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await;
    assert!(twice.starts_with("HTTP/1.1 400") && twice.contains("\"field\":\"host\""), "{twice}");
    let old = served
        .exchange(format!("POST /length HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{smuggled}"))
        .await;
    assert!(old.starts_with("HTTP/1.1 400") || old.starts_with("HTTP/1.0 400"), "{old}");
}

#[tokio::test]
async fn noise_is_answered_or_ended() {
    let served = Served::start(quick()).await;
    for noise in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\xff\xfe: x\r\n\r\n",
    ] {
        let said = served.exchange(noise).await;
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 4") || said.starts_with("HTTP/1.1 505"),
            "{said}"
        );
    }
    served.ask().await;
}
