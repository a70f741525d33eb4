//! API tokens: `audx_` and 32 random bytes, of which a digest is kept.
//!
//! A token never does more than its owner may at the moment of its use: the policies are asked about the owner, and the
//! scopes take away.

use super::{Access, Action, Caller, Proof, Subject};
use crate::{
    model::{ApiToken, MAX_PAGE, Page, PageQuery, Person, PersonKind},
    problem::Problem,
};
use audex_core::{Requester, audit::BrokerEvent};
use audex_policy::{is_deceptive, is_unseen};
use axess::{UserId, rng::random_array};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What every token begins with.
pub(super) const PREFIX: &str = "audx_";
/// How many characters follow: 32 bytes.
const SECRET_CHARS: usize = 43;
/// The longest name, in bytes.
pub const MAX_NAME: usize = 100;
/// How many days a token lasts at most, and unless it is said.
pub const MAX_DAYS: u32 = 90;
/// How many days a token lasts unless it is said.
pub const DEFAULT_DAYS: u32 = 30;
/// The most tokens of one owner that work.
const MAX_TOKENS: u64 = 50;

/// A token that is to be made.
///
/// ```
/// use audex_server::access::{Action, tokens::NewToken};
/// let token = NewToken { scopes: vec![Action::Request], ..NewToken::new("nightly build") };
/// assert_eq!(token.days, 30);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What the owner calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Action>,
    /// How many days it lasts, up to [`MAX_DAYS`].
    pub days: u32,
    /// Whose it is, if not the caller's: a service account's, for an administrator to make.
    pub owner: Option<UserId>,
}

/// A token that was made, with its secret.
///
/// The secret is shown once.
///
/// ```
/// fn header(made: &audex_server::access::tokens::MadeToken) -> String {
///     format!("Authorization: Bearer {}", made.secret)
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct MadeToken {
    /// What is kept of it.
    pub token: ApiToken,
    /// What is sent with requests.
    pub secret: String,
}

impl NewToken {
    /// Asks for a token that may request and read, for [`DEFAULT_DAYS`].
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            scopes: vec![Action::Request, Action::Read],
            days: DEFAULT_DAYS,
            owner: None,
        }
    }
}

/// Makes a token for the caller, or for a service account.
///
/// # Errors
///
/// 400 for a name, scopes or a time that cannot be; 403 for somebody else's; 409 `too_many`; 503.
pub async fn make(access: &Access, caller: &Caller, new: NewToken) -> Result<MadeToken, Problem> {
    let name = name_of(&new.name)?;
    if new.scopes.is_empty() {
        return Err(Problem::invalid("scopes", "a token needs at least one scope"));
    }
    if new.days == 0 || new.days > MAX_DAYS {
        return Err(Problem::invalid("expires_in_days", format!("a token lasts from 1 to {MAX_DAYS} days")));
    }
    let owner = owner_of(access, caller, new.owner).await?;
    let lifetime = TimeDelta::days(i64::from(new.days));
    let made_by = caller.user_id.unwrap_or(owner.user_id);
    insert(access, (&caller.requester, made_by), &owner, name, &new.scopes, lifetime).await
}

/// Makes a token and keeps it.
pub(super) async fn insert(
    access: &Access,
    (who, made_by): (&Requester, UserId),
    owner: &Person,
    name: String,
    scopes: &[Action],
    lifetime: TimeDelta,
) -> Result<MadeToken, Problem> {
    let now = access.clock.now();
    let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random_array::<32>(&*access.rng)));
    let mut scopes: Vec<String> = scopes.iter().map(|scope| scope.name().to_owned()).collect();
    scopes.sort();
    scopes.dedup();
    let token = ApiToken {
        id: uuid(access),
        digest: Sha256::digest(&secret).into(),
        owner: owner.user_id,
        made_by,
        name,
        scopes,
        created_at: now,
        expires_at: now + lifetime,
        last_used_at: None,
        revoked_at: None,
    };
    let event = BrokerEvent::Administered {
        action: "token.made".to_owned(),
        subject: token.id.to_string(),
        detail: Some(format!("{} for {}, until {}", token.scopes.join(" "), owner.email, token.expires_at)),
    };
    if access.store.insert_token(who, &token, MAX_TOKENS, event).await? {
        return Ok(MadeToken { token, secret });
    }
    let detail = format!("at most {MAX_TOKENS} tokens work at once: revoke one first");
    Err(Problem::new(StatusCode::CONFLICT, "too_many").with_detail(detail))
}

/// Lists the caller's tokens, or somebody else's for an administrator.
///
/// Newest first, those that are over included. A token needs the scope `read`.
///
/// # Errors
///
/// 403; 400 for a page that is none; 503.
pub async fn list(
    access: &Access,
    caller: &Caller,
    owner: Option<UserId>,
    page: &PageQuery,
) -> Result<Page<ApiToken>, Problem> {
    let own = caller.user_id.filter(|_| caller.is_in_scope(Action::Read));
    let own = own.ok_or_else(|| Problem::forbidden("read"))?;
    let owner = owner.unwrap_or(own);
    if owner != own {
        access.may(caller, Action::Administer, &Subject::People)?;
    }
    Ok(access.store.list_tokens(Some(owner), page).await?)
}

