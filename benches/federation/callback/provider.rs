//! A provider that does nothing but answer: who logs in there is decided beforehand, and so is what it signs.

use super::{ALGORITHM, site::Begun};
use crate::Fault;
use axess::rng::{SystemRng, random_array};
use axess_jose::SigningKey;
use axum::{
    Form, Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError},
};

pub(crate) const CLIENT: &str = "client-1";
pub(crate) const SECRET: &str = "the secret of a benchmark";
/// How many people log in, again and again.
pub(crate) const USERS: usize = 64;

/// What is answered to each code, once.
type Answers = Arc<Mutex<HashMap<String, Value>>>;

/// A provider that runs on a thread of its own until the program ends.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) key: SigningKey,
    answers: Answers,
}

impl Provider {
    pub(crate) fn start() -> Result<Self, Fault> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let issuer = format!("http://{}", listener.local_addr()?);
        let key = SigningKey::generate(ALGORITHM)?;
        let answers = Answers::default();
        let routes = routes(&issuer, &key, Arc::clone(&answers));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime
                .block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener)?, routes).await })
        });
        Ok(Self { issuer, key, answers })
    }

    /// Has somebody log in, and returns the path and the query that their browser is sent to.
    pub(crate) fn log_in(&self, begun: &Begun, user: usize) -> Result<String, Fault> {
        let code = self.code(Some(&begun.nonce), user)?;
        let parameters = [("code", &code), ("state", &begun.state), ("iss", &self.issuer)];
        let back = reqwest::Url::parse_with_params("http://127.0.0.1/callback", parameters)?;
        Ok(format!("/callback?{}", back.query().unwrap_or_default()))
    }

    /// Makes a code that is good for one answer.
    pub(crate) fn code(&self, nonce: Option<&str>, user: usize) -> Result<String, Fault> {
        let code = uuid::Uuid::from_bytes(random_array(&SystemRng)).simple().to_string();
        let now = chrono::Utc::now().timestamp();
        let claims = json!({
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": format!("user-{}", user % USERS),
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "amr": ["pwd", "otp"],
            "email": format!("user-{user}@example.com"),
            "email_verified": true,
            "groups": ["staff", "developers", "on-call"],
        });
        let answer = json!({
            "access_token": code,
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": self.key.sign("JWT", &claims)?,
        });
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(code.clone(), answer);
        Ok(code)
    }
}

fn routes(issuer: &str, key: &SigningKey, answers: Answers) -> Router {
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM.name()],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "authorization_response_iss_parameter_supported": true,
    });
    let keys = json!({"keys": [key.public_jwk()]});
    Router::new()
        .route("/.well-known/openid-configuration", get(async || Json(document)))
        .route("/keys", get(async || Json(keys)))
        .route("/token", post(token))
        .with_state(answers)
}

async fn token(
    State(answers): State<Answers>,
    Form(form): Form<HashMap<String, String>>,
) -> Result<Json<Value>, StatusCode> {
    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    let code = form.get("code").ok_or(StatusCode::BAD_REQUEST)?;
    answers.remove(code).map(Json).ok_or(StatusCode::BAD_REQUEST)
}
