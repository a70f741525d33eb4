//! From a one-time link to an account that can log in: a password, an authenticator app, recovery codes.
//!
//! The link is used up with the first password that is sent to it, and from then on counts in that browser alone, for half an
//! hour: a password that is too weak can be replaced by a better one there. Looking at the page uses nothing up.
//!
//! Of every account the last link is known, also when it is used up: whoever used an earlier one holds nothing any more.

use super::{Access, fault::problem, login, open::TENANT, people::LONGEST_LINK, sso};
use crate::{model::PersonKind, problem::Problem};
use axess::{
    AuthSession, AuthnScope, EnrolmentOutcome, FactorOutcome, Operator, Password, PasswordResetOutcome,
    UserId,
    store::{IdentityAdmin, Owner, Store},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The length of a link's token, in characters: 32 random bytes.
const TOKEN_CHARS: usize = 43;
/// How long a browser that used a link has for its password.
const PATIENCE: TimeDelta = TimeDelta::minutes(30);
/// What the session calls it.
const BOUND: &str = "enrolment";

/// What came of a password.
///
/// ```
/// use audex_server::access::enrol::EnrolStep;
/// assert_ne!(EnrolStep::Totp, EnrolStep::Weak("the password is too easy to guess".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrolStep {
    /// It is set; the authenticator app is next ([`begin_totp`]).
    Totp,
    /// It does not do, for this reason; another may be sent to the same link from the same browser.
    Weak(String),
}

/// A new authenticator.
///
/// It is a secret: shown once, to its owner.
#[derive(Serialize)]
pub struct NewAuthenticator {
    /// What an app scans ...
    pub uri: String,
    /// ... or its user types in ...
    pub secret: String,
    /// ... and the picture of it: one `<svg>` element without scripts or styles.
    pub qr_svg: String,
}

/// What came of the authenticator's first code.
///
/// ```
/// use audex_server::access::enrol::Enrolled;
/// assert_ne!(Enrolled::WrongCode, Enrolled::Expired);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum Enrolled {
    /// It is set up, and the session is logged in with both factors. The recovery codes are shown once.
    Done {
        /// Each works once.
        recovery_codes: Vec<String>,
    },
    /// It does not fit; another may be tried.
    WrongCode,
    /// Too many did not fit, or it took too long: begin again with [`begin_totp`].
    Expired,
}

/// The link that a session has used.
#[derive(Serialize, Deserialize)]
struct Bound {
    link: String,
    user_id: UserId,
    until: DateTime<Utc>,
}

/// Returns the e-mail address a link is for, without using it; `None` for a link that does not work (any more).
///
/// # Errors
///
/// 503.
pub async fn look(access: &Access, session: &AuthSession, token: &str) -> Result<Option<String>, Problem> {
    let Some(digest) = digest(token) else { return Ok(None) };
    let user_id = match bound(access, session, &digest).await? {
        Some(user_id) => Some(user_id),
        None => access.store.invitation(digest, access.clock.now()).await?,
    };
    let Some(user_id) = user_id else { return Ok(None) };
    let person = access.store.person(user_id).await?;
    Ok(person.filter(|person| !person.is_disabled).map(|person| person.email))
}

/// Sets the password of whoever has the link, and logs them in as far as that goes.
///
/// # Errors
///
/// 403 `local_login_off`; 410 `link_used` for a link that does not work, or whose account has an authenticator; 503.
pub async fn password(
    access: &Access,
    session: &AuthSession,
    token: &str,
    password: Password,
) -> Result<EnrolStep, Problem> {
    access.require_local_login()?;
    let digest = digest(token).ok_or_else(gone)?;
    if session.is_authenticated() {
        login::logout(access, session).await?;
    }
    let user_id = match bound(access, session, &digest).await? {
        Some(user_id) => user_id,
        None => take(access, session, digest).await?,
    };
    let person = access.store.person(user_id).await?;
    let person = person.filter(|person| !person.is_disabled && person.kind == PersonKind::Human);
    let person = person.ok_or_else(gone)?;
    if access.is_enrolled(user_id).await? {
        // An invitation takes the authenticator away first: this one is not for somebody who has it.
        return Err(gone());
    }
    let owner = Owner { tenant_id: access.tenant_id, user_id };
    let operator = Operator::new(&person.email, "enrolment by link").in_request(session.context());
    let set = access.service.set_password(access.sessions(), owner, password.clone(), &operator).await;
    match set.map_err(problem)? {
        PasswordResetOutcome::WeakPassword(why) => return Ok(EnrolStep::Weak(why.to_string())),
        PasswordResetOutcome::Reused => {
            return Ok(EnrolStep::Weak("the password was used before".to_owned()));
        }
        PasswordResetOutcome::Completed => {}
        PasswordResetOutcome::CodeAccepted | PasswordResetOutcome::InvalidCode => return Err(gone()),
    }
    session.remove_custom(BOUND);
    if !is_last(access, user_id, &digest).await? {
        // Somebody was invited anew meanwhile, and this password may have come after the old one was taken.
        access.service.reset_password(access.sessions(), owner, &operator).await.map_err(problem)?;
        return Err(gone());
    }
    let_go(access, user_id).await?;
    // Nobody can log in with two factors who has one. What this session may do with one is set up the other.
    let scope = AuthnScope::User { tenant_id: owner.tenant_id, user_id };
    let methods = sso::methods_of_enrolment(access.settings.sso.as_ref());
    access.service.identity().save_methods(scope, methods).await.map_err(problem)?;
    let outcome = access.service.login_with_password(session, &person.email, TENANT, password).await;
    match outcome.map_err(problem)? {
        FactorOutcome::Authenticated => Ok(EnrolStep::Totp),
        _ => Err(gone()),
    }
}

