//! What a request is answered with.

use super::{CONTAINER_PATH, EndpointConfig, PROCESS_PATH};
use crate::deliver::Documents;
use audex_core::CredentialSecret;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What whoever lacks the token is told, which is the same for a token that is wrong.
const WRONG_TOKEN: &str = "the Authorization header must be the content of the token file that tryaudex named; \
an SDK that does not know AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE needs a newer version, or --deliver env";

/// Answers from what was minted last.
pub(super) struct Answers {
    config: EndpointConfig,
    documents: Documents,
    host: String,
    token: CredentialSecret,
    fetches: Arc<AtomicU64>,
}

/// Why there is no credential: a status, a code for programs, a message that SDKs show.
struct No(StatusCode, &'static str, &'static str);

impl Answers {
    pub(super) fn new(
        config: EndpointConfig,
        documents: Documents,
        address: SocketAddr,
        token: CredentialSecret,
        fetches: Arc<AtomicU64>,
    ) -> Self {
        Self { config, documents, host: address.to_string(), token, fetches }
    }

    /// Answers a request of somebody whose user id was found right.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        match self.document(request) {
            Ok(document) => {
                self.fetches.fetch_add(1, Ordering::Relaxed);
                response(StatusCode::OK, document)
            }
            Err(No(status, code, message)) => {
                let mut response = response(status, Bytes::from(error_document(code, message)));
                if status == StatusCode::METHOD_NOT_ALLOWED {
                    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
                }
                response
            }
        }
    }

    /// Decides; whoever lacks the token learns nothing but that.
    fn document<B>(&self, request: &Request<B>) -> Result<Bytes, No> {
        if !self.is_for_us(request.uri(), request.headers()) {
            return Err(No(StatusCode::MISDIRECTED_REQUEST, "WrongHost", "ask for 127.0.0.1 with the port"));
        }
        if request.method() != Method::GET {
            return Err(No(StatusCode::METHOD_NOT_ALLOWED, "WrongMethod", "only GET is answered"));
        }
        if !self.has_token(request.headers()) {
            return Err(No(StatusCode::UNAUTHORIZED, "WrongToken", WRONG_TOKEN));
        }
        let write = match request.uri().path() {
            CONTAINER_PATH => self.documents.endpoint,
            PROCESS_PATH => self.documents.process,
            _ => return Err(No(StatusCode::NOT_FOUND, "WrongPath", "there is nothing here")),
        };
        let now = self.config.clock.now();
        let credential = self.config.credential.borrow();
        let Some(credential) = credential.as_ref().filter(|_| now < self.config.deadline) else {
            return Err(No(StatusCode::GONE, "SessionOver", "the tryaudex session is over; start another"));
        };
        if now >= credential.expires_at() {
            let message =
                "the last credential has expired and no new one could be had yet; tryaudex goes on trying";
            return Err(No(StatusCode::SERVICE_UNAVAILABLE, "CredentialExpired", message));
        }
        let odd =
            No(StatusCode::INTERNAL_SERVER_ERROR, "NoDocument", "the credential is of another provider");
        write(credential).map(|document| Bytes::copy_from_slice(&document)).ok_or(odd)
    }

    /// Tells whether the one host that is named is this server.
    fn is_for_us(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (host, another) = (hosts.next(), hosts.next());
        let in_header = another.is_none() && host.is_some_and(|host| host.as_bytes() == self.host.as_bytes());
        in_header && uri.authority().is_none_or(|authority| authority.as_str() == self.host)
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let mut tokens = headers.get_all(header::AUTHORIZATION).iter();
        let (token, another) = (tokens.next(), tokens.next());
        let token = token.filter(|_| another.is_none()).and_then(|token| token.to_str().ok());
        token.is_some_and(|token| self.token.ct_eq(token))
    }
}

/// Writes an error as SDKs read it.
pub(super) fn error_document(code: &str, message: &str) -> String {
    serde_json::json!({ "Code": code, "Message": message }).to_string()
}

fn response(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
