use crate::{
    alice::{Alice, authenticated, refused, second_factor_required},
    program::{client, session_cookie, status_of},
    start,
};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_step_up_raises_a_session_that_was_there_before_the_phone() {
    let program = start();
    let (alice, tablet) = (Alice::at(&program), Alice::at(&program));
    tablet.log_in().await;
    alice.log_in().await;
    let (phone, _) = alice.enrol().await;

    assert_eq!(tablet.get("/account").await.1["code"], "second_factor_required");
    assert_eq!(
        tablet.post("/enrol/totp").await.1["code"],
        "step_up_required",
        "only the phone's owner replaces it"
    );
    let code = phone.next_code();
    assert_eq!(tablet.post_code("/step-up/totp", &code).await.1["code"], "no_login_in_progress");
    assert_eq!(tablet.post("/step-up").await, second_factor_required());
    assert_eq!(tablet.get("/dashboard").await.0, 200, "the old level stays");
    assert_eq!(tablet.get("/account").await.0, 401, "asking is not proving");
    assert_eq!(tablet.post_code("/step-up/totp", &phone.wrong_code()).await, refused());
    assert_eq!(tablet.get("/dashboard").await.0, 200);

    let proof = tablet.send(Method::POST, "/step-up/totp", Some(json!({"code": code}))).await;
    assert_eq!(proof.status(), 200);
    assert_eq!(tablet.get("/account").await, (200, "proved with password and totp\n".into()));
    assert_eq!(tablet.post("/transfer").await, (200, "transferred\n".into()));
    assert_eq!(alice.get("/account").await.0, 401, "another session is not raised");
    let cookie = session_cookie(&proof);
    assert_eq!(
        status_of(&client().build().unwrap(), program.url("/account"), &cookie).await,
        200,
        "a new id"
    );
}

#[tokio::test]
async fn a_step_up_takes_a_recovery_code_too_and_is_no_way_in() {
    let program = start();
    let alice = Alice::at(&program);
    assert_eq!(alice.post("/step-up").await.0, 401);
    assert_eq!(alice.post_code("/step-up/recovery", "x").await.0, 401);
    alice.log_in().await;
    let (_, codes) = alice.enrol().await;
    assert_eq!(alice.post("/step-up").await, second_factor_required());
    assert_eq!(alice.post_code("/step-up/recovery", &codes[0]).await, authenticated());
    assert_eq!(alice.get("/account").await.0, 200);
    alice.post("/step-up").await;
    assert_eq!(alice.post_code("/step-up/recovery", &codes[0]).await, refused());
}

#[tokio::test]
async fn somebody_without_a_second_factor_cannot_step_up() {
    let program = start();
    let alice = Alice::at(&program);
    alice.log_in().await;
    alice.post("/step-up").await;
    assert_eq!(alice.post_code("/step-up/totp", "000000").await, refused());
    assert_eq!(alice.post_code("/step-up/recovery", "").await, refused());
    assert_eq!(alice.get("/account").await.0, 401);
}
