//! Receivers of webhooks: a Python program, nginx in front of it, and a server that answers whatever a test says.

use axess_identity::SigningKey;
use axess_peers::{find_program, skip};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

const SCRIPT: &str = include_str!("receiver.py");

const NGINX: &str = "
daemon off; master_process off; pid nginx.pid; error_log error.log;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen 127.0.0.1:@PORT@ ssl;
        ssl_certificate server.pem;
        ssl_certificate_key server.key;
        client_max_body_size 4k;
        location / { proxy_pass http://127.0.0.1:@UPSTREAM@; }
        location /moved { return 301 http://127.0.0.1:@UPSTREAM@/; }
    }
}
";

/// A running program and its folder; dropping it ends the one and removes the other.
pub(crate) struct Running {
    pub(crate) port: u16,
    child: Child,
    folder: TempDir,
}

impl Running {
    /// Starts the Python program; `None`, and a note of it, where there is no Python.
    pub(crate) fn python(test: &str, keys: &[&SigningKey]) -> Option<Self> {
        let python = program(test, "python3")?;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("receiver.py"), SCRIPT).unwrap();
        let hex =
            |key: &&SigningKey| key.expose().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut command = Command::new(python);
        command
            .arg("receiver.py")
            .args(keys.iter().map(hex))
            .current_dir(folder.path())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { port: line.trim().parse().unwrap(), child, folder })
    }

    /// Starts nginx with TLS in front of a port.
    pub(crate) fn nginx(test: &str, upstream: u16) -> Option<Self> {
        let (nginx, openssl) = (program(test, "nginx")?, program(test, "openssl")?);
        let folder = tempfile::tempdir().unwrap();
        certificates(&openssl, folder.path());
        // Somebody else may take the port between our choice and nginx's use of it.
        for _ in 0..5 {
            let port = free_port();
            let text =
                NGINX.replace("@PORT@", &port.to_string()).replace("@UPSTREAM@", &upstream.to_string());
            fs::write(folder.path().join("nginx.conf"), text).unwrap();
            let mut command = Command::new(&nginx);
            command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            for _ in 0..200 {
                if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                    return Some(Self { port, child, folder });
                }
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(25));
            }
            let _ = child.kill();
            child.wait().unwrap();
        }
        panic!("nginx is installed but does not start");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The certificate authority to trust.
    pub(crate) fn authorities(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("ca.pem")).unwrap()
    }

    /// The events that were taken, each once.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.lines("events")
    }

    /// What was asked, each time.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.lines("requests")
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers every connection with the same bytes, and counts them.
pub(crate) struct Canned {
    pub(crate) address: SocketAddr,
    /// The heads of the requests.
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
}

impl Canned {
    /// Starts one; `then` is what it does with the connection after the answer.
    pub(crate) fn start(answer: &str, then: fn(TcpStream)) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (address, heads) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let (answer, seen) = (answer.to_owned(), Arc::clone(&heads));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let (answer, seen) = (answer.clone(), Arc::clone(&seen));
                std::thread::spawn(move || {
                    if let Some(head) = read_request(&mut stream) {
                        seen.lock().unwrap().push(head);
                        if stream.write_all(answer.as_bytes()).is_ok() {
                            then(stream);
                        }
                    }
                });
            }
        });
        Self { address, heads }
    }

    pub(crate) fn status(line: &str) -> Self {
        Self::start(&format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), drop)
    }

    pub(crate) fn count(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

/// Reads a request to its end and returns its head.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length: usize = head.split_once("content-length: ")?.1.split_once('\r')?.0.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(head)
}

pub(crate) fn program(test: &str, name: &str) -> Option<PathBuf> {
    let found = find_program(name);
    if found.is_none() {
        skip(&format!("audit {test}"), &format!("{name} is missing"));
    }
    found
}

/// Takes a free port for a program that is still to listen there. Nobody else is given it while this process lives: it is
/// bound, and nobody listens.
pub(crate) fn free_port() -> u16 {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    std::mem::forget(socket);
    port
}

/// Makes `ca.pem`, and `server.pem` for 127.0.0.1 with its key.
pub(crate) fn certificates(openssl: &Path, folder: &Path) {
    fs::write(folder.join("openssl.cnf"), "[req]\ndistinguished_name = name\n[name]\n").unwrap();
    let make = |name: &str, more: &[&str]| {
        let mut command = Command::new(openssl);
        command.args(["req", "-x509", "-config", "openssl.cnf", "-nodes", "-newkey", "ec", "-days", "2"]);
        command.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", &format!("/CN={name}")]);
        command.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]).args(more);
        assert!(command.current_dir(folder).stderr(Stdio::null()).status().unwrap().success());
    };
    make("ca", &["-addext", "basicConstraints=critical,CA:TRUE"]);
    let leaf = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1"];
    make("server", &[&leaf[..], &["-addext", "basicConstraints=critical,CA:FALSE"]].concat());
}
