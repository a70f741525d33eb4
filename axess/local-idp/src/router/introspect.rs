use super::{error, json};
use crate::{IntrospectionCaller, LocalIdp, MAX_TOKEN_BYTES};
use axum::{
    extract::{Form, FromRequest, Request, State},
    response::Response,
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use serde::Deserialize;
use std::{pin::Pin, sync::Arc};

/// The most bytes of a request: a token, its hint and their names.
pub(super) const MAX_BODY_BYTES: usize = MAX_TOKEN_BYTES + 1_024;

/// Says who may ask about tokens.
///
/// RFC 7662 §2.1 leaves open how a caller is authenticated, but not whether. A closure over the head of the request is one; what has to wait for something implements the trait.
///
/// ```
/// use axess_local_idp::{IntrospectionCaller, IntrospectionGuard};
/// use http::request::Parts;
/// use std::pin::Pin;
/// struct Gateways;
/// impl IntrospectionGuard for Gateways {
///     fn admit<'a>(
///         &'a self,
///         request: &'a Parts,
///     ) -> Pin<Box<dyn Future<Output = Option<IntrospectionCaller>> + Send + 'a>> {
///         let service = request.extensions.get::<String>();
///         Box::pin(async move { service.map(IntrospectionCaller::for_audience) })
///     }
/// }
/// ```
pub trait IntrospectionGuard: Send + Sync + 'static {
    /// Returns who asks, or nothing for somebody who may not.
    fn admit<'a>(
        &'a self,
        request: &'a Parts,
    ) -> Pin<Box<dyn Future<Output = Option<IntrospectionCaller>> + Send + 'a>>;
}

impl<F: Fn(&Parts) -> Option<IntrospectionCaller> + Send + Sync + 'static> IntrospectionGuard for F {
    fn admit<'a>(
        &'a self,
        request: &'a Parts,
    ) -> Pin<Box<dyn Future<Output = Option<IntrospectionCaller>> + Send + 'a>> {
        Box::pin(std::future::ready(self(request)))
    }
}

pub(super) struct Introspection {
    pub(super) idp: LocalIdp,
    pub(super) guard: Box<dyn IntrospectionGuard>,
}

/// The hint about the type is not needed: there is one.
#[derive(Deserialize)]
struct Asked {
    token: String,
}

pub(super) async fn introspect(State(state): State<Arc<Introspection>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(caller) = state.guard.admit(&parts).await else {
        let mut response = error(StatusCode::UNAUTHORIZED, "invalid_client");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    };
    match Form::<Asked>::from_request(Request::from_parts(parts, body), &()).await {
        Err(_) => error(StatusCode::BAD_REQUEST, "invalid_request"),
        Ok(Form(asked)) => {
            let answer = state.idp.introspect(&asked.token, &caller).await;
            match serde_json::to_string(&answer) {
                Ok(body) => json(StatusCode::OK, HeaderValue::from_static("no-store"), body),
                Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
            }
        }
    }
}
