//! A login of a program without a browser of its own (RFC 8628): it shows a code, a person types it in a browser where
//! they are logged in, and the program gets a token of theirs.

use super::{
    Access, Action, Caller,
    keys::{self, KeyFate},
    tokens,
};
use crate::problem::Problem;
use axess::{
    UserId,
    middleware::{Admission, BucketKey, RateQuota},
    rng::{SecureRng, random_array},
    store::Store as _,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{net::IpAddr, time::Duration};

/// How long a program waits for its person.
const PATIENCE: TimeDelta = TimeDelta::minutes(10);
/// How far apart it asks.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long the token of a login lasts.
const TOKEN_LASTS: TimeDelta = TimeDelta::hours(12);
/// The letters of the code that people type: no vowels, so no words, and none that look like digits.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How many: 20^8 codes, of which a few are in use for ten minutes.
const CODE_CHARS: usize = 8;
/// What a token is for when the program does not say: not to administer.
const SCOPE: &str = "request approve read";
/// How many old entries are deleted with each new one.
const SWEEP: usize = 100;
/// The longest name of a program, in bytes.
pub const MAX_CLIENT: usize = 80;

/// What a program is told that wants to log in.
///
/// ```
/// fn prompt(begun: &audex_server::access::device::DeviceLogin) -> String {
///     format!("open {} and type {}", begun.verification_uri, begun.user_code)
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct DeviceLogin {
    /// What the program asks with. It is a secret.
    pub device_code: String,
    /// What the person types.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// How far apart to ask, in seconds.
    pub interval: u64,
    /// How long there is time, in seconds.
    pub expires_in: i64,
}

/// A login that waits, as the person who is to confirm it sees it.
///
/// ```
/// fn ask(waiting: &audex_server::access::device::WaitingLogin) -> String {
///     format!("let `{}` act as you?", waiting.client)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitingLogin {
    /// The code, as the program shows it.
    pub user_code: String,
    /// What the program calls itself; nothing vouches for it.
    pub client: String,
    /// Where it asks from.
    pub client_ip: Option<IpAddr>,
    /// Since when.
    pub asked_at: DateTime<Utc>,
    /// What its token could be used for, as far as its person may themselves.
    pub scopes: Vec<String>,
    /// The thumbprint of the key with which the program would sign what its person approves: it becomes one of theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What a program gets: a token of the person's, as RFC 6749 section 5.1 has it.
///
/// ```
/// fn header(token: &audex_server::access::device::DeviceToken) -> String {
///     format!("{} {}", token.token_type, token.access_token)
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct DeviceToken {
    /// The token.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// How long it works, in seconds.
    pub expires_in: i64,
    /// What it may be used for.
    pub scope: String,
    /// Which token it is: what `DELETE /tokens/{id}` takes.
    pub token_id: String,
}

#[derive(Serialize, Deserialize)]
struct Waiting {
    user_code: String,
    client: String,
    client_ip: Option<IpAddr>,
    asked_at: DateTime<Utc>,
    scopes: Vec<String>,
    answer: Answer,
    /// A public key, checked when it came.
    #[serde(default)]
    key: Option<Value>,
}

#[derive(Serialize, Deserialize)]
enum Answer {
    None,
    Allowed(UserId),
    Refused,
}

/// Begins a login for a program that calls itself `client`, and would sign approvals with `key`.
///
/// `scope` is what its token is for, divided by spaces (RFC 6749 section 3.3): `request approve read` unless it is said.
/// The key becomes one of the person's when they confirm.
///
/// # Errors
///
/// 400 for a name, a scope or a key that is none; 503.
pub async fn begin(
    access: &Access,
    client: Option<&str>,
    scope: Option<&str>,
    key: Option<&Value>,
    client_ip: Option<IpAddr>,
) -> Result<DeviceLogin, Problem> {
    let client = client.unwrap_or("a program").trim();
    if client.is_empty() || client.len() > MAX_CLIENT || !tokens::is_shown(client) {
        return Err(Problem::invalid("client", format!("a name has 1 to {MAX_CLIENT} bytes on one line")));
    }
    let scopes = asked_scopes(scope)?;
    let key = key.map(keys::public_key).transpose()?;
    let now = access.clock.now();
    if let Err(error) = access.waiting.cleanup_expired(now, SWEEP).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "old logins of programs stay");
    }
    let device_code = URL_SAFE_NO_PAD.encode(random_array::<32>(&*access.rng));
    let user_code = user_code(&*access.rng);
    let waiting = Waiting {
        user_code: user_code.clone(),
        client: client.to_owned(),
        client_ip,
        asked_at: now,
        scopes,
        answer: Answer::None,
        key,
    };
    let (device, until) = (key_of(&device_code), now + PATIENCE);
    put(access, &device, &waiting, until).await?;
    let by_code = access.waiting.set(code_key(&user_code), device.into_bytes(), until).await;
    by_code.map_err(super::fault::problem)?;
    Ok(DeviceLogin {
        device_code,
        user_code,
        verification_uri: access.link("/device"),
        interval: INTERVAL.as_secs(),
        expires_in: PATIENCE.num_seconds(),
    })
}

