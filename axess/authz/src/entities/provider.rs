use super::EntitySet;
use crate::ResourceUid;
use axess_identity::Principal;
use std::{error::Error, fmt, pin::Pin, sync::Arc};

/// Loads the facts that policies need about a principal and the resources it asks for.
///
/// Return enough to answer the policies and no more: the principal's roles and groups (as
/// [`EntitySet::add_parents`] of [`ToCedarEntity::cedar_uid`](super::ToCedarEntity::cedar_uid)), and each resource with
/// its attributes and parents. The principal's own entity is added by the session: its proven facts win over what is
/// loaded here, and what is loaded here wins over the principal's further attributes. A resource that does not exist is
/// left out: it is then denied like any other. One call loads everything for a whole batch.
///
/// ```
/// use axess_authz::{AuthzEntityProvider, AuthzProviderError, Entity, EntitySet, ResourceUid};
/// use axess_identity::Principal;
///
/// struct Documents;
///
/// impl AuthzEntityProvider for Documents {
///     fn name(&self) -> &str {
///         "documents"
///     }
///
///     async fn entities(&self, principal: &Principal, resources: &[ResourceUid]) -> Result<EntitySet, AuthzProviderError> {
///         let tenant = principal.tenant_id().to_string();
///         Ok(resources.iter().map(|uid| Entity::new(uid.clone()).with_attr("tenant_id", tenant.as_str())).collect())
///     }
/// }
/// ```
pub trait AuthzEntityProvider: Send + Sync + 'static {
    /// Returns the name that events about its failures carry.
    fn name(&self) -> &str;

    /// Loads the entities of one evaluation or one batch.
    ///
    /// # Errors
    ///
    /// [`AuthzProviderError`] when the facts cannot be had; the request is then refused as unavailable, not as denied.
    fn entities(
        &self,
        principal: &Principal,
        resources: &[ResourceUid],
    ) -> impl Future<Output = Result<EntitySet, AuthzProviderError>> + Send;
}

/// Is the object-safe twin of [`AuthzEntityProvider`], implemented for every implementation of it.
pub trait DynAuthzEntityProvider: Send + Sync + 'static {
    /// Calls [`AuthzEntityProvider::name`].
    fn name(&self) -> &str;

    /// Calls [`AuthzEntityProvider::entities`].
    fn entities<'a>(
        &'a self,
        principal: &'a Principal,
        resources: &'a [ResourceUid],
    ) -> Pin<Box<dyn Future<Output = Result<EntitySet, AuthzProviderError>> + Send + 'a>>;
}

/// A provider that knows nothing: every resource is missing.
///
/// ```
/// use axess_authz::{AuthzEntityProvider, NoEntities};
/// assert_eq!(NoEntities.name(), "none");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEntities;

/// Says that the facts of an evaluation could not be loaded.
///
/// It prints the kind of failure only; the cause is the source.
///
/// ```
/// use axess_authz::AuthzProviderError;
/// let error = AuthzProviderError::new("timeout", std::io::Error::other("connection pool exhausted"));
/// assert_eq!(error.to_string(), "timeout");
/// ```
#[derive(Debug)]
pub struct AuthzProviderError {
    kind: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl AuthzProviderError {
    /// Wraps a cause; `kind` names it for events and logs and holds no data.
    pub fn new(kind: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into() }
    }
}

impl fmt::Display for AuthzProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

impl Error for AuthzProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

impl<P: AuthzEntityProvider> DynAuthzEntityProvider for P {
    fn name(&self) -> &str {
        <P as AuthzEntityProvider>::name(self)
    }

    fn entities<'a>(
        &'a self,
        principal: &'a Principal,
        resources: &'a [ResourceUid],
    ) -> Pin<Box<dyn Future<Output = Result<EntitySet, AuthzProviderError>> + Send + 'a>> {
        Box::pin(<P as AuthzEntityProvider>::entities(self, principal, resources))
    }
}

impl AuthzEntityProvider for Arc<dyn DynAuthzEntityProvider> {
    fn name(&self) -> &str {
        <dyn DynAuthzEntityProvider>::name(&**self)
    }

    async fn entities(
        &self,
        principal: &Principal,
        resources: &[ResourceUid],
    ) -> Result<EntitySet, AuthzProviderError> {
        <dyn DynAuthzEntityProvider>::entities(&**self, principal, resources).await
    }
}

impl AuthzEntityProvider for NoEntities {
    fn name(&self) -> &str {
        "none"
    }

    async fn entities(&self, _: &Principal, _: &[ResourceUid]) -> Result<EntitySet, AuthzProviderError> {
        Ok(EntitySet::new())
    }
}
