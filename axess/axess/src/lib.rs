//! Authentication for axum: typed sessions, multi-factor login, guards that cannot be forgotten.
//!
//! Does not know about: anything. It re-exports the crates of the family; applications depend on this one alone.
//!
//! Start with [`AuthnService`] (what a handler calls), [`SessionLayer`] (what a router gets) and [`AuthSession`] (what a
//! handler receives). The README has a whole program.
//!
//! | Module | What is in it |
//! |---|---|
//! | [`authn`] | methods, steps, credentials, outcomes, errors |
//! | [`session`] | the state machine's types, the handle, encryption at rest |
//! | [`middleware`] | client address, CSRF, rate limits, request and trace ids |
//! | [`federation`] | logins at identity providers |
//! | [`guard`] | guards by route, by extractor and by macro |
//! | `workload` | programs that prove who they are (feature `jwt-svid`) |
//! | `authz` | policies: what the caller may do to what (feature `authz`) |
//! | [`store`] | the traits a database implements |
//! | [`audit`], [`metrics`] | what happened, for evidence and for dashboards |
//! | [`backends`] | the stores that come along |
#![forbid(unsafe_code)]

#[cfg(feature = "authz")]
pub use axess_authz::{AuthzSession, AuthzStore};
#[cfg(feature = "memory")]
pub use axess_core::memory::{InMemoryBackend, InMemorySessionStore, MemorySessionRegistry};
pub use axess_core::{
    authn::{
        AuthnError, AuthnScope, EmailVerificationOutcome, EnrolmentOutcome, FactorConfig, FactorCredential,
        FactorOutcome, FactorPolicy, FactorStep, LogoutOutcome, Method, PasswordChangeOutcome,
        PasswordResetOutcome, SignupOutcome,
    },
    delivery::{CodeDelivery, OutboundMail},
    federation::{Federation, FederationProviders, LinkPolicy, ProviderPolicy},
    service::{
        AuthnService, DeviceLogin, DeviceLoginOutcome, FederatedCompletion, FederatedLogoutOptions,
        FederatedOutcome, NewSignup, OAuthLoginOptions, Operator, PreparedFactor, ProviderLogoutOutcome,
        TotpEnrolment,
    },
    session::{
        AuthState, FederatedLogin, SessionCrypto, SessionHandle, Sessions, WorkflowKind, WorkflowState,
    },
};
pub use axess_http::{
    AuthSession, Authenticated, AuthnRejection, BucketStore, ClientIp, CsrfConfig, CsrfLayer, CsrfToken,
    FingerprintConfig, FingerprintPolicy, ForwardedHeader, Fresh, Guard, GuardRejection, GuardedRouter,
    KeyExtractor, Partial, RateLimitConfig, RateLimitLayer, RequestId, RequestIdLayer, SameSite,
    SessionLayer, TraceContext, TraceContextLayer,
};
#[cfg(feature = "authz")]
pub use axess_http::{Authz, AuthzLayer, AuthzRejection};
pub use axess_identity::{
    DeviceId, FactorKind, FederatedProvider, HumanPrincipal, LockoutPolicy, OtpCode, Password, Principal,
    RecoveryCode, SessionId, Tenant, TenantId, User, UserId, WorkloadId, WorkloadPrincipal,
};
#[cfg(feature = "authz")]
pub use axess_macros::require_authz;
pub use axess_macros::{require_authn, require_partial_authn};

/// Methods, steps, scopes, credentials, outcomes and errors of a login.
pub mod authn {
    pub use axess_core::{authn::*, delivery::*, lockout::*, service::*};
}

/// The verifiers behind the factors, usable on their own.
pub mod factors {
    pub use axess_factors::*;

    /// Logins at OpenID Connect and OAuth 2.0 providers, FAPI 2.0 among them.
    #[cfg(feature = "oauth")]
    pub mod oauth {
        pub use axess_oauth::*;
    }

    /// Logins at SAML 2.0 providers.
    #[cfg(feature = "saml")]
    pub mod saml {
        pub use axess_saml::*;
    }
}

