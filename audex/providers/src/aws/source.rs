//! Our own credentials for AWS, where people keep them.
//!
//! The order is that of AWS's own tools: the environment's keys, its web identity, the profile, the server that gives
//! containers theirs. The environment is handed in.

mod container;
mod files;
mod process;

use super::{answer, endpoints::RoleArn};
use audex_core::{ProviderError, ProviderFault};
use chrono::{DateTime, Utc};
use files::Profile;
use reqwest::Url;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

pub(super) use container::authorization;
pub(super) use process::run;

/// The longest name of a profile.
const MAX_PROFILE: usize = 128;

/// Our own credentials, which ask for others.
///
/// ```
/// use audex_providers::aws::BaseCredentials;
/// let own = BaseCredentials::new("AKIAexample00000", "wJalrXUtnFEMI", None).unwrap();
/// assert!(!format!("{own:?}").contains("wJalr"));
/// assert!(BaseCredentials::new("not a key", "wJalrXUtnFEMI", None).is_none());
/// ```
#[derive(Clone)]
pub struct BaseCredentials {
    access_key_id: String,
    secret_access_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
    expires_at: Option<DateTime<Utc>>,
}

/// Where our own credentials come from.
///
/// ```
/// use audex_providers::aws::BaseSource;
/// use std::collections::BTreeMap;
/// let environment = BTreeMap::from([("AWS_PROFILE".to_owned(), "work".to_owned())]);
/// let source = BaseSource::new(environment).with_profile("broker");
/// assert_eq!(source.profile(), Some("broker"));
/// ```
#[derive(Clone, Default)]
pub struct BaseSource {
    environment: BTreeMap<String, String>,
    profile: Option<String>,
    fixed: Option<BaseCredentials>,
}

/// What was found, before anybody is asked.
#[derive(Debug, Clone)]
pub(super) enum Found {
    /// Keys.
    Keys(BaseCredentials),
    /// A role that a token in a file stands for.
    WebIdentity { role_arn: String, file: PathBuf },
    /// A role that other keys may assume.
    Role { role_arn: String, external_id: Option<String>, base: Box<Found> },
    /// A command that prints keys.
    Process(String),
    /// A server that gives keys.
    Container(Url),
}

impl BaseCredentials {
    /// Makes credentials, or nothing of what are none.
    pub fn new(access_key_id: &str, secret_access_key: &str, session_token: Option<&str>) -> Option<Self> {
        let good = answer::is_key_id(access_key_id)
            && answer::is_secret(secret_access_key)
            && session_token.is_none_or(answer::is_token);
        good.then(|| Self {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: Zeroizing::new(secret_access_key.to_owned()),
            session_token: session_token.map(|token| Zeroizing::new(token.to_owned())),
            expires_at: None,
        })
    }

    /// Makes the keys of published examples, which are shorter than any.
    #[cfg(test)]
    pub(super) fn unchecked(id: &str, secret: &str) -> Self {
        let secret_access_key = Zeroizing::new(secret.to_owned());
        Self { access_key_id: id.to_owned(), secret_access_key, session_token: None, expires_at: None }
    }

    /// Returns the access key id, which is no secret.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    pub(super) fn secret_access_key(&self) -> &str {
        &self.secret_access_key
    }

    pub(super) fn session_token(&self) -> Option<&str> {
        self.session_token.as_ref().map(|token| token.as_str())
    }

    pub(super) const fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at
    }

    /// Tells whether they are temporary, as those of a role's session are.
    pub(super) fn is_session(&self) -> bool {
        self.session_token.is_some() && self.access_key_id.starts_with("ASIA")
    }

    pub(super) const fn until(mut self, expires_at: Option<DateTime<Utc>>) -> Self {
        self.expires_at = expires_at;
        self
    }
}

impl BaseSource {
    /// Makes a source that looks where the environment says; `HOME` is looked up in it too.
    pub fn new(environment: BTreeMap<String, String>) -> Self {
        Self { environment, profile: None, fixed: None }
    }

    /// Makes a source of credentials that are there already.
    pub fn fixed(credentials: BaseCredentials) -> Self {
        Self { fixed: Some(credentials), ..Self::default() }
    }

    /// Sets the environment, with its regions, endpoints and proxies.
    #[must_use]
    pub fn with_environment(self, environment: BTreeMap<String, String>) -> Self {
        Self { environment, ..self }
    }

