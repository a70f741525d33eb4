//! Creating an account.
//!
//! With a mail address: [`begin_signup`](AuthnService::begin_signup) judges and hashes the password, keeps both in the
//! session and mails a code; [`complete_signup`](AuthnService::complete_signup) creates the account once the code proves
//! the address. Nothing is created for an address that is never proved, and whether an address has an account already is
//! told to its owner only. Without an address the account is created at once.

use super::{AuthnService, check::Checked};
use crate::{
    authn::{AuthnError, FactorConfig, PasswordRecord, SignupOutcome},
    delivery::{MailPurpose, OutboundMail},
    session::{Advance, AuthState, Change, Input, PendingSignup, SessionHandle, WorkflowKind},
    store::{Expected, FactorStore, IdentityAdmin, NewUser, SaveOutcome, UserChange},
};
use axess_events::{
    AuthEvent,
    account::{EmailCodePurpose, SignupCompleted, SignupStarted},
    shell::RotationCause,
};
use axess_factors::{PasswordContext, Subject, Verified};
use axess_identity::{
    EmailAddress, FactorKind, Identifier, OtpCode, Password, PasswordHash, Tenant, TenantSlug, UserId,
    UserStatus,
};

/// What somebody who signs up brings along.
///
/// ```
/// use axess_core::service::NewSignup;
/// let signup = NewSignup {
///     identifier: "bob".into(),
///     tenant: "default".into(),
///     email: Some("bob@example.com".into()),
///     display_name: None,
///     password: "correct horse battery staple".into(),
/// };
/// assert!(!format!("{signup:?}").contains("horse"));
/// ```
#[derive(Debug, Clone)]
pub struct NewSignup {
    /// The wanted login name.
    pub identifier: String,
    /// The tenant's short name.
    pub tenant: String,
    /// The address to prove. `None` creates the account without one.
    pub email: Option<String>,
    /// A name for people.
    pub display_name: Option<String>,
    /// The chosen password.
    pub password: Password,
}

impl<I: IdentityAdmin, F: FactorStore> AuthnService<I, F> {
    /// Begins a sign-up.
    ///
    /// See the module's description for the two ways it can go.
    ///
    /// # Errors
    ///
    /// [`AuthnError::AlreadyAuthenticated`]; [`AuthnError::Signup`] when name, tenant or address are malformed or the
    /// tenant takes no sign-ups; [`AuthnError::Delivery`], [`AuthnError::Overloaded`], and a backend's failure.
    pub async fn begin_signup(
        &self,
        session: &SessionHandle,
        signup: NewSignup,
    ) -> Result<SignupOutcome, AuthnError> {
        if session.is_authenticated() {
            return Err(AuthnError::AlreadyAuthenticated);
        }
        let identifier = Identifier::parse_new(&signup.identifier).map_err(AuthnError::signup)?;
        let slug = signup.tenant.parse::<TenantSlug>().map_err(AuthnError::signup)?;
        let email = signup
            .email
            .as_deref()
            .map(str::parse::<EmailAddress>)
            .transpose()
            .map_err(AuthnError::signup)?;
        let tenant = self.identity.find_tenant(slug).await?.filter(|tenant| tenant.status.admits_logins());
        let tenant = tenant.ok_or_else(|| AuthnError::signup("this tenant takes no sign-ups"))?;
        let user_id = UserId::generate(self.now(), self.rng());
        if let Err(weak) = self.judge_first(&tenant, user_id, &identifier, &signup.password).await? {
            return Ok(weak);
        }
        let hash = self.hasher.hash(&signup.password).await?;
        let started = SignupStarted { user_id: Some(user_id) };
        self.emit(session, Some(tenant.tenant_id), AuthEvent::SignupStarted(started)).await?;
        match email {
            None => {
                let user = new_user(&tenant, user_id, identifier, signup.display_name, self.now());
                self.create(session, user, hash).await
            }
            Some(email) => {
                let pending = PendingSignup {
                    user_id,
                    tenant_id: tenant.tenant_id,
                    identifier,
                    email,
                    display_name: signup.display_name,
                    password_hash: hash.expose().to_owned(),
                };
                self.mail_signup_code(session, pending).await
            }
        }
    }

    /// Creates the account once the mailed code is right.
    ///
    /// The session is then authenticated, with the proved address as its one factor; a method with further steps is asked
    /// for at the next login.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotAuthenticating`] when no sign-up is in progress; [`AuthnError::SessionEnded`];
    /// [`AuthnError::Overloaded`]; a backend's failure.
    pub async fn complete_signup(
        &self,
        session: &SessionHandle,
        code: impl Into<OtpCode>,
    ) -> Result<SignupOutcome, AuthnError> {
        let waiting = session.workflow_step(&WorkflowKind::Signup);
        let pending = waiting.and_then(|_| session.ceremony(|ceremony| ceremony.signup.clone()));
        let pending = pending.ok_or(AuthnError::NotAuthenticating)?;
        let attempt = self.attempt(pending.tenant_id, pending.user_id, FactorKind::EmailOtp, session);
        let subject = Subject { user_id: pending.user_id, attempt: attempt.attempt_id };
        let checked = self.check_email_code(session, &attempt, subject, code.into().expose()).await?;
        let proof = match checked {
            Checked::Passed { proof, .. } => proof,
            Checked::Failed(why) => {
                self.ceremony_refused(session, (pending.tenant_id, None), FactorKind::EmailOtp, why).await?;
                return Ok(SignupOutcome::InvalidCode);
            }
        };
        let subject = (pending.tenant_id, pending.user_id);
        self.ceremony_verified(session, subject, FactorKind::EmailOtp).await?;
        let user = NewUser {
            user_id: pending.user_id,
            tenant_id: pending.tenant_id,
            identifier: pending.identifier,
            display_name: pending.display_name,
            email: Some(pending.email),
            email_verified: true,
            status: UserStatus::Pending,
            created_at: self.now(),
        };
        let outcome = self.create(session, user, PasswordHash::from(pending.password_hash)).await?;
        session.record(Change::SetSignup(None));
        if matches!(outcome, SignupOutcome::Completed { .. }) {
            self.finish_workflow(session, Some(proof)).await?;
        }
        Ok(outcome)
    }