/// Logins at identity providers: which there are, how far their word counts, who gets an account, and what a provider is.
///
/// A callback completes the login that this session began, in the tenant it was begun in, whatever the callback's address says:
/// where a path or host names a tenant, compare it with [`SessionHandle::tenant_id`], there and on every page.
///
/// What a login brings in [`FederatedTokens`](federation::FederatedTokens) is the application's to keep, sealed and as a whole:
/// `OidcProvider::refresh` is given all of it, and a token that is bound to a key of its own opens nothing without that key.
///
/// What a SAML configuration remembers used assertions with (`SamlConfig::replay`) is a [`JtiReplayGuard`](federation::JtiReplayGuard)
/// around a store.
///
/// Providers of tenants' own come out of a [`TenantIdpStore`](crate::store::TenantIdpStore), by whatever protocol each speaks:
///
/// ```
/// # #[cfg(all(feature = "oauth", feature = "saml"))]
/// # mod stored {
/// use axess::{
///     ProviderPolicy,
///     clock::SystemClock,
///     factors::{oauth::{HttpClient, OAuth2Config, OAuth2Provider, OAuthProviderConfig, OidcProvider}, saml::{SamlConfig, SamlProvider}},
///     federation::{BoxFuture, FederationError, FederationProvider, ProviderNetwork, TenantIdpBuilder, TenantProvider},
///     rng::SystemRng,
///     store::{IdpProtocol, TenantIdp},
/// };
/// use std::sync::Arc;
///
/// struct Stored(HttpClient);
///
/// impl Stored {
///     fn read(&self, idp: &TenantIdp) -> Result<Arc<dyn FederationProvider>, FederationError> {
///         let secret = idp.secret.clone();
///         Ok(match idp.protocol {
///             IdpProtocol::Oidc => {
///                 // A tenant must not have our servers look around inside: the client is one for ProviderNetwork::Public too.
///                 let config =
///                     OAuthProviderConfig::from_settings(&idp.issuer, &idp.settings, secret, ProviderNetwork::Public)?;
///                 let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
///                 Arc::new(OidcProvider::new(config, self.0.clone(), clock, rng)?)
///             }
///             IdpProtocol::Saml => {
///                 let key = secret.as_ref().map(|key| key.expose());
///                 let network = ProviderNetwork::Public;
///                 Arc::new(SamlProvider::new(SamlConfig::from_settings(&idp.issuer, &idp.settings, key, network)?)?)
///             }
///             // Weaker: nobody signs what it says. Leave it out where that will not do.
///             IdpProtocol::OAuth2 => {
///                 let config = OAuth2Config::from_settings(&idp.issuer, &idp.settings, secret, ProviderNetwork::Public)?;
///                 Arc::new(OAuth2Provider::new(config, self.0.clone())?)
///             }
///         })
///     }
/// }
///
/// impl TenantIdpBuilder for Stored {
///     fn build<'a>(&'a self, idp: &'a TenantIdp) -> BoxFuture<'a, Result<TenantProvider, FederationError>> {
///         let provider = self.read(idp);
///         Box::pin(async move { Ok(TenantProvider { provider: provider?, policy: ProviderPolicy::default() }) })
///     }
/// }
/// # }
/// ```
pub mod federation {
    pub use axess_core::federation::*;
    pub use axess_factors::federated::*;
    pub use axess_http::{
        BackchannelLogoutAnswer, FederationCallback, FederationCallbackRejection, FederationNotice,
        FederationRedirect, FrontchannelLogout, JtiReplayGuard,
    };
}

#[cfg(feature = "oauth")]
pub mod resource;

#[cfg(feature = "jwt-svid")]
pub mod workload;

/// JSON Object Signing and Encryption: keys, signatures, claims, proofs of possession.
#[cfg(feature = "jwt")]
pub mod jose {
    pub use axess_jose::*;
}

/// The session: state, handle, lifetimes, encryption at rest.
pub mod session {
    pub use axess_core::session::*;
    pub use axess_http::{
        CookieKeyRing, FingerprintConfig, FingerprintPolicy, SameSite, SessionCookieConfig, SessionLayer,
        SessionService,
    };
}

