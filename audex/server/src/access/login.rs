//! Logging in: a password, then a code of the authenticator app or a recovery code. The same verbs prove the second factor
//! again when that was too long ago.

use super::{Access, fault::problem, open::TENANT, sso};
use crate::problem::Problem;
use axess::{
    AuthSession, AuthnError, AuthnScope, FactorCredential, FactorKind, FactorOutcome, FactorStep, Password,
    SessionHandle,
    guard::{AuthnInfo, GuardRejection},
    store::{FactorStore, IdentityAdmin},
};
use http::StatusCode;

/// The longest path that a login leads back to, in bytes.
const MAX_NEXT: usize = 1_024;

/// Where a login stands.
///
/// ```
/// use audex_server::access::login::LoginStep;
/// assert_eq!(LoginStep::SecondFactor.name(), "second_factor_required");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginStep {
    /// Both factors are proved.
    SignedIn,
    /// A code of the authenticator app, or a recovery code, is next.
    SecondFactor,
    /// The password is right, and there is no authenticator app yet: it has to be set up now.
    Enrolment,
}

impl LoginStep {
    /// Returns its name, as in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::SecondFactor => "second_factor_required",
            Self::Enrolment => "enrolment_required",
        }
    }
}

/// Begins a login with the password; whoever was logged in here before is logged out.
///
/// # Errors
///
/// 401 `login_failed`, which does not tell an unknown address from a wrong password from a locked account; 403
/// `local_login_off`; 503.
pub async fn begin(
    access: &Access,
    session: &AuthSession,
    email: &str,
    password: Password,
) -> Result<LoginStep, Problem> {
    access.require_local_login()?;
    if session.is_authenticated() {
        access.service.logout(session).await.map_err(problem)?;
    }
    let outcome = access.service.login_with_password(session, email, TENANT, password).await;
    match outcome.map_err(problem)? {
        // Only those whose enrolment is not finished get this far with a password.
        FactorOutcome::Authenticated => finish_enrolment(access, session).await,
        outcome => step(outcome),
    }
}

/// Takes a code of the authenticator app: for a login that waits for it, or to prove it again.
///
/// # Errors
///
/// 401 `login_failed`; 401 `no_login_in_progress`; 503.
pub async fn totp(access: &Access, session: &AuthSession, code: &str) -> Result<LoginStep, Problem> {
    second(access, session, FactorCredential::totp(code)).await
}

/// Takes a recovery code, where the authenticator app is out of reach.
///
/// # Errors
///
/// As [`totp`].
pub async fn recovery(access: &Access, session: &AuthSession, code: &str) -> Result<LoginStep, Problem> {
    second(access, session, FactorCredential::RecoveryCode(code.into())).await
}

/// Ends the session.
///
/// Without one nothing happens.
///
/// # Errors
///
/// 503.
pub async fn logout(access: &Access, session: &AuthSession) -> Result<(), Problem> {
    access.service.logout(session).await.map(drop).map_err(problem)
}

/// Tells whether somebody is logged in with both factors, the second one recent enough for [`PERSON`].
///
/// Pages ask before they show a form that would be refused.
///
/// [`PERSON`]: super::PERSON
pub fn is_fresh(access: &Access, session: &AuthSession) -> bool {
    let fresh = |info: AuthnInfo| info.require_fresh(super::front::FRESH_FOR, access.clock.now());
    proved(access, session).and_then(fresh).is_ok()
}

/// Tells whether somebody is logged in with both factors, or at the identity provider, which answers for its own.
pub fn is_signed_in(access: &Access, session: &AuthSession) -> bool {
    proved(access, session).is_ok()
}

/// Returns what was proved in a session in which both factors were, or a login at the identity provider.
///
/// What was proved there was proved when the provider says so, which may be before the browser came back.
pub(super) fn proved(access: &Access, session: &SessionHandle) -> Result<AuthnInfo, GuardRejection> {
    let mut info = AuthnInfo::of(session)?;
    let by_sso = access.sso.as_ref().is_some_and(|sso| info.factors_completed.contains(sso.kind()));
    if !by_sso {
        info.require_mfa()?;
        return Ok(info);
    }
    let login = session.federated_login().filter(|login| login.provider.as_str() == sso::NAME);
    if let Some(at) = login.and_then(|login| login.auth_time) {
        info.authn_time = info.authn_time.min(at);
    }
    Ok(info)
}

/// Returns where a login leads: a path of this server, or its first page where the text is none.
///
/// ```
/// use audex_server::access::login::safe_next;
/// assert_eq!(safe_next("/sessions?status=active"), "/sessions?status=active");
/// for evil in ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", ""] {
///     assert_eq!(safe_next(evil), "/");
/// }
/// ```
pub fn safe_next(next: &str) -> &str {
    let is_ours = next.starts_with('/') && !next.starts_with("//") && next.len() <= MAX_NEXT;
    // Browsers read `\` as `/`, and leave tabs and line ends out.
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_ours && is_plain { next } else { "/" }
}

async fn second(
    access: &Access,
    session: &AuthSession,
    credential: FactorCredential,
) -> Result<LoginStep, Problem> {
    if session.is_authenticated() {
        ask_again(access, session).await?;
    }
    step(access.service.verify_factor(session, credential).await.map_err(problem)?)
}

/// Asks somebody who is logged in for a second factor; their session keeps its level until it is proved.
async fn ask_again(access: &Access, session: &AuthSession) -> Result<(), Problem> {
    if session.expected_step().is_some_and(|step| step.admits(&FactorKind::Totp)) {
        return Ok(());
    }
    let either = FactorStep::AnyOf(vec![FactorKind::Totp, FactorKind::RecoveryCode]);
    access.service.require_step_up(session, vec![either]).await.map(drop).map_err(problem)
}

/// Goes on for somebody whose password alone was asked for: an enrolment that was broken off.
async fn finish_enrolment(access: &Access, session: &AuthSession) -> Result<LoginStep, Problem> {
    let owner = session.owner().ok_or_else(|| problem(AuthnError::NotAuthenticated))?;
    let factors = access.service.factors().find_factors(owner.tenant_id, owner.user_id).await;
    if !factors.map_err(problem)?.contains(&FactorKind::Totp) {
        return Ok(LoginStep::Enrolment);
    }
    // It was stored, and the server stopped before it was asked for.
    ask_for_both(access, owner).await?;
    ask_again(access, session).await?;
    Ok(LoginStep::SecondFactor)
}

/// From now on this account logs in as everybody does.
pub(super) async fn ask_for_both(access: &Access, owner: axess::store::Owner) -> Result<(), Problem> {
    let scope = AuthnScope::User { tenant_id: owner.tenant_id, user_id: owner.user_id };
    access.service.identity().save_methods(scope, Vec::new()).await.map_err(problem)
}

/// A locked account looks like a wrong credential: the answer does not tell who has an account.
fn step(outcome: FactorOutcome) -> Result<LoginStep, Problem> {
    match outcome {
        FactorOutcome::Authenticated => Ok(LoginStep::SignedIn),
        FactorOutcome::FactorRequired(_) => Ok(LoginStep::SecondFactor),
        FactorOutcome::InvalidCredential | FactorOutcome::Locked { .. } => {
            Err(Problem::new(StatusCode::UNAUTHORIZED, "login_failed").with_detail(
                "that was not right, or has been tried too often: wait some minutes before you try again",
            ))
        }
    }
}
