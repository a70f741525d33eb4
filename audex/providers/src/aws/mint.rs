use super::{
    DEFAULT_REGION, Inner, REGION, SESSION_TOKEN, SessionTags,
    answer::{self, Assumed},
    call::Call,
    endpoints::{Endpoint, RoleArn, Service},
    explain::Attempt,
    names,
    shape::{LONGEST, LONGEST_CHAINED, SHORTEST},
    source::{self, BaseCredentials, Found},
};
use audex_core::{Credential, MintOrder, Minted, ProviderError, ProviderFault};
use audex_policy::{Provider, compile::aws::check_packed};
use chrono::TimeDelta;
use std::path::Path;
use zeroize::Zeroizing;

/// The version of the query protocol of STS.
const STS_VERSION: &str = "2011-06-15";
/// The most bytes of the file with a token.
const MAX_TOKEN_FILE: u64 = 32 * 1024;
/// What a session is called that only gets us further.
const OWN_NAME: &str = "audex-broker";

/// What is asked of `AssumeRole` and its sibling.
pub(super) struct Assume<'a> {
    pub(super) role_arn: &'a str,
    pub(super) name: &'a str,
    pub(super) policy: Option<&'a str>,
    pub(super) lifetime: TimeDelta,
    pub(super) tags: Vec<(&'static str, String)>,
    pub(super) are_tags_transitive: bool,
    pub(super) source_identity: bool,
    pub(super) external_id: Option<&'a str>,
}

impl<'a> Assume<'a> {
    /// Asks for the shortest session of a role, for ourselves.
    pub(super) const fn own(
        role_arn: &'a str,
        external_id: Option<&'a str>,
        policy: Option<&'a str>,
    ) -> Self {
        Self {
            role_arn,
            name: OWN_NAME,
            policy,
            lifetime: SHORTEST,
            tags: Vec::new(),
            are_tags_transitive: false,
            source_identity: false,
            external_id,
        }
    }

    fn fields(&self, action: &'static str) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        let mut add = |name: String, value: &str| fields.push((name, value.to_owned()));
        add("Action".into(), action);
        add("Version".into(), STS_VERSION);
        add("RoleArn".into(), self.role_arn);
        add("RoleSessionName".into(), self.name);
        let seconds = self.lifetime.clamp(SHORTEST, LONGEST).num_seconds();
        add("DurationSeconds".into(), &seconds.to_string());
        if let Some(policy) = self.policy {
            add("Policy".into(), policy);
        }
        for (at, (key, value)) in self.tags.iter().enumerate() {
            add(format!("Tags.member.{}.Key", at + 1), key);
            add(format!("Tags.member.{}.Value", at + 1), value);
            if self.are_tags_transitive {
                add(format!("TransitiveTagKeys.member.{}", at + 1), key);
            }
        }
        if self.source_identity {
            add("SourceIdentity".into(), self.name);
        }
        if let Some(id) = self.external_id {
            add("ExternalId".into(), id);
        }
        fields
    }
}

/// Mints what was shaped.
pub(super) async fn mint(inner: &Inner, order: &MintOrder) -> Result<Minted, ProviderError> {
    let config = &inner.config;
    let target = order.shape.target.as_deref().ok_or_else(|| {
        ProviderError::new(ProviderFault::Rejected, "no role is named")
            .with_hint("name one with --role-arn, AUDEX_ROLE_ARN or aws.role_arn")
    })?;
    let name = names::session_name(order.session_id, &order.requester);
    let mut assume = Assume {
        role_arn: target,
        name: &name,
        policy: Some(&order.shape.document),
        lifetime: order.lifetime,
        tags: Vec::new(),
        are_tags_transitive: config.session_tags == SessionTags::Transitive,
        source_identity: false,
        external_id: None,
    };
    let assumed = match &config.web_identity_token_file {
        Some(file) => inner.assume_by_token(&assume, file).await?,
        None => {
            let base = inner.base().await?;
            assume.tags = names::tags(config.session_tags, order.session_id, &order.requester);
            assume.source_identity = config.source_identity;
            assume.external_id = config.external_id.as_deref();
            if config.chained || base.is_session() {
                assume.lifetime = assume.lifetime.min(LONGEST_CHAINED);
            }
            inner.assume(&assume, &base).await?
        }
    };
    if let Some(percent) = assumed.packed_percent {
        check_packed(percent).map_err(|refusal| {
            let error = ProviderError::new(ProviderFault::Rejected, refusal.to_string());
            refusal.instead.iter().fold(error, |error, hint| error.with_hint(hint))
        })?;
    }
    let credential = Credential::new(Provider::Aws, assumed.access_key_id.as_str(), assumed.expires_at)
        .with_part(super::ACCESS_KEY_ID, assumed.access_key_id.as_str().into())
        .with_part(super::SECRET_ACCESS_KEY, assumed.secret_access_key)
        .with_part(SESSION_TOKEN, assumed.session_token);
    // No secret, but the command's calls belong there, and the file that says so is out of its reach.
    let credential = match config.named_region() {
        Some(region) => {
            let both = credential.with_part(REGION, region.as_str().into());
            both.with_part(DEFAULT_REGION, region.into())
        }
        None => credential,
    };
    Ok(Minted { credential, account: Some(assumed.account), subject: Some(assumed.arn) })
}

