use super::{
    Api,
    client::{delete_order, get_order, id_of},
};
use crate::site::{Site, approvals};
use serde_json::{Value, json};

fn ids(body: &Value) -> Vec<String> {
    body["items"].as_array().unwrap().iter().map(id_of).collect()
}

/// Follows the links of a list to its end.
async fn walk(api: &Api, first: &str) -> Vec<String> {
    let (mut path, mut all) = (first.to_owned(), Vec::new());
    for _ in 0..20 {
        let answer = api.get(&path).await;
        let body = answer.is(200);
        all.extend(ids(&body));
        let link = answer.header("link");
        let Some(next) = body["next"].as_str() else {
            assert_eq!(link, "");
            return all;
        };
        path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        assert!(path.contains("limit=2") && !next.is_empty(), "{link}");
    }
    panic!("it has no end: {all:?}");
}

#[tokio::test]
async fn pages_follow_each_other_newest_first() {
    let site = Site::with(|settings| settings.rules = approvals(1)).await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let (mut sessions, mut requests) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        sessions.insert(0, id_of(&alice.post("/credentials", &get_order()).await.is(200)));
        requests.insert(0, id_of(&alice.post("/credentials", &delete_order()).await.is(202)));
    }
    assert_eq!(walk(&alice, "/sessions?limit=2").await, sessions);
    assert_eq!(walk(&alice, "/sessions?status=active&limit=2").await, sessions);
    assert_eq!(walk(&alice, "/approvals/pending?limit=2").await, requests);
    assert_eq!(ids(&alice.get("/sessions?status=revoked").await.is(200)), Vec::<String>::new());
    site.stop().await;
}

#[tokio::test]
async fn everybody_sees_their_own_and_auditors_see_all() {
    let site = Site::with(|settings| settings.rules = approvals(1)).await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let bob = Api::of(&site, &site.someone("bob@example.com", &[], &[]).await);
    let audit = Api::of(&site, &site.someone("audrey@example.com", &[], &["auditor"]).await);
    let id = id_of(&alice.post("/credentials", &get_order()).await.is(200));
    let waiting = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
    let bobs = id_of(&bob.post("/credentials", &get_order()).await.is(200));
    for (who, whose, expected) in [
        (&audit, "alice%40example.com", vec![id.clone()]),
        (&audit, "bob%40example.com", vec![bobs.clone()]),
        (&audit, "nobody", vec![]),
        (&alice, "alice%40example.com", vec![id.clone()]),
        (&alice, "bob%40example.com", vec![]),
    ] {
        assert_eq!(ids(&who.get(&format!("/sessions?identity={whose}")).await.is(200)), expected, "{whose}");
    }
    bob.post(&format!("/sessions/{bobs}/revoke"), &json!({})).await.is(200);
    for (who, sees) in [(&alice, true), (&bob, false), (&audit, true)] {
        let expected: Vec<String> = if sees { vec![id.clone()] } else { vec![] };
        assert_eq!(ids(&who.get("/sessions?status=active").await.is(200)), expected);
        let status = if sees { 200 } else { 404 };
        for path in [format!("/sessions/{id}"), format!("/approvals/{waiting}")] {
            who.get(&path).await.is(status);
        }
    }
    audit.post(&format!("/sessions/{id}/revoke"), &json!({})).await.refused(403, "forbidden");
    site.stop().await;
}

#[tokio::test]
async fn what_is_no_page_is_refused() {
    let site = Site::new().await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let cases = [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("after=nonsense", "after"),
        ("status=Active", "status"),
        ("limits=5", "limits"),
        ("limit=5&limit=6", "limit"),
    ];
    for (query, field) in cases {
        let problem = alice.get(&format!("/sessions?{query}")).await.refused(400, "invalid_request");
        assert_eq!(problem["field"], field, "{query}");
    }
    let problem = alice.get("/sessions?limits=5").await.json();
    assert_eq!(problem["detail"], "there is no `limits`: did you mean `limit`?");
    site.stop().await;
}
