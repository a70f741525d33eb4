//! Programs that prove who they are: JWT-SVIDs of SPIFFE, in a header of each request.
//!
//! ```
//! use axess::{
//!     Principal, TenantId,
//!     clock::SystemClock,
//!     workload::{
//!         HttpClient, HttpSettings, JwtSvidLayer, JwtSvidResolver, JwtSvidResolverConfig, PathConvention,
//!     },
//! };
//! use axum::{Extension, Router, http::StatusCode, routing::get};
//! use std::{sync::Arc, time::Duration};
//!
//! fn app() -> Result<Router, Box<dyn std::error::Error>> {
//!     let config = JwtSvidResolverConfig {
//!         trust_domain: "prod.example.com".parse()?,
//!         jwks_url: "https://spire.prod.example.com/keys".into(),
//!         expected_audiences: vec!["https://api.example.com".into()],
//!         clock_skew: Duration::from_secs(30),
//!         max_token_age: Duration::from_secs(3600),
//!     };
//!     // Which tenant a workload acts in: here the last part of `/svc/<service>/<tenant>`, looked up somewhere.
//!     let tenants = PathConvention::new(|slug: String| async move {
//!         Ok((slug == "acme").then(|| TenantId::from_parts(0, [1; 10])))
//!     });
//!     let http = HttpClient::new(&HttpSettings::default())?;
//!     let resolver = JwtSvidResolver::new(config, Arc::new(http), Arc::new(tenants), Arc::new(SystemClock))?;
//!     Ok(Router::new().route("/api/data", get(handler)).layer(JwtSvidLayer::new(resolver)))
//! }
//!
//! // A request without a token comes this far: a guard can say who may.
//! async fn handler(caller: Option<Extension<Principal>>) -> (StatusCode, String) {
//!     match caller {
//!         Some(Extension(Principal::Workload(workload))) => {
//!             (StatusCode::OK, format!("{} of {}", workload.service_name, workload.tenant_slug))
//!         }
//!         _ => (StatusCode::UNAUTHORIZED, "this is for programs".to_owned()),
//!     }
//! }
//! # app().unwrap();
//! ```

pub use axess_http::{JtiReplayGuard, JwtSvidLayer, JwtSvidService};
pub use axess_identity::{Issuer, TrustDomain, WorkloadId, WorkloadPrincipal};
pub use axess_oauth::{HttpClient, HttpSettings};
pub use axess_workload::*;
