use super::{Expected, SaveOutcome, StoreError, Stored, twin::storage_trait};
use axess_identity::{ProviderName, TenantId, TokenSecret};
use serde::{Deserialize, Serialize};

/// The protocol an identity provider speaks.
///
/// ```
/// use axess_core::store::IdpProtocol;
/// assert_eq!(IdpProtocol::from_name("saml"), Some(IdpProtocol::Saml));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdpProtocol {
    /// OpenID Connect.
    Oidc,
    /// OAuth 2.0 without an ID token: weaker.
    OAuth2,
    /// SAML 2.0.
    Saml,
}

/// The identity provider a tenant has of its own.
///
/// ```
/// use axess_core::store::{IdpProtocol, TenantIdp};
/// use axess_identity::TenantId;
/// let idp = TenantIdp {
///     tenant_id: TenantId::from_parts(0, [1; 10]),
///     name: "okta".parse().unwrap(),
///     protocol: IdpProtocol::Oidc,
///     issuer: "https://acme.okta.example".into(),
///     settings: serde_json::json!({ "client_id": "axess" }),
///     secret: Some("client secret".into()),
///     enabled: true,
/// };
/// assert!(!format!("{idp:?}").contains("client secret"));
/// ```
#[derive(Debug, Clone)]
pub struct TenantIdp {
    /// The tenant.
    pub tenant_id: TenantId,
    /// What the tenant calls the provider.
    pub name: ProviderName,
    /// The protocol it speaks.
    pub protocol: IdpProtocol,
    /// Its issuer identifier or entity id; at most 512 bytes.
    pub issuer: String,
    /// Everything about it that is no secret; at most 64 KiB of JSON.
    pub settings: serde_json::Value,
    /// The client's secret or private key; sealed where it is stored.
    pub secret: Option<TokenSecret>,
    /// Whether logins may use it.
    pub enabled: bool,
}

impl IdpProtocol {
    /// Returns the stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::OAuth2 => "oauth2",
            Self::Saml => "saml",
        }
    }

    /// Reads the stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Oidc, Self::OAuth2, Self::Saml].into_iter().find(|protocol| protocol.as_str() == name)
    }
}

storage_trait! {
    /// Keeps the identity providers of tenants.
    ///
    /// ```
    /// use axess_core::{memory::MemoryTenantIdpStore, store::{StoreError, TenantIdpStore}};
    /// # async fn example(tenant: axess_identity::TenantId) -> Result<(), StoreError> {
    /// assert!(MemoryTenantIdpStore::new().find_idps(tenant).await?.is_empty());
    /// # Ok(()) }
    /// ```
    pub trait TenantIdpStore / DynTenantIdpStore for [DynTenantIdpStore] {
        /// Reads one provider of one tenant.
        async fn get_idp(tenant_id: TenantId, name: ProviderName) -> Result<Option<Stored<TenantIdp>>, StoreError>;
        /// Lists the providers of one tenant in name order.
        async fn find_idps(tenant_id: TenantId) -> Result<Vec<Stored<TenantIdp>>, StoreError>;
        /// Writes one provider in one conditional step; the new version is the old one plus 1.
        async fn save_idp(idp: TenantIdp, expected: Expected) -> Result<SaveOutcome, StoreError>;
        /// Removes one provider; tells whether there was one.
        async fn delete_idp(tenant_id: TenantId, name: ProviderName) -> Result<bool, StoreError>;
    }
}
