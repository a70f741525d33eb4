//! The program beside programs that other people wrote.

use crate::{
    PROGRAM,
    alice::{Alice, Phone, authenticated, refused, second_factor_required},
    program::{installed, sh},
    start,
};
use std::process::Command;

/// Returns the codes of now and of half a minute from now.
fn oathtool(secret: &str) -> (String, String) {
    let printed = sh(&std::env::temp_dir(), &format!("oathtool --totp --base32 --window=1 {secret}"));
    let (now, next) = printed.trim().split_once('\n').unwrap();
    (now.to_owned(), next.to_owned())
}

#[tokio::test]
async fn oathtool_logs_in() {
    if !installed("oathtool_logs_in", &["oathtool"]) {
        return;
    }
    let program = start();
    let alice = Alice::at(&program);
    alice.log_in().await;
    let shown = alice.post("/enrol/totp").await.1;
    let secret = shown["secret"].as_str().unwrap();
    let confirmed = alice.post_code("/enrol/totp/confirm", &oathtool(secret).0).await.1;
    assert_eq!(confirmed["status"], "enrolled");

    assert_eq!(alice.log_in().await, second_factor_required());
    let (_, next) = oathtool(secret);
    assert_eq!(alice.post_code("/login/totp", &next).await, authenticated());
    assert_eq!(alice.log_in().await, second_factor_required());
    assert_eq!(alice.post_code("/login/totp", &next).await, refused());
}

#[test]
fn the_program_computes_codes_like_a_phone() {
    let code_of = |args: &[&str]| Command::new(PROGRAM).args(args).output().unwrap();
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let phone = Phone::new(secret);
    let before = phone.code();
    let printed = String::from_utf8(code_of(&["code", secret]).stdout).unwrap();
    assert!([before, phone.code()].contains(&printed.trim().to_owned()), "{printed}");
    assert_eq!(printed.len(), 7);
    for wrong in [&["code"][..], &["code", "not base32!"], &["code", ""], &["serve"], &["code", secret, "x"]]
    {
        let output = code_of(wrong);
        assert!(!output.status.success() && output.stdout.is_empty(), "{wrong:?}");
    }
    if installed("the_program_computes_codes_like_a_phone", &["oathtool"]) {
        let (before, _) = oathtool(secret);
        let printed = String::from_utf8(code_of(&["code", secret]).stdout).unwrap();
        assert!([before, oathtool(secret).0].contains(&printed.trim().to_owned()), "{printed}");
    }
}

/// The commands of `cargo xtask demo`, without the wait for a second code.
#[test]
fn curl_enrols_a_phone_and_logs_in_without_it() {
    if !installed("curl_enrols_a_phone_and_logs_in_without_it", &["curl"]) {
        return;
    }
    let (_program, folder) = (start(), tempfile::tempdir().unwrap());
    let ask = |line: &str, answers: &[&str]| {
        let answer = sh(folder.path(), line);
        for expected in answers {
            assert!(answer.contains(expected), "{line}\n{answer}");
        }
    };
    let post = "curl -si -b alice.txt -c alice.txt -H 'Origin: http://127.0.0.1:3001'";
    let login = r#"http://127.0.0.1:3001/login --json '{"username":"alice","password":"Gnomes2+"}'"#;
    ask(&format!("curl -si -c alice.txt {login}"), &["HTTP/1.1 200", r#"{"status":"authenticated"}"#]);
    ask("curl -si -b alice.txt http://127.0.0.1:3001/account", &["HTTP/1.1 401", "second_factor_required"]);
    ask("curl -si -b alice.txt -X POST http://127.0.0.1:3001/logout", &["HTTP/1.1 403"]);
    ask(
        &format!("{post} -X POST http://127.0.0.1:3001/enrol/totp | tail -n 1 | tee enrol.json"),
        &["otpauth://totp/"],
    );
    ask("cut -d '\"' -f 8 enrol.json | tee secret.txt", &[]);
    let code = format!(r#"{{\"code\":\"$({PROGRAM} code $(cat secret.txt))\"}}"#);
    let confirm = format!(r#"{post} http://127.0.0.1:3001/enrol/totp/confirm --json "{code}""#);
    ask(&format!("{confirm} | tail -n 1 | tee recovery.json"), &[r#""status":"enrolled""#]);
    ask(&format!("{post} -X POST http://127.0.0.1:3001/logout"), &["HTTP/1.1 200", "logged out"]);

    ask(&format!("curl -si -c alice.txt {login}"), &["HTTP/1.1 200", "second_factor_required"]);
    ask("curl -si -b alice.txt http://127.0.0.1:3001/dashboard", &["HTTP/1.1 401"]);
    let recover = format!(
        r#"{post} http://127.0.0.1:3001/login/recovery --json "{{\"code\":\"$(cut -d '"' -f 8 recovery.json)\"}}""#
    );
    ask(&recover, &["HTTP/1.1 200", r#"{"status":"authenticated"}"#]);
    ask("curl -si -b alice.txt http://127.0.0.1:3001/account", &["HTTP/1.1 200", "proved with password"]);
    ask(&format!("{post} -X POST http://127.0.0.1:3001/logout"), &["HTTP/1.1 200"]);
    ask("curl -si -b alice.txt http://127.0.0.1:3001/account", &["HTTP/1.1 401"]);
}
