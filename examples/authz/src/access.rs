//! What stands between handlers and policies: the name of a document, and how a refusal looks.

use crate::{documents::ENTITY_TYPE, facts::Facts, refusal::Refusal};
use axess::{
    Authenticated, ClientIp, HumanPrincipal, Principal, UserId,
    authz::{
        Authz, AuthzEntityProvider, AuthzQuery, AuthzRejection, AuthzUnavailable, EntitySet, Explanation,
        ResourceUid, StandardRequestContext, ToCedarEntity,
    },
    clock::Clock,
};

/// Lets only who may do `action` to the document go on. To who may not even read it, it is not there.
pub(crate) async fn require(authz: &Authz, action: &str, id: &str) -> Result<(), Refusal> {
    let document = document(id)?;
    match authz.require(action, &document).await {
        Ok(()) => Ok(()),
        Err(AuthzRejection::Denied(denied)) => {
            let is_seen = action != "read" && authz.decide("read", &document).await?.is_allow();
            Err(if is_seen { AuthzRejection::Denied(denied).into() } else { Refusal::not_found() })
        }
        Err(other) => Err(other.into()),
    }
}

/// Explains what the policies say about another user of the asker's tenant, if that user asked from where the asker is,
/// as recently logged in, on a device nobody knows. It is no decision about a request of that user's: none is recorded.
pub(crate) async fn explain(
    (asker, authz, client): (&Authenticated, &Authz, Option<ClientIp>),
    facts: &Facts,
    user_id: UserId,
    action: &str,
    id: &str,
) -> Result<Explanation, Refusal> {
    let mut context = StandardRequestContext::new(asker.session().sessions().clock().now())
        .with_factors(asker.factors_completed.iter().cloned(), asker.authn_time);
    context.ip = client.and_then(|client| client.ip);
    let (tenant_id, document) = (asker.tenant_id, document(id)?);
    let user = HumanPrincipal { user_id, tenant_id, session_id: None, attributes: [].into() };
    let principal = Principal::Human(user);
    let known = facts.entities(&principal, std::slice::from_ref(&document)).await;
    let known = known.map_err(|source| AuthzUnavailable::Provider { provider: facts.name().into(), source });
    let mut set = EntitySet::from_iter([principal.to_cedar_entity()]);
    set.merge(known.map_err(AuthzRejection::from)?);

    let policies = authz.session().policies();
    let graph = policies.graph(&set).map_err(Refusal::fault)?;
    let (uid, action) = (principal.cedar_uid(), action.into());
    let query = AuthzQuery { principal: &uid, action: &action, resource: &document, context: &context };
    Ok(policies.explain(query, &graph))
}

fn document(id: &str) -> Result<ResourceUid, Refusal> {
    ResourceUid::new(ENTITY_TYPE, id).map_err(Refusal::fault)
}