    /// Uses a profile of AWS's configuration files, whatever the environment has.
    #[must_use]
    pub fn with_profile(self, profile: impl Into<String>) -> Self {
        Self { profile: Some(profile.into()), ..self }
    }

    /// Returns the profile that is asked for by name.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref().or_else(|| self.of("AWS_PROFILE"))
    }

    pub(super) const fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Returns the region that the profile names, if its files can be read.
    pub(super) fn region_of_profile(&self) -> Option<String> {
        let profile = self.read_profile(self.profile().unwrap_or("default")).ok()?;
        profile.get("region").map(str::to_owned)
    }

    /// Tells whether what is found without asking anybody looks like a role's session.
    pub(super) fn seems_chained(&self) -> bool {
        match self.find() {
            Ok(Found::Keys(keys)) => keys.is_session(),
            Ok(Found::WebIdentity { .. } | Found::Role { .. } | Found::Container(_)) => true,
            Ok(Found::Process(_)) | Err(_) => false,
        }
    }

    /// Finds where the credentials are.
    pub(super) fn find(&self) -> Result<Found, ProviderError> {
        if let Some(fixed) = &self.fixed {
            return Ok(Found::Keys(fixed.clone()));
        }
        if self.profile.is_none() {
            if let Some(keys) = self.environment_keys()? {
                return Ok(Found::Keys(keys));
            }
            if let (Some(role), Some(file)) =
                (self.of("AWS_ROLE_ARN"), self.of("AWS_WEB_IDENTITY_TOKEN_FILE"))
            {
                return web_identity(role, file);
            }
        }
        let named = self.profile();
        let profile = self.read_profile(named.unwrap_or("default"))?;
        if !profile.is_empty() || named.is_some() {
            if let Some(found) = self.of_profile(&profile)? {
                return Ok(found);
            }
            if let Some(name) = named {
                return Err(empty_profile(name, &profile));
            }
        }
        if let Some(url) = container::address(&self.environment)? {
            return Ok(Found::Container(url));
        }
        Err(if profile.is_empty() { nothing() } else { empty_profile("default", &profile) })
    }

    fn of(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn environment_keys(&self) -> Result<Option<BaseCredentials>, ProviderError> {
        let (Some(id), Some(secret)) = (self.of("AWS_ACCESS_KEY_ID"), self.of("AWS_SECRET_ACCESS_KEY"))
        else {
            return Ok(None);
        };
        let keys = BaseCredentials::new(id, secret, self.of("AWS_SESSION_TOKEN"));
        keys.map(Some).ok_or_else(|| malformed("AWS_ACCESS_KEY_ID and its companions in the environment"))
    }

    /// Reads a profile of the two files together; what is in neither is an empty profile.
    fn read_profile(&self, name: &str) -> Result<Profile, ProviderError> {
        if name.len() > MAX_PROFILE {
            return Err(ProviderError::new(
                ProviderFault::NotLoggedIn,
                "the name of the AWS profile is too long",
            ));
        }
        let place = |variable: &str, file: &str| {
            let home = || self.of("HOME").map(|home| Path::new(home).join(".aws").join(file));
            self.of(variable).map(PathBuf::from).or_else(home)
        };
        files::read(
            name,
            place("AWS_CONFIG_FILE", "config").as_deref(),
            place("AWS_SHARED_CREDENTIALS_FILE", "credentials").as_deref(),
        )
    }

    fn of_profile(&self, profile: &Profile) -> Result<Option<Found>, ProviderError> {
        let Some(role) = profile.get("role_arn") else {
            return own_keys(profile);
        };
        if let Some(file) = profile.get("web_identity_token_file") {
            return web_identity(role, file).map(Some);
        }
        let role_arn = role_of(role)?;
        if profile.get("mfa_serial").is_some() {
            let hint =
                "run `aws configure export-credentials --profile NAME --format env`, which asks for the code";
            return Err(ProviderError::new(
                ProviderFault::NotLoggedIn,
                "the AWS profile wants a code of an MFA device",
            )
            .with_hint(hint));
        }
        let base = match (profile.get("source_profile"), profile.get("credential_source")) {
            (Some(source), _) => own_keys(&self.read_profile(source)?)?,
            (None, Some("Environment")) => self.environment_keys()?.map(Found::Keys),
            (None, Some("EcsContainer")) => container::address(&self.environment)?.map(Found::Container),
            (None, _) => None,
        };
        let Some(base) = base else {
            let what = "the AWS profile names a role, and nobody whose keys may assume it";
            return Err(ProviderError::new(ProviderFault::NotLoggedIn, what)
                .with_hint("set source_profile to a profile that has keys or a credential_process"));
        };
        let external_id = profile.get("external_id").map(str::to_owned);
        Ok(Some(Found::Role { role_arn, external_id, base: Box::new(base) }))
    }
}

