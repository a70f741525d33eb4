use crate::{
    alice::{Alice, Phone, authenticated, refused, second_factor_required},
    start,
};
use serde_json::json;

#[tokio::test]
async fn a_phone_is_enrolled_and_needed_from_then_on() {
    let program = start();
    let alice = Alice::at(&program);
    assert_eq!(alice.get("/").await, (200, "everyone can see this\n".into()));
    assert_eq!(alice.post("/enrol/totp").await.0, 401, "strangers enrol nothing");
    assert_eq!(alice.log_in().await, authenticated());
    assert_eq!(alice.get("/dashboard").await, (200, "welcome\n".into()));
    assert_eq!(alice.get("/account").await.1["code"], "second_factor_required");

    let (status, shown) = alice.post("/enrol/totp").await;
    assert_eq!(status, 200);
    let phone = Phone::new(shown["secret"].as_str().unwrap());
    let uri = shown["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/axess%20two-factor%20example:alice?secret="), "{uri}");
    assert!(shown["qr_svg"].as_str().unwrap().starts_with("<svg"));
    assert_eq!(alice.post_code("/enrol/totp/confirm", &phone.wrong_code()).await, refused());
    let first = phone.code();
    let (status, enrolled) = alice.post_code("/enrol/totp/confirm", &first).await;
    assert_eq!((status, &enrolled["status"]), (200, &json!("enrolled")));
    assert_eq!(enrolled["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(alice.get("/account").await.0, 401, "this session has still proved one factor");
    assert_eq!(alice.post("/logout").await.0, 200);

    assert_eq!(alice.log_in().await, second_factor_required());
    for path in ["/dashboard", "/account"] {
        assert_eq!(alice.get(path).await.1["code"], "authentication_required", "{path}");
    }
    for path in ["/transfer", "/enrol/totp", "/step-up"] {
        assert_eq!(alice.post(path).await.1["code"], "authentication_required", "{path}");
    }
    assert_eq!(alice.post_code("/login/totp", &first).await, refused(), "the code that confirmed is spent");
    let second = phone.next_code();
    assert_eq!(alice.post_code("/login/totp", &second).await, authenticated());
    assert_eq!(alice.get("/account").await, (200, "proved with password and totp\n".into()));
    assert_eq!(alice.get("/dashboard").await.0, 200);
    assert_eq!(alice.post_code("/login/totp", &second).await.1["code"], "no_login_in_progress");

    let thief = Alice::at(&program);
    assert_eq!(thief.log_in().await, second_factor_required());
    assert_eq!(thief.post_code("/login/totp", &second).await, refused(), "a code works once");
    assert_eq!(thief.get("/dashboard").await.0, 401);
}

#[tokio::test]
async fn of_many_simultaneous_logins_with_one_code_one_succeeds() {
    let program = start();
    let alice = Alice::at(&program);
    alice.log_in().await;
    let (phone, _) = alice.enrol().await;
    let (one, two, three) = (Alice::at(&program), Alice::at(&program), Alice::at(&program));
    for browser in [&one, &two, &three] {
        assert_eq!(browser.log_in().await, second_factor_required());
    }
    let code = phone.next_code();
    let post = async |browser: &Alice<'_>| browser.post_code("/login/totp", &code).await;
    let answers = tokio::join!(post(&one), post(&two), post(&three));
    let admitted = [answers.0, answers.1, answers.2].into_iter().filter(|answer| *answer == authenticated());
    assert_eq!(admitted.count(), 1);
}

#[tokio::test]
async fn a_recovery_code_works_once() {
    let program = start();
    let alice = Alice::at(&program);
    alice.log_in().await;
    let (phone, codes) = alice.enrol().await;

    let without_phone = Alice::at(&program);
    assert_eq!(without_phone.log_in().await, second_factor_required());
    assert_eq!(without_phone.post_code("/login/recovery", "AAAAA-AAAAA-AAAAA-AAAAA").await, refused());
    assert_eq!(without_phone.post_code("/login/recovery", &codes[0]).await, authenticated());
    assert_eq!(without_phone.get("/account").await.1, "proved with password and recovery_code\n");

    let again = Alice::at(&program);
    again.log_in().await;
    assert_eq!(again.post_code("/login/recovery", &codes[0]).await, refused(), "it is spent");
    let retyped = codes[1].replace('-', " ").to_lowercase();
    assert_eq!(again.post_code("/login/recovery", &retyped).await, authenticated());
    let third = Alice::at(&program);
    third.log_in().await;
    assert_eq!(
        third.post_code("/login/totp", &phone.next_code()).await,
        authenticated(),
        "the phone still works"
    );
}
