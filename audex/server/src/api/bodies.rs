//! What is sent, as JSON and as schemas.

use super::{FromMembers, Members};
use crate::{
    model::{Ask, PageQuery},
    problem::Problem,
};
use audex_core::session::SessionStatus;
use audex_policy::Provider;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// The longest `allow` or resource, in bytes.
const MAX_ALLOW: usize = 16_384;
/// The most entries of `allow` and `resources`.
const MAX_LIST: usize = 500;
/// The longest address to call back, in bytes.
const MAX_CALLBACK: usize = 2_048;
/// The longest name that limits are counted under and that is asked for, in bytes.
const MAX_IDENTITY: usize = 1_024;
/// The longest of any other text, in bytes, where the request service has no limit of its own.
const MAX_TEXT: usize = 4_096;
/// The longest signature, in bytes.
const MAX_SIGNATURE: usize = 8_192;

/// What somebody asks for.
#[derive(Debug)]
pub(super) struct AskBody {
    pub(super) ask: Ask,
    pub(super) callback: Option<String>,
}

/// What is asked for.
#[derive(ToSchema)]
#[schema(as = Ask, example = json!({"allow": "s3:GetObject", "ttl": "15m", "provider": "aws"}))]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of what is read member by member")]
pub(super) struct AskSchema {
    /// Of which provider.
    #[schema(value_type = ProviderSchema)]
    provider: String,
    /// The actions, in the language of `--allow`: a list, or one text with commas.
    #[schema(value_type = TextsSchema)]
    allow: Vec<String>,
    /// The resources of actions that name none.
    #[schema(value_type = Option<TextsSchema>)]
    resources: Option<Vec<String>>,
    /// The role, service account or audience, where more than one is yours.
    #[schema(max_length = 2048)]
    target: Option<String>,
    /// The lifetime, as in `15m`.
    #[schema(example = "15m")]
    ttl: Option<String>,
    /// What may be spent, in dollars; advisory.
    #[schema(value_type = Option<DollarsSchema>)]
    budget: Option<String>,
    /// What it is for.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// Where the decision is posted to, should somebody have to decide: `https` alone. It is signed like a webhook, with the
    /// `callback_key` of the answer.
    #[schema(format = "uri")]
    callback: Option<String>,
}

/// Who mints credentials.
#[derive(ToSchema)]
#[schema(as = Provider, rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of a type that knows no OpenAPI")]
pub(super) enum ProviderSchema {
    Aws,
    Gcp,
    Azure,
    Vault,
    Local,
}

/// One text, or a list of them.
#[derive(ToSchema)]
#[schema(as = Texts)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of what is read member by member")]
pub(super) enum TextsSchema {
    One(String),
    Several(Vec<String>),
}

/// Dollars, as a text or a number.
#[derive(ToSchema)]
#[schema(as = Dollars)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of what is read member by member")]
pub(super) enum DollarsSchema {
    Text(String),
    Number(f64),
}

impl FromMembers for AskBody {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        let name = members.required_text("provider", MAX_TEXT)?;
        let provider: Provider = name.parse().map_err(|_| {
            let known = Provider::ALL.map(Provider::name).join(", ");
            members.invalid("provider", format!("there is no such provider (one of {known})"))
        })?;
        let allow = members.texts("allow", MAX_LIST, MAX_ALLOW)?;
        let allow = allow.ok_or_else(|| members.missing("allow"))?.join(",");
        if allow.len() > MAX_ALLOW {
            return Err(members.invalid("allow", format!("`allow` has more than {MAX_ALLOW} bytes")));
        }
        let budget = match members.take("budget") {
            None => None,
            Some(Value::String(text)) if text.len() <= MAX_TEXT => Some(text),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(_) => return Err(members.invalid("budget", "`budget` is dollars, as in \"2.50\"")),
        };
        let ask = Ask {
            allow,
            resources: members.texts("resources", MAX_LIST, MAX_ALLOW)?.unwrap_or_default(),
            target: members.text("target", Ask::MAX_TARGET)?,
            ttl: members.text("ttl", MAX_TEXT)?,
            budget,
            reason: members.text("reason", Ask::MAX_REASON)?,
            ..Ask::new(provider)
        };
        Ok(Self { ask, callback: members.text("callback", MAX_CALLBACK)? })
    }
}

