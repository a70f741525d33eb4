use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Output},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::*;
use crate::{find_program, skip};

/// How many seconds a server gets to read a number. One that is frozen takes them all.
const MOMENT: &str = "1";

/// How many seconds a server gets for everything else.
const PATIENCE: &str = "20";

/// How long a client writes before the server is killed.
const WRITING: Duration = Duration::from_millis(300);

/// A database and the command line client that other people wrote for it.
struct Case {
    kind: Kind,
    client: fn(u16) -> Vec<String>,
    create: &'static str,
    /// Adds one to a counter and prints it.
    add: &'static str,
    /// Prints the counter.
    get: &'static str,
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

const POSTGRES: Case = Case {
    kind: Kind::Postgres,
    client: |port| words(&format!("psql -X -A -t -q {}", Kind::Postgres.url(port))),
    create: "CREATE TABLE t (n serial);",
    add: "INSERT INTO t DEFAULT VALUES RETURNING n;",
    get: "SELECT max(n) FROM t;",
};

const MARIADB: Case = Case {
    kind: Kind::MariaDb,
    client: |port| {
        words(&format!("mariadb --no-defaults -N -B -n -h127.0.0.1 -P{port} -uroot -prootpass axess"))
    },
    create: "CREATE TABLE t (n INT AUTO_INCREMENT PRIMARY KEY);",
    add: "INSERT INTO t VALUES () RETURNING n;",
    get: "SELECT max(n) FROM t;",
};

const fn redis(kind: Kind) -> Case {
    // `-c` follows a cluster's redirections, and does nothing to a server alone.
    let client = |port| words(&format!("redis-cli -c -p {port}"));
    Case { kind, client, create: "SET n 0", add: "INCR n", get: "GET n" }
}

impl Case {
    /// Feeds lines to the client; its exit code tells whether it liked the answers.
    fn ask(&self, server: &Server, lines: &str) -> Output {
        let limit = if lines == self.get { MOMENT } else { PATIENCE };
        let mut command = Command::new("timeout");
        command.arg(limit).args((self.client)(server.port()));
        feed(&mut command, |stdin| writeln!(stdin, "{lines}"))
    }

    fn counter(&self, server: &Server) -> Option<u64> {
        largest(&self.ask(server, self.get))
    }

    /// Counts up until the server is killed in the middle of it; returns the last acknowledged number.
    fn count_until_killed(&self, server: &mut Server) -> u64 {
        let is_over = AtomicBool::new(false);
        let mut argv = (self.client)(server.port());
        let mut command = Command::new(argv.remove(0));
        command.args(argv);
        std::thread::scope(|scope| {
            let client = scope.spawn(|| {
                feed(&mut command, |stdin| {
                    while !is_over.load(Ordering::Relaxed) {
                        writeln!(stdin, "{}", self.add)?;
                    }
                    Ok(())
                })
            });
            std::thread::sleep(WRITING);
            let killed = server.kill();
            is_over.store(true, Ordering::Relaxed);
            killed.unwrap();
            largest(&client.join().unwrap()).unwrap()
        })
    }
}

fn feed(command: &mut Command, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()> + Send) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // The client may end first, which breaks the pipe.
        scope.spawn(move || drop(write(&mut stdin)));
        child.wait_with_output().unwrap()
    })
}

/// The largest number on a line of its own.
fn largest(output: &Output) -> Option<u64> {
    String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| line.trim().parse().ok()).max()
}

/// Returns whether the server and the client are here, and notes it when they are not.
fn is_here(test: &str, kind: Kind, client: &str) -> bool {
    let client = find_program(client).is_none().then(|| format!("{client} is missing"));
    match kind.missing().or(client) {
        Some(reason) => skip(&format!("axess-peers {test}"), &reason),
        None => return true,
    }
    false
}

