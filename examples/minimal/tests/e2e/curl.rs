use crate::{
    program::{installed, sh},
    start,
};

/// The commands of `cargo xtask demo`, with the program that people type them into.
#[test]
fn curl_logs_in_and_out() {
    if !installed("curl_logs_in_and_out", &["curl"]) {
        return;
    }
    let (_program, folder) = (start(), tempfile::tempdir().unwrap());
    let ask = |line: &str, answers: &[&str]| {
        let answer = sh(folder.path(), line);
        for expected in answers {
            assert!(answer.contains(expected), "{line}\n{answer}");
        }
    };
    ask("curl -si http://127.0.0.1:3000/", &["HTTP/1.1 200", "everyone can see this"]);
    ask("curl -si http://127.0.0.1:3000/dashboard", &["HTTP/1.1 401"]);
    ask(
        r#"curl -si -c cookies.txt http://127.0.0.1:3000/login --json '{"username":"alice","password":"Gnomes2+"}'"#,
        &["HTTP/1.1 200", "set-cookie: session=", "logged in"],
    );
    ask("curl -si -b cookies.txt http://127.0.0.1:3000/dashboard", &["HTTP/1.1 200", "welcome"]);
    ask("curl -si -b cookies.txt -X POST http://127.0.0.1:3000/logout", &["HTTP/1.1 200", "logged out"]);
    ask("curl -si -b cookies.txt http://127.0.0.1:3000/dashboard", &["HTTP/1.1 401"]);
}
