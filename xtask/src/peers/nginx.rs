use std::{
    collections::BTreeMap,
    fs::File,
    net::TcpListener,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use axess_peers::{Process, Recorded, find_program};

pub(super) const NAME: &str = "nginx";

const TEMPLATE: &str = include_str!("nginx.conf");

/// Somebody else may take a port between our choice and nginx's use of it.
const TRIES: u32 = 3;

/// How often, [`BETWEEN_LOOKS`] apart, nginx is looked at while it starts: five seconds in all.
const LOOKS: u32 = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Starts a private nginx on a free loopback port, in front of an application on `127.0.0.1:upstream`.
pub(super) fn start(folder: &Path, upstream: u16) -> Result<Recorded, String> {
    let program = find_program("nginx").ok_or("nginx is missing (cargo xtask peers install)")?;
    let folder = folder.join("nginx");
    let mut last = String::new();
    for _ in 0..TRIES {
        match start_on(free_port()?, &program, &folder, upstream) {
            Ok(peer) => return Ok(peer),
            Err(error) => last = error,
        }
    }
    Err(format!("{last} (see {})", folder.join("stderr.log").display()))
}

fn start_on(port: u16, program: &Path, folder: &Path, upstream: u16) -> Result<Recorded, String> {
    let log = prepare(folder, port, upstream).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut child = Command::new(program)
        .arg("-p")
        .arg(folder)
        .args(["-c", "nginx.conf", "-e", "error.log"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .process_group(0)
        .spawn()
        .map_err(|error| format!("nginx did not start: {error}"))?;
    wait_for(&mut child, &folder.join("nginx.pid"))?;
    let process = Process::of(child.id()).ok_or("nginx ended right after it started")?;
    Ok(Recorded {
        name: NAME.to_owned(),
        urls: vec![format!("http://127.0.0.1:{port}")],
        variables: BTreeMap::new(),
        processes: vec![process],
    })
}

/// Writes the configuration and opens the file that takes what nginx prints.
fn prepare(folder: &Path, port: u16, upstream: u16) -> std::io::Result<File> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("nginx.conf"), configuration(port, upstream))?;
    File::create(folder.join("stderr.log"))
}

fn configuration(port: u16, upstream: u16) -> String {
    TEMPLATE.replace("@PORT@", &port.to_string()).replace("@UPSTREAM@", &upstream.to_string())
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}

/// Waits for the pid file: nginx writes it once it listens. A connection would not tell whose port it is.
fn wait_for(child: &mut Child, pid_file: &Path) -> Result<(), String> {
    let pid = child.id().to_string();
    for _ in 0..LOOKS {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("nginx ended at once ({status})"));
        }
        if std::fs::read_to_string(pid_file).is_ok_and(|found| found.trim() == pid) {
            return Ok(());
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    // It is ours and of no use: do not leave it behind.
    let _ = child.kill().and_then(|()| child.wait());
    Err("nginx does not listen".to_owned())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpStream,
    };

    use super::*;

    #[test]
    fn a_taken_port_ends_the_start_and_leaves_a_log() {
        let Some(program) = find_program("nginx") else {
            return axess_peers::skip("xtask peers::nginx on a taken port", "nginx is missing");
        };
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        assert!(start_on(port, &program, folder.path(), 1).is_err());
        let log = std::fs::read_to_string(folder.path().join("stderr.log")).unwrap();
        assert!(log.contains("Address already in use"), "{log}");
    }

    #[test]
    fn the_template_is_filled_in() {
        let text = configuration(4001, 3000);
        assert!(text.contains("listen 127.0.0.1:4001;"));
        assert!(text.contains("proxy_pass http://127.0.0.1:3000;"));
        assert!(!text.contains('@'), "a placeholder is left: {text}");
    }

    /// Answers one request with its own head as the body.
    fn echo_once(listener: TcpListener) {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0u8; 1];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let answer =
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", head.len());
        stream.write_all(answer.as_bytes()).unwrap();
        stream.write_all(&head).unwrap();
    }

    #[test]
    fn requests_pass_with_the_headers_a_proxy_sets() {
        if find_program("nginx").is_none() {
            return axess_peers::skip("xtask peers::nginx", "nginx is missing");
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || echo_once(listener));
        let folder = tempfile::tempdir().unwrap();
        let peer = start(folder.path(), upstream).unwrap();
        let address = peer.urls[0].strip_prefix("http://").unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let request =
            "GET /a HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n";
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        server.join().unwrap();
        let answer = answer.to_lowercase();
        for expected in [
            "get /a http/1.1",
            "host: app.test",
            "x-forwarded-for: 203.0.113.9, 127.0.0.1",
            "x-real-ip: 127.0.0.1",
            "x-forwarded-proto: http",
            "forwarded: for=127.0.0.1;proto=http",
        ] {
            assert!(answer.contains(expected), "{expected} is missing in {answer}");
        }

        peer.stop().unwrap();
        assert!(!peer.is_running());
    }
}