/// Finds the login that waits under a code, however it is typed; `None` where there is none (any more).
///
/// With it comes what becomes of its key when the caller lets it in.
///
/// # Errors
///
/// 503.
pub async fn look(
    access: &Access,
    caller: &Caller,
    user_code: &str,
) -> Result<Option<(WaitingLogin, KeyFate)>, Problem> {
    let Some((_, waiting)) = find(access, user_code).await? else { return Ok(None) };
    let fate = keys::foresee(access, caller, &waiting.scopes, waiting.key.as_ref()).await?;
    let shown = WaitingLogin {
        user_code: waiting.user_code,
        client: waiting.client,
        client_ip: waiting.client_ip,
        asked_at: waiting.asked_at,
        scopes: waiting.scopes,
        key: fate.added().map(str::to_owned),
    };
    Ok(Some((shown, fate)))
}

/// Lets the program act as the caller, or not.
///
/// A code is answered once.
///
/// # Errors
///
/// 403 unless the caller is a person at a browser; 404 for a code that nothing waits under; 503.
pub async fn confirm(access: &Access, caller: &Caller, user_code: &str, allow: bool) -> Result<(), Problem> {
    let (Some(user_id), true) = (caller.user_id, caller.how.is_session()) else {
        return Err(Problem::forbidden("log_in"));
    };
    let gone =
        || Problem::not_found().with_detail("nothing waits under this code: begin again in the program");
    let (device, mut waiting) = find(access, user_code).await?.ok_or_else(gone)?;
    // Of two who answer one is first.
    if !access.waiting.delete(code_key(&waiting.user_code)).await.map_err(super::fault::problem)? {
        return Err(gone());
    }
    if allow {
        let program = (waiting.client.as_str(), waiting.scopes.as_slice());
        keys::add_of_program(access, caller, program, waiting.key.as_ref()).await?;
    }
    waiting.answer = if allow { Answer::Allowed(user_id) } else { Answer::Refused };
    let until = waiting.asked_at + PATIENCE;
    tracing::info!(caller = %caller.requester, client = waiting.client, allow, "a program's login was answered");
    put(access, &device, &waiting, until).await
}

/// Gives the program its token, once, when the person said yes.
///
/// # Errors
///
/// 400 with the `error` of RFC 8628 section 3.5: `authorization_pending`, `slow_down`, `access_denied`, `expired_token`; 503.
pub async fn token(access: &Access, device_code: &str) -> Result<DeviceToken, Problem> {
    let (now, device) = (access.clock.now(), key_of(device_code));
    let stored = access.waiting.get(device.clone(), now).await.map_err(super::fault::problem)?;
    let Some(waiting) = stored.and_then(|stored| serde_json::from_slice::<Waiting>(&stored).ok()) else {
        return Err(refusal("expired_token", "the code is unknown, was used or is too old: begin again"));
    };
    let user_id = match waiting.answer {
        Answer::None => {
            // Twice at once does no harm; more often on end does.
            let quota = RateQuota::new(2, INTERVAL * 2);
            let asked = access.failures.admit_now(BucketKey::new("device", &device), quota, now);
            return Err(match asked {
                Admission::Admitted => refusal("authorization_pending", "nobody has answered yet"),
                Admission::Refused { .. } => refusal("slow_down", "ask less often"),
            });
        }
        Answer::Refused => return Err(refusal("access_denied", "the login was refused")),
        Answer::Allowed(user_id) => user_id,
    };
    if !access.waiting.delete(device).await.map_err(super::fault::problem)? {
        return Err(refusal("expired_token", "the code was used"));
    }
    let asked = |scope: &Action| waiting.scopes.iter().any(|asked| asked == scope.name());
    give(access, user_id, waiting.client.clone(), asked).await
}

