//! Other users of the same machine. Only root can play two users.

use crate::stage::{NOBODY, PATIENCE, Served, as_nobody, is_root, request, uid};
use audex_policy::Provider;
use axess_clock::MockClock;
use axess_peers::{find_program, skip};
use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    process::Stdio,
};

/// Asks as nobody, with a shell that can open sockets.
async fn ask_as_nobody(address: SocketAddr, token: &str) -> Option<String> {
    let bash = find_program("bash")?;
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{} && printf %s \"$0\" >&3; cat <&3", address.port());
    let mut command = as_nobody(bash);
    command.args(["-c", &script, &request(address, token)]).current_dir("/").stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.ok()?.ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn another_user_is_refused_even_with_the_token() {
    if !is_root() {
        return skip(
            "deliver strangers::another_user_is_refused_even_with_the_token",
            "only root plays two users",
        );
    }
    let served = Served::local().await;
    let Some(answer) = ask_as_nobody(served.endpoint.address(), &served.token()).await else {
        return skip("deliver strangers::another_user_is_refused_even_with_the_token", "bash is missing");
    };
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("WrongUser"), "{answer}");
    assert_eq!(served.endpoint.fetches(), 0);

    let theirs = Served::start(Provider::Local, NOBODY, MockClock::default()).await;
    let answer = ask_as_nobody(theirs.endpoint.address(), &theirs.token()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn we_are_refused_where_we_are_another_user() {
    let served = Served::start(Provider::Local, uid() + 1, MockClock::default()).await;
    let answer = served.ask(served.request()).await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("\"Code\":\"WrongUser\""), "{answer}");
    assert_eq!(served.endpoint.fetches(), 0);
}

#[tokio::test]
async fn a_client_over_ipv6_is_known_as_well() {
    let served = Served::local().await;
    let Some(python) = find_program("python3") else {
        return skip("deliver strangers::a_client_over_ipv6_is_known_as_well", "python3 is missing");
    };
    let script = "import socket, sys
try:
    s = socket.socket(socket.AF_INET6)
    s.connect(('::ffff:127.0.0.1', int(sys.argv[1])))
except OSError:
    sys.exit(3)
s.sendall(sys.argv[2].encode())
print(s.makefile().read())";
    let mut command = std::process::Command::new(python);
    command.args(["-c", script, &served.endpoint.address().port().to_string(), &served.request()]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    if output.status.code() == Some(3) {
        return skip("deliver strangers::a_client_over_ipv6_is_known_as_well", "there is no IPv6");
    }
    assert!(output.stdout.starts_with(b"HTTP/1.1 200 "), "{output:?}");
}

/// The kernel may say root for a connection that is being closed, so the answer then is no.
#[tokio::test]
async fn a_client_that_cannot_be_known_is_refused() {
    let served = Served::local().await;
    // The server runs on this thread, so it finds the connection as it is left here.
    let mut stream = TcpStream::connect(served.endpoint.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(served.request().as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let answer = tokio::task::spawn_blocking(move || {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    });
    let answer = answer.await.unwrap().unwrap_or_default();
    assert!(!answer.contains("token-1"), "{answer}");
    assert_eq!(served.endpoint.fetches(), 0);
}
