use crate::{
    program::{client, log_in, seen, session_cookie, status_of},
    start,
};
use reqwest::{Client, StatusCode};
use std::time::Duration;

/// A client that keeps cookies, but no connections: those end when a program is killed.
fn browser() -> Client {
    client().cookie_store(true).pool_max_idle_per_host(0).build().unwrap()
}

#[tokio::test]
async fn a_login_opens_the_dashboard_and_a_logout_closes_it() {
    let (program, browser, plain) = (start(), browser(), client().build().unwrap());
    let get = async |path: &str| {
        let response = browser.get(program.url(path)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let root = plain.get(program.url("/")).send().await.unwrap();
    assert_eq!(root.status(), 200);
    assert_eq!(root.headers().get("set-cookie"), None, "a visitor is not followed");
    assert_eq!(get("/dashboard").await.0, 401);

    let login = log_in(&browser, &program, "alice", "Gnomes2+").await;
    assert_eq!(login.status(), 200);
    let cookie = session_cookie(&login);
    let attributes = login.headers()["set-cookie"].to_str().unwrap();
    assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite=Lax"), "{attributes}");
    assert_eq!(get("/dashboard").await, (200, "welcome\n".to_owned()));

    let logout = browser.post(program.url("/logout")).send().await.unwrap();
    assert_eq!(logout.status(), 200);
    assert_eq!(get("/dashboard").await.0, 401);
    assert_eq!(
        status_of(&plain, program.url("/dashboard"), &cookie).await,
        401,
        "the old cookie is replayed"
    );
}

#[tokio::test]
async fn logging_in_again_ends_the_session_before() {
    let (program, browser, plain) = (start(), browser(), client().build().unwrap());
    let first = session_cookie(&log_in(&browser, &program, "alice", "Gnomes2+").await);
    let second = session_cookie(&log_in(&browser, &program, "alice", "Gnomes2+").await);
    assert_ne!(first, second);
    assert_eq!(status_of(&plain, program.url("/dashboard"), &first).await, 401);
    assert_eq!(status_of(&plain, program.url("/dashboard"), &second).await, 200);
}

#[tokio::test]
async fn every_failed_login_looks_the_same() {
    let (program, plain) = (start(), client().build().unwrap());
    let wrong = seen(log_in(&plain, &program, "alice", "wrong").await).await;
    assert_eq!((wrong.0, &wrong.2), (StatusCode::UNAUTHORIZED, &"wrong username or password\n".into()));
    for (username, password) in [("nobody", "Gnomes2+"), ("", ""), ("alice", ""), ("al\u{0}ice", "Gnomes2+")]
    {
        assert_eq!(seen(log_in(&plain, &program, username, password).await).await, wrong, "{username:?}");
    }
    // The third failure locked alice: the right password gets the same answer.
    for password in ["wrong again", "Gnomes2+"] {
        assert_eq!(seen(log_in(&plain, &program, "alice", password).await).await, wrong, "{password}");
    }
}

#[tokio::test]
async fn a_crowd_is_answered() {
    const CROWD: usize = 200;
    let (program, plain) = (start(), client().timeout(Duration::from_secs(60)).build().unwrap());
    let logins = (0..CROWD).map(|_| {
        let (plain, url) = (plain.clone(), program.url("/login"));
        let form = serde_json::json!({"username": "alice", "password": "Gnomes2+"});
        tokio::spawn(async move { plain.post(url).json(&form).send().await.unwrap() })
    });
    let logins: Vec<_> = logins.collect();
    let mut admitted = 0;
    for login in logins {
        let answer = login.await.unwrap();
        match answer.status().as_u16() {
            200 => admitted += 1,
            // More simultaneous tries at one account than its lockout policy allows.
            401 => {}
            503 => assert!(answer.headers().contains_key("retry-after")),
            other => panic!("answered with {other}"),
        }
    }
    assert!(admitted > 0, "nobody was admitted");
    assert_eq!(plain.get(program.url("/")).send().await.unwrap().status(), 200);
    assert_eq!(
        log_in(&plain, &program, "alice", "Gnomes2+").await.status(),
        200,
        "the crowd locked nobody out"
    );
}

#[tokio::test]
async fn a_killed_program_forgets_its_sessions() {
    let (program, browser) = (start(), browser());
    log_in(&browser, &program, "alice", "Gnomes2+").await;
    assert_eq!(browser.get(program.url("/dashboard")).send().await.unwrap().status(), 200);

    drop(program); // SIGKILL
    let program = start();
    assert_eq!(
        browser.get(program.url("/")).send().await.unwrap().status(),
        200,
        "the old cookie is a guest's"
    );
    assert_eq!(browser.get(program.url("/dashboard")).send().await.unwrap().status(), 401);
    assert_eq!(log_in(&browser, &program, "alice", "Gnomes2+").await.status(), 200);
    assert_eq!(browser.get(program.url("/dashboard")).send().await.unwrap().status(), 200);
}
