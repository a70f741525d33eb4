use super::IssueRequest;
use crate::{Ttl, session::SessionId};
use sha2::{Digest, Sha256};

/// What somebody agrees to: what would be issued, to whom, as whom, for how long, and what for.
///
/// Its parts are what the rules made of the request, not what was asked for: under other rules it is another one.
///
/// ```
/// use audex_core::{CommandLine, IssueRequest, Proposal, Requester, Ttl, session::{Delivery, EntryPoint, SessionId}};
/// use audex_policy::{Provider, Request};
///
/// let request = IssueRequest {
///     requester: Requester::LocalUser { uid: 1000, name: None },
///     entry_point: EntryPoint::Server,
///     request: Request::parse(Provider::Local, "orders:Read", &[])?,
///     target: None,
///     ttl: None,
///     command: CommandLine::new(Vec::<String>::new()),
///     delivery: Delivery::Response,
///     budget: None,
///     reason: Some("the yearly audit".to_owned()),
/// };
/// let session_id = SessionId::generate(&axess_rng::MockRng::new(1));
/// let one = Proposal { session_id, request: &request, target: Some("reader"), ttl: Ttl::DEFAULT, document: "{}" };
/// assert_ne!(one.digest(), Proposal { target: Some("admin"), ..one }.digest());
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// The session it would be: of two that are alike, each is another.
    pub session_id: SessionId,
    /// What was asked for. Of its target and its lifetime those below are taken.
    pub request: &'a IssueRequest,
    /// The role, service account or audience that the rules give.
    pub target: Option<&'a str>,
    /// The lifetime that the rules give.
    pub ttl: Ttl,
    /// What the provider would be told.
    pub document: &'a str,
}

impl Proposal<'_> {
    /// Returns what an approval is about, and what approvers sign.
    pub fn digest(&self) -> [u8; 32] {
        let Self { session_id, request, target, ttl, document } = self;
        // What is not there is not the same as what is empty.
        let optional = |text: Option<&str>| text.map(|text| format!("={text}")).unwrap_or_default();
        let parts = [
            session_id.to_string(),
            request.requester.identity(),
            request.request.provider().to_string(),
            request.request.to_string(),
            optional(*target),
            ttl.to_string(),
            optional(request.budget.map(|budget| budget.to_string()).as_deref()),
            optional(request.reason.as_deref()),
            request.entry_point.name().to_owned(),
            request.delivery.name().to_owned(),
            (*document).to_owned(),
        ];
        let mut digest = Sha256::new();
        digest.update(b"audex-proposal-v1");
        for part in parts.iter().map(String::as_bytes).chain([request.command.digest().as_slice()]) {
            // With its length, so that no two proposals are one text.
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        CommandLine, Requester,
        session::{Delivery, EntryPoint},
    };
    use audex_policy::{Provider, Request};

    #[test]
    fn whatever_differs_is_another_proposal() {
        let who = |email: &str| Requester::Principal { email: email.to_owned(), groups: Vec::new() };
        let asked = IssueRequest {
            requester: who("alice@example.com"),
            entry_point: EntryPoint::Server,
            request: Request::parse(Provider::Local, "orders:Read", &[]).unwrap(),
            target: None,
            ttl: None,
            command: CommandLine::new(Vec::<String>::new()),
            delivery: Delivery::Response,
            budget: None,
            reason: None,
        };
        let id = |seed| SessionId::generate(&axess_rng::MockRng::new(seed));
        let one =
            Proposal { session_id: id(1), request: &asked, target: None, ttl: Ttl::DEFAULT, document: "{}" };
        let with = |change: fn(&mut IssueRequest)| {
            let mut request = asked.clone();
            change(&mut request);
            Proposal { request: &request, ..one }.digest()
        };
        let others = [
            Proposal { session_id: id(2), ..one }.digest(),
            Proposal { target: Some("role/Admin"), ..one }.digest(),
            Proposal { target: Some(""), ..one }.digest(),
            Proposal { ttl: Ttl::MAX, ..one }.digest(),
            Proposal { document: "{} ", ..one }.digest(),
            with(|request| request.reason = Some("for the audit".to_owned())),
            with(|request| request.reason = Some(String::new())),
            with(|request| request.budget = Some(crate::budget::Dollars::from_cents(100))),
            with(|request| {
                request.requester =
                    Requester::Principal { email: "mallory@example.com".to_owned(), groups: Vec::new() };
            }),
            with(|request| request.request = Request::parse(Provider::Local, "orders:Write", &[]).unwrap()),
        ];
        for (at, other) in others.iter().enumerate() {
            assert_ne!(*other, one.digest(), "{at}");
            assert!(!others[..at].contains(other), "{at}");
        }
        // How it was asked for is not the point: the rules gave the same.
        assert_eq!(with(|request| request.ttl = Some(Ttl::DEFAULT)), one.digest());
    }
}
