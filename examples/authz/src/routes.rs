//! Who may reach what, and the layers around it. `routes.txt` is the same list, kept for review.

use crate::{Fault, database::Database, documents::Documents, facts::Facts, handlers};
use axess::{
    AuthnService, AuthzStore, CsrfConfig, CsrfLayer, FactorKind, Guard, GuardedRouter, SessionLayer,
    authz::{AuthzLayer, RowMapping, StepUpOptions},
    backends::sqlite::Backend,
    middleware::{ClientIpConfig, ClientIpLayer},
    rng::{SystemRng, random_array},
};
use axum::{Router, extract::DefaultBodyLimit};
use std::sync::Arc;

pub(crate) type Service = AuthnService<Backend, Backend>;

/// The most bytes of a request's body.
const MAX_BODY: usize = 64 * 1024;

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) service: Arc<Service>,
    pub(crate) facts: Arc<Facts>,
    pub(crate) documents: Documents,
    pub(crate) columns: RowMapping,
}

impl App {
    pub(crate) fn new(service: Service, database: &Database) -> Self {
        Self {
            service: Arc::new(service),
            facts: Arc::new(Facts::of(database.pool.clone())),
            documents: Documents::of(database.pool.clone()),
            columns: Documents::columns(),
        }
    }
}

/// Builds the application. The last layer is the outermost: the address first, then the session, then what knows it.
pub(crate) fn router(
    app: App,
    policies: Arc<AuthzStore>,
    database: &Database,
    client_ip: ClientIpConfig,
) -> Result<Router, Fault> {
    // Everybody here has a password and nothing else, so nothing else is asked for.
    let authz = AuthzLayer::new(policies, app.facts.clone())
        .with_device_store(Arc::new(database.devices.clone()))
        .with_step_up(StepUpOptions::new([FactorKind::Password]));
    let key: [u8; 32] = random_array(&SystemRng);
    let sessions = SessionLayer::new(database.sessions.clone(), key).with_secure(false); // plain HTTP
    sessions.check()?;
    Ok(pages()
        .into_router()
        .with_state(app)
        .layer(authz)
        .layer(CsrfLayer::new(CsrfConfig::new(key)?.secure(false)))
        .layer(sessions)
        .layer(ClientIpLayer::new(client_ip))
        .layer(DefaultBodyLimit::max(MAX_BODY)))
}

/// Guards say who must be logged in. What they may do then is for the policies to say.
fn pages() -> GuardedRouter<App> {
    GuardedRouter::new()
        .post("/login", Guard::Public, handlers::login)
        .post("/step-up", Guard::Authn, handlers::step_up)
        .post("/device/trust", Guard::Authn, handlers::trust_device)
        .get("/documents", Guard::Authn, handlers::list)
        .get("/documents/{id}", Guard::Authn, handlers::read)
        .put("/documents/{id}", Guard::Authn, handlers::edit)
        .delete("/documents/{id}", Guard::Authn, handlers::delete)
        .get("/documents/{id}/explain", Guard::Authn, handlers::explain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guards_are_those_that_were_reviewed() {
        let manifest = pages().manifest();
        assert_eq!(manifest.to_string(), include_str!("../routes.txt"), "review the change, then copy it");
    }
}