/// Finds who made tokens, where that is somebody else than whose they are.
///
/// # Errors
///
/// 503.
pub async fn makers(access: &Access, tokens: &[ApiToken]) -> Result<BTreeMap<Uuid, Person>, Problem> {
    let mut makers = BTreeMap::new();
    for token in tokens.iter().filter(|token| token.made_by != token.owner) {
        if let Some(person) = access.store.person(token.made_by).await? {
            makers.insert(token.id, person);
        }
    }
    Ok(makers)
}

/// Revokes a token of the caller's; an administrator revokes anybody's.
///
/// A token without the scope `administer` revokes itself and no other: who stole one cannot take the others away. It works no longer once this returns.
///
/// # Errors
///
/// 404 where there is no such token, or it is somebody else's; 503.
pub async fn revoke(access: &Access, caller: &Caller, id: Uuid) -> Result<(), Problem> {
    let is_admin = || access.may(caller, Action::Administer, &Subject::People).is_ok();
    let is_itself = matches!(&caller.how, Proof::ApiToken { id: own, .. } if *own == id);
    let may_others = caller.is_in_scope(Action::Administer);
    if !(is_itself || is_admin() || may_others && is_own(access, caller, id).await?) {
        return Err(Problem::not_found());
    }
    let event = BrokerEvent::Administered {
        action: "token.revoked".to_owned(),
        subject: id.to_string(),
        detail: None,
    };
    match access.store.revoke_token(&caller.requester, id, access.clock.now(), event).await? {
        true => Ok(()),
        false => Err(Problem::not_found()),
    }
}

/// Returns what is kept of a token; `None` for a text that is none of ours.
pub(super) fn digest(token: &str) -> Option<[u8; 32]> {
    let secret = token.strip_prefix(PREFIX)?;
    if secret.len() != SECRET_CHARS || URL_SAFE_NO_PAD.decode(secret).is_err() {
        return None;
    }
    Some(Sha256::digest(token).into())
}

/// Reads a name: something that can be shown on a line.
pub(super) fn name_of(name: &str) -> Result<String, Problem> {
    let is_line = is_shown(name);
    let name = name.trim();
    if is_line && !name.is_empty() && name.len() <= MAX_NAME {
        return Ok(name.to_owned());
    }
    let detail = format!(
        "a name has 1 to {MAX_NAME} bytes on one line, without characters that hide or turn others around"
    );
    Err(Problem::invalid("name", detail))
}

/// Tells whether a text is seen on one line as it is: nothing in it hides, or turns others around.
pub(super) fn is_shown(text: &str) -> bool {
    text.chars().all(|c| !(c.is_control() || is_deceptive(c) || is_unseen(c) && !c.is_whitespace()))
}

/// Returns which scopes somebody has a use for: what their token may do when they say nothing.
pub(super) fn scopes_of(access: &Access, person: &Person) -> Vec<Action> {
    let approvers = access.settings.approvals().map(|rules| rules.roles.clone()).unwrap_or_default();
    let is = |role: &str| person.roles.iter().any(|own| own == role);
    let mut scopes = vec![Action::Request, Action::Read];
    if approvers.iter().any(|role| is(role)) {
        scopes.push(Action::Approve);
    }
    if is("admin") {
        scopes.push(Action::Administer);
    }
    scopes
}

/// Finds the owner of a token that is to be made.
async fn owner_of(access: &Access, caller: &Caller, owner: Option<UserId>) -> Result<Person, Problem> {
    let own = caller.user_id.ok_or_else(|| Problem::forbidden("make_token"))?;
    let owner = owner.unwrap_or(own);
    if owner != own {
        access.may(caller, Action::Administer, &Subject::People)?;
    }
    let person = access.store.person(owner).await?.filter(|person| !person.is_disabled);
    let person = person.ok_or_else(|| Problem::invalid("owner", "there is no such account in use"))?;
    if owner != own && person.kind != PersonKind::Service {
        // A token made for somebody else would act in their name without them.
        return Err(Problem::invalid("owner", "people make their own tokens"));
    }
    Ok(person)
}

async fn is_own(access: &Access, caller: &Caller, id: Uuid) -> Result<bool, Problem> {
    let Some(own) = caller.user_id else { return Ok(false) };
    let mut page = PageQuery { limit: Some(MAX_PAGE), after: None };
    loop {
        let tokens = access.store.list_tokens(Some(own), &page).await?;
        if tokens.items.iter().any(|token| token.id == id) {
            return Ok(true);
        }
        if tokens.next.is_none() {
            return Ok(false);
        }
        page.after = tokens.next;
    }
}

pub(super) fn works(token: &ApiToken, now: DateTime<Utc>) -> bool {
    token.revoked_at.is_none() && now < token.expires_at
}

/// Draws a random UUID (RFC 9562 section 5.4).
fn uuid(access: &Access) -> Uuid {
    uuid::Builder::from_random_bytes(random_array::<16>(&*access.rng)).into_uuid()
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeToken").field("token", &self.token.id).finish_non_exhaustive()
    }
}
