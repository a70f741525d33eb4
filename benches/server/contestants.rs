//! The servers that are measured, each a process of its own with data of its own.

use crate::{Fault, arguments::Arguments, load::Target};
use axess_peers::{Kind, Process, Server};
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A server, and what it is asked.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) is_ours: bool,
    pub(crate) target: Target,
    pub(crate) process: Process,
    _running: Running,
}

/// Whatever ends when a contestant is dropped.
enum Running {
    Ours { child: Child, _folder: TempDir, _database: Option<Server> },
    Theirs { _server: Server },
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Ours { child, .. } = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts those that this machine has.
pub(crate) fn start(arguments: &Arguments) -> Result<Vec<Contestant>, Fault> {
    let mut all = vec![ours(arguments, "audex, SQLite and JSONL", None)?];
    match Kind::Postgres.missing() {
        None => {
            let database = Server::start_durable(Kind::Postgres)?;
            all.push(ours(arguments, "audex, PostgreSQL", Some(database))?);
        }
        Some(reason) => println!("{reason}"),
    }
    match Kind::OpenBao.missing() {
        None => all.push(openbao()?),
        Some(reason) => println!("{reason}"),
    }
    Ok(all)
}

/// Starts this program once more, as our server.
fn ours(arguments: &Arguments, name: &'static str, database: Option<Server>) -> Result<Contestant, Fault> {
    let folder = arguments.fresh_folder()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--serve").arg(folder.path()).args(database.as_ref().map(Server::url));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let process = Process::of(child.id()).ok_or("the server ended at once")?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let running = Running::Ours { child, _folder: folder, _database: database };
    // What `ours::serve` prints.
    let (address, bearer) = line.trim().split_once(' ').ok_or("the server did not start")?;
    let target = Target::post(
        address.parse()?,
        "/credentials",
        &format!("Authorization: Bearer {bearer}"),
        r#"{"allow": "orders:Read", "ttl": "15m", "provider": "local"}"#,
        "audex_token",
    );
    Ok(Contestant { name, is_ours: true, target, process, _running: running })
}

/// Starts OpenBao with Raft on disk and an audit log in a file. A token of a policy with a lifetime is what it issues.
fn openbao() -> Result<Contestant, Fault> {
    let server = Server::start_durable(Kind::OpenBao)?;
    let process = server.processes().next().ok_or("OpenBao does not run")?;
    let target = Target::post(
        SocketAddr::from(([127, 0, 0, 1], server.port())),
        "/v1/auth/token/create",
        "X-Vault-Token: root",
        r#"{"policies": ["app"], "ttl": "15m"}"#,
        "client_token",
    );
    let running = Running::Theirs { _server: server };
    Ok(Contestant {
        name: "OpenBao, Raft and audit file",
        is_ours: false,
        target,
        process,
        _running: running,
    })
}
