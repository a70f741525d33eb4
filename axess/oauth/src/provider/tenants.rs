//! One issuer for many tenants: Microsoft Entra's, whose metadata name an issuer with `{tenantid}` in it, and whose tokens name their
//! own tenant's.

use super::OidcProvider;
use crate::config::TENANT;
use axess_factors::federated::{FederatedIdentity, FederationError};
use axess_jose::{Claims, Expectations};

impl OidcProvider {
    /// What every token of the provider must be. With many tenants, who issued it is for [`check_issuer`](Self::check_issuer).
    pub(super) fn expectations(&self) -> Expectations {
        let config = &self.config;
        let expected = Expectations::new(&config.issuer, &config.client_id, &config.algorithms);
        match config.issuer_template() {
            Some(_) => Expectations { issuer: None, ..expected },
            None => expected,
        }
    }

    /// Checks that a verified token is of a tenant on the list, and that its issuer is that very tenant's.
    pub(super) fn check_issuer(&self, claims: &Claims) -> Result<(), FederationError> {
        let Some(template) = self.config.issuer_template() else { return Ok(()) };
        let tenant =
            claims.str("tid").filter(|tenant| self.config.entra_tenants.iter().any(|one| one == tenant));
        let is_its_own =
            tenant.is_some_and(|tenant| claims.issuer() == Some(&template.replace(TENANT, tenant)));
        is_its_own.then_some(()).ok_or(FederationError::IssuerMismatch)
    }

    /// Returns what names the user for ever: with many tenants, the tenant first, so that none can name another's users.
    pub(super) fn subject(&self, claims: &Claims) -> String {
        let subject = claims.subject().unwrap_or_default();
        match (self.config.issuer_template(), claims.str("tid")) {
            (Some(_), Some(tenant)) => format!("{tenant}/{subject}"),
            _ => subject.to_owned(),
        }
    }

    /// Takes back what one tenant says of another's mailboxes: with several there is no telling whose an address is.
    pub(super) fn without_foreign_addresses(&self, mut identity: FederatedIdentity) -> FederatedIdentity {
        identity.email_verified &= self.config.entra_tenants.len() <= 1;
        identity
    }
}