/// Makes a token of a person's for a program, for what was asked for and they may themselves.
pub(super) async fn give(
    access: &Access,
    user_id: UserId,
    client: String,
    asked: impl Fn(&Action) -> bool,
) -> Result<DeviceToken, Problem> {
    let person = access.store.person(user_id).await?.filter(|person| !person.is_disabled);
    let person = person.ok_or_else(|| refusal("access_denied", "the account is disabled"))?;
    let requester =
        audex_core::Requester::Principal { email: person.email.clone(), groups: person.groups.clone() };
    let scopes: Vec<Action> = tokens::scopes_of(access, &person).into_iter().filter(asked).collect();
    if scopes.is_empty() {
        return Err(refusal("access_denied", "nothing that was asked for is yours to give"));
    }
    let who = (&requester, person.user_id);
    let made = tokens::insert(access, who, &person, client, &scopes, TOKEN_LASTS).await?;
    Ok(DeviceToken {
        access_token: made.secret,
        token_type: "Bearer",
        expires_in: TOKEN_LASTS.num_seconds(),
        scope: made.token.scopes.join(" "),
        token_id: made.token.id.to_string(),
    })
}

/// Reads the scopes that are asked for.
pub(super) fn asked_scopes(scope: Option<&str>) -> Result<Vec<String>, Problem> {
    let wrong = || {
        let known = Action::ALL.map(Action::name).join("`, `");
        Problem::invalid("scope", format!("it is some of `{known}`, divided by spaces"))
    };
    let mut scopes = Vec::new();
    for name in scope.unwrap_or(SCOPE).split_ascii_whitespace() {
        let name = Action::parse(name).ok_or_else(wrong)?.name().to_owned();
        if !scopes.contains(&name) {
            scopes.push(name);
        }
    }
    if scopes.is_empty() { Err(wrong()) } else { Ok(scopes) }
}

pub(super) fn refusal(error: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, error).with("error", error).with_detail(detail)
}

async fn find(access: &Access, typed: &str) -> Result<Option<(String, Waiting)>, Problem> {
    let Some(code) = normal(typed) else { return Ok(None) };
    let now = access.clock.now();
    let device = access.waiting.get(code_key(&code), now).await.map_err(super::fault::problem)?;
    let Some(device) = device.and_then(|device| String::from_utf8(device).ok()) else { return Ok(None) };
    let stored = access.waiting.get(device.clone(), now).await.map_err(super::fault::problem)?;
    let waiting = stored.and_then(|stored| serde_json::from_slice(&stored).ok());
    Ok(waiting.map(|waiting| (device, waiting)))
}

async fn put(access: &Access, device: &str, waiting: &Waiting, until: DateTime<Utc>) -> Result<(), Problem> {
    let text = serde_json::to_vec(waiting).map_err(|_| Problem::internal())?;
    access.waiting.set(device.to_owned(), text, until).await.map_err(super::fault::problem)
}

/// Names a program's login by the digest of its secret.
fn key_of(device_code: &str) -> String {
    format!("audex-device:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(device_code)))
}

fn code_key(user_code: &str) -> String {
    format!("audex-device-code:{user_code}")
}

/// Draws a code, as in `BCDF-GHJK`.
fn user_code(rng: &dyn SecureRng) -> String {
    let mut code = String::new();
    while code.len() < CODE_CHARS {
        let [byte] = random_array::<1>(rng);
        // Every letter is equally likely: 240 is a multiple of 20.
        if let Some(letter) = LETTERS.get(usize::from(byte) % LETTERS.len()).filter(|_| byte < 240) {
            code.push(char::from(*letter));
        }
    }
    code.insert(CODE_CHARS / 2, '-');
    code
}

/// Reads a code as people type it: in any case, with or without the dash.
fn normal(typed: &str) -> Option<String> {
    if typed.len() > 2 * CODE_CHARS {
        return None;
    }
    let mut code: String =
        typed.chars().filter(|c| !matches!(c, '-' | ' ')).map(|c| c.to_ascii_uppercase()).collect();
    if code.len() != CODE_CHARS || !code.bytes().all(|byte| LETTERS.contains(&byte)) {
        return None;
    }
    code.insert(CODE_CHARS / 2, '-');
    Some(code)
}

impl std::fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceLogin").field("user_code", &self.user_code).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceToken").field("token_id", &self.token_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess::rng::MockRng;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let rng = MockRng::new(7);
        for _ in 0..200 {
            let code = user_code(&rng);
            assert_eq!(code.len(), 9);
            assert_eq!(normal(&code), Some(code.clone()));
            let typed = format!(" {} ", code.to_lowercase().replace('-', ""));
            assert_eq!(normal(&typed), Some(code));
        }
        for wrong in ["", "AEIO-UAEI", "BCDF-GHJ", "BCDF-GHJKL", "BCDFGHJK\u{0}", "ＢＣＤＦＧＨＪＫ"]
        {
            assert_eq!(normal(wrong), None, "{wrong}");
        }
    }
}
