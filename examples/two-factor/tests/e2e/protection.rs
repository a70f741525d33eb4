use crate::{
    alice::{Alice, authenticated, refused, second_factor_required},
    program::{client, log_in, seen, session_cookie},
    start,
};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test]
async fn a_locked_account_looks_like_a_wrong_password() {
    let program = start();
    let answer =
        async |username, password| seen(Alice::at(&program).password(username, password).await).await;
    let wrong = answer("alice", "wrong").await;
    assert_eq!((wrong.0.as_u16(), &wrong.2), (401, &refused().1));
    for (username, password) in
        [("nobody", "Gnomes2+"), ("alice", "wrong"), ("alice", "wrong"), ("alice", "Gnomes2+")]
    {
        assert_eq!(answer(username, password).await, wrong, "{username} {password}");
    }
}

#[tokio::test]
async fn guessed_codes_lock_the_phone_but_not_the_recovery_codes() {
    let program = start();
    let alice = Alice::at(&program);
    alice.log_in().await;
    let (phone, codes) = alice.enrol().await;
    let thief = Alice::at(&program);
    assert_eq!(thief.log_in().await, second_factor_required());
    for _ in 0..3 {
        assert_eq!(thief.post_code("/login/totp", &phone.wrong_code()).await, refused());
    }
    assert_eq!(
        thief.post_code("/login/totp", &phone.next_code()).await,
        refused(),
        "locked looks like wrong"
    );
    assert_eq!(thief.post_code("/login/recovery", &codes[0]).await, authenticated());
}

#[tokio::test]
async fn another_site_cannot_use_the_cookie() {
    let (program, plain) = (start(), client().build().unwrap());
    let cookie = session_cookie(&log_in(&plain, &program, "alice", "Gnomes2+").await);
    let post = async |headers: &[(&str, &str)]| {
        let request = plain.post(program.url("/transfer")).header("cookie", &cookie);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap().status().as_u16()
    };
    for headers in [
        &[][..],
        &[("origin", "http://evil.example")],
        &[("origin", "http://127.0.0.1:3000")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", "http://evil.example")],
        &[("origin", "http://127.0.0.1:3001"), ("origin", "http://evil.example")],
        &[("x-csrf-token", "guessed")],
    ] {
        assert_eq!(post(headers).await, 403, "{headers:?}");
    }
    assert_eq!(post(&[("origin", "http://127.0.0.1:3001")]).await, 200);
    assert_eq!(post(&[("sec-fetch-site", "same-origin")]).await, 200);
}

#[tokio::test]
async fn guessing_is_slowed_down_and_the_rest_is_not() {
    let program = start();
    let alice = Alice::at(&program);
    let mut statuses = BTreeSet::new();
    for _ in 0..70 {
        let answer = alice.send(Method::POST, "/login/recovery", None).await;
        if answer.status() == 429 {
            assert!(answer.headers().contains_key("retry-after"));
        }
        statuses.insert(answer.status().as_u16());
    }
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [401, 429]);
    assert_eq!(alice.get("/").await.0, 200);
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let program = start();
    let alice = Alice::at(&program);
    let mut ids = BTreeSet::new();
    for path in ["/", "/dashboard", "/missing", "/"] {
        let answer = alice.send(Method::GET, path, None).await;
        ids.insert(answer.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_malformed_code_is_the_callers_fault() {
    let program = start();
    let alice = Alice::at(&program);
    alice.log_in().await;
    alice.enrol().await;
    assert_eq!(alice.log_in().await, second_factor_required());
    for body in
        [json!(null), json!([]), json!({}), json!("123456"), json!({"code": 123_456}), json!({"code": null})]
    {
        for path in ["/login", "/login/totp", "/login/recovery"] {
            let status = alice.send(Method::POST, path, Some(body.clone())).await.status();
            assert_eq!(status, 422, "{path} for {body}");
        }
    }
    for code in ["", "१२३४५६", &"1".repeat(1 << 20)] {
        assert_eq!(alice.post_code("/login/totp", code).await, refused());
    }
    assert_eq!(alice.get("/dashboard").await.0, 401);
}
