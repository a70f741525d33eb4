use super::{
    Answer, Api,
    client::{delete_order, get_order, id_of},
};
use crate::site::{Site, approvals};
use serde_json::{Value, json};

fn types(body: &Value) -> Vec<&str> {
    body["items"].as_array().unwrap().iter().filter_map(|row| row["event_type"].as_str()).collect()
}

/// Asks until something is there: evidence can be searched a moment later.
async fn until(api: &Api, path: &str, is_there: impl Fn(&Answer) -> bool) -> Answer {
    for _ in 0..2_400 {
        let answer = api.get(path).await;
        if is_there(&answer) {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{:?}", api.get(path).await);
}

#[tokio::test]
async fn auditors_search_and_export_what_happened() {
    let site = Site::with(|settings| settings.rules = approvals(1)).await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let audrey = Api::of(&site, &site.someone("audrey@example.com", &[], &["auditor"]).await);
    let issued = id_of(&alice.post("/credentials", &get_order()).await.is(200));
    let waiting = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
    let path = format!("/audit?session={waiting}");
    let body = until(&audrey, &path, |answer| !types(&answer.json()).is_empty()).await.is(200);
    let row = &body["items"][0];
    assert_eq!(row["event_type"], "credential_requested");
    let members = ["timestamp", "event_type", "user", "action", "ttl", "provider", "status"];
    let said: Vec<&Value> = members.iter().map(|name| &row[*name]).collect();
    assert!(said.iter().all(|value| value.as_str().is_some_and(|text| !text.is_empty())), "{row}");
    assert_eq!((&row["user"], &row["status"]), (&json!("alice@example.com"), &json!("pending_approval")));
    assert_eq!((&row["action"], &row["ttl"]), (&json!("orders:DeleteOrder"), &json!("15m")));
    let of_bob = audrey.get("/audit?user=bob@example.com").await.is(200);
    for path in ["/audit?", "/audit/export?format=csv&"] {
        let typo = audrey.get(&format!("{path}event_type=credential_isued")).await;
        let problem = typo.refused(400, "invalid_request");
        assert_eq!(problem["field"], "event_type", "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("`credential_issued`") && detail.contains("/openapi.json"), "{detail}");
        let problem = audrey.get(&format!("{path}session=a1b2")).await.refused(400, "invalid_request");
        assert_eq!(problem["field"], "session", "{problem}");
    }
    let described = audrey.get("/openapi.json").await.is(200);
    let parameters = described["paths"]["/audit"]["get"]["parameters"].as_array().unwrap();
    let types = &parameters.iter().find(|one| one["name"] == "event_type").unwrap()["schema"]["enum"];
    assert!(types.as_array().unwrap().contains(&json!("credential_issued")), "{types}");
    assert_eq!(of_bob["items"], json!([]));
    let first = audrey.get("/audit?user=alice@example.com&limit=1").await;
    let link = first.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    assert!(link.starts_with("/audit?user=alice@example.com&limit=1&after="), "{link}");
    assert_ne!(audrey.get(&link).await.is(200)["items"], first.json()["items"]);
    for query in ["since=yesterday", "until=2024-01-01", "after=nonsense", "limit=1001", "format=json"] {
        audrey.get(&format!("/audit?{query}")).await.refused(400, "invalid_request");
    }
    alice.get("/audit").await.refused(403, "forbidden");
    alice.get("/audit/export").await.refused(403, "forbidden");
    for (format, kind) in [("json", "application/json"), ("csv", "text/csv; charset=utf-8")] {
        let answer = audrey.get(&format!("/audit/export?format={format}")).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, kind));
        let name = answer.header("content-disposition");
        assert!(
            name.starts_with("attachment; filename=\"audex-audit-")
                && name.ends_with(&format!(".{format}\""))
        );
        assert!(answer.text.contains(&issued) && answer.text.contains(&waiting));
        assert_eq!(answer.header("content-length"), "", "it is streamed");
        assert!(!answer.text.contains("eyJ"), "no secret is evidence");
    }
    audrey.get("/audit/export?format=xml").await.refused(400, "invalid_request");
    site.stop().await;
}
