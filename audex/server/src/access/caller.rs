use audex_core::Requester;
use axess::{UserId, guard::Accepted};
use axum::extract::FromRequestParts;
use chrono::{DateTime, Utc};
use http::request::Parts;
use std::net::IpAddr;
use uuid::Uuid;

use super::Action;
use crate::{model::PendingRequest, problem::Problem};

/// Who calls, proved.
///
/// As an extractor it takes what the route's guard found out; a route without such a guard answers nobody.
///
/// ```
/// use audex_server::access::Caller;
/// async fn hello(caller: Caller) -> String {
///     format!("you are {}", caller.requester)
/// }
/// # let _: axum::Router = axum::Router::new().route("/hello", axum::routing::get(hello));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// As whom requests are made and recorded.
    pub requester: Requester,
    /// The account, unless it is a workload.
    pub user_id: Option<UserId>,
    /// In which roles.
    pub roles: Vec<String>,
    /// What they are called.
    pub display_name: String,
    /// Whether it is a program: a service account or a workload.
    pub is_service: bool,
    /// By what they proved it.
    pub how: Proof,
    /// From where, as far as the trusted proxies tell.
    pub client_ip: Option<IpAddr>,
}

/// By what a caller proved who they are.
///
/// ```
/// use audex_server::access::Proof;
/// assert!(!Proof::Workload.is_session());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A login with two factors, in a browser.
    Session {
        /// When the latest factor was proved.
        proved_at: DateTime<Utc>,
    },
    /// An API token.
    ApiToken {
        /// Which one.
        id: Uuid,
        /// What it may be used for: [`Action::name`](super::Action::name)s.
        scopes: Vec<String>,
        /// Who made it.
        made_by: UserId,
    },
    /// The token of a workload.
    Workload,
}

impl Caller {
    /// Returns the name that requests are made under: an e-mail address, or issuer and subject.
    pub fn identity(&self) -> String {
        self.requester.identity()
    }

    /// Returns the account of whoever answers for what is done: of a token, who made it.
    ///
    /// A workload has none.
    pub fn answerable(&self) -> Option<UserId> {
        match self.how {
            Proof::ApiToken { made_by, .. } => Some(made_by),
            Proof::Session { .. } | Proof::Workload => self.user_id,
        }
    }

    /// Tells whether somebody asked for this themselves, also with a token that they made for a service account.
    pub fn has_asked(&self, pending: &PendingRequest) -> bool {
        let is_same_account = self.answerable().is_some() && self.answerable() == pending.asked_by;
        is_same_account || pending.requester.identity() == self.identity()
    }

    /// Tells whether this may be done with what they came with: a token has scopes, everything else has all.
    pub fn is_in_scope(&self, action: Action) -> bool {
        match &self.how {
            Proof::ApiToken { scopes, .. } => scopes.iter().any(|scope| scope == action.name()),
            Proof::Session { .. } | Proof::Workload => true,
        }
    }

    /// Tells whether they act in a role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }
}

impl Proof {
    /// Tells whether it is a person's login.
    pub const fn is_session(&self) -> bool {
        matches!(self, Self::Session { .. })
    }

    /// Returns its name, as policies see it in `context.custom.how`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Session { .. } => "session",
            Self::ApiToken { .. } => "token",
            Self::Workload => "workload",
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Accepted::<Self>::from_request_parts(parts, state).await {
            Ok(accepted) => Ok(accepted.into_inner()),
            Err(missing) => {
                tracing::error!("{missing}");
                Err(Problem::internal())
            }
        }
    }
}
