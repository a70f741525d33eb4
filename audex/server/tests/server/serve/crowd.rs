#![expect(clippy::disallowed_methods, reason = "how long it really takes is what is looked at")]
use super::*;
use audex_server::telemetry::Readings;
use std::time::Instant;
use tokio::net::TcpSocket;

/// Limits under which whoever says nothing stays, however busy the machine is.
fn patient() -> ServeLimits {
    ServeLimits { head_timeout: 10 * PATIENCE, ..ServeLimits::default() }
}

fn metric(served: &Served, name: &str) -> u64 {
    let text = served.meters.render(&Readings::default());
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let served = Served::start(ServeLimits { max_connections: 8, ..patient() }).await;
    let mut kept = Vec::new();
    for _ in 0..8 {
        let mut stream = served.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200"));
        kept.push(stream);
    }
    assert_eq!(metric(&served, "audex_connections"), 8);
    for _ in 0..200 {
        let said = served.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(
            said.starts_with("HTTP/1.1 503") && said.contains("\"code\":\"too_many_connections\""),
            "{said}"
        );
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{head}");
    }
    assert_eq!(metric(&served, "audex_connections_refused_total"), 200);
    for stream in &mut kept {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(answer(stream).await.starts_with("HTTP/1.1 200"));
    }
    kept.pop();
    // The place is free as soon as the end of that connection is noticed.
    until(|| metric(&served, "audex_connections") < 8).await;
    served.ask().await;
}

/// Connects from another address of this machine.
async fn connect_from(address: &str, served: &Served) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    socket.connect(served.address).await.unwrap()
}

#[tokio::test]
async fn one_address_does_not_take_all_places() {
    let served = Served::start(patient()).await;
    let mut kept = Vec::new();
    for _ in 0..256 {
        kept.push(served.connect().await);
    }
    let said = served.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 503") && said.contains("too_many_connections"), "{said}");
    assert_eq!(metric(&served, "audex_connections_refused_total"), 1);
    let mut other = connect_from("127.0.0.2", &served).await;
    other.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(answer(&mut other).await.starts_with("HTTP/1.1 200"));
    // Those that are there go on, and one that goes makes room.
    let mut stream = kept.pop().unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200"));
    until(|| metric(&served, "audex_connections") < 257).await;
    served.ask().await;
}

#[tokio::test]
async fn on_loopback_and_behind_proxies_one_address_may_have_all_places() {
    let door = crate::access::door::Door::with(|settings| {
        settings.limits = ServeLimits { max_connections: 300, ..patient() };
    })
    .await;
    let address = door.url.strip_prefix("http://").unwrap();
    let mut kept = Vec::new();
    for _ in 0..299 {
        kept.push(TcpStream::connect(address).await.unwrap());
    }
    assert_eq!(door.browser().get("/healthz").await.status, 200);
    let said = crate::access::door::Door::with(|settings| {
        settings.limits.max_connections_per_address = Some(1);
    })
    .await;
    let _kept = TcpStream::connect(said.url.strip_prefix("http://").unwrap()).await.unwrap();
    let mut refused = TcpStream::connect(said.url.strip_prefix("http://").unwrap()).await.unwrap();
    let text = rest(&mut refused).await;
    assert!(text.starts_with("HTTP/1.1 503") && text.contains("too_many_connections"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_idle_connections_do_not_slow_the_others() {
    let served = Served::start(ServeLimits { max_connections_per_address: Some(4_096), ..patient() }).await;
    let other = Served::start(patient()).await;
    let mut idle = Vec::new();
    for number in 0..2_000 {
        let mut stream = served.connect().await;
        if number % 2 == 0 {
            // Half of them have never said a whole word.
            stream.write_all(b"GET / HT").await.unwrap();
        }
        idle.push(stream);
    }
    // By turns with a server that has nobody else, so that the machine is as busy for both.
    let mut streams = [served.connect().await, other.connect().await];
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..200 {
        for (stream, times) in streams.iter_mut().zip(&mut times) {
            let began = Instant::now();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            assert!(answer(stream).await.ends_with("hello"));
            times.push(began.elapsed());
        }
    }
    let [full, empty] = times.map(|mut times| {
        times.sort_unstable();
        times[100]
    });
    assert!(full < 3 * empty + Duration::from_millis(20), "{full:?}, and {empty:?} where nobody else is");
    assert!(metric(&served, "audex_connections") >= 2_001);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_written_for() {
    let served = Served::start(ServeLimits::default()).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    // The buffers of the sockets fill up; then nobody asks the handler for more.
    let mut made = 0;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = served.finished();
        if now > 0 && now == made {
            break;
        }
        made = now;
    }
    assert!(made > 0 && made < 1_000, "{made} pieces of 64 KiB were made");
    served.ask().await;
}