/// Layers around handlers: client address, CSRF, rate limits, request and trace ids.
pub mod middleware {
    pub use axess_http::{
        ClientIp, ClientIpConfig, ClientIpLayer, CsrfConfig, CsrfLayer, CsrfToken, ForwardedHeader, IpSource,
        PeerAddr, RequestId, RequestIdLayer, ShellAudit, TraceContext, TraceContextLayer, TrustedProxies,
    };
    /// Rate limits.
    pub mod ratelimit {
        pub use axess_http::{
            Admission, BucketKey, BucketStore, KeyExtractor, KeyExtractorFn, MemoryBuckets, RateLimitConfig,
            RateLimitConfigBuilder, RateLimitLayer, RateLimitRejection, RateQuota,
        };
    }
    pub use ratelimit::*;
}

/// Guards: who may reach a handler.
pub mod guard {
    pub use axess_http::{
        Accepted, Authenticated, Authenticator, AuthenticatorLayer, AuthnInfo, AuthnRejection, Fresh, Guard,
        GuardLayer, GuardRejection, GuardedRoute, GuardedRouter, Partial, PartialInfo, RouteManifest,
    };
}

/// Policies: what the caller may do to what, by extractor, by macro and as a filter on lists.
///
/// [`AuthzLayer`] brings an [`AuthzStore`] and a provider of facts to a router.
///
/// ```
/// use axess::{AuthzStore, Guard, GuardedRouter, InMemorySessionStore, SessionLayer};
/// use axess::authz::{Authz, AuthzLayer, NoEntities, PolicyStore, ResourceUid};
/// use axum::response::{IntoResponse, Response};
/// use std::sync::Arc;
///
/// async fn invoice(authz: Authz) -> Response {
///     let Ok(invoice) = ResourceUid::new("Invoice", "2026-17") else { return "no such invoice".into_response() };
///     axess::require_authz!(authz, "read", invoice);
///     "the invoice".into_response()
/// }
///
/// // In production: AuthzStore::load_dir("policies"), and a provider that asks the database.
/// let policies = Arc::new(AuthzStore::new(PolicyStore::base().unwrap()));
/// let app: axum::Router = GuardedRouter::new()
///     .get("/invoice", Guard::Authn, invoice)
///     .get("/admin", Guard::Policy("administer"), async || "the deployment is yours")
///     .into_router()
///     .layer(AuthzLayer::new(policies, Arc::new(NoEntities)))
///     .layer(SessionLayer::new(InMemorySessionStore::new(), [7u8; 32]));
/// ```
#[cfg(feature = "authz")]
pub mod authz {
    pub use axess_authz::*;
    pub use axess_http::{
        Authz, AuthzLayer, AuthzRejection, MAX_SHARED_BYTES, MAX_SHARED_RESOURCES, SharedEntityCache,
    };
}

/// WebSockets that notice a logout.
#[cfg(feature = "ws")]
pub mod ws {
    pub use axess_http::{AuthWebSocketUpgrade, RevocableSocket, SocketRevoked, WebSocketRejection};
}

/// The traits a database implements, and their object-safe twins.
pub mod store {
    pub use axess_core::store::*;
}

/// The stores that come along, by where they keep things.
pub mod backends {
    /// In memory: for development, tests and single processes that may forget.
    #[cfg(feature = "memory")]
    pub mod memory {
        pub use axess_core::memory::{
            InMemoryBackend, InMemoryBackend as Backend, InMemorySessionStore as SessionStore,
            MemoryAuditOutbox as AuditOutbox, MemoryAuditStore as AuditStore,
            MemoryBuckets as RateLimitBuckets, MemoryDelegatedCredentialStore as DelegatedCredentialStore,
            MemoryDeviceStore as DeviceStore, MemoryFederatedLinkStore as FederatedLinkStore,
            MemoryJtiReplayStore as JtiReplayStore, MemoryLeaderLock as LeaderLock,
            MemoryRefreshTokenStore as RefreshTokenStore, MemorySessionRegistry as SessionRegistry,
            MemorySidStore as SidStore, MemoryStore as Store, MemoryTenantIdpStore as TenantIdpStore,
        };
    }

