use super::{AuthnService, emit::known_device};
use crate::{
    authn::{AuthnError, FactorCredential, FactorOutcome, FactorStep, Method},
    session::{Change, SessionHandle},
    store::{
        AttemptOutcome, FactorStore, IdentityAuthnLog, IdentityLookup, LoginSubject, Owner, Reservation,
    },
};
use axess_events::{
    AuthEvent,
    authentication::{LoginFailureReason, LoginStarted},
};
use axess_identity::{FactorKind, Identifier, Password, TenantId, TenantSlug, UserId};

/// Whose login begins: a real account, or the stand-in for one that cannot log in.
pub(super) struct Target {
    pub(super) tenant_id: TenantId,
    pub(super) user_id: UserId,
    pub(super) real: bool,
    pub(super) methods: Vec<Method>,
}

impl<I: IdentityLookup, F> AuthnService<I, F> {
    /// Begins a login with the default method of the narrowest scope that has one, and returns its first step.
    ///
    /// The answer does not depend on whether the account exists, belongs to this tenant or may log in, unless the
    /// account has a method of its own. One storage round trip.
    ///
    /// # Errors
    ///
    /// [`AuthnError::AlreadyAuthenticated`] when somebody is logged in in this session; [`AuthnError::NoMethod`] when
    /// no scope has a method; [`AuthnError::Store`].
    pub async fn begin_login(
        &self,
        session: &SessionHandle,
        identifier: &str,
        tenant: &str,
    ) -> Result<FactorStep, AuthnError> {
        self.begin(session, identifier, tenant, None).await
    }

    /// Begins a login with one of the enabled methods, by name.
    ///
    /// # Errors
    ///
    /// As [`AuthnService::begin_login`], and [`AuthnError::UnknownMethod`] when the method is not enabled.
    pub async fn begin_login_with_method(
        &self,
        session: &SessionHandle,
        identifier: &str,
        tenant: &str,
        method: &str,
    ) -> Result<FactorStep, AuthnError> {
        self.begin(session, identifier, tenant, Some(method)).await
    }

    async fn begin(
        &self,
        session: &SessionHandle,
        identifier: &str,
        tenant: &str,
        method: Option<&str>,
    ) -> Result<FactorStep, AuthnError> {
        if session.is_authenticated() {
            return Err(AuthnError::AlreadyAuthenticated);
        }
        let target = self.find_target(identifier, tenant).await?;
        self.start(session, &target, method).await
    }

    /// Records that the configuration left no way to log in, and gives the error back.
    async fn misconfigured(
        &self,
        session: &SessionHandle,
        target: &Target,
        method: Option<&str>,
        error: AuthnError,
    ) -> Result<FactorStep, AuthnError> {
        let user_id = target.real.then_some(target.user_id);
        self.login_failed(session, target.tenant_id, user_id, method, LoginFailureReason::Misconfigured)
            .await?;
        Err(error)
    }

    pub(super) async fn find_target(&self, identifier: &str, tenant: &str) -> Result<Target, AuthnError> {
        let Ok(slug) = tenant.parse::<TenantSlug>() else {
            // No tenant can have such a name: the same number of round trips, and a stand-in.
            let methods = self.identity.get_methods(crate::authn::AuthnScope::Global).await?;
            return Ok(self.target(identifier, tenant, LoginSubject { tenant: None, user: None, methods }));
        };
        let Ok(name) = Identifier::parse(identifier) else {
            // Nobody can have such a name: looked up under one that nobody has, and offered what the tenant offers.
            let nobody = self.stand_in_user(slug.as_str(), identifier).to_string();
            let nobody = Identifier::parse(&nobody).map_err(|_| AuthnError::NoMethod)?;
            let subject = self.identity.find_login(slug.clone(), nobody).await?;
            return Ok(self.target(identifier, slug.as_str(), LoginSubject { user: None, ..subject }));
        };
        let subject = self.identity.find_login(slug.clone(), name.clone()).await?;
        Ok(self.target(name.as_str(), slug.as_str(), subject))
    }

    pub(super) fn target(&self, identifier: &str, tenant: &str, subject: LoginSubject) -> Target {
        if let Some(user) = subject.active_user() {
            return Target {
                tenant_id: user.tenant_id,
                user_id: user.user_id,
                real: true,
                methods: subject.methods,
            };
        }
        let tenant_id =
            subject.tenant.as_ref().map_or_else(|| self.stand_in_tenant(tenant), |tenant| tenant.tenant_id);
        let user_id = self.stand_in_user(tenant, identifier);
        Target { tenant_id, user_id, real: false, methods: subject.methods }
    }

