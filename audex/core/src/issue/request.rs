use crate::{
    CommandLine, Requester, Ttl,
    budget::Dollars,
    session::{Delivery, EntryPoint},
};
use audex_policy::Request;
use sha2::{Digest, Sha256};

/// What somebody asks for.
///
/// Every way in builds one, and none of them holds a rule.
///
/// ```
/// use audex_core::{CommandLine, IssueRequest, Requester, session::{Delivery, EntryPoint}};
/// use audex_policy::{Provider, Request};
///
/// let request = IssueRequest {
///     requester: Requester::LocalUser { uid: 1000, name: None },
///     entry_point: EntryPoint::Run,
///     request: Request::parse(Provider::Local, "orders:Read", &[])?,
///     target: None,
///     ttl: None,
///     command: CommandLine::new(["true"]),
///     delivery: Delivery::Env,
///     budget: None,
///     reason: None,
/// };
/// assert_eq!(request.digest(), request.clone().digest());
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRequest {
    /// Who asks.
    pub requester: Requester,
    /// The way in.
    pub entry_point: EntryPoint,
    /// The permissions, and whose.
    pub request: Request,
    /// The role, service account or audience, where one is named.
    pub target: Option<String>,
    /// For how long; absent is the configured default.
    pub ttl: Option<Ttl>,
    /// The command, if there is one.
    pub command: CommandLine,
    /// How the credential is delivered.
    pub delivery: Delivery,
    /// What may be spent.
    pub budget: Option<Dollars>,
    /// What it is for, where somebody else has to agree.
    pub reason: Option<String>,
}

impl IssueRequest {
    /// Returns what tells it from another: who asks for what, as whom, for how long, for which command, and how they get it.
    ///
    /// What somebody agrees to is a [`Proposal`](crate::Proposal).
    pub fn digest(&self) -> [u8; 32] {
        let parts = [
            self.requester.identity(),
            self.request.provider().to_string(),
            self.request.to_string(),
            self.target.clone().unwrap_or_default(),
            self.ttl.map(|ttl| ttl.to_string()).unwrap_or_default(),
            self.budget.map(|budget| budget.to_string()).unwrap_or_default(),
            self.entry_point.name().to_owned(),
            self.delivery.name().to_owned(),
        ];
        let mut digest = Sha256::new();
        digest.update(b"audex-request-v1");
        for part in parts.iter().map(String::as_bytes).chain([self.command.digest().as_slice()]) {
            // With its length, so that no two requests are one text.
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}
