use super::{
    Api,
    client::{delete_order, id_of, members},
};
use crate::site::{Site, approvals};
use serde_json::json;
use std::time::{Duration, Instant};

async fn team(required: u8) -> (Site, Api, Api, Api) {
    let site = Site::with(|settings| settings.rules = approvals(required)).await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &["security"]).await);
    let bob = Api::of(&site, &site.someone("bob@example.com", &[], &["security"]).await);
    let carol = Api::of(&site, &site.someone("carol@example.com", &[], &["compliance"]).await);
    (site, alice, bob, carol)
}

#[tokio::test]
async fn what_waits_says_who_decides_and_where_to_ask() {
    let (site, alice, bob, _) = team(1).await;
    let answer = alice.post("/credentials", &delete_order()).await;
    let body = answer.is(202);
    let id = id_of(&body);
    assert_eq!(members(&body), ["approval", "digest", "session_id", "status"]);
    assert_eq!(members(&body["approval"]), ["expires_at", "required", "roles", "rules", "url"]);
    assert_eq!(body["status"], "pending_approval");
    assert_eq!(body["approval"]["url"], format!("{}/console/requests/{id}", site.url));
    assert_eq!(answer.header("location"), format!("/credentials/{id}"));
    assert_eq!(alice.get(answer.header("location")).await.is(202), body);
    let shown = bob.get(&format!("/approvals/{id}")).await.is(200);
    assert_eq!((&shown["requester"], &shown["reason"]), (&json!("alice@example.com"), &json!("a duplicate")));
    assert_eq!(shown["digest"], body["digest"]);
    assert!(shown["policy"].as_str().unwrap().contains("orders:DeleteOrder"), "{shown}");
    assert!(shown["target"].is_string() && shown["ttl"].is_string(), "as whom and for how long: {shown}");
    site.stop().await;
}

#[tokio::test]
async fn two_roles_agree_and_the_one_who_asked_picks_it_up_once() {
    let (site, alice, bob, carol) = team(2).await;
    let id = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
    let short = &id[..8];
    let agree = json!({"comment": "Approved for data migration task"});
    alice.post(&format!("/approvals/{short}/approve"), &agree).await.refused(403, "own_request");
    let one = bob.post(&format!("/approvals/{short}/approve"), &agree).await.is(200);
    assert_eq!((&one["status"], one["votes"].as_array().unwrap().len()), (&json!("pending_approval"), 1));
    bob.post(&format!("/approvals/{short}/approve"), &agree).await.refused(409, "already_voted");
    let digest = json!({"comment": "agreed", "digest": "00"});
    carol.post(&format!("/approvals/{short}/approve"), &digest).await.refused(409, "digest_mismatch");
    let role = json!({"comment": "agreed", "role": "security"});
    carol.post(&format!("/approvals/{short}/approve"), &role).await.refused(403, "role_not_yours");
    let two = carol.post(&format!("/approvals/{short}/approve"), &agree).await.is(200);
    assert_eq!(two["status"], "approved");
    let votes: Vec<&str> =
        two["votes"].as_array().unwrap().iter().filter_map(|vote| vote["role"].as_str()).collect();
    assert_eq!(votes, ["security", "compliance"]);
    let path = format!("/credentials/{short}");
    let seen = carol.get(&path).await;
    assert!(!seen.text.contains("audex_token"), "an approver gets no credential: {seen:?}");
    let picked_up = alice.get(&path).await.is(200);
    assert_eq!(members(&picked_up), ["credentials", "expires_at", "provider", "session_id"]);
    let again = alice.get(&path).await;
    assert_eq!(again.is(200), picked_up, "an answer that was lost is given again");
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(alice.get("/sessions").await.is(200)["items"].as_array().unwrap().len(), 1);
    bob.post(&format!("/approvals/{short}/deny"), &agree).await.refused(409, "already_decided");
    site.stop().await;
}