/// Leaves a file in each folder: once the server is gone, another test may make a folder of the same name.
fn mark_folders(server: &Server) -> Vec<PathBuf> {
    let marks: Vec<PathBuf> = server.nodes.iter().map(|node| node.place.folder().join("mark")).collect();
    marks.iter().for_each(|mark| std::fs::write(mark, "").unwrap());
    marks
}

/// A life of a database: it freezes and goes on, is killed and ended in good order, and leaves nothing behind.
fn lives(case: &Case) {
    let client = (case.client)(0).remove(0);
    if !is_here(&format!("life of a {}", case.kind.name()), case.kind, &client) {
        return;
    }
    let mut server = Server::start_durable(case.kind).unwrap();
    let urls = server.urls();
    let created = case.ask(&server, case.create);
    assert!(created.status.success(), "{created:?}");
    assert_eq!(largest(&case.ask(&server, case.add)), Some(1));

    server.pause();
    // 124 is how `timeout` says that it was needed.
    assert_eq!(case.ask(&server, case.get).status.code(), Some(124), "a frozen server answered");
    server.resume();
    assert!(wait_until(|| case.counter(&server) == Some(1)).is_ok());

    let acknowledged = case.count_until_killed(&mut server);
    assert!(acknowledged > 1, "nothing was written before the kill");
    assert_eq!(case.counter(&server), None, "a killed server answered");
    server.restart().unwrap();
    assert_eq!(server.urls(), urls);
    let kept = case.counter(&server);
    assert!(kept >= Some(acknowledged), "{kept:?} is left of {acknowledged}");

    server.stop().unwrap();
    assert_eq!(server.processes().count(), 0);
    server.restart().unwrap();
    assert_eq!(case.counter(&server), kept);

    let processes: Vec<Process> = server.processes().flat_map(Process::tree).collect();
    assert!(processes.len() >= case.kind.nodes());
    let marks = mark_folders(&server);
    drop(server);
    assert!(!processes.iter().any(|process| process.is_running()));
    assert!(!marks.iter().any(|mark| mark.exists()));
}

#[test]
fn postgres_lives() {
    lives(&POSTGRES);
}

#[test]
fn mariadb_lives() {
    lives(&MARIADB);
}

#[test]
fn redis_lives() {
    lives(&redis(Kind::Redis));
}

#[test]
fn valkey_lives() {
    lives(&redis(Kind::Valkey));
}

#[test]
fn a_redis_cluster_lives() {
    lives(&redis(Kind::RedisCluster));
}

#[test]
fn a_valkey_cluster_lives() {
    lives(&redis(Kind::ValkeyCluster));
}

#[test]
fn one_node_dies_and_comes_back() {
    let case = redis(Kind::ValkeyCluster);
    if !is_here("one_node_dies_and_comes_back", case.kind, "redis-cli") {
        return;
    }
    let mut server = Server::start(case.kind).unwrap();
    // The key `n` is in slot 3432, which the first of the three nodes has; `foo` is in 12182, which the last has.
    let set = |server: &Server, key: &str| {
        let output = case.ask(server, &format!("SET {key} 1"));
        String::from_utf8_lossy(&output.stdout).lines().any(|line| line == "OK")
    };
    assert!(set(&server, "n") && set(&server, "foo"));
    server.kill_node(2).unwrap();
    assert!(!set(&server, "foo"));
    assert_eq!(server.processes().count(), 2);
    assert!(server.kill_node(3).unwrap_err().contains("no node 3"));
    server.restart().unwrap();
    assert_eq!(server.processes().count(), 3);
    assert!(set(&server, "foo"));
}