/// Draws the secret of a new authenticator app, to be shown.
///
/// Nothing is stored until its first code is there.
///
/// It is for a session that has proved the password, and for somebody who has no authenticator yet.
///
/// # Errors
///
/// 401 `unauthenticated`, `step_up_required`; 503.
pub async fn begin_totp(access: &Access, session: &AuthSession) -> Result<NewAuthenticator, Problem> {
    let shown = access.service.begin_totp_enrolment(session).await.map_err(problem)?.uri;
    Ok(NewAuthenticator {
        uri: shown.expose().to_owned(),
        secret: shown.expose_key().to_owned(),
        qr_svg: shown.qr_svg().map_err(axess::AuthnError::Otpauth).map_err(problem)?,
    })
}

/// Takes the first code of the new authenticator app: from then on every login asks for one, and this session is logged in.
///
/// # Errors
///
/// As [`begin_totp`].
pub async fn confirm_totp(access: &Access, session: &AuthSession, code: &str) -> Result<Enrolled, Problem> {
    let owner = session.owner().ok_or_else(Problem::unauthenticated)?;
    let outcome = access.service.log_in_with_totp_enrolment(session, code).await.map_err(problem)?;
    let recovery_codes = match outcome {
        EnrolmentOutcome::Enrolled { recovery_codes } => recovery_codes,
        EnrolmentOutcome::InvalidCode => return Ok(Enrolled::WrongCode),
        EnrolmentOutcome::Expired => return Ok(Enrolled::Expired),
    };
    login::ask_for_both(access, owner).await?;
    let recovery_codes = recovery_codes.iter().map(|code| code.expose().to_owned()).collect();
    Ok(Enrolled::Done { recovery_codes })
}

/// Notes which link is the last of an account; an earlier one counts no longer, wherever it was used.
pub(super) async fn hold_for(access: &Access, user_id: UserId, digest: &[u8; 32]) -> Result<(), Problem> {
    let until = access.clock.now() + LONGEST_LINK + PATIENCE;
    access.waiting.set(last_link(user_id), digest.to_vec(), until).await.map_err(problem)
}

/// Ends what whoever used a link of this account holds.
pub(super) async fn let_go(access: &Access, user_id: UserId) -> Result<(), Problem> {
    access.waiting.delete(last_link(user_id)).await.map(drop).map_err(problem)
}

async fn is_last(access: &Access, user_id: UserId, digest: &[u8; 32]) -> Result<bool, Problem> {
    let last = access.waiting.get(last_link(user_id), access.clock.now()).await.map_err(problem)?;
    Ok(last.is_some_and(|last| last == digest))
}

fn last_link(user_id: UserId) -> String {
    format!("last link of {user_id}")
}

/// Uses a link up: from now on it counts in this session alone.
async fn take(access: &Access, session: &AuthSession, digest: [u8; 32]) -> Result<UserId, Problem> {
    let now = access.clock.now();
    let user_id = access.store.take_invitation(digest, now).await?.ok_or_else(gone)?;
    if !is_last(access, user_id, &digest).await? {
        return Err(gone());
    }
    let bound = Bound { link: URL_SAFE_NO_PAD.encode(digest), user_id, until: now + PATIENCE };
    session.set_custom(BOUND, &bound).map_err(problem)?;
    Ok(user_id)
}

fn gone() -> Problem {
    Problem::new(StatusCode::GONE, "link_used")
        .with_detail("the link was used already, or is too old: ask an administrator for another one")
}

/// Returns whose link the session has used, while that counts.
async fn bound(access: &Access, session: &AuthSession, digest: &[u8; 32]) -> Result<Option<UserId>, Problem> {
    let Some(bound) = session.get_custom::<Bound>(BOUND).ok().flatten() else { return Ok(None) };
    let is_this = bound.link == URL_SAFE_NO_PAD.encode(digest) && access.clock.now() < bound.until;
    let counts = is_this && is_last(access, bound.user_id, digest).await?;
    Ok(counts.then_some(bound.user_id))
}

/// Returns what is kept of a link; `None` for a text that is none of ours.
pub(super) fn digest(token: &str) -> Option<[u8; 32]> {
    if token.len() != TOKEN_CHARS || URL_SAFE_NO_PAD.decode(token).is_err() {
        return None;
    }
    Some(Sha256::digest(token).into())
}

impl std::fmt::Debug for NewAuthenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewAuthenticator").finish_non_exhaustive()
    }
}
