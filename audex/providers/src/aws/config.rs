use super::{
    endpoints::{self, RoleArn},
    source::BaseSource,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is said about a session in tags (`audex:session`, `audex:requester`).
///
/// ```
/// use audex_providers::aws::SessionTags;
/// assert_eq!(SessionTags::default(), SessionTags::Plain);
/// assert_eq!(serde_json::from_str::<SessionTags>("\"off\"").unwrap(), SessionTags::Off);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionTags {
    /// Nothing: for roles whose trust policy does not allow `sts:TagSession`.
    Off,
    /// Tags of this session.
    #[default]
    Plain,
    /// Tags that sessions of further roles inherit.
    Transitive,
}

/// How credentials of AWS are minted.
///
/// ```
/// use audex_providers::aws::{AwsConfig, BaseSource};
/// let config = AwsConfig::new(BaseSource::default());
/// assert!(config.source_identity && config.role_arn.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct AwsConfig {
    /// The role for requests that name none.
    pub role_arn: Option<String>,
    /// The region that STS is asked in; else the one of the environment, the profile, or the role's partition.
    pub region: Option<String>,
    /// Where STS, IAM and Cost Explorer are, instead of at AWS; `https:`, or `http:` on this machine. Else
    /// `AWS_ENDPOINT_URL_STS` and the like, or `AWS_ENDPOINT_URL`, of the environment.
    pub endpoint_url: Option<String>,
    /// What the trust policy of a role of another company asks for (`sts:ExternalId`).
    pub external_id: Option<String>,
    /// A file with a token of an identity provider that the role trusts: it takes the place of base credentials. The
    /// file is read for each mint.
    pub web_identity_token_file: Option<PathBuf>,
    /// Whether sessions are tagged; not with a web identity, whose token brings the tags.
    pub session_tags: SessionTags,
    /// Whether `SourceIdentity` is set; not with a web identity. Default: yes.
    pub source_identity: bool,
    /// Says that the base credentials are a role's session, where that does not show: STS then gives an hour at most.
    pub chained: bool,
    /// The role that may write and delete the denials of revoked sessions.
    pub revoker_role_arn: Option<String>,
    /// Where our own credentials come from.
    pub base: BaseSource,
}

/// Says which setting is wrong.
///
/// ```
/// use audex_providers::aws::{AwsConfig, AwsConfigError, BaseSource};
/// let config = AwsConfig { role_arn: Some("app".into()), ..AwsConfig::new(BaseSource::default()) };
/// assert_eq!(config.check().unwrap_err().to_string(), "role_arn: write arn:aws:iam::ACCOUNT:role/NAME");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsConfigError {
    /// A role is no ARN of a role.
    #[error("{0}: write arn:aws:iam::ACCOUNT:role/NAME")]
    Role(&'static str),
    /// The region is no name.
    #[error("region: write a region such as eu-west-1")]
    Region,
    /// An address is no place to send credentials to.
    #[error("{0}: write an https: URL, or http: on this machine, without user, query or fragment")]
    Endpoint(String),
    /// The external id is malformed.
    #[error("external_id: use 2 to 1224 letters, digits and +=,.@:/-_")]
    ExternalId,
}

impl AwsConfig {
    /// Makes the default configuration: no role, tags and `SourceIdentity` on.
    pub fn new(base: BaseSource) -> Self {
        Self {
            role_arn: None,
            region: None,
            endpoint_url: None,
            external_id: None,
            web_identity_token_file: None,
            session_tags: SessionTags::default(),
            source_identity: true,
            chained: false,
            revoker_role_arn: None,
            base,
        }
    }

    /// Checks every setting, those of the environment too.
    ///
    /// # Errors
    ///
    /// [`AwsConfigError`] for the first that is wrong.
    pub fn check(&self) -> Result<(), AwsConfigError> {
        for (name, role) in [("role_arn", &self.role_arn), ("revoker_role_arn", &self.revoker_role_arn)] {
            if role.as_ref().is_some_and(|role| RoleArn::parse(role).is_none()) {
                return Err(AwsConfigError::Role(name));
            }
        }
        if !endpoints::is_region(&self.region()) {
            return Err(AwsConfigError::Region);
        }
        for (name, url) in endpoints::overrides(self) {
            endpoints::parse(&url).ok_or(AwsConfigError::Endpoint(name))?;
        }
        let is_id = |id: &String| {
            let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@:/-_".contains(&byte);
            (2..=1_224).contains(&id.len()) && id.bytes().all(is_fine)
        };
        if !self.external_id.as_ref().is_none_or(is_id) {
            return Err(AwsConfigError::ExternalId);
        }
        Ok(())
    }

    /// Returns the region that STS is asked in.
    pub(super) fn region(&self) -> String {
        let role = self.role_arn.as_deref().and_then(RoleArn::parse);
        let main = || endpoints::main_region(role.map_or("aws", |role| role.partition)).to_owned();
        self.named_region().unwrap_or_else(main)
    }

    /// Returns the region that somebody named, which the command's own calls go to as well.
    pub(super) fn named_region(&self) -> Option<String> {
        let environment = self.base.environment();
        self.region
            .as_ref()
            .or_else(|| environment.get("AWS_REGION"))
            .or_else(|| environment.get("AWS_DEFAULT_REGION"))
            .filter(|region| !region.is_empty())
            .cloned()
            .or_else(|| self.base.region_of_profile())
    }

    /// Tells whether minting needs no base credentials.
    pub(super) const fn is_web_identity(&self) -> bool {
        self.web_identity_token_file.is_some()
    }
}
