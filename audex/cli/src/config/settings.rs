use super::{
    document::{Document, KeyLines},
    fault::ConfigFault,
    read,
};
use crate::{key_store::KeyStore, remote::ServerAddress};
use audex_core::{Ttl, approval::ApprovalRules, budget::Dollars, rate::RateRule, roles::RoleMap};
use audex_policy::{Ceiling, Profiles, Provider, Rules};
use axess_local_idp::IssuerUrl;
use ipnet::IpNet;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// What the program goes by, resolved and typed.
///
/// ```
/// use audex_cli::config::Settings;
/// use audex_policy::Provider;
/// let settings = Settings::parse("max_ttl = \"1h\"\n[aws]\nrole_arn = \"arn:aws:iam::123456789012:role/dev\"").unwrap();
/// assert_eq!(settings.provider(), Provider::Aws);
/// assert_eq!(Settings::default().provider(), Provider::Local);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The provider that is named (`provider`).
    pub provider: Option<Provider>,
    /// The team server that is asked where one is to be asked and none is named (`server`).
    pub server: Option<ServerAddress>,
    /// The lifetime of a session that asks for none.
    pub default_ttl: Ttl,
    /// The longest lifetime a session may ask for.
    pub max_ttl: Ttl,
    /// `[aws]`.
    pub aws: AwsSettings,
    /// `[local]`.
    pub local: LocalSettings,
    /// `[policy]`.
    pub policy: PolicySettings,
    /// `[approvals]`, unless it is not enabled.
    pub approvals: Option<ApprovalRules>,
    /// `[[rate_limiting.rules]]`; none where it is not enabled.
    pub rates: Vec<RateRule>,
    /// `[role_mapping]`.
    pub roles: RoleMap,
    /// The networks a credential may be used from (`network.allowed_cidrs`); none is any.
    pub allowed_cidrs: Vec<IpNet>,
    /// `[budget]`.
    pub budget: BudgetSettings,
    /// `[audit]`.
    pub audit: AuditSettings,
    /// Where keys are kept (`credentials.store`).
    pub key_store: KeyStore,
    /// `[profiles.NAME]`.
    pub profiles: Profiles,
    /// What profiles say beside what they allow.
    pub profile_defaults: BTreeMap<String, ProfileDefaults>,
}

/// How AWS is asked.
///
/// ```
/// assert!(audex_cli::config::AwsSettings::default().role_arn.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AwsSettings {
    /// The role that is assumed.
    pub role_arn: Option<String>,
    /// The region of STS.
    pub region: Option<String>,
    /// Where STS is, instead of the region's own address.
    pub endpoint_url: Option<String>,
    /// What the role's owner gave us to say.
    pub external_id: Option<String>,
    /// The file of a workload's token, to assume the role with instead of keys.
    pub web_identity_token_file: Option<PathBuf>,
    /// The profile in the files of the AWS CLI whose keys are used to ask.
    pub profile: Option<String>,
    /// The role that may attach the denial that ends a session early.
    pub revoker_role_arn: Option<String>,
    /// Whether sessions are tagged.
    pub session_tags: bool,
    /// Whether sessions say who they are for.
    pub source_identity: bool,
}

/// How the tokens of the broker's own issuer look.
///
/// ```
/// assert_eq!(audex_cli::config::LocalSettings::default().issuer.as_str(), "http://127.0.0.1:7425");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSettings {
    /// The issuer's address, which services that verify tokens fetch keys from.
    pub issuer: IssuerUrl,
    /// The audience of a token whose request names none.
    pub audience: String,
    /// Whether every service asks the introspection endpoint, so that a revoked token is dead.
    pub verifiers_introspect: bool,
}

/// What may be asked for.
///
/// ```
/// assert!(audex_cli::config::PolicySettings::default().deny.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicySettings {
    /// What is never granted.
    pub deny: Rules,
    /// What is granted at most.
    pub boundary: Option<Ceiling>,
    /// Whether actions are taken that no catalogue has.
    pub accept_unknown_actions: bool,
}

