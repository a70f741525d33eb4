//! What AWS answers, read with care: an answer may come from anything that listens where AWS was expected.

use super::endpoints::is_partition;
use audex_core::CredentialSecret;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

/// The most bytes of an answer.
pub(super) const MAX_ANSWER: usize = 64 * 1024;
/// The most bytes of an access key id (STS, `Credentials`).
const MAX_KEY_ID: usize = 128;
/// The most bytes of a secret key.
const MAX_SECRET: usize = 256;
/// The most bytes of a session token, for whose length AWS gives no limit.
const MAX_TOKEN: usize = 32 * 1024;

/// Says what is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadAnswer(pub(super) &'static str);

/// The session that `AssumeRole` or `AssumeRoleWithWebIdentity` gave.
#[derive(Debug)]
pub(super) struct Assumed {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: CredentialSecret,
    pub(super) session_token: CredentialSecret,
    pub(super) expires_at: DateTime<Utc>,
    /// The ARN of the session.
    pub(super) arn: String,
    pub(super) account: String,
    /// The role's name, without its path.
    pub(super) role: String,
    pub(super) packed_percent: Option<u32>,
    pub(super) source_identity: Option<String>,
}

/// What an error of a service says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    pub(super) code: String,
    pub(super) message: String,
}

#[derive(Deserialize)]
struct AssumeResponse {
    #[serde(rename = "AssumeRoleResult", alias = "AssumeRoleWithWebIdentityResult")]
    result: AssumeResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AssumeResult {
    credentials: Keys,
    assumed_role_user: User,
    packed_policy_size: Option<u32>,
    source_identity: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    access_key_id: String,
    #[serde(deserialize_with = "secret")]
    secret_access_key: CredentialSecret,
    #[serde(deserialize_with = "secret")]
    session_token: CredentialSecret,
    expiration: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct User {
    arn: String,
}

/// Reads the answer of `AssumeRole` or `AssumeRoleWithWebIdentity`.
pub(super) fn assumed(body: &[u8]) -> Result<Assumed, BadAnswer> {
    let AssumeResult { credentials, assumed_role_user, packed_policy_size, source_identity } =
        xml::<AssumeResponse>(body)?.result;
    let Keys { access_key_id, secret_access_key, session_token, expiration } = credentials;
    if !is_key_id(&access_key_id) {
        return Err(BadAnswer("the access key id is malformed"));
    }
    if !is_secret(secret_access_key.expose()) || !is_token(session_token.expose()) {
        return Err(BadAnswer("the secret key or the session token is malformed"));
    }
    let expires_at =
        DateTime::parse_from_rfc3339(&expiration).map_err(|_| BadAnswer("the expiration is no time"))?;
    let (account, role) =
        session_of(&assumed_role_user.arn).ok_or(BadAnswer("the ARN is not that of a role's session"))?;
    Ok(Assumed {
        access_key_id,
        secret_access_key,
        session_token,
        expires_at: expires_at.to_utc(),
        account: account.to_owned(),
        role: role.to_owned(),
        arn: assumed_role_user.arn,
        packed_percent: packed_policy_size,
        source_identity,
    })
}

/// Who we are: an ARN and an account.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Identity {
    pub(super) arn: String,
    pub(super) account: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IdentityResponse {
    get_caller_identity_result: Identity,
}

/// Reads the answer of `GetCallerIdentity`.
pub(super) fn identity(body: &[u8]) -> Result<Identity, BadAnswer> {
    let identity = xml::<IdentityResponse>(body)?.get_caller_identity_result;
    let is_fine = |text: &str| !text.is_empty() && text.len() <= 2_048 && !text.chars().any(char::is_control);
    let good = is_fine(&identity.arn) && is_fine(&identity.account);
    if good { Ok(identity) } else { Err(BadAnswer("the identity is malformed")) }
}

/// A page of the names of a role's inline policies.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyNames {
    #[serde(default)]
    policy_names: Members,
    #[serde(default)]
    is_truncated: bool,
    marker: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Members {
    #[serde(default)]
    member: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyNamesResponse {
    list_role_policies_result: PolicyNames,
}

/// Reads the answer of `ListRolePolicies`: the names, and where the next page begins.
pub(super) fn policy_names(body: &[u8]) -> Result<(Vec<String>, Option<String>), BadAnswer> {
    let page = xml::<PolicyNamesResponse>(body)?.list_role_policies_result;
    let next = page.marker.filter(|marker| page.is_truncated && !marker.is_empty());
    Ok((page.policy_names.member, next))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorResponse {
    error: Option<XmlError>,
    /// Some services wrap it once more.
    errors: Option<Errors>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Errors {
    error: XmlError,
}

#[derive(Deserialize)]
struct XmlError {
    #[serde(rename = "Code")]
    code: String,
    #[serde(rename = "Message", default)]
    message: String,
}

#[derive(Deserialize)]
struct JsonError {
    #[serde(rename = "__type")]
    code: String,
    #[serde(alias = "Message", default)]
    message: String,
}

/// Reads an error, in XML or JSON; what is neither says nothing.
pub(super) fn said(body: &[u8]) -> Option<Said> {
    let (code, message) = match xml::<ErrorResponse>(body) {
        Ok(ErrorResponse { error, errors }) => {
            let error = error.or(errors.map(|errors| errors.error))?;
            (error.code, error.message)
        }
        Err(_) => serde_json::from_slice::<JsonError>(body).map(|error| (error.code, error.message)).ok()?,
    };
    // In JSON a namespace may stand before it.
    let code = code.rsplit('#').next().unwrap_or_default().trim().to_owned();
    let is_code = (1..=128).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    is_code.then_some(Said { code, message })
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CredentialSecret, D::Error> {
    String::deserialize(deserializer).map(CredentialSecret::from)
}

pub(super) fn is_key_id(text: &str) -> bool {
    (16..=MAX_KEY_ID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(super) fn is_secret(text: &str) -> bool {
    (1..=MAX_SECRET).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) fn is_token(text: &str) -> bool {
    (1..=MAX_TOKEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns the account and the role of the ARN of a session.
fn session_of(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next();
    let (scheme, partition, service, region, account) = (next()?, next()?, next()?, next()?, next()?);
    let (role, session) = next()?.strip_prefix("assumed-role/")?.split_once('/')?;
    let is_fine = |text: &str| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let good = (scheme, service, region) == ("arn", "sts", "") && is_partition(partition) && is_account;
    (good && is_fine(role) && is_fine(session)).then_some((account, role))
}

fn xml<T: DeserializeOwned>(body: &[u8]) -> Result<T, BadAnswer> {
    if body.len() > MAX_ANSWER {
        return Err(BadAnswer("the answer is too long"));
    }
    let text = std::str::from_utf8(body).map_err(|_| BadAnswer("the answer is no text"))?;
    // Why it cannot be read is not passed on: it would repeat what is in there.
    quick_xml::de::from_str(text).map_err(|_| BadAnswer("the answer is not what was asked for"))
}

#[cfg(test)]
mod tests;
