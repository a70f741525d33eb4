//! Our own tokens: what is granted as `authorization_details` (RFC 9396).

use serde::{Deserialize, Serialize};

use super::{Refusal, check, grouped};
use crate::{
    Grant, PermissionSet, Provider,
    fault::{Faults, Gathered, Origin, Problem},
    request::Reader,
};

/// The `type` of the objects (RFC 9396 section 2).
pub const DETAIL_TYPE: &str = "audex";

/// Holds actions and the places they may be done in: one object of `authorization_details` (RFC 9396 section 2).
///
/// ```
/// use audex_policy::{Provider, Request, Rules, compile::local, narrow};
///
/// let request = Request::parse(Provider::Local, "orders:Read=eu/*", &[])?;
/// let grant = narrow(&request, &[], &Rules::default()).unwrap().grant;
/// let details = local::authorization_details(&grant).unwrap();
/// assert_eq!(
///     serde_json::to_string(&details).unwrap(),
///     r#"[{"type":"audex","actions":["orders:Read"],"locations":["eu/*"]}]"#
/// );
/// assert_eq!(local::read(&details)?, grant);
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationDetail {
    /// Always [`DETAIL_TYPE`].
    pub r#type: String,
    /// The actions, with wildcards.
    pub actions: Vec<String>,
    /// The resources, with wildcards.
    pub locations: Vec<String>,
}

/// Compiles a grant for the claim of a token.
///
/// # Errors
///
/// Returns a refusal when a denial takes a part of something away: a verifier that overlooks it would allow too much, so
/// the claim has nothing but permissions.
pub fn authorization_details(grant: &Grant) -> Result<Vec<AuthorizationDetail>, Refusal> {
    check(grant, Provider::Local)?;
    if let Some(deny) = grant.effective_deny().iter().next() {
        let why = format!("`{deny}` is denied, and a token only says what is allowed");
        return Err(Refusal::inexpressible(
            why,
            ["ask for actions and resources that leave out what is denied"],
        ));
    }
    let detail =
        |(locations, actions)| AuthorizationDetail { r#type: DETAIL_TYPE.to_owned(), actions, locations };
    Ok(grouped(grant.allow()).into_iter().map(detail).collect())
}

/// Reads the claim of a token, for a service that decides by it.
///
/// # Errors
///
/// Returns what is wrong with an object: of another type, or with an action or a resource that cannot be read.
pub fn read(details: &[AuthorizationDetail]) -> Result<Grant, Faults> {
    let mut reader = Reader { provider: Provider::Local, lenient: true, gathered: Gathered::default() };
    let mut permissions = Vec::new();
    for detail in details {
        if detail.r#type != DETAIL_TYPE {
            let problem = Problem::NotAnAction(Provider::Local);
            reader.gathered.add(&Origin::Grant, 0, &detail.r#type, problem.into());
        }
        let locations = reader.resources(&Origin::Grant, &detail.locations);
        // Without a location there is nothing to act on; a missing list must not mean everything.
        if locations.is_empty() {
            reader.gathered.add(&Origin::Grant, 0, "", Problem::Empty.into());
            continue;
        }
        for action in &detail.actions {
            permissions.extend(reader.list(&Origin::Grant, action, &locations));
        }
    }
    let grant = Grant::new(Provider::Local, &PermissionSet::new(permissions), &PermissionSet::default());
    reader.gathered.or(grant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Request, Rules, narrow};

    #[test]
    fn a_denial_that_bites_is_refused() {
        let request = Request::parse(Provider::Local, "orders:*", &[]).unwrap();
        let compiled = |rule: &str| {
            let narrowing = narrow(&request, &[], &Rules::parse([rule]).unwrap()).unwrap();
            authorization_details(&narrowing.grant)
        };
        assert!(compiled("orders:Delete").is_err());
        assert!(compiled("invoices:*").is_ok());
    }

    #[test]
    fn what_cannot_be_read_allows_nothing() {
        let detail = |kind: &str, action: &str, locations: &[&str]| AuthorizationDetail {
            r#type: kind.to_owned(),
            actions: vec![action.to_owned()],
            locations: locations.iter().map(|&text| text.to_owned()).collect(),
        };
        assert!(read(&[detail(DETAIL_TYPE, "orders:Read", &["*"])]).is_ok());
        assert!(read(&[detail("payment", "orders:Read", &["*"])]).is_err());
        assert!(read(&[detail(DETAIL_TYPE, "orders:Read", &[])]).is_err());
        assert!(read(&[detail(DETAIL_TYPE, "orders", &["*"])]).is_err());
    }
}
