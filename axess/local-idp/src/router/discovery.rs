use super::{error, json};
use crate::{JwkSet, LocalIdp, LocalIdpError, SigningAlgorithm, jwk::text};
use aws_lc_rs::digest::{SHA256, digest};
use axum::{extract::State, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json as value};

#[derive(Clone)]
pub(super) struct Discovery {
    pub(super) idp: LocalIdp,
    pub(super) introspects: bool,
}

/// Answers with the metadata. We issue and verify only: there is no endpoint for authorisation or tokens.
pub(super) async fn configuration(State(state): State<Discovery>, headers: HeaderMap) -> Response {
    match state.idp.jwks().await {
        Ok(keys) => cached(&state, &headers, &document(&state, &keys).to_string()),
        Err(error) => unavailable(&error),
    }
}

pub(super) async fn jwks(State(state): State<Discovery>, headers: HeaderMap) -> Response {
    match state.idp.jwks().await {
        Ok(keys) => match serde_json::to_string(&keys) {
            Ok(body) => cached(&state, &headers, &body),
            Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        },
        Err(error) => unavailable(&error),
    }
}

fn document(state: &Discovery, keys: &JwkSet) -> Value {
    let config = state.idp.config();
    let issuer = &config.issuer;
    let used = |algorithm: &SigningAlgorithm| keys.keys.iter().any(|key| key.alg == *algorithm);
    let algorithms: Vec<_> =
        SigningAlgorithm::ALL.into_iter().filter(used).map(SigningAlgorithm::as_str).collect();
    let mut document = config.metadata.clone();
    document.insert("issuer".into(), issuer.as_str().into());
    document.insert("jwks_uri".into(), issuer.jwks_uri().into());
    document.insert("response_types_supported".into(), value!(["id_token"]));
    document.insert("subject_types_supported".into(), value!(["public"]));
    document.insert("id_token_signing_alg_values_supported".into(), algorithms.into());
    if state.introspects {
        document.insert("introspection_endpoint".into(), issuer.introspection_endpoint().into());
    }
    Value::Object(document)
}

/// Answers with a body that may be cached, or with 304 when the asker has it.
fn cached(state: &Discovery, asked: &HeaderMap, body: &str) -> Response {
    let tag = format!("\"{}\"", text(digest(&SHA256, body.as_bytes()).as_ref()));
    let age = state.idp.config().cached_for().num_seconds();
    let cache = HeaderValue::try_from(format!("public, max-age={age}"));
    let cache = cache.unwrap_or(HeaderValue::from_static("no-cache"));
    let mut response = match has(asked, &tag) {
        true => {
            let mut response = json(StatusCode::NOT_MODIFIED, cache, "");
            response.headers_mut().remove(header::CONTENT_TYPE);
            response
        }
        false => json(StatusCode::OK, cache, body.to_owned()),
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Compares weakly, as a read does (RFC 9110 §13.1.2).
fn has(asked: &HeaderMap, tag: &str) -> bool {
    let lists = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

fn unavailable(cause: &LocalIdpError) -> Response {
    tracing::error!(error = cause as &dyn std::error::Error, "the public keys could not be served");
    error(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
}
