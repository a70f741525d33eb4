use crate::{
    person::{ELSEWHERE, OFFICE, PASSWORD, Person},
    site::{Policies, Site},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn secrets_stay_in_the_office() {
    let site = Site::start();
    let (inside, outside) =
        tokio::join!(Person::log_in(&site, "olga", OFFICE), Person::log_in(&site, "olga", ELSEWHERE));
    assert_eq!((inside.read("merger").await, outside.read("merger").await), (200, 404));
    assert_eq!((inside.read("budget").await, outside.read("budget").await), (200, 200));
}

#[tokio::test]
async fn secrets_change_on_trusted_devices() {
    let site = Site::start();
    let olga = Person::log_in(&site, "olga", OFFICE).await;
    assert_eq!((olga.edit("merger").await, olga.delete("merger").await), (403, 403));
    assert_eq!(olga.post("/device/trust", json!({})).await, 204);
    assert_eq!((olga.edit("merger").await, olga.delete("merger").await), (204, 204));
}

#[tokio::test]
async fn deleting_asks_for_a_fresh_proof() {
    let policies = Policies::copied();
    policies.replace("circumstances.cedar", "duration(\"5m\")", "duration(\"8s\")");
    let site = Site::with(policies);
    let ada = Person::log_in(&site, "ada", OFFICE).await;
    tokio::time::sleep(Duration::from_millis(8_500)).await;

    let refused = ada.send(Method::DELETE, "/documents/plan", None).await;
    assert_eq!(refused.status(), 401);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert_eq!(challenge, "Bearer error=\"insufficient_user_authentication\", max_age=\"8\"");
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "step_up_required");
    assert_eq!(ada.read("plan").await, 200);

    assert_eq!(ada.post("/step-up", json!({"password": "not hers"})).await, 401);
    assert_eq!(ada.delete("plan").await, 401);
    assert_eq!(ada.post("/step-up", json!({"password": PASSWORD})).await, 204);
    assert_eq!(ada.delete("plan").await, 204);
    assert_eq!(ada.read("plan").await, 404);
}

#[tokio::test]
async fn what_no_proof_mends_is_not_asked_for() {
    let policies = Policies::copied();
    policies.replace("circumstances.cedar", "duration(\"5m\")", "duration(\"1s\")");
    let site = Site::with(policies);
    let vic = Person::log_in(&site, "vic", OFFICE).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(vic.delete("plan").await, 403);
}