#[tokio::test]
async fn one_refusal_decides() {
    let (site, alice, bob, _) = team(2).await;
    let id = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
    bob.post(&format!("/approvals/{id}/deny"), &json!({})).await.refused(400, "invalid_request");
    bob.post(&format!("/approvals/{id}/deny"), &json!({"comment": " "})).await.refused(400, "comment_needed");
    for unread in ["  \u{200b}", "fine \u{202e}enif", "\u{7}"] {
        let body = json!({ "comment": unread });
        bob.post(&format!("/approvals/{id}/deny"), &body).await.refused(400, "comment_needed");
    }
    let denied =
        bob.post(&format!("/approvals/{id}/deny"), &json!({"comment": "TTL too long"})).await.is(200);
    assert_eq!(denied["status"], "denied");
    let standing = alice.get(&format!("/credentials/{id}")).await.is(200);
    assert_eq!(
        (&standing["status"], &standing["votes"][0]["comment"]),
        (&json!("denied"), &json!("TTL too long"))
    );
    site.stop().await;
}

#[tokio::test]
async fn whoever_asked_takes_it_back() {
    let (site, alice, bob, _) = team(1).await;
    let first = alice.post_as("key", "/credentials", &delete_order()).await;
    let again = alice.post_as("key", "/credentials", &delete_order()).await;
    assert_eq!(again.is(202), first.is(202));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    let id = id_of(&first.is(202));
    bob.post(&format!("/approvals/{id}/withdraw"), &json!({})).await.refused(403, "forbidden");
    let body = alice.post(&format!("/approvals/{id}/withdraw"), &json!({})).await.is(200);
    assert_eq!(body["status"], "withdrawn");
    assert_eq!(bob.get("/approvals/pending").await.is(200)["items"], json!([]));
    bob.post(&format!("/approvals/{id}/approve"), &json!({"comment": "late"}))
        .await
        .refused(409, "already_decided");
    let again = alice.post_as("key", "/credentials", &delete_order()).await;
    assert_eq!(
        (again.is(202)["status"].as_str(), again.header("idempotency-replayed")),
        (Some("withdrawn"), "true")
    );
    let root = Api::of(&site, &site.someone("root@example.com", &[], &["admin"]).await);
    let found = root.get("/audit?event_type=approval_withdrawn").await.is(200);
    let [event] = found["items"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert_eq!(
        (&event["status"], &event["user"], &event["session_id"]),
        (&json!("withdrawn"), &json!("alice@example.com"), &json!(id))
    );
    assert_eq!(root.get("/audit?event_type=approval_lapsed").await.is(200)["items"], json!([]));
    let exported = root.get("/audit/export?format=csv&event_type=approval_withdrawn").await.text;
    assert!(
        exported.contains("\"approval_withdrawn\",\"alice@example.com\"")
            && exported.contains("\"withdrawn\""),
        "{exported}"
    );
    site.stop().await;
}

#[tokio::test]
async fn who_waits_hears_at_once() {
    let (site, alice, bob, _) = team(1).await;
    let id = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
    let path = format!("/credentials/{id}?wait=60");
    #[expect(clippy::disallowed_methods, reason = "how long a client waits is measured")]
    let begin = Instant::now();
    let decide = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        bob.post(&format!("/approvals/{id}/approve"), &json!({"comment": "agreed"})).await.is(200)
    };
    let (answer, _) = tokio::join!(alice.get(&path), decide);
    assert_eq!(members(&answer.is(200)), ["credentials", "expires_at", "provider", "session_id"]);
    let took = begin.elapsed();
    assert!((Duration::from_millis(400)..Duration::from_secs(45)).contains(&took), "{took:?}");
    site.stop().await;
}

#[tokio::test]
async fn nobody_waits_longer_than_the_server_says() {
    let site = Site::with(|settings| {
        settings.rules = approvals(1);
        settings.limits.longest_poll = Duration::from_millis(300);
    })
    .await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let id = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
    #[expect(clippy::disallowed_methods, reason = "how long a client waits is measured")]
    let begin = Instant::now();
    alice.get(&format!("/credentials/{id}?wait=3600")).await.is(202);
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    for wrong in ["-1", "3601", "soon", "1.5", ""] {
        alice.get(&format!("/credentials/{id}?wait={wrong}")).await.refused(400, "invalid_request");
    }
    site.stop().await;
}
