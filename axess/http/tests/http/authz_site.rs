//! The site with policies: documents that are somebody's, an administrator's page, and every port of the layer in view.

use super::{browser::Browser, site::Site};
use axess_authz::{
    AuthzEntityProvider, AuthzProviderError, AuthzStore, Entity, EntitySet, PolicyBundle, PolicyStore,
    ResourceUid, ToCedarEntity,
};
use axess_core::audit::MemoryAuditSink;
use axess_events::AuthEvent;
use axess_http::{Authz, AuthzLayer, Guard, GuardedRouter, RequestIdLayer, TraceContextLayer};
use axess_identity::{Principal, UserId};
use axess_macros::require_authz;
use axum::{
    Router,
    extract::Path,
    response::{IntoResponse, Response},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

const SCHEMA: &str = r#"
type RequestContext = { custom?: { region?: String } };
entity Document in [Shared] = { tenant_id: String, owner: User, secret: Bool, size: Long };
action "read" appliesTo { principal: [User, Workload], resource: [Document], context: RequestContext };
action "administer" appliesTo { principal: [User, Workload], resource: [Shared], context: RequestContext };
"#;

pub(super) const POLICIES: &str = r#"
@id("owners")
permit (principal, action == Action::"read", resource) when { resource.owner == principal };

@id("secrets-need-a-fresh-login")
forbid (principal, action == Action::"read", resource)
when { resource.secret }
unless { context has authn_time && context.now.durationSince(context.authn_time) <= duration("15m") };

@id("administrators")
permit (principal in Role::"administrator", action == Action::"administer", resource);
"#;

/// Knows `mine` and `secret`, which are the caller's, and `theirs`, which is not; nothing else exists.
#[derive(Clone, Default)]
pub(super) struct Documents {
    pub(super) down: Arc<AtomicBool>,
    pub(super) administrators: Arc<AtomicBool>,
    pub(super) loads: Arc<AtomicUsize>,
}

impl AuthzEntityProvider for Documents {
    fn name(&self) -> &str {
        "documents"
    }

    async fn entities(
        &self,
        principal: &Principal,
        resources: &[ResourceUid],
    ) -> Result<EntitySet, AuthzProviderError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            return Err(AuthzProviderError::new("timeout", "secret-host:5432 is gone"));
        }
        let me = principal.cedar_uid();
        let stranger = ResourceUid::user(UserId::from_parts(0, [99; 10]));
        let known = |uid: &ResourceUid| {
            let owner = match uid.id() {
                "mine" | "secret" => &me,
                "theirs" => &stranger,
                _ => return None,
            };
            let document = Entity::new(uid.clone())
                .with_attr("tenant_id", principal.tenant_id().to_string())
                .with_attr("owner", owner.to_json())
                .with_attr("secret", uid.id() == "secret")
                .with_attr("size", 10);
            Some(document)
        };
        let mut set: EntitySet = resources.iter().filter_map(known).collect();
        if self.administrators.load(Ordering::SeqCst) {
            set.add_parents(&me, [ResourceUid::role("administrator")]);
        }
        Ok(set)
    }
}

/// The site of [`Site`], its policies and what they are decided with.
pub(super) struct AuthzSite {
    pub(super) site: Site,
    pub(super) documents: Documents,
    pub(super) store: Arc<AuthzStore>,
    pub(super) trail: MemoryAuditSink,
}

pub(super) fn policies(text: &str) -> PolicyStore {
    let app = PolicyBundle::new("app").with_file("app.cedarschema", SCHEMA).with_file("app.cedar", text);
    PolicyStore::compose(vec![PolicyBundle::base(), app]).unwrap()
}

impl AuthzSite {
    pub(super) async fn new(text: &str) -> Self {
        Self {
            site: Site::new().await,
            documents: Documents::default(),
            store: Arc::new(AuthzStore::new(policies(text))),
            trail: MemoryAuditSink::default(),
        }
    }

    pub(super) fn layer(&self) -> AuthzLayer {
        AuthzLayer::new(Arc::clone(&self.store), Arc::new(self.documents.clone()))
            .with_audit_sink(Arc::new(self.trail.clone()))
            .with_clock(Arc::new(self.site.clock.clone()))
    }

    pub(super) fn app(&self) -> Router {
        self.app_with(self.layer())
    }

    pub(super) fn app_with(&self, layer: AuthzLayer) -> Router {
        let routes = routes().into_router().merge(self.site.routes());
        let routes = routes.layer(layer).layer(self.site.layer());
        routes.layer(RequestIdLayer::new()).layer(TraceContextLayer::new())
    }

    /// A browser in which `alice` is logged in with her password.
    pub(super) async fn alice(&self) -> Browser {
        self.site.logged_in(Browser::new(self.app()).connecting_from("192.0.2.7")).await
    }

    /// What was recorded so far.
    pub(super) fn events(&self) -> Vec<AuthEvent> {
        self.trail.events().into_iter().map(|envelope| envelope.payload).collect()
    }
}

/// Every way to ask.
pub(super) fn routes() -> GuardedRouter {
    GuardedRouter::new()
        .get("/documents/{id}", Guard::Authn, read)
        .get("/admin", Guard::Policy("administer"), async || "welcome")
        .get("/written-out", Guard::Policy("Action::\"administer\""), async || "welcome")
        .get("/unknown-action", Guard::Policy("no-such-action"), async || "welcome")
        .get("/policed-only", Guard::Public, policed_only)
}

async fn read(authz: Authz, Path(id): Path<String>) -> Response {
    let document = ResourceUid::new("Document", id).unwrap();
    require_authz!(authz, "read", document);
    format!("the text of {}", document.id()).into_response()
}

async fn policed_only(authz: Authz) -> Response {
    require_authz!(
        authz.with_custom("region", "eu"),
        "read",
        &ResourceUid::new("Document", "theirs").unwrap()
    );
    "welcome".into_response()
}
