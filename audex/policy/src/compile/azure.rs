//! Azure: a token for one service. Nothing narrows it below the roles of its identity.

use std::collections::BTreeSet;

use super::{Refusal, check, check_identity};
use crate::{Catalogue, Grant, Permission, PermissionSet, Provider};

const MANAGEMENT: &str = "https://management.azure.com/.default";

/// Where data actions of a resource provider are asked for.
const DATA: [(&str, &str); 5] = [
    ("Microsoft.DocumentDB", "https://cosmos.azure.com/.default"),
    ("Microsoft.EventHub", "https://eventhubs.azure.net/.default"),
    ("Microsoft.KeyVault", "https://vault.azure.net/.default"),
    ("Microsoft.ServiceBus", "https://servicebus.azure.net/.default"),
    ("Microsoft.Storage", "https://storage.azure.com/.default"),
];

/// Returns the scope of a token that can do nothing but what is granted.
///
/// `held` is what the roles of the mapped identity allow, as the configuration declares it.
///
/// # Errors
///
/// Returns a refusal when the identity's roles are not declared, when they allow more than is granted, and when the grant
/// needs tokens for several services.
///
/// ```
/// use audex_policy::{Provider, Request, Rules, compile::azure, narrow};
///
/// let request = Request::parse(Provider::Azure, "storage:read", &["/subscriptions/1/resourceGroups/logs"])?;
/// let grant = narrow(&request, &[], &Rules::default()).unwrap().grant;
/// assert!(azure::token_scope(&grant, None).is_err());
/// let scope = azure::token_scope(&grant, Some(request.set())).unwrap();
/// assert_eq!(scope, "https://storage.azure.com/.default");
/// # Ok::<(), audex_policy::Faults>(())
/// ```
pub fn token_scope(grant: &Grant, held: Option<&PermissionSet>) -> Result<&'static str, Refusal> {
    let scope = unlimited_scope(grant)?;
    let Some(held) = held else {
        let why =
            "a token of Azure carries every role of its identity, and what this one holds is not declared";
        let instead = [
            format!("map an identity that holds only {}, and declare that", grant.allow()),
            "use another provider for what has to be narrow".to_owned(),
        ];
        return Err(Refusal::inexpressible(why, instead));
    };
    // What the identity holds elsewhere cannot be reached with a token for this service.
    let here = held.iter().filter(|permission| audiences(permission).contains(scope));
    check_identity(grant, &PermissionSet::new(here.cloned()))?;
    Ok(scope)
}

/// Returns the scope of the token that a grant needs, without asking what else the token can do.
///
/// # Errors
///
/// Returns a refusal when the grant needs tokens for several services.
pub fn unlimited_scope(grant: &Grant) -> Result<&'static str, Refusal> {
    check(grant, Provider::Azure)?;
    let scopes: BTreeSet<&'static str> = grant.allow().iter().flat_map(audiences).collect();
    match scopes.iter().collect::<Vec<_>>().as_slice() {
        [one] => Ok(one),
        _ => {
            let list = scopes.iter().copied().collect::<Vec<_>>().join(", ");
            let why = format!("a token is for one service, and this takes several ({list})");
            Err(Refusal::inexpressible(why, ["use one session for each service"]))
        }
    }
}

fn audiences(permission: &Permission) -> BTreeSet<&'static str> {
    let action = &permission.action;
    let mut found: BTreeSet<&'static str> = Catalogue::of(Provider::Azure)
        .expand(action)
        .map(|known| if known.is_data_action() { data_scope(known.name()) } else { MANAGEMENT })
        .collect();
    // What no catalogue lists is managed; a wildcard may fit such an operation too.
    if found.is_empty() || action.is_any() {
        found.insert(MANAGEMENT);
    }
    found
}

fn data_scope(action: &str) -> &'static str {
    let service = action.split('/').next().unwrap_or_default();
    DATA.iter().find(|(name, _)| *name == service).map_or(MANAGEMENT, |(_, scope)| scope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Request, Rules, narrow};

    fn grant(text: &str) -> Grant {
        let request = Request::parse(Provider::Azure, text, &[]).unwrap();
        narrow(&request, &[], &Rules::default()).unwrap().grant
    }

    fn held(text: &str) -> PermissionSet {
        Request::parse(Provider::Azure, text, &[]).unwrap().set().clone()
    }

    #[test]
    fn each_service_has_its_scope() {
        for (text, expected) in [
            ("storage:read", Some("https://storage.azure.com/.default")),
            ("secrets:read", Some("https://vault.azure.net/.default")),
            ("queue:write", Some("https://servicebus.azure.net/.default")),
            ("db:read", Some("https://cosmos.azure.com/.default")),
            ("compute:read", Some(MANAGEMENT)),
            ("Microsoft.Storage/storageAccounts/read", Some(MANAGEMENT)),
            ("Microsoft.New/things/read", Some(MANAGEMENT)),
            ("storage:read,secrets:read", None),
            ("Microsoft.Storage/*", None),
            ("*", None),
        ] {
            assert_eq!(unlimited_scope(&grant(text)).ok(), expected, "{text}");
        }
    }

    #[test]
    fn an_identity_that_can_do_more_is_refused() {
        let asked = grant("storage:read=/subscriptions/1");
        let fits = |text: &str| token_scope(&asked, Some(&held(text))).is_ok();
        assert!(fits("storage:read=/subscriptions/1/resourceGroups/a"));
        assert!(fits("storage:read=/subscriptions/1,compute:write"), "another service is out of reach");
        assert!(!fits("storage:read"), "on every scope");
        assert!(!fits("storage:read=/subscriptions/1,storage:delete=/subscriptions/1"));
        assert!(!fits("Microsoft.Storage/*=/subscriptions/1"));
        assert!(!fits("*"));
        assert!(token_scope(&asked, None).is_err());
    }
}