/// What an approver says.
#[derive(Debug, ToSchema)]
#[schema(as = Vote, example = json!({"comment": "Approved for data migration task"}))]
#[serde(deny_unknown_fields)]
pub(super) struct VoteBody {
    /// Why.
    #[schema(min_length = 1, max_length = 2000)]
    pub(super) comment: String,
    /// In which of your roles, where you have more than one that counts.
    #[schema(max_length = 4096)]
    pub(super) role: Option<String>,
    /// The digest of what you looked at: the vote counts for nothing else.
    #[schema(max_length = 4096)]
    pub(super) digest: Option<String>,
    /// A JWS by a key of yours over the digest, the decision and the comment.
    #[schema(max_length = 8192)]
    pub(super) signature: Option<String>,
}

impl FromMembers for VoteBody {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        Ok(Self {
            comment: members.required_text("comment", MAX_TEXT)?,
            role: members.text("role", MAX_TEXT)?,
            digest: members.text("digest", MAX_TEXT)?,
            signature: members.text("signature", MAX_SIGNATURE)?,
        })
    }
}

/// Why something is done.
#[derive(Debug, ToSchema)]
#[schema(as = Reason)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonBody {
    /// Why.
    #[schema(max_length = 500)]
    pub(super) reason: Option<String>,
}

impl FromMembers for ReasonBody {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        Ok(Self { reason: members.text("reason", Ask::MAX_REASON)? })
    }
}

/// An object without members: nothing needs to be said.
#[derive(Debug)]
pub(super) struct NoBody;

impl FromMembers for NoBody {
    fn from_members(_: &mut Members) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// Which page of a list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// How many entries at most.
    #[param(minimum = 1, maximum = 100, default = 100)]
    limit: Option<u32>,
    /// Where the page begins: `next` of the one before.
    #[param(max_length = 200)]
    after: Option<String>,
}

impl FromMembers for PageParams {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        let limit = members.number_in("limit", 1..=u64::from(crate::model::MAX_PAGE))?;
        let limit = limit.and_then(|limit| u32::try_from(limit).ok());
        Ok(Self { limit, after: members.text("after", 200)? })
    }
}

impl FromMembers for PageQuery {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        PageParams::from_members(members).map(Self::from)
    }
}

impl From<PageParams> for PageQuery {
    fn from(params: PageParams) -> Self {
        Self { limit: params.limit, after: params.after }
    }
}

/// Which sessions.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SessionParams {
    /// In which status, as in `active`.
    #[param(value_type = Option<StatusSchema>)]
    pub(super) status: Option<SessionStatus>,
    /// Whose: an e-mail address, or a workload's issuer and subject. Those of others are listed for whoever may read them.
    #[param(max_length = 1024, example = "alice@example.com")]
    pub(super) identity: Option<String>,
}

/// Where a session is in its life.
#[derive(ToSchema)]
#[schema(as = SessionStatus, rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of a type that knows no OpenAPI")]
pub(super) enum StatusSchema {
    Active,
    Completed,
    Failed,
    Expired,
    Revoked,
    BudgetExceeded,
}

impl FromMembers for SessionParams {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        let status = members.text("status", MAX_TEXT)?;
        let known = |text: String| {
            let found =
                SessionStatus::ALL.into_iter().find(|status| super::shapes::snake(status.name()) == text);
            found.ok_or_else(|| {
                let names = SessionStatus::ALL.map(|status| super::shapes::snake(status.name())).join(", ");
                members.invalid("status", format!("there is no such status (one of {names})"))
            })
        };
        Ok(Self { status: status.map(known).transpose()?, identity: members.text("identity", MAX_IDENTITY)? })
    }
}

/// Two sets of members that come together.
impl<A: FromMembers, B: FromMembers> FromMembers for (A, B) {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        Ok((A::from_members(members)?, B::from_members(members)?))
    }
}

/// How long to wait for a decision.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitParams {
    /// For how many seconds to wait while nothing changes; the server waits no longer than it is configured to.
    #[param(minimum = 0, maximum = 3600, default = 0)]
    pub(super) wait: Option<u64>,
}

impl FromMembers for WaitParams {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        Ok(Self { wait: members.number_in("wait", 0..=3_600)? })
    }
}
