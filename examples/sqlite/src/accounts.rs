//! The accounts that are there from the start: the tenant everybody belongs to, and two people to try things with.

use crate::{Fault, routes::Service};
use axess::{
    AuthnScope, FactorConfig, Method, NewSignup, Sessions, SignupOutcome, TenantId,
    backends::sqlite::Backend,
    clock::Clock,
    factors::TotpConfig,
    identity::Identifier,
    rng::{SystemRng, random_array},
    session::RequestContext,
    store::{Expected, FactorStore, IdentityAdmin, IdentityLookup, TenantBootstrap},
};

/// The one tenant of this application.
pub(crate) const TENANT: &str = "default";

/// What bob's authenticator app was set up with; as he would type it, GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ.
const BOBS_SEED: &[u8] = b"12345678901234567890";
/// How long devices are remembered.
const DEVICE_DAYS: u32 = 90;

/// Sets how everybody logs in who has no method of their own, and creates the tenant, and on request the accounts of the
/// README, where they are missing.
pub(crate) async fn prepare(
    service: &Service,
    sessions: &Sessions,
    demo_accounts: bool,
) -> Result<(), Fault> {
    service.identity().save_methods(AuthnScope::Global, vec![Method::password()]).await?;
    let tenant_id = tenant(service.identity(), &**sessions.clock()).await?;
    if !demo_accounts {
        return Ok(());
    }
    tracing::warn!("there are accounts with known passwords: alice and bob");
    sign_up(service, sessions, "alice", "purple otters juggle at noon").await?;
    if sign_up(service, sessions, "bob", "nine lanterns over the harbour").await? {
        let bob =
            service.identity().find_user(tenant_id, Identifier::parse("bob")?).await?.ok_or("bob is gone")?;
        let app = FactorConfig::Totp(TotpConfig::new(BOBS_SEED.to_vec().into())?);
        let _ = service.factors().save_factor(tenant_id, bob.user_id, app, Expected::Absent).await?;
        let scope = AuthnScope::User { tenant_id, user_id: bob.user_id };
        service.identity().save_methods(scope, vec![Method::password_then_totp()]).await?;
    }
    Ok(())
}

async fn tenant(backend: &Backend, clock: &dyn Clock) -> Result<TenantId, Fault> {
    if let Some(tenant) = backend.find_tenant(TENANT.parse()?).await? {
        return Ok(tenant.tenant_id);
    }
    let (now, rng) = (clock.now(), SystemRng);
    let bootstrap = TenantBootstrap {
        tenant_id: TenantId::generate(now, &rng),
        slug: TENANT.parse()?,
        display_name: "Everybody".to_owned(),
        methods: Vec::new(),
        fingerprint_pepper: random_array::<32>(&rng).into(),
        lockout_policy: None,
        device_retention_days: DEVICE_DAYS,
        created_at: now,
    };
    // Another instance may have been faster.
    let _ = backend.create_tenant(bootstrap).await?;
    let tenant = backend.find_tenant(TENANT.parse()?).await?;
    Ok(tenant.ok_or("the tenant cannot be created")?.tenant_id)
}

/// Signs somebody up without a mail address; tells whether the account is new.
async fn sign_up(
    service: &Service,
    sessions: &Sessions,
    username: &str,
    password: &str,
) -> Result<bool, Fault> {
    let signup = NewSignup {
        identifier: username.to_owned(),
        tenant: TENANT.to_owned(),
        email: None,
        display_name: None,
        password: password.into(),
    };
    // Nobody's session: it is never stored.
    let session = sessions.open(None, RequestContext::default()).await?;
    match service.begin_signup(&session, signup).await? {
        SignupOutcome::Completed { .. } => Ok(true),
        SignupOutcome::IdentifierTaken => Ok(false),
        other => Err(format!("{username} cannot be signed up: {other:?}").into()),
    }
}
