//! A login of a program beside a browser on the same machine (RFC 8252): the browser brings a code to an address of this machine
//! that the program listens at, and the program gets a token for it with what only it knows (PKCE, RFC 7636).

use super::{
    Access, Action, Caller,
    device::{DeviceToken, MAX_CLIENT, asked_scopes, give, refusal},
    fault::problem,
    keys::{self, KeyFate},
    tokens,
};
use crate::problem::Problem;
use axess::{UserId, rng::random_array, store::Store as _};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// How long a code waits for its program.
const PATIENCE: TimeDelta = TimeDelta::minutes(1);
/// The longest state, and address to come back to, in bytes.
pub const MAX_STATE: usize = 128;
/// The longest address to come back to, in bytes.
pub const MAX_ADDRESS: usize = 200;
/// How long a challenge is, and the least and the most that a verifier may have (RFC 7636 section 4).
const CHALLENGE_CHARS: usize = 43;
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

/// What a program asks for, by way of the browser.
///
/// Anybody can have made it.
///
/// ```
/// use audex_server::access::program::ProgramAsk;
/// let ask = ProgramAsk { redirect_uri: "https://evil.example/".into(), ..ProgramAsk::default() };
/// assert!(ask.check().is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgramAsk {
    /// Where it listens: `http://127.0.0.1:PORT/...` or `http://[::1]:PORT/...`.
    pub redirect_uri: String,
    /// What it knows its own browser's visit by.
    pub state: String,
    /// The SHA-256 of its verifier.
    pub code_challenge: String,
    /// What it calls itself.
    pub client: String,
    /// What its token is for, divided by spaces; as for a device where nothing is said.
    pub scope: Option<String>,
    /// The public key it would sign approvals with, as JSON.
    pub jwk: Option<String>,
}

