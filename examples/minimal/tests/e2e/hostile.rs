use crate::{
    program::{Program, client, log_in, session_cookie, status_of},
    start,
};
use reqwest::Client;

/// Asserts that the program still does its work.
async fn still_serves(program: &Program, plain: &Client) {
    assert_eq!(log_in(plain, program, "alice", "Gnomes2+").await.status(), 200);
}

#[tokio::test]
async fn a_malformed_request_is_the_callers_fault() {
    let (program, plain) = (start(), client().build().unwrap());
    let deep = "[".repeat(100_000);
    let bodies: [(&str, &[u8]); 12] = [
        ("application/json", b""),
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b"null"),
        ("application/json", b"{\"username\":\"alice\"}"),
        ("application/json", b"{\"username\":1,\"password\":2}"),
        ("application/json", b"{\"username\":\"alice\",\"username\":\"bob\",\"password\":\"Gnomes2+\"}"),
        ("application/json", b"{\"username\":\"\xff\",\"password\":\"Gnomes2+\"}"),
        ("application/json", b"{\"username\":\"\\ud800\",\"password\":\"Gnomes2+\"}"),
        ("application/json", deep.as_bytes()),
        ("text/plain", b"{\"username\":\"alice\",\"password\":\"Gnomes2+\"}"),
        ("application/x-www-form-urlencoded", b"username=alice&password=Gnomes2%2B"),
    ];
    for (content_type, body) in bodies {
        let request =
            plain.post(program.url("/login")).header("content-type", content_type).body(body.to_vec());
        let answer = request.send().await.unwrap();
        assert!(
            answer.status().is_client_error(),
            "{} to {}",
            answer.status(),
            String::from_utf8_lossy(body)
        );
        assert_eq!(answer.headers().get("set-cookie"), None);
    }
    assert_eq!(plain.get(program.url("/login")).send().await.unwrap().status(), 405);
    assert_eq!(plain.get(program.url("/dashboard/..%2f")).send().await.unwrap().status(), 404);
    still_serves(&program, &plain).await;
}

#[tokio::test]
async fn a_huge_password_is_only_wrong() {
    let (program, plain) = (start(), client().build().unwrap());
    let megabyte = "x".repeat(1 << 20);
    assert_eq!(log_in(&plain, &program, "alice", &megabyte).await.status(), 401);
    assert_eq!(log_in(&plain, &program, &megabyte, "Gnomes2+").await.status(), 401);
    let begins_right = format!("Gnomes2+{megabyte}");
    assert_eq!(log_in(&plain, &program, "alice", &begins_right).await.status(), 401);
    let beyond_the_limit = serde_json::json!({"username": "alice", "password": megabyte.repeat(3)});
    // A client of its own: the connection does not outlive the refusal.
    let other = client().build().unwrap();
    match other.post(program.url("/login")).json(&beyond_the_limit).send().await {
        Ok(answer) => assert_eq!(answer.status(), 413),
        // The answer came and the connection ended while the rest was still being sent.
        Err(error) => assert!(error.is_request() && !error.is_timeout(), "{error}"),
    }
    still_serves(&program, &plain).await;
}

#[tokio::test]
async fn a_cookie_sent_twice_is_no_cookie() {
    let (program, plain) = (start(), client().build().unwrap());
    let cookie = session_cookie(&log_in(&plain, &program, "alice", "Gnomes2+").await);
    let dashboard = program.url("/dashboard");
    assert_eq!(status_of(&plain, dashboard.clone(), &format!("theme=dark; {cookie}")).await, 200);
    for twice in
        [format!("{cookie}; {cookie}"), format!("session=x; {cookie}"), format!("{cookie}; session=x")]
    {
        assert_eq!(status_of(&plain, dashboard.clone(), &twice).await, 401, "{twice}");
    }
    let two_headers = plain.get(&dashboard).header("cookie", &cookie).header("cookie", "session=x");
    assert_eq!(two_headers.send().await.unwrap().status(), 401);
    assert_eq!(status_of(&plain, dashboard, &cookie).await, 200, "nothing was ended");
}

#[tokio::test]
async fn an_altered_cookie_is_no_cookie() {
    let (program, plain) = (start(), client().build().unwrap());
    let cookie = session_cookie(&log_in(&plain, &program, "alice", "Gnomes2+").await);
    let dashboard = program.url("/dashboard");
    let begin = "session=".len();
    for at in begin..cookie.len() {
        for other in ['A', 'B'] {
            let mut altered = cookie.clone();
            altered.replace_range(at..=at, &other.to_string());
            let expected = if altered == cookie { 200 } else { 401 };
            assert_eq!(
                status_of(&plain, dashboard.clone(), &altered).await,
                expected,
                "{altered} for {cookie}"
            );
        }
        assert_eq!(status_of(&plain, dashboard.clone(), &cookie[..at]).await, 401, "cut to {at}");
    }
    for forged in [format!("{cookie}A"), format!("{cookie}=="), format!("session={}", "A".repeat(8_000))] {
        assert_eq!(status_of(&plain, dashboard.clone(), &forged).await, 401, "{forged}");
    }
    assert_eq!(status_of(&plain, dashboard, &cookie).await, 200);
}