/// How much a session may cost.
///
/// ```
/// assert_eq!(audex_cli::config::BudgetSettings::default().check_every.as_secs(), 300);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetSettings {
    /// The limit of a session that names none.
    pub limit: Option<Dollars>,
    /// How often the provider's accounting is asked.
    pub check_every: Duration,
}

/// Where the audit log is, and how long it is kept.
///
/// ```
/// use audex_cli::config::{AuditSettings, Surroundings};
/// let audit = AuditSettings { path: Some("/var/log/audex/audit.jsonl".into()), retention_days: None };
/// let paths = Surroundings::with_vars([("HOME", "/h")]).paths()?;
/// assert_eq!(audit.folder(&paths), std::path::Path::new("/var/log/audex"));
/// # Ok::<(), audex_cli::exit::Failure>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditSettings {
    /// The log's folder, or `audit.jsonl` in it.
    pub path: Option<PathBuf>,
    /// How many days events are kept; for ever where nothing is said.
    pub retention_days: Option<u32>,
}

/// What a profile says beside what it allows.
///
/// ```
/// assert!(audex_cli::config::ProfileDefaults::default().ttl.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProfileDefaults {
    /// The lifetime of a session that uses it and asks for none.
    pub ttl: Option<Ttl>,
    /// The provider of a request that uses it and names none.
    pub provider: Option<Provider>,
}

impl Settings {
    /// Reads the text of a configuration file.
    ///
    /// # Errors
    ///
    /// Returns every fault, in the order of their lines; there is one at least.
    pub fn parse(text: &str) -> Result<Self, Vec<ConfigFault>> {
        Self::read(text).map(|(settings, _)| settings)
    }

    /// As [`parse`](Self::parse), with the keys that were there and their lines.
    pub(super) fn read(text: &str) -> Result<(Self, KeyLines), Vec<ConfigFault>> {
        let document = Document::new(text);
        let (table, errors) = toml::de::DeTable::parse_recoverable(text);
        document.syntax(&errors);
        // What a parser made of broken syntax would only add faults that are none.
        let settings =
            if errors.is_empty() { read::settings(document.root(table.get_ref())) } else { Self::default() };
        document.end().map(|keys| (settings, keys))
    }

    /// Returns the provider of a request that names none: the one that is named here, else AWS where a role is, else local.
    pub fn provider(&self) -> Provider {
        let has_role = || {
            self.aws.role_arn.is_some()
                || self.roles.rules.iter().any(|rule| rule.targets.contains_key(&Provider::Aws))
        };
        self.provider.unwrap_or_else(|| if has_role() { Provider::Aws } else { Provider::Local })
    }
}

impl AuditSettings {
    /// Returns the log's folder.
    pub fn folder(&self, paths: &super::Paths) -> PathBuf {
        match &self.path {
            None => paths.audit(),
            // The link to the newest segment stands for the folder it is in.
            Some(path) if path.extension().is_some_and(|end| end == "jsonl") => {
                path.parent().map_or_else(|| path.clone(), ToOwned::to_owned)
            }
            Some(path) => path.clone(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            provider: None,
            server: None,
            default_ttl: Ttl::DEFAULT,
            max_ttl: audex_core::IssueRules::default().max_ttl,
            aws: AwsSettings { session_tags: true, source_identity: true, ..AwsSettings::default() },
            local: LocalSettings::default(),
            policy: PolicySettings::default(),
            approvals: None,
            rates: Vec::new(),
            roles: RoleMap::default(),
            allowed_cidrs: Vec::new(),
            budget: BudgetSettings::default(),
            audit: AuditSettings::default(),
            key_store: KeyStore::default(),
            profiles: Profiles::default(),
            profile_defaults: BTreeMap::new(),
        }
    }
}

impl Default for LocalSettings {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "a constant, which a test reads")]
        let issuer = "http://127.0.0.1:7425".parse().expect("an issuer");
        Self { issuer, audience: "audex".to_owned(), verifiers_introspect: false }
    }
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self { limit: None, check_every: Duration::from_mins(5) }
    }
}

#[cfg(test)]
mod tests;
