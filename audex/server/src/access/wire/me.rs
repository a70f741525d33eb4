use super::add;
use crate::access::{Caller, Proof};
use axum::Json;
use serde_json::{Value, json};

/// Tells callers who they are to the server.
pub(super) async fn show(caller: Caller) -> Json<Value> {
    let mut me = json!({
        "identity": caller.identity(),
        "display_name": caller.display_name,
        "user_id": caller.user_id,
        "kind": if caller.is_service { "service" } else { "human" },
        "roles": caller.roles,
        "groups": caller.requester.groups(),
        "authenticated_by": caller.how.name(),
    });
    match &caller.how {
        Proof::ApiToken { id, scopes, .. } => {
            add(&mut me, "token_id", json!(id));
            add(&mut me, "scopes", json!(scopes));
        }
        Proof::Session { proved_at } => add(&mut me, "proved_at", json!(proved_at)),
        Proof::Workload => {}
    }
    Json(me)
}
