use super::{
    Api,
    client::{delete_order, get_order, id_of, members},
};
use crate::site::{Site, approvals};
use serde_json::{Value, json};

#[tokio::test]
async fn a_credential_has_the_documented_members_and_no_others() {
    let site = Site::new().await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let answer = alice.post("/credentials", &get_order()).await;
    let body = answer.is(200);
    assert_eq!(members(&body), ["credentials", "expires_at", "provider", "session_id"]);
    assert_eq!(members(&body["credentials"]), ["audex_token"]);
    assert_eq!(body["provider"], "local");
    assert!(uuid::Uuid::parse_str(&id_of(&body)).is_ok());
    let expires_at = body["expires_at"].as_str().unwrap();
    assert!(expires_at.ends_with('Z') && expires_at.len() == "2024-01-01T12:15:00Z".len(), "{expires_at}");
    assert_eq!(
        (answer.header("cache-control"), answer.header("content-type")),
        ("no-store", "application/json")
    );
    let as_list = json!({"provider": "local", "allow": ["orders:GetOrder", "orders:ListOrders"]});
    alice.post("/credentials", &as_list).await.is(200);
    site.stop().await;
}

#[tokio::test]
async fn a_plan_leaves_no_trace() {
    let site = Site::with(|settings| settings.rules = approvals(2)).await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let plan = alice.post("/credentials/plan", &delete_order()).await.is(200);
    assert_eq!(
        plan["approval"],
        json!({"required": 2, "roles": ["security", "compliance"], "rules": ["*:Delete*"]})
    );
    assert_eq!(
        plan["actions"],
        json!(["orders:DeleteOrder=*"]).as_array().map_or(Value::Null, |_| plan["actions"].clone())
    );
    assert_eq!(plan["ttl"], "15m");
    let free = alice.post("/credentials/plan", &get_order()).await.is(200);
    assert_eq!(free["approval"], Value::Null);
    for list in ["/sessions", "/approvals/pending"] {
        assert_eq!(alice.get(list).await.is(200)["items"], json!([]), "{list}");
    }
    let late = json!({"provider": "local", "allow": "orders:GetOrder", "ttl": "12h"});
    let problem = alice.post("/credentials/plan", &late).await.refused(403, "ttl_not_allowed");
    assert_eq!(problem["instead"], json!(["ask for a lifetime of 1h or less"]));
    let odd = json!({"provider": "local", "allow": "orders", "resources": ["a b"]});
    let problem = alice.post("/credentials/plan", &odd).await.refused(400, "invalid_request");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("allow, at 1: ") && !detail.contains("--"), "the API has no flags: {detail}");
    site.stop().await;
}

#[tokio::test]
async fn a_key_makes_a_repetition_harmless() {
    let site = Site::new().await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let bob = Api::of(&site, &site.someone("bob@example.com", &[], &[]).await);
    let first = alice.post_as("build-17", "/credentials", &get_order()).await;
    let again = alice.post_as("build-17", "/credentials", &get_order()).await;
    assert_eq!(first.is(200), again.is(200));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    let other = json!({"provider": "local", "allow": "orders:ListOrders"});
    alice.post_as("build-17", "/credentials", &other).await.refused(422, "idempotency_key_reused");
    let theirs = bob.post_as("build-17", "/credentials", &get_order()).await.is(200);
    assert_ne!(id_of(&theirs), id_of(&first.json()), "keys are each caller's own");
    for wrong in ["", "a b", &"k".repeat(201)] {
        let problem =
            alice.post_as(wrong, "/credentials", &get_order()).await.refused(400, "invalid_request");
        assert_eq!(problem["field"], "Idempotency-Key");
    }
    let sessions = alice.get("/sessions").await.is(200);
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
    site.stop().await;
}

#[tokio::test]
async fn of_many_with_one_key_there_is_one_session() {
    let site = Site::new().await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let body = get_order();
    let all =
        futures_util::future::join_all((0..12).map(|_| alice.post_as("once", "/credentials", &body))).await;
    let mut ids = Vec::new();
    for answer in &all {
        match answer.status.as_u16() {
            200 => ids.push(id_of(&answer.json())),
            _ => {
                answer.refused(409, "in_progress");
                assert_eq!(answer.header("retry-after"), "1");
            }
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(alice.get("/sessions").await.is(200)["items"].as_array().unwrap().len(), 1);
    site.stop().await;
}

#[tokio::test]
async fn a_batch_answers_each_request_by_itself() {
    let site = Site::with(|settings| settings.rules = approvals(1)).await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let late = json!({"provider": "local", "allow": "orders:GetOrder", "ttl": "12h"});
    let batch = json!([get_order(), delete_order(), late]);
    let body = alice.post_as("nightly", "/credentials/batch", &batch).await.is(200);
    let results = body["results"].as_array().unwrap();
    assert_eq!(members(&results[0]), ["credentials", "expires_at", "provider", "session_id"]);
    assert_eq!(results[1]["status"], "pending_approval");
    assert_eq!(results[2]["problem"]["code"], "ttl_not_allowed");
    let again = alice.post_as("nightly", "/credentials/batch", &batch).await.is(200);
    assert_eq!(id_of(&again["results"][0]), id_of(&results[0]));
    assert_eq!(id_of(&again["results"][1]), id_of(&results[1]));
    let broken = json!([get_order(), {"provider": "local", "alow": "x"}]);
    let problem = alice.post("/credentials/batch", &broken).await.refused(400, "invalid_request");
    assert_eq!(problem["field"], "[1].allow");
    for wrong in [json!([]), json!({}), Value::Array(vec![get_order(); 21])] {
        alice.post("/credentials/batch", &wrong).await.refused(400, "invalid_request");
    }
    assert_eq!(alice.get("/sessions").await.is(200)["items"].as_array().unwrap().len(), 1);
    site.stop().await;
}

#[tokio::test]
async fn a_session_is_refreshed_and_ended_by_its_owner() {
    let site = Site::new().await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let bob = Api::of(&site, &site.someone("bob@example.com", &[], &[]).await);
    let first = alice.post("/credentials", &get_order()).await.is(200);
    let id = id_of(&first);
    let second = alice.post(&format!("/credentials/{id}/refresh"), &json!({})).await.is(200);
    assert_eq!(id_of(&second), id);
    assert_ne!(second["credentials"]["audex_token"], first["credentials"]["audex_token"]);
    for verb in ["refresh", "revoke"] {
        bob.post(&format!("/credentials/{id}/{verb}"), &json!({})).await.refused(404, "not_found");
    }
    bob.get(&format!("/credentials/{id}")).await.refused(404, "not_found");
    let path = format!("/sessions/{}/revoke", &id[..8]);
    let revoked = alice.post(&path, &json!({"reason": "done"})).await.is(200);
    assert_eq!(
        (&revoked["session"]["status"], &revoked["session"]["reason"]),
        (&json!("revoked"), &json!("done"))
    );
    assert_eq!(revoked["session"]["credentials"].as_array().unwrap().len(), 2);
    assert!(revoked["complete"].is_boolean());
    alice.post(&format!("/credentials/{id}/refresh"), &json!({})).await.refused(409, "session_over");
    let standing = alice.get(&format!("/credentials/{id}")).await.is(200);
    let over = json!({"session_id": id, "status": "revoked", "provider": "local", "reason": "done"});
    assert_eq!(standing, over);
    assert!(!alice.get(&format!("/sessions/{id}")).await.text.contains("eyJ"), "no secret is in a record");
    site.stop().await;
}