    pub(super) async fn start(
        &self,
        session: &SessionHandle,
        target: &Target,
        method: Option<&str>,
    ) -> Result<FactorStep, AuthnError> {
        let named = |candidate: &&Method| method.is_none_or(|name| candidate.name == name);
        let missing = if method.is_some() { AuthnError::UnknownMethod } else { AuthnError::NoMethod };
        let Some(method) = target.methods.iter().find(named).cloned() else {
            return self.misconfigured(session, target, method, missing).await;
        };
        let name = method.name.clone();
        let first = match (method.check(), method.steps.first()) {
            (Ok(()), Some(first)) => first.clone(),
            (Err(error), _) => {
                return self.misconfigured(session, target, Some(&name), AuthnError::Method(error)).await;
            }
            (Ok(()), None) => {
                return self.misconfigured(session, target, Some(&name), AuthnError::NoMethod).await;
            }
        };
        let change = Change::BeginLogin { tenant_id: target.tenant_id, user_id: target.user_id, method };
        if !session.record(change) {
            return Err(AuthnError::AlreadyAuthenticated);
        }
        let started = LoginStarted {
            user_id: target.real.then_some(target.user_id),
            method_name: name.as_str().into(),
            device_id: known_device(session, Owner { tenant_id: target.tenant_id, user_id: target.user_id }),
        };
        self.emit(session, Some(target.tenant_id), AuthEvent::LoginStarted(started)).await?;
        self.metrics.login_started(&name);
        Ok(first)
    }
}

impl<I: IdentityAuthnLog, F: FactorStore> AuthnService<I, F> {
    /// Begins a login and verifies its password step in one call.
    ///
    /// It makes four storage round trips besides loading the session: find and reserve, read the hash, write the
    /// session, settle (and read the hash once more at the same time). A request of a device with a cookie makes two more.
    ///
    /// When the method has further steps the outcome is [`FactorOutcome::FactorRequired`] and the login goes on with
    /// [`AuthnService::verify_factor`].
    ///
    /// # Errors
    ///
    /// As [`AuthnService::begin_login`] and [`AuthnService::verify_factor`]; [`AuthnError::FactorNotOffered`] when the
    /// default method does not begin with a password.
    pub async fn login_with_password(
        &self,
        session: &SessionHandle,
        identifier: &str,
        tenant: &str,
        password: impl Into<Password>,
    ) -> Result<FactorOutcome, AuthnError> {
        if session.is_authenticated() {
            return Err(AuthnError::AlreadyAuthenticated);
        }
        let credential = FactorCredential::Password(password.into());
        let parsed = (tenant.parse::<TenantSlug>(), Identifier::parse(identifier));
        // Whether a device is trusted is known once its user is: then there is no way of fewer round trips.
        let ((Ok(slug), Ok(name)), None) = (parsed, session.context().device) else {
            let first = self.begin_login(session, identifier, tenant).await?;
            if !first.admits(&FactorKind::Password) {
                return Err(AuthnError::FactorNotOffered(FactorKind::Password));
            }
            return self.verify_factor(session, credential).await;
        };
        let stand_in = self.attempt(
            self.stand_in_tenant(slug.as_str()),
            self.stand_in_user(slug.as_str(), name.as_str()),
            FactorKind::Password,
            session,
        );
        let (subject, reservation) =
            self.identity.reserve_login(slug.clone(), name.clone(), stand_in.clone()).await?;
        let attempt = subject.attempt(stand_in);
        let target = self.target(name.as_str(), slug.as_str(), subject);
        let started = match self.start(session, &target, None).await {
            Ok(first) if first.admits(&FactorKind::Password) => Ok(()),
            Ok(_) => Err(AuthnError::FactorNotOffered(FactorKind::Password)),
            Err(error) => Err(error),
        };
        if let Err(error) = started {
            if matches!(reservation, Reservation::Granted { .. }) {
                self.identity.settle_attempt(attempt, AttemptOutcome::Abandoned).await?;
            }
            return Err(error);
        }
        self.decide(session, attempt, reservation, credential).await
    }
}
