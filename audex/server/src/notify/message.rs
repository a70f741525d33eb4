use super::Notice;
use crate::{api::console_url, model::PendingRequest, model::RequestState};
use aws_lc_rs::hmac;
use axess::rng::{SecureRng, random_array};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use uuid::Uuid;

/// The most characters of a text that a person wrote.
const MAX_TEXT: usize = 500;

/// What is told, in each form.
#[derive(Debug)]
pub(super) struct Message {
    /// The same in every attempt, so that a receiver knows a repetition; each receiver has its own.
    pub(super) id: Uuid,
    /// The body of a webhook.
    pub(super) json: String,
    /// One line: what happened.
    pub(super) headline: String,
    /// What there is to know, by its name.
    pub(super) facts: Vec<(&'static str, String)>,
    /// The page in the console.
    pub(super) url: String,
}

impl Message {
    pub(super) fn new(notice: Notice<'_>, console: &str, now: DateTime<Utc>, rng: &dyn SecureRng) -> Self {
        let (Notice::Asked(pending) | Notice::Decided(pending)) = notice;
        let id = uuid::Builder::from_random_bytes(random_array(rng)).into_uuid();
        let state = match notice {
            Notice::Asked(_) => RequestState::PendingApproval,
            Notice::Decided(_) => pending.state(now),
        };
        let url = console_url(console, pending);
        Self {
            id,
            json: body(id, state, pending, &url, now),
            headline: headline(state, pending),
            facts: facts(state, pending),
            url,
        }
    }
}

fn body(id: Uuid, state: RequestState, pending: &PendingRequest, url: &str, now: DateTime<Utc>) -> String {
    let ask = &pending.ask;
    let stamp = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let votes = pending.approval.votes().iter().map(|vote| {
        json!({"approver": vote.approver, "role": vote.role, "approve": vote.approve, "comment": vote.comment})
    });
    let body = json!({
        "id": id,
        "event": format!("request.{}", state.name()),
        "timestamp": stamp(now),
        "session_id": pending.session_id,
        "status": state.name(),
        "requester": pending.requester.identity(),
        "provider": ask.provider.name(),
        "allow": ask.allow,
        "target": pending.target(),
        "ttl": pending.lifetime(),
        "reason": ask.reason,
        "approval": {
            "required": pending.approval.required(),
            "roles": pending.approval.roles(),
            "rules": pending.rules,
            "expires_at": stamp(pending.approval.expires_at()),
        },
        "votes": votes.collect::<Vec<_>>(),
        "url": url,
    });
    body.to_string()
}

fn headline(state: RequestState, pending: &PendingRequest) -> String {
    let what = match state {
        RequestState::PendingApproval => "Approval needed",
        RequestState::Approved => "Approved",
        RequestState::Denied => "Denied",
        RequestState::Expired => "Expired",
        RequestState::Issued => "Issued",
        RequestState::Withdrawn => "Taken back",
    };
    let (who, allow) = (clean(&pending.requester.identity(), 100), clean(&pending.ask.allow, 100));
    format!("{what}: {who} asks for {allow} ({})", pending.ask.provider)
}

fn facts(state: RequestState, pending: &PendingRequest) -> Vec<(&'static str, String)> {
    let ask = &pending.ask;
    let mut facts = vec![
        ("Who", clean(&pending.requester.identity(), MAX_TEXT)),
        ("Provider", ask.provider.to_string()),
        ("Actions", clean(&ask.allow, MAX_TEXT)),
    ];
    let (lifetime, target) = (pending.lifetime(), pending.target().map(str::to_owned));
    let optional = [("Lifetime", &lifetime), ("Target", &target), ("Reason", &ask.reason)];
    facts.extend(
        optional.into_iter().filter_map(|(name, text)| Some((name, clean(text.as_deref()?, MAX_TEXT)))),
    );
    if state == RequestState::PendingApproval {
        let roles = pending.approval.roles().join(", ");
        facts.push(("Needs", format!("{} of: {roles}", pending.approval.required())));
        facts.push(("Until", pending.approval.expires_at().format("%Y-%m-%d %H:%M UTC").to_string()));
    }
    for vote in pending.approval.votes() {
        let said = if vote.approve { "agreed" } else { "refused" };
        facts.push(("Vote", clean(&format!("{} {said}: {}", vote.approver, vote.comment), MAX_TEXT)));
    }
    facts
}

/// Makes a text that somebody wrote fit for one line: without line breaks, controls, and what turns the order around.
fn clean(text: &str, most: usize) -> String {
    let is_unseen = |one: char| matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let visible =
        text.chars().filter(|one| !is_unseen(*one)).map(|one| if one.is_control() { ' ' } else { one });
    let mut short: String = visible.take(most).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

/// Signs the body of a webhook: HMAC-SHA256 of the time in seconds, a full stop and the body; `sha256=` and hexadecimal digits.
///
/// ```
/// use audex_server::notify::signature;
/// let header = signature(b"a key that both sides know", 1_704_110_400, b"{}");
/// assert_eq!(header.len(), "sha256=".len() + 64);
/// assert_ne!(header, signature(b"a key that both sides know", 1_704_110_401, b"{}"));
/// ```
pub fn signature(key: &[u8], seconds: i64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(seconds.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    let digits: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}