impl fmt::Debug for BaseCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BaseCredentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for BaseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BaseSource")
            .field("profile", &self.profile)
            .field("fixed", &self.fixed)
            .finish_non_exhaustive()
    }
}

/// Returns the keys of a profile, or the command that prints them.
fn own_keys(profile: &Profile) -> Result<Option<Found>, ProviderError> {
    if let (Some(id), Some(secret)) = (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key"))
    {
        let keys = BaseCredentials::new(id, secret, profile.get("aws_session_token"));
        return keys
            .map(|keys| Some(Found::Keys(keys)))
            .ok_or_else(|| malformed("the keys of the AWS profile"));
    }
    Ok(profile.get("credential_process").map(|command| Found::Process(command.to_owned())))
}

fn web_identity(role: &str, file: &str) -> Result<Found, ProviderError> {
    Ok(Found::WebIdentity { role_arn: role_of(role)?, file: PathBuf::from(file) })
}

fn role_of(role: &str) -> Result<String, ProviderError> {
    let malformed =
        || ProviderError::new(ProviderFault::NotLoggedIn, format!("`{role}` is no ARN of a role"));
    RoleArn::parse(role).map(|_| role.to_owned()).ok_or_else(malformed)
}

fn malformed(what: &str) -> ProviderError {
    ProviderError::new(ProviderFault::NotLoggedIn, format!("{what} are malformed"))
        .with_hint("see that nothing was cut off or added when they were copied")
}

fn empty_profile(name: &str, profile: &Profile) -> ProviderError {
    let new = |what: String| ProviderError::new(ProviderFault::NotLoggedIn, what);
    let export = format!(
        "run `aws configure export-credentials --profile {name} --format env` and set what it prints"
    );
    if profile.get("sso_session").is_some() || profile.get("sso_start_url").is_some() {
        return new(format!(
            "the AWS profile {name} logs in with IAM Identity Center, which is not built in"
        ))
        .with_hint(format!("log in with `aws sso login --profile {name}`"))
        .with_hint(export)
        .with_hint(
            "or make a profile with credential_process = \
                 aws configure export-credentials --profile NAME --format process",
        );
    }
    if profile.is_empty() {
        return new(format!("there is no AWS profile {name}")).with_hint("see `aws configure list-profiles`");
    }
    new(format!("the AWS profile {name} has no credentials")).with_hint(export)
}

fn nothing() -> ProviderError {
    ProviderError::new(ProviderFault::NotLoggedIn, "there are no credentials for AWS")
        .with_hint("set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        .with_hint(
            "on a machine of EC2, run `aws configure export-credentials --format env` and set what it prints: the \
             machine's own credentials are not taken unasked",
        )
}

/// Keys as servers and commands give them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenKeys {
    version: Option<u32>,
    access_key_id: String,
    secret_access_key: String,
    #[serde(alias = "Token")]
    session_token: Option<String>,
    expiration: Option<String>,
}

/// Reads the JSON document of a server for containers, or of a `credential_process`.
pub(super) fn given(document: &[u8], wants_version: bool) -> Result<BaseCredentials, &'static str> {
    let keys: GivenKeys = serde_json::from_slice(document).map_err(|_| "it is no JSON with keys")?;
    let (secret, token) = (Zeroizing::new(keys.secret_access_key), keys.session_token.map(Zeroizing::new));
    if wants_version && keys.version != Some(1) {
        return Err("its Version is not 1");
    }
    let expires_at = keys.expiration.map(|text| DateTime::parse_from_rfc3339(&text)).transpose();
    let expires_at = expires_at.map_err(|_| "its Expiration is no time")?.map(|time| time.to_utc());
    let token = token.as_ref().map(|token| token.as_str()).filter(|token| !token.is_empty());
    let keys = BaseCredentials::new(&keys.access_key_id, &secret, token).ok_or("its keys are malformed")?;
    Ok(keys.until(expires_at))
}

/// Reads a text file of at most `most` bytes.
pub(super) fn read_file(path: &Path, most: u64) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let read = std::fs::File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read <= most) {
        Ok(text)
    } else {
        Err(io::Error::other(format!("it has more than {most} bytes")))
    }
}

#[cfg(test)]
mod tests;
