#![expect(clippy::disallowed_methods, reason = "how long it really takes is what is looked at")]
use super::*;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_is_finished_and_what_is_idle_is_closed() {
    let mut served = Served::start(ServeLimits::default()).await;
    let mut idle = served.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(answer(&mut idle).await.ends_with("hello"));
    let mut running = JoinSet::new();
    for number in 0..20 {
        let mut stream = served.connect().await;
        running.spawn(async move {
            let method = if number % 2 == 0 { "GET" } else { "POST" };
            let request = format!("{method} /slow HTTP/1.1\r\nHost: a\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            rest(&mut stream).await
        });
    }
    served.has_begun(20).await;
    served.stop();
    assert_eq!(rest(&mut idle).await, "");
    served.desk.go_on.add_permits(20);
    let address = served.address;
    while let Some(said) = running.join_next().await {
        let said = said.unwrap();
        assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("done"), "{said}");
        assert!(said.to_lowercase().contains("connection: close"), "{said}");
    }
    assert_eq!(served.finished(), 20);
    served.ended().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_takes_too_long_is_cut_off() {
    let limits = ServeLimits { drain: Duration::from_millis(300), ..ServeLimits::default() };
    let mut served = Served::start(limits).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    served.has_begun(1).await;
    served.stop();
    let began = std::time::Instant::now();
    served.ended().await;
    // The limits of a request and of what is idle are longer than this.
    assert!(began.elapsed() >= Duration::from_millis(250) && began.elapsed() < PATIENCE / 4);
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn whoever_waits_is_told_to_ask_again() {
    let limits = ServeLimits { drain: Duration::from_millis(500), ..ServeLimits::default() };
    let mut served = Served::start(limits).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /never?wait=60 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    served.has_begun(1).await;
    served.stop();
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 503") && said.contains("\"code\":\"stopping\""), "{said}");
    served.ended().await;
}

/// Every answer that a client got is whole, and every request that was answered was finished.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_loses_no_answer() {
    let mut served = Served::start(ServeLimits::default()).await;
    let (address, answered) = (served.address, Count::default());
    let mut clients = JoinSet::new();
    for _ in 0..16 {
        let answered = Arc::clone(&answered);
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            loop {
                if stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.is_err() {
                    return;
                }
                let mut text = Vec::new();
                let mut buffer = [0; 4_096];
                while !text.ends_with(b"hello") {
                    match stream.read(&mut buffer).await {
                        // The end, and not in the middle of an answer.
                        Ok(0) | Err(_) => {
                            assert!(text.is_empty(), "{}", String::from_utf8_lossy(&text));
                            return;
                        }
                        Ok(count) => text.extend_from_slice(&buffer[..count]),
                    }
                }
                answered.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    until(|| answered.load(Ordering::SeqCst) > 500).await;
    served.stop();
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    served.ended().await;
}