/// Sends a mail with curl; returns what the two said to each other.
fn send(server: &Server, to: &str, options: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["-sv", "--noproxy", "*", "--max-time", "20", "--mail-from", "app@example.com"]);
    command.args(["--mail-rcpt", to, "--upload-file", "-"]).args(options);
    command.arg(format!("smtp://127.0.0.1:{}", server.port()));
    let output = feed(&mut command, |stdin| stdin.write_all(b"Subject: code\r\n\r\n123456\r\n"));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn mail_needs_tls_and_a_login_and_is_kept() {
    if !is_here("mail_needs_tls_and_a_login_and_is_kept", Kind::Smtp, "curl") {
        return;
    }
    let mut server = Server::start(Kind::Smtp).unwrap();
    let mailbox = server.mailbox().unwrap();
    let ca = mailbox.ca();
    let ca = ca.to_str().unwrap();
    let good = ["--ssl-reqd", "--cacert", ca, "--user", "mail:mailpass"];
    let table: [(&str, &[&str], &str); 7] = [
        ("alice@example.com", &good, "250 OK"),
        ("bob@example.com", &[&good[..], &["--login-options", "AUTH=LOGIN"]].concat(), "250 OK"),
        ("bounce@example.com", &good, "550 "),
        ("tempfail@example.com", &good, "451 "),
        ("eve@example.com", &["--ssl-reqd", "--cacert", ca, "--user", "mail:wrong"], "535 "),
        ("eve@example.com", &["--user", "mail:mailpass"], "530 "),
        ("eve@example.com", &["--ssl-reqd", "--user", "mail:mailpass"], "certificate"),
    ];
    for (to, options, expected) in table {
        let talk = send(&server, to, options);
        assert!(talk.contains(expected), "{expected} for {to} is missing in {talk}");
    }
    server.kill().unwrap();
    assert!(send(&server, "alice@example.com", &good).contains("refused"));
    server.restart().unwrap();
    assert!(send(&server, "alice@example.com", &good).contains("250 OK"));

    let to: Vec<Vec<String>> = mailbox.mails().unwrap().into_iter().map(|mail| mail.to).collect();
    assert_eq!(to, [["alice@example.com"], ["bob@example.com"], ["alice@example.com"]]);
    let mails = mailbox.mails_to("bob@example.com").unwrap();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].from, "app@example.com");
    assert_eq!(mails[0].data, "Subject: code\r\n\r\n123456\r\n");
}

#[test]
fn a_lasting_server_ends_by_its_record() {
    if !is_here("a_lasting_server_ends_by_its_record", Kind::Redis, "redis-cli") {
        return;
    }
    let server =
        Server::start_with(Kind::Redis, Settings { is_durable: false, is_lasting: true }, Vec::new())
            .unwrap();
    let marks = mark_folders(&server);
    let recorded = server.into_recorded();
    let json = serde_json::to_string(&recorded).unwrap();
    let recorded: Recorded = serde_json::from_str(&json).unwrap();
    assert!(recorded.is_running() && marks[0].is_file());
    assert_eq!(recorded.variables["AXESS_TEST_REDIS"], recorded.urls[0]);
    recorded.stop().unwrap();
    assert!(!recorded.is_running());
    // A program that another test is starting may hold the lock of the folder for a moment.
    let swept = wait_until(|| {
        Place::sweep();
        !marks[0].exists()
    });
    assert!(swept.is_ok());
}

#[test]
fn a_server_ends_with_the_process_that_started_it() {
    const HOLDS: &str = "AXESS_PEERS_TEST_HOLDS";
    const NAME: &str = "server::tests::a_server_ends_with_the_process_that_started_it";
    if !is_here(NAME, Kind::Redis, "redis-cli") {
        return;
    }
    if std::env::var_os(HOLDS).is_some() {
        let server = Server::start(Kind::Redis).unwrap();
        println!("\nserver {}", server.processes().next().unwrap().pid());
        std::thread::sleep(Duration::from_secs(60));
    }
    // The same test in a process of its own, which takes the branch above.
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", NAME, "--nocapture"]).env(HOLDS, "1").stdout(Stdio::piped());
    let mut holder = command.spawn().unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines().map(Result::unwrap);
    let pid = lines.filter_map(|line| line.strip_prefix("server ")?.parse().ok()).next().unwrap();
    let process = Process::of(pid).unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(wait_until(|| !process.is_running()).is_ok());
}

mod aws;
mod s3;
mod saml;
mod syslog;
mod watchers;
