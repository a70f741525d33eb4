//! A private nginx in front of a server of ours.

use super::wire::{PATIENCE, find_program};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Somebody else may take a port between our choice and nginx's use of it.
const TRIES: usize = 3;

/// One process, in the foreground, on loopback, with all its files in one folder: nothing is left when it ends.
const CONFIG: &str = r#"
daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;

    # How nginx's own documentation appends to `Forwarded`: nothing that is malformed is passed on.
    map $remote_addr $proxy_forwarded_elem {
        ~^[0-9.]+$        "for=$remote_addr";
        ~^[0-9A-Fa-f:.]+$ "for=\"[$remote_addr]\"";
        default           "for=unknown";
    }
    map $http_forwarded $proxy_add_forwarded {
        "~^(,[ \\t]*)*([!#$%&'*+.^_`|~0-9A-Za-z-]+=([!#$%&'*+.^_`|~0-9A-Za-z-]+|\"([\\t \\x21\\x23-\\x5B\\x5D-\\x7E\\x80-\\xFF]|\\\\[\\t \\x21-\\x7E\\x80-\\xFF])*\"))?(;([!#$%&'*+.^_`|~0-9A-Za-z-]+=([!#$%&'*+.^_`|~0-9A-Za-z-]+|\"([\\t \\x21\\x23-\\x5B\\x5D-\\x7E\\x80-\\xFF]|\\\\[\\t \\x21-\\x7E\\x80-\\xFF])*\"))?)*([ \\t]*,([ \\t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+=([!#$%&'*+.^_`|~0-9A-Za-z-]+|\"([\\t \\x21\\x23-\\x5B\\x5D-\\x7E\\x80-\\xFF]|\\\\[\\t \\x21-\\x7E\\x80-\\xFF])*\"))?(;([!#$%&'*+.^_`|~0-9A-Za-z-]+=([!#$%&'*+.^_`|~0-9A-Za-z-]+|\"([\\t \\x21\\x23-\\x5B\\x5D-\\x7E\\x80-\\xFF]|\\\\[\\t \\x21-\\x7E\\x80-\\xFF])*\"))?)*)?)*$" "$http_forwarded, $proxy_forwarded_elem";
        default "$proxy_forwarded_elem";
    }
    server {
        listen 127.0.0.1:@PORT@;
        location / {
            proxy_pass http://@UPSTREAM@;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header Forwarded $proxy_add_forwarded;
        }
    }
}
"#;

/// A running nginx; dropping it ends the process and removes its files.
pub(super) struct Nginx {
    pub(super) addr: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Nginx {
    /// Starts an nginx in front of `upstream`; `None`, and a note of it, where it is not installed.
    pub(super) async fn start(test: &str, upstream: SocketAddr) -> Option<Self> {
        let program = find_program(test, "nginx")?;
        for _ in 0..TRIES {
            if let Some(nginx) = Self::try_start(&program, upstream).await {
                return Some(nginx);
            }
        }
        panic!("nginx is installed but does not start");
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    async fn try_start(program: &Path, upstream: SocketAddr) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let config =
            CONFIG.replace("@PORT@", &addr.port().to_string()).replace("@UPSTREAM@", &upstream.to_string());
        std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let child = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Dropping it ends the process, also when it never came up.
        let mut nginx = Self { addr, child, _folder: folder };
        // The pid file is written once it listens; a connection would not tell whose port it is.
        let pid = nginx.child.id().to_string();
        let waiting = async {
            while nginx.child.try_wait().unwrap().is_none() {
                let written = std::fs::read_to_string(nginx._folder.path().join("nginx.pid"));
                if written.is_ok_and(|written| written.trim() == pid) {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            false
        };
        let up = tokio::time::timeout(PATIENCE, waiting).await.unwrap_or(false);
        if !up {
            let log = std::fs::read_to_string(nginx._folder.path().join("error.log"));
            eprintln!("nginx did not start: {}", log.unwrap_or_default());
        }
        up.then_some(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may be gone already, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