impl Inner {
    /// Returns our own credentials, asked for anew.
    pub(super) async fn base(&self) -> Result<BaseCredentials, ProviderError> {
        let source = self.config.base.clone();
        let found = tokio::task::spawn_blocking(move || source.find()).await;
        let found = found.map_err(|error| {
            ProviderError::new(ProviderFault::NotLoggedIn, "our own credentials cannot be read")
                .with_source(error)
        })??;
        let base = match found {
            Found::WebIdentity { role_arn, file } => {
                let assume = Assume { lifetime: LONGEST_CHAINED, ..Assume::own(&role_arn, None, None) };
                base_of(self.assume_by_token(&assume, &file).await?)?
            }
            Found::Role { role_arn, external_id, base } => {
                let base = self.direct(*base).await?;
                base_of(self.assume(&Assume::own(&role_arn, external_id.as_deref(), None), &base).await?)?
            }
            direct => self.direct(direct).await?,
        };
        match base.expires_at() {
            Some(end) if end <= self.clock.now() => Err(ProviderError::new(
                ProviderFault::NotLoggedIn,
                format!("our own credentials for AWS expired at {end}"),
            )
            .with_hint("log in again, for example with `aws sso login`")),
            _ => Ok(base),
        }
    }

    /// Returns credentials that need no role of their own.
    async fn direct(&self, found: Found) -> Result<BaseCredentials, ProviderError> {
        let environment = self.config.base.environment();
        match found {
            Found::Keys(keys) => Ok(keys),
            Found::Process(command) => source::run(&command, environment).await,
            Found::Container(url) => {
                let authorization = source::authorization(environment)?;
                let attempt = Attempt { what: "get container credentials", ..Attempt::default() };
                let document = self.wire.fetch(url, authorization.as_ref().map(|text| text.as_str())).await;
                let document = document.map_err(|failure| failure.explain(attempt))?;
                source::given(&document, false).map_err(|why| {
                    let what = format!("the container credentials cannot be used: {why}");
                    ProviderError::new(ProviderFault::BadAnswer, what)
                })
            }
            Found::WebIdentity { .. } | Found::Role { .. } => Err(ProviderError::new(
                ProviderFault::NotLoggedIn,
                "AWS profiles with roles lead to one another",
            )),
        }
    }

    /// Assumes a role with credentials.
    pub(super) async fn assume(
        &self,
        assume: &Assume<'_>,
        base: &BaseCredentials,
    ) -> Result<Assumed, ProviderError> {
        let fields = assume.fields("AssumeRole");
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let what = format!("assume {}", assume.role_arn);
        let attempt = Attempt {
            what: &what,
            access_key_id: Some(base.access_key_id()),
            has_tags: !assume.tags.is_empty(),
            has_source_identity: assume.source_identity,
            has_external_id: assume.external_id.is_some(),
            is_web_identity: false,
        };
        let call = Call::query(self.endpoint(Service::Sts)?, &fields, Some(base));
        self.assumed(assume, call, attempt).await
    }

    /// Assumes a role with the token in a file, which is read now.
    pub(super) async fn assume_by_token(
        &self,
        assume: &Assume<'_>,
        file: &Path,
    ) -> Result<Assumed, ProviderError> {
        let token = token_of(file).await?;
        let fields = assume.fields("AssumeRoleWithWebIdentity");
        let mut fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fields.push(("WebIdentityToken", &token));
        let what = format!("assume {}", assume.role_arn);
        let attempt = Attempt { what: &what, is_web_identity: true, ..Attempt::default() };
        let call = Call { secret: Some(&token), ..Call::query(self.endpoint(Service::Sts)?, &fields, None) };
        self.assumed(assume, call, attempt).await
    }

    async fn assumed(
        &self,
        assume: &Assume<'_>,
        call: Call<'_>,
        attempt: Attempt<'_>,
    ) -> Result<Assumed, ProviderError> {
        let body = self.wire.send(&call).await.map_err(|failure| failure.explain(attempt))?;
        let assumed =
            answer::assumed(&body).map_err(|bad| super::explain::Failure::from(bad).explain(attempt))?;
        let wanted = RoleArn::parse(assume.role_arn);
        let is_wanted =
            wanted.is_some_and(|role| role.account == assumed.account && role.name() == assumed.role);
        let is_ours = assumed
            .source_identity
            .as_ref()
            .is_none_or(|name| !assume.source_identity || name == assume.name);
        if is_wanted && is_ours {
            return Ok(assumed);
        }
        let what =
            format!("AWS answered with a session of {} when asked for {}", assumed.arn, assume.role_arn);
        Err(ProviderError::new(ProviderFault::BadAnswer, what)
            .with_hint("see that the endpoint is that of AWS"))
    }

    pub(super) fn endpoint(&self, service: Service) -> Result<Endpoint, ProviderError> {
        service.endpoint(&self.config, &self.region).ok_or_else(|| {
            ProviderError::new(ProviderFault::Rejected, "the address of AWS is malformed")
                .with_hint("see endpoint_url")
        })
    }
}

pub(super) fn base_of(assumed: Assumed) -> Result<BaseCredentials, ProviderError> {
    let token = Some(assumed.session_token.expose());
    let base = BaseCredentials::new(&assumed.access_key_id, assumed.secret_access_key.expose(), token);
    let base = base.ok_or_else(|| {
        ProviderError::new(ProviderFault::BadAnswer, "the credentials of the role are malformed")
    })?;
    Ok(base.until(Some(assumed.expires_at)))
}

/// Reads the token in a file.
pub(super) async fn token_of(file: &Path) -> Result<Zeroizing<String>, ProviderError> {
    let path = file.to_owned();
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| {
        let what = format!("the web identity token in {} cannot be read", file.display());
        ProviderError::new(ProviderFault::NotLoggedIn, what).with_source(error)
    };
    let read = tokio::task::spawn_blocking(move || source::read_file(&path, MAX_TOKEN_FILE)).await;
    let text = read.map_err(|error| unreadable(error.into()))?.map_err(|error| unreadable(error.into()))?;
    let token = text.trim();
    if token.len() < 4 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unreadable("it holds no token".into()));
    }
    Ok(Zeroizing::new(token.to_owned()))
}
