//! The server, asked by hand.

use crate::stage::{Served, ask, credential, request};
use audex_policy::Provider;
use chrono::TimeDelta;
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    time::Duration,
};

const OK: &str = "HTTP/1.1 200 ";

#[tokio::test]
async fn the_token_gets_the_credential() {
    let served = Served::local().await;
    let answer = served.ask(served.request()).await;
    assert!(answer.starts_with(OK), "{answer}");
    assert!(answer.contains("\"token\":\"token-1\""), "{answer}");
    assert!(answer.contains("cache-control: no-store") && !answer.contains("access-control"), "{answer}");
    assert_eq!(served.endpoint.fetches(), 1);

    assert!(served.endpoint.address().ip().is_loopback());
    let variables = served.endpoint.variables();
    let url = format!("http://{}/credentials", served.endpoint.address());
    assert_eq!(variables.get("AUDEX_TOKEN_URL").unwrap(), url);
    let file = variables.get("AUDEX_TOKEN_URL_AUTHORIZATION_FILE").unwrap();
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(served.token().len(), 43, "32 bytes, and no line feed");
    assert!(!format!("{:?}", served.endpoint).contains(&served.token()));
}

#[tokio::test]
async fn nobody_learns_anything_without_the_token() {
    let served = Served::local().await;
    let right = served.token();
    let address = served.endpoint.address();
    let wrong = served.ask(request(address, "")).await;
    assert!(wrong.starts_with("HTTP/1.1 401 "), "{wrong}");
    let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    let message: serde_json::Value = serde_json::from_str(&body(&wrong)).unwrap();
    assert_eq!(message["Code"], "WrongToken");
    assert!(message["Message"].as_str().unwrap().contains("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"));

    for token in
        [&right[..42], &format!("{right}x"), &format!("Bearer {right}"), &right.to_lowercase(), "\u{e9}"]
    {
        let answer = served.ask(request(address, token)).await;
        assert_eq!(body(&answer), body(&wrong), "{token}");
    }
    let missing = served.request().replace("Authorization", "X-Authorization");
    assert_eq!(body(&served.ask(missing).await), body(&wrong));
    let twice = served.request().replace("Accept:", &format!("Authorization: {right}\r\nAccept:"));
    assert_eq!(body(&served.ask(twice).await), body(&wrong));
    for path in ["/", "/process", "/nothing", "/../credentials", "*", "/credentials/"] {
        let probe = request(address, "wrong").replace("/credentials", path);
        let answer = served.ask(probe).await;
        assert!(body(&answer) == body(&wrong) || answer.starts_with("HTTP/1.1 400 "), "{path} {answer}");
    }
    assert_eq!(served.endpoint.fetches(), 0);
}

#[tokio::test]
async fn only_the_two_paths_are_there() {
    let served = Served::local().await;
    for (path, status) in [
        ("/credentials", "200"),
        ("/credentials?x=1", "200"),
        ("/process", "200"),
        ("/", "404"),
        ("/CREDENTIALS", "404"),
        ("/credentials/", "404"),
        ("//credentials", "404"),
        ("/a/../credentials", "404"),
        ("/%63redentials", "404"),
    ] {
        let answer = served.ask(served.request().replace("/credentials", path)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {answer}");
    }
    assert_eq!(served.endpoint.fetches(), 3);
}

#[tokio::test]
async fn another_host_is_refused() {
    let served = Served::local().await;
    let address = served.endpoint.address().to_string();
    let port = served.endpoint.address().port();
    for host in [
        "evil.test".to_owned(),
        format!("evil.test:{port}"),
        format!("localhost:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1.evil.test:{port}"),
        format!("127.0.0.2:{port}"),
        String::new(),
        format!("{address}\r\nHost: {address}"),
    ] {
        let answer = served.ask(served.request().replace(&address, &host)).await;
        assert!(answer.starts_with("HTTP/1.1 421 "), "{host} {answer}");
    }
    let without = served.request().replace("Host", "X-Host");
    assert!(served.ask(without).await.starts_with("HTTP/1.1 421 "));
    let absolute = |host: &str| served.request().replace("GET /", &format!("GET http://{host}/"));
    assert!(served.ask(absolute("evil.test")).await.starts_with("HTTP/1.1 421 "));
    assert!(served.ask(absolute(&address)).await.starts_with(OK));
}

#[tokio::test]
async fn only_get_is_answered() {
    let served = Served::local().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "CONNECT", "get", "X"] {
        let answer = served.ask(served.request().replace("GET", method)).await;
        assert!(!answer.starts_with(OK) && !answer.contains("token-1"), "{method} {answer}");
    }
    let post = served.ask(served.request().replace("GET", "POST")).await;
    assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("allow: GET"), "{post}");
    assert_eq!(served.endpoint.fetches(), 0);
}