/// What a program asks for, in order.
///
/// ```
/// fn list(checked: &audex_server::access::program::CheckedAsk) -> String {
///     checked.scopes.join(", ")
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedAsk {
    /// What it calls itself; nothing vouches for it.
    pub client: String,
    /// What its token could be used for.
    pub scopes: Vec<String>,
    /// Where it listens, as an origin.
    pub origin: String,
    key: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct Waiting {
    user_id: UserId,
    client: String,
    scopes: Vec<String>,
    challenge: String,
    redirect_uri: String,
}

impl ProgramAsk {
    /// Checks that it can be answered: a browser is sent to this machine alone.
    ///
    /// # Errors
    ///
    /// 400 names what is wrong. Then the browser is sent nowhere.
    pub fn check(&self) -> Result<CheckedAsk, Problem> {
        let origin = loopback(&self.redirect_uri).ok_or_else(|| {
            let form = "an address of this machine is needed, as in http://127.0.0.1:49152/login";
            Problem::invalid("redirect_uri", form)
        })?;
        let is_plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        if self.state.is_empty() || self.state.len() > MAX_STATE || !is_plain(&self.state) {
            return Err(Problem::invalid("state", format!("1 to {MAX_STATE} letters and digits are needed")));
        }
        if self.code_challenge.len() != CHALLENGE_CHARS || !is_plain(&self.code_challenge) {
            return Err(Problem::invalid(
                "code_challenge",
                "the SHA-256 of a verifier is needed, in base64url",
            ));
        }
        let client = self.client.trim();
        let client = if client.is_empty() { "a program" } else { client };
        if client.len() > MAX_CLIENT || !tokens::is_shown(client) {
            return Err(Problem::invalid(
                "client",
                format!("a name has 1 to {MAX_CLIENT} bytes on one line"),
            ));
        }
        let unread = |_| Problem::invalid("jwk", "a public key is needed, as a JWK");
        let key = self.jwk.as_deref().map(serde_json::from_str::<Value>).transpose().map_err(unread)?;
        let key = key.as_ref().map(keys::public_key).transpose()?;
        let scopes = asked_scopes(self.scope.as_deref())?;
        Ok(CheckedAsk { client: client.to_owned(), scopes, origin, key })
    }
}

impl CheckedAsk {
    /// Foresees what becomes of its key when the caller lets it in.
    ///
    /// # Errors
    ///
    /// 503.
    pub async fn key_fate(&self, access: &Access, caller: &Caller) -> Result<KeyFate, Problem> {
        keys::foresee(access, caller, &self.scopes, self.key.as_ref()).await
    }
}

/// Lets the program act as the caller, or not; returns where the browser goes.
///
/// # Errors
///
/// 400 as [`ProgramAsk::check`]; 403 unless the caller is a person at a browser; 503.
pub async fn answer(
    access: &Access,
    caller: &Caller,
    ask: &ProgramAsk,
    allow: bool,
) -> Result<String, Problem> {
    let checked = ask.check()?;
    let (Some(user_id), true) = (caller.user_id, caller.how.is_session()) else {
        return Err(Problem::forbidden("log_in"));
    };
    tracing::info!(caller = %caller.requester, client = checked.client, allow, "a program's login was answered");
    if !allow {
        return Ok(format!("{}?error=access_denied&state={}", ask.redirect_uri, ask.state));
    }
    let program = (checked.client.as_str(), checked.scopes.as_slice());
    keys::add_of_program(access, caller, program, checked.key.as_ref()).await?;
    let code = URL_SAFE_NO_PAD.encode(random_array::<32>(&*access.rng));
    let waiting = Waiting {
        user_id,
        client: checked.client,
        scopes: checked.scopes,
        challenge: ask.code_challenge.clone(),
        redirect_uri: ask.redirect_uri.clone(),
    };
    let text = serde_json::to_vec(&waiting).map_err(|_| Problem::internal())?;
    access.waiting.set(key_of(&code), text, access.clock.now() + PATIENCE).await.map_err(problem)?;
    Ok(format!("{}?code={code}&state={}", ask.redirect_uri, ask.state))
}

/// Gives the program its token, once, for the code and what only it knows.
///
/// # Errors
///
/// 400 `invalid_grant` (RFC 6749 section 5.2) for a code that is unknown, used, too old or another program's; 400
/// `access_denied`; 503.
pub async fn token(
    access: &Access,
    code: &str,
    verifier: &str,
    redirect_uri: &str,
) -> Result<DeviceToken, Problem> {
    let wrong = || refusal("invalid_grant", "the code is unknown, was used, is too old or another program's");
    let stored = access.waiting.get(key_of(code), access.clock.now()).await.map_err(problem)?;
    let waiting =
        stored.and_then(|stored| serde_json::from_slice::<Waiting>(&stored).ok()).ok_or_else(wrong)?;
    // Whoever shows the code uses it up: one who has it without the verifier has stolen it.
    if !access.waiting.delete(key_of(code)).await.map_err(problem)? {
        return Err(wrong());
    }
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let is_theirs = VERIFIER_CHARS.contains(&verifier.len())
        && bool::from(challenge.as_bytes().ct_eq(waiting.challenge.as_bytes()))
        && redirect_uri == waiting.redirect_uri;
    if !is_theirs {
        tracing::warn!(client = waiting.client, "the code of a program's login came without its verifier");
        return Err(wrong());
    }
    let asked = |scope: &Action| waiting.scopes.iter().any(|asked| asked == scope.name());
    give(access, waiting.user_id, waiting.client.clone(), asked).await
}

/// Returns the origin of an address of this machine that a browser may be sent to (RFC 8252 section 7.3).
fn loopback(url: &str) -> Option<String> {
    let rest = url.strip_prefix("http://").filter(|_| url.len() <= MAX_ADDRESS)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:[]".contains(&byte);
    if !rest.bytes().all(is_plain) {
        return None;
    }
    let uri: Uri = url.parse().ok()?;
    let (host, port) = (uri.host()?, uri.port_u16().filter(|port| *port != 0)?);
    let is_here = matches!(host.trim_matches(['[', ']']).parse::<IpAddr>(), Ok(ip) if ip.is_loopback());
    let is_exact = ["127.0.0.1", "[::1]"].contains(&host);
    let origin = format!("http://{host}:{port}");
    (is_here && is_exact && url.starts_with(&format!("{origin}/"))).then_some(origin)
}

/// Names a login by the digest of its code.
fn key_of(code: &str) -> String {
    format!("audex-program:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_to_this_machine_alone() {
        assert_eq!(loopback("http://127.0.0.1:49152/login").as_deref(), Some("http://127.0.0.1:49152"));
        assert_eq!(loopback("http://[::1]:1/").as_deref(), Some("http://[::1]:1"));
        for evil in [
            "https://127.0.0.1:1/",
            "http://127.0.0.1/",
            "http://127.0.0.1:0/",
            "http://127.0.0.1:1",
            "http://localhost:1/",
            "http://127.0.0.2:1/",
            "http://evil.example:1/",
            "http://127.0.0.1:1@evil.example/",
            "http://127.0.0.1:1/?a=b",
            "http://127.0.0.1:1/#x",
            "http://127.0.0.1.evil.example:1/",
            "http://127.0.0.1:01/",
            "http://127.0.0.1:1/\r\nx",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(loopback(evil), None, "{evil}");
        }
    }
}
