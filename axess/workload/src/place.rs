use axess_identity::{TenantId, WorkloadId};
use axess_jose::{BoxFuture, Claims};
use std::{fmt, future::ready};

/// What lies below a mapping that cannot answer.
///
/// ```
/// let fault: axess_workload::MappingFault = "the database is down".into();
/// assert_eq!(fault.to_string(), "the database is down");
/// ```
pub type MappingFault = Box<dyn std::error::Error + Send + Sync>;

/// The tenant that a workload acts in, and what it is called there.
///
/// ```
/// use axess_identity::TenantId;
/// use axess_workload::WorkloadPlace;
/// let place = WorkloadPlace {
///     tenant_id: TenantId::from_parts(0, [1; 10]),
///     tenant_slug: "acme".to_owned(),
///     service_name: "billing".to_owned(),
/// };
/// assert_eq!(place.service_name, "billing");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadPlace {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its short name.
    pub tenant_slug: String,
    /// The service's name for people.
    pub service_name: String,
}

/// Says which tenant and service a workload is.
///
/// It is asked about workloads whose token was found good. A closure that waits for nothing is one:
///
/// ```
/// use axess_identity::{TenantId, WorkloadId};
/// use axess_jose::Claims;
/// use axess_workload::{WorkloadMapping, WorkloadPlace};
/// let ours = TenantId::from_parts(0, [1; 10]);
/// let mapping = move |workload: &WorkloadId, _: &Claims| {
///     let service_name = workload.path().strip_prefix("/svc/")?.to_owned();
///     Some(WorkloadPlace { tenant_id: ours, tenant_slug: "acme".to_owned(), service_name })
/// };
/// let mapping: std::sync::Arc<dyn WorkloadMapping> = std::sync::Arc::new(mapping);
/// # drop(mapping);
/// ```
pub trait WorkloadMapping: Send + Sync {
    /// Finds the place of a workload; `None` when it has none here, and then it is refused.
    ///
    /// # Errors
    ///
    /// What lies below, when that cannot be known.
    fn place<'a>(
        &'a self,
        workload: &'a WorkloadId,
        claims: &'a Claims,
    ) -> BoxFuture<'a, Result<Option<WorkloadPlace>, MappingFault>>;
}

/// Reads paths of the form `/svc/<service>/<tenant>`; any other has no place.
///
/// The function finds the tenant's id by its slug, in a database for example.
///
/// ```
/// use axess_identity::TenantId;
/// use axess_workload::PathConvention;
/// let mapping = PathConvention::new(|slug: String| async move {
///     Ok((slug == "acme").then_some(TenantId::from_parts(0, [1; 10])))
/// });
/// # drop(mapping);
/// ```
#[derive(Clone)]
pub struct PathConvention<L> {
    lookup: L,
}

impl<L, F> PathConvention<L>
where
    L: Fn(String) -> F + Send + Sync,
    F: Future<Output = Result<Option<TenantId>, MappingFault>> + Send + 'static,
{
    /// Finds tenants with `lookup`.
    #[must_use]
    pub fn new(lookup: L) -> Self {
        Self { lookup }
    }
}

impl<L, F> WorkloadMapping for PathConvention<L>
where
    L: Fn(String) -> F + Send + Sync,
    F: Future<Output = Result<Option<TenantId>, MappingFault>> + Send + 'static,
{
    fn place<'a>(
        &'a self,
        workload: &'a WorkloadId,
        _: &'a Claims,
    ) -> BoxFuture<'a, Result<Option<WorkloadPlace>, MappingFault>> {
        Box::pin(async move {
            let Some((service, slug)) = service_and_tenant(workload.path()) else { return Ok(None) };
            let found = (self.lookup)(slug.to_owned()).await?;
            Ok(found.map(|tenant_id| WorkloadPlace {
                tenant_id,
                tenant_slug: slug.to_owned(),
                service_name: service.to_owned(),
            }))
        })
    }
}

impl<F> WorkloadMapping for F
where
    F: Fn(&WorkloadId, &Claims) -> Option<WorkloadPlace> + Send + Sync,
{
    fn place<'a>(
        &'a self,
        workload: &'a WorkloadId,
        claims: &'a Claims,
    ) -> BoxFuture<'a, Result<Option<WorkloadPlace>, MappingFault>> {
        Box::pin(ready(Ok(self(workload, claims))))
    }
}

impl<L> fmt::Debug for PathConvention<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathConvention").finish_non_exhaustive()
    }
}

/// Takes a path apart; its segments are never empty.
fn service_and_tenant(path: &str) -> Option<(&str, &str)> {
    let (service, tenant) = path.strip_prefix("/svc/")?.split_once('/')?;
    (!tenant.contains('/')).then_some((service, tenant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_three_parts() {
        for (path, parts) in [
            ("/svc/billing/acme", Some(("billing", "acme"))),
            ("/svc/svc/svc", Some(("svc", "svc"))),
            ("/svc/billing", None),
            ("/svc/billing/acme/more", None),
            ("/SVC/billing/acme", None),
            ("/ns/billing/acme", None),
            ("/svc", None),
            ("", None),
        ] {
            assert_eq!(service_and_tenant(path), parts, "{path}");
        }
    }
}