    /// Completes the ceremony the session is in.
    ///
    /// A ceremony begun by an authenticated user makes the session authenticated again; any other makes it a guest's.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotAuthenticating`] when there is none, or it is not at its last step, or has taken too long;
    /// [`AuthnError::SessionEnded`]; [`AuthnError::Session`].
    pub async fn complete_workflow(&self, session: &SessionHandle) -> Result<(), AuthnError> {
        let custom = session.with_state(
            |state| matches!(state, AuthState::PendingWorkflow { workflow, .. } if matches!(workflow.kind, WorkflowKind::Custom(_))),
        );
        if !custom {
            return Err(AuthnError::NotAuthenticating);
        }
        self.finish_workflow(session, None).await
    }

    pub(super) async fn finish_workflow(
        &self,
        session: &SessionHandle,
        proof: Option<Verified>,
    ) -> Result<(), AuthnError> {
        let previous = (session.session_id(), RotationCause::Requested);
        match session.advance(Input::CompleteWorkflow(proof)).await? {
            Advance::Refused => Err(AuthnError::NotAuthenticating),
            Advance::Done(moments) => self.record_or_end(session, previous, moments).await,
        }
    }

    /// Mails the code, or a notice when the address has an account. The work and the answer are the same.
    async fn mail_signup_code(
        &self,
        session: &SessionHandle,
        pending: PendingSignup,
    ) -> Result<SignupOutcome, AuthnError> {
        self.outbox.check_open()?;
        let known = self.identity.find_user_by_email(pending.tenant_id, pending.email.clone()).await?;
        let (tenant_id, user_id, to) = (pending.tenant_id, pending.user_id, pending.email.clone());
        let change = Change::StartWorkflow { tenant_id, user_id, kind: WorkflowKind::Signup, total_steps: 1 };
        if !session.record(change) {
            return Err(AuthnError::AlreadyAuthenticated);
        }
        session.record(Change::SetSignup(Some(pending)));
        let address = to.clone();
        let free = known.is_none().then_some(to);
        let purpose = (MailPurpose::Signup, EmailCodePurpose::Signup);
        let expires_at = self.send_code(session, tenant_id, user_id, free, purpose.0, purpose.1).await?;
        if known.is_some() {
            let notice = OutboundMail {
                tenant_id,
                to: address,
                purpose: MailPurpose::SignupExists,
                code: None,
                expires_at,
            };
            self.outbox.send(notice)?;
        }
        Ok(SignupOutcome::CodeSent)
    }

    /// Creates the account in three steps that leave nothing usable behind when one fails: a pending account holds no
    /// name and cannot log in.
    async fn create(
        &self,
        session: &SessionHandle,
        user: NewUser,
        hash: PasswordHash,
    ) -> Result<SignupOutcome, AuthnError> {
        self.emitter
            .together(async {
                let (tenant_id, user_id) = (user.tenant_id, user.user_id);
                let pending = NewUser { status: UserStatus::Pending, ..user };
                if self.identity.create_user(pending).await? == SaveOutcome::Conflict {
                    return Ok(SignupOutcome::IdentifierTaken);
                }
                let record = FactorConfig::Password(PasswordRecord {
                    hash,
                    history: Vec::new(),
                    changed_at: self.now(),
                });
                let _ = self.factors.save_factor(tenant_id, user_id, record, Expected::Absent).await?;
                let active = UserChange { status: Some(UserStatus::Active), ..UserChange::default() };
                if self.identity.update_user(tenant_id, user_id, active).await? == SaveOutcome::Conflict {
                    // Somebody else signed up under this name meanwhile and replaced the pending account.
                    self.factors.delete_factors(tenant_id, user_id).await?;
                    return Ok(SignupOutcome::IdentifierTaken);
                }
                self.emit(session, Some(tenant_id), AuthEvent::SignupCompleted(SignupCompleted { user_id }))
                    .await?;
                Ok(SignupOutcome::Completed { user_id })
            })
            .await
    }

    async fn judge_first(
        &self,
        tenant: &Tenant,
        user_id: UserId,
        identifier: &Identifier,
        password: &Password,
    ) -> Result<Result<(), SignupOutcome>, AuthnError> {
        let methods = self.identity.find_methods(tenant.tenant_id, user_id).await?;
        let found = self.factors.load_factor(tenant.tenant_id, user_id, FactorKind::Password).await?;
        let config = self.password_policy(&found);
        let context = PasswordContext {
            sole_factor: methods.iter().any(|method| method.is_sole_factor(&FactorKind::Password)),
            identifier: Some(identifier.as_str()),
            forbidden_words: &[&self.issuer],
        };
        Ok(config.validate_new(password, context).map_err(SignupOutcome::WeakPassword))
    }
}

fn new_user(
    tenant: &Tenant,
    user_id: UserId,
    identifier: Identifier,
    display_name: Option<String>,
    created_at: chrono::DateTime<chrono::Utc>,
) -> NewUser {
    let tenant_id = tenant.tenant_id;
    NewUser {
        user_id,
        tenant_id,
        identifier,
        display_name,
        email: None,
        email_verified: false,
        status: UserStatus::Pending,
        created_at,
    }
}