#[tokio::test]
async fn nonsense_and_too_much_are_refused() {
    let served = Served::local().await;
    let address = served.endpoint.address();
    let many = "X: y\r\n".repeat(100);
    let long = format!("X: {}\r\n", "y".repeat(20_000));
    for head in [many, long] {
        let large = served.request().replace("Accept:", &format!("{head}Accept:"));
        let answer = served.ask(large).await;
        assert!(!answer.starts_with(OK), "{answer}");
    }
    for nonsense in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        assert!(!ask_async(address, nonsense).await.contains("token-1"));
    }
    let long_path = served.request().replace("/credentials", &format!("/{}", "a".repeat(70_000)));
    assert!(!served.ask(long_path).await.starts_with(OK));
    assert!(served.ask(served.request()).await.starts_with(OK), "it is none the worse");
}

async fn ask_async(address: std::net::SocketAddr, bytes: &'static [u8]) -> String {
    tokio::task::spawn_blocking(move || ask(address, bytes)).await.unwrap()
}

#[tokio::test]
async fn two_requests_on_one_connection_get_one_answer() {
    let served = Served::local().await;
    let answer = served.ask(served.request().repeat(2)).await;
    assert_eq!(answer.matches(OK).count(), 1, "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn slow_clients_are_cut_off_and_keep_nobody_waiting() {
    let served = Served::local().await;
    let address = served.endpoint.address();
    let slow: Vec<TcpStream> = (0..64).map(|_| TcpStream::connect(address).unwrap()).collect();
    let drip = tokio::task::spawn_blocking(move || {
        // One more byte every 200 ms, for as long as the server takes it.
        for mut stream in slow {
            stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            let mut drips = 0;
            while drips < 300
                && stream.write_all(b"G").is_ok()
                && !matches!(stream.read(&mut [0; 512]), Ok(0))
            {
                std::thread::sleep(Duration::from_millis(200));
                drips += 1;
            }
            assert!(drips < 300, "a slow client is waited for");
        }
    });
    // `ask` gives up after a minute.
    assert!(served.ask(served.request()).await.starts_with(OK));
    drip.await.unwrap();
}

#[tokio::test]
async fn two_hundred_at_once_are_all_answered() {
    let served = Served::local().await;
    let (address, request) = (served.endpoint.address(), served.request());
    let clients: Vec<_> = (0..200)
        .map(|_| {
            let request = request.clone();
            tokio::task::spawn_blocking(move || ask(address, request.as_bytes()))
        })
        .collect();
    for client in clients {
        let answer = client.await.unwrap();
        assert!(answer.starts_with(OK), "{answer}");
    }
    assert_eq!(served.endpoint.fetches(), 200);
}

#[tokio::test]
async fn a_refresh_is_seen_at_once() {
    let served = Served::local().await;
    for mark in ["2", "3"] {
        served.minted.send_replace(Some(credential(Provider::Local, &served.clock, mark)));
        let answer = served.ask(served.request()).await;
        assert!(answer.contains(&format!("\"token-{mark}\"")), "{answer}");
    }
}

#[tokio::test]
async fn after_the_deadline_there_is_nothing() {
    let served = Served::local().await;
    served.clock.jump(TimeDelta::minutes(59));
    let expired = served.ask(served.request()).await;
    assert!(expired.starts_with("HTTP/1.1 503 ") && expired.contains("CredentialExpired"), "{expired}");

    served.minted.send_replace(Some(credential(Provider::Local, &served.clock, "2")));
    assert!(served.ask(served.request()).await.starts_with(OK));
    served.clock.jump(TimeDelta::minutes(1));
    let over = served.ask(served.request()).await;
    assert!(over.starts_with("HTTP/1.1 410 ") && over.contains("\"Code\":\"SessionOver\""), "{over}");
}

#[tokio::test]
async fn a_session_that_was_ended_hands_out_nothing() {
    let served = Served::local().await;
    served.minted.send_replace(None);
    assert!(served.ask(served.request()).await.starts_with("HTTP/1.1 410 "));

    served.minted.send_replace(Some(credential(Provider::Aws, &served.clock, "1")));
    assert!(
        served.ask(served.request()).await.starts_with("HTTP/1.1 500 "),
        "a credential of another provider"
    );

    let (address, request) = (served.endpoint.address(), served.request());
    drop(served);
    tokio::task::yield_now().await;
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok().filter(|length| *length > 0)
    });
    assert_eq!(answer.await.unwrap(), None, "the server ends with its handle");
}