    /// The same names on every SQL database: a store takes a pool of any of them.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
    mod sql {
        pub use axess_sql::{
            Db, DbConfig, SchemaError, SqlAuditOutbox as AuditOutbox, SqlAuditStore as AuditStore,
            SqlBackend as Backend, SqlDelegatedCredentialStore as DelegatedCredentialStore,
            SqlDeviceStore as DeviceStore, SqlFederatedLinkStore as FederatedLinkStore,
            SqlJtiReplayStore as JtiReplayStore, SqlLeaderLock as LeaderLock,
            SqlRateLimitBuckets as RateLimitBuckets, SqlRefreshTokenStore as RefreshTokenStore,
            SqlSessionRegistry as SessionRegistry, SqlSessionStore as SessionStore, SqlSidStore as SidStore,
            SqlStore as Store, SqlTenantIdpStore as TenantIdpStore,
        };
    }

    /// On SQLite: for one process, or several on one machine.
    #[cfg(feature = "sqlite")]
    pub mod sqlite {
        pub use super::sql::*;
    }

    /// On PostgreSQL.
    #[cfg(feature = "postgres")]
    pub mod postgres {
        pub use super::sql::*;
    }

    /// On Redis or Valkey, a single server or a cluster.
    #[cfg(feature = "valkey")]
    pub mod valkey {
        pub use axess_valkey::{
            Valkey, ValkeyBuckets as RateLimitBuckets, ValkeyDeviceStore as DeviceStore,
            ValkeyJtiReplayStore as JtiReplayStore, ValkeyLeaderLock as LeaderLock, ValkeyOptions,
            ValkeyRefreshTokenStore as RefreshTokenStore, ValkeySessionRegistry as SessionRegistry,
            ValkeySessionStore as SessionStore, ValkeyStore as Store,
        };
    }

    /// On MySQL or MariaDB.
    #[cfg(feature = "mysql")]
    pub mod mysql {
        pub use super::sql::*;
    }
}

/// Devices: what users log in from, and how far it is trusted.
pub mod device {
    pub use axess_core::device::*;
    pub use axess_http::{DeviceCookie, device_signals};
}

/// Refresh tokens: families, rotation, and what happens when one is stolen.
pub mod refresh {
    pub use axess_core::refresh::*;
}

/// Acting on behalf of users elsewhere.
pub mod delegated {
    pub use axess_core::delegated::*;
}

/// We are the issuer: keys and their rotation, minting, JWKS, discovery, introspection.
#[cfg(feature = "local-idp")]
pub mod local_idp {
    pub use axess_local_idp::*;
}

/// The operating system's keyring, as a place for the keys of the issuer and of the audit log.
#[cfg(feature = "keyring")]
pub mod keyring {
    pub use axess_keyring::*;
}

/// Sealing of what is stored.
pub mod envelope {
    pub use axess_core::envelope::*;
}

/// The audit trail: events, their envelope, where they go, and (feature `audit-log`) how they are kept and proved.
pub mod audit {
    #[cfg(feature = "audit-log")]
    pub use axess_audit::*;
    pub use axess_core::audit::*;
    pub use axess_events::*;
}

/// Counters and timers.
pub mod metrics {
    pub use axess_core::metrics::*;
}

/// Typed ids, principals, tenants and secrets.
pub mod identity {
    pub use axess_identity::*;
}

/// The injected clock.
pub mod clock {
    pub use axess_clock::*;
}

/// The injected randomness.
pub mod rng {
    pub use axess_rng::*;
}

/// Shared strings.
pub mod strings {
    pub use axess_strings::*;
}

/// A bounded cache on the injected clock.
pub mod cache {
    pub use axess_cache::*;
}

/// Fixtures, mocks and the seeded scheduler.
#[cfg(feature = "testing")]
pub mod testing {
    pub use axess_testing::*;
}
