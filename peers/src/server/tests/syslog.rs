use super::{is_here, *};
use crate::SyslogMessage;

/// Sends a message with the program that every Debian has; returns whether that went well.
fn log(options: &[&str], text: &str) -> bool {
    let mut command = Command::new("logger");
    command.args(["--rfc5424=notq", "--tag", "app", "--msgid", "Login", "-p", "auth.notice"]);
    command.args(options).arg(text).status().unwrap().success()
}

fn wait_for(server: &Server, count: usize) -> Vec<SyslogMessage> {
    let inbox = server.syslog_inbox().unwrap();
    let messages = || inbox.messages().unwrap();
    assert!(wait_until(|| messages().len() >= count).is_ok(), "{:?}", messages());
    messages()
}

#[test]
fn a_syslog_server_keeps_what_it_understood() {
    if !is_here("a_syslog_server_keeps_what_it_understood", Kind::Syslog, "logger") {
        return;
    }
    let mut server = Server::start(Kind::Syslog).unwrap();
    let inbox = server.syslog_inbox().unwrap();
    assert_eq!(inbox.port(), server.port());
    let port = server.port().to_string();
    let remote = ["-n", "127.0.0.1", "-P", &port];
    let udp = [&remote[..], &["--udp"]].concat();
    let tcp = [&remote[..], &["--tcp", "--octet-count"]].concat();
    assert!(log(&udp, "one"));
    wait_for(&server, 1);
    assert!(log(&tcp, "two \u{e9}"));
    wait_for(&server, 2);
    let socket = inbox.socket();
    assert!(log(&["-u", socket.to_str().unwrap()], "three"));
    let messages = wait_for(&server, 3);
    let seen: Vec<(&str, &str)> =
        messages.iter().map(|one| (one.input.as_str(), one.text.as_str())).collect();
    assert_eq!(seen, [("udp", "one"), ("tcp", "two \u{e9}"), ("imuxsock", "three")]);
    for message in &messages {
        // 37 is facility 4 and severity 5.
        let fields = [&message.priority, &message.version, &message.app, &message.id];
        assert_eq!(fields, ["37", "1", "app", "Login"]);
    }
    server.kill().unwrap();
    assert!(!log(&tcp, "lost"), "a killed server took a message");
    server.restart().unwrap();
    assert!(log(&tcp, "four"));
    assert_eq!(wait_for(&server, 4)[3].text, "four");
    server.stop().unwrap();
    assert_eq!(server.processes().count(), 0);
}

#[test]
fn a_syslog_server_shows_its_certificate() {
    if !is_here("a_syslog_server_shows_its_certificate", Kind::Syslog, "openssl") {
        return;
    }
    let server = Server::start(Kind::Syslog).unwrap();
    let inbox = server.syslog_inbox().unwrap();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-verify_return_error", "-verify_ip", "127.0.0.1", "-CAfile"]).arg(inbox.ca());
    command.args(["-connect", &format!("127.0.0.1:{}", inbox.tls_port())]);
    let message = "<37>1 - host app - Login - secret";
    let output = feed(&mut command, |stdin| {
        write!(stdin, "{} {message}", message.len())?;
        stdin.flush()?;
        std::thread::sleep(Duration::from_millis(500));
        Ok(())
    });
    assert!(output.status.success(), "{output:?}");
    let messages = wait_for(&server, 1);
    assert_eq!((messages[0].input.as_str(), messages[0].text.as_str()), ("tls", "secret"));
}
