//! `tryaudex approve` and `deny`: what somebody else asked a team server for.

use super::{
    Invocation,
    served::{logins, remote},
};
use crate::{
    exit::{Exit, Failure, Outcome, SUCCESS},
    output::{Table, printable},
    remote::{ApprovalSigner, Decision, Remote, ServerAddress},
};
use clap::Args;
use serde_json::{Value, json};
use std::io::{BufRead, Read, Write};

/// The longest answer to a question, in bytes.
const MAX_ANSWER: u64 = 4 * 1_024;

/// The arguments of `tryaudex approve`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "approve", "a1b2c3d4", "--comment", "for the migration"])?;
/// assert!(matches!(cli.command, Command::Approve(approve) if approve.id.as_deref() == Some("a1b2c3d4")));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "What is asked for is shown first, and its digest is computed from what is shown: that is what is signed, with the key \
                  that login made. Without a comment, and where a terminal is, one is asked for."
)]
pub struct ApproveArgs {
    /// Request, by its id or 8 or more of its first characters; without one, those that wait are listed
    #[arg(value_name = "ID", value_parser = id)]
    pub id: Option<String>,
    /// The decision.
    #[command(flatten)]
    pub ballot: BallotArgs,
}

/// The arguments of `tryaudex deny`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "deny", "a1b2c3d4", "--comment", "too long"])?;
/// assert!(matches!(cli.command, Command::Deny(deny) if deny.id == "a1b2c3d4"));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
pub struct DenyArgs {
    /// Request, by its id or 8 or more of its first characters
    #[arg(value_name = "ID", value_parser = id)]
    pub id: String,
    /// The decision.
    #[command(flatten)]
    pub ballot: BallotArgs,
}

/// How somebody decides.
///
/// ```
/// assert!(audex_cli::commands::approve::BallotArgs::default().comment.is_none());
/// ```
#[derive(Debug, Clone, Default, Args)]
pub struct BallotArgs {
    /// Why, for the requester and for the audit log
    #[arg(long, short = 'm', value_name = "TEXT")]
    pub comment: Option<String>,
    /// In which of your roles, where you have several that approve
    #[arg(long, value_name = "ROLE")]
    pub role: Option<String>,
    /// Address of the server [default: $AUDEX_SERVER, else server of the configuration]
    #[arg(long, value_name = "URL")]
    pub server: Option<ServerAddress>,
}

/// Reads the id of a request, or its beginning.
fn id(text: &str) -> Result<String, String> {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let is_id =
        digits >= 8 && text.len() <= 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if is_id {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("an id, or 8 or more of its first characters, is needed".to_owned())
    }
}

/// Agrees.
pub(super) fn run(invocation: &Invocation, args: &ApproveArgs) -> Outcome {
    match &args.id {
        Some(id) => decide(invocation, id, true, &args.ballot),
        None => list(invocation, args.ballot.server.as_ref()),
    }
}

/// Refuses.
pub(super) fn deny(invocation: &Invocation, args: &DenyArgs) -> Outcome {
    decide(invocation, &args.id, false, &args.ballot)
}

fn list(invocation: &Invocation, server: Option<&ServerAddress>) -> Outcome {
    let settings = invocation.config()?.settings;
    let remote = remote(invocation, &settings, server)?;
    let pending = super::runtime()?.block_on(remote.pending())?;
    let output = &invocation.output;
    if output.is_json() {
        output.json(&json!({ "requests": pending }))?;
        return Ok(SUCCESS);
    }
    if pending.is_empty() {
        output.note("nothing waits for you");
        return Ok(SUCCESS);
    }
    let mut table =
        Table::new([("ID", 8), ("WHO", 40), ("WHAT", 60), ("TTL", 8), ("VOTES", 8), ("UNTIL", 20)]);
    for request in &pending {
        let agreed = request.votes.iter().filter(|vote| vote.approve).count();
        table.row([
            request.session_id.short(),
            request.requester.clone(),
            request.allow.clone(),
            request.ttl.as_deref().map_or_else(|| "default".to_owned(), printable),
            format!("{agreed}/{}", request.approval.required),
            request.approval.expires_at.format("%Y-%m-%d %H:%MZ").to_string(),
        ]);
    }
    output.print(table)?;
    Ok(SUCCESS)
}

fn decide(invocation: &Invocation, id: &str, approve: bool, ballot: &BallotArgs) -> Outcome {
    let settings = invocation.config()?.settings;
    let remote = remote(invocation, &settings, ballot.server.as_ref())?;
    let logins = logins(invocation, &settings)?;
    let signer = logins.signer(remote.address())?;
    let runtime = super::runtime()?;
    let decision = runtime.block_on(remote.decision(id))?;
    let signer = match signer {
        Some(signer) if runtime.block_on(remote.has_key(&signer.id()))? => Some(signer),
        _ => None,
    };
    if !decision.session_id.to_string().starts_with(id) {
        return Err(Failure::new(Exit::Provider, "the server answers about another request"));
    }
    if !decision.is_sound() {
        return Err(Failure::new(
            Exit::Tampered,
            "the digest that the server wants signed is not that of the request it shows; nothing was decided",
        )
        .with_help(
            "bring tryaudex and the server to the same version, and have what was asked before that asked again; else somebody \
             changed one of the two",
        ));
    }
    if !invocation.output.is_json() {
        show(invocation, &decision)?;
    }
    let comment = match &ballot.comment {
        Some(comment) => comment.clone(),
        None => asked(invocation, approve)?,
    };
    let voted =
        runtime.block_on(vote(invocation, &remote, &decision, signer.as_ref(), approve, &comment, ballot))?;
    let output = &invocation.output;
    if output.is_json() {
        output.json(&voted)?;
    } else {
        let status = voted.get("status").and_then(Value::as_str).unwrap_or("decided");
        let signed = if signer.is_some() {
            "signed"
        } else {
            "not signed: your account there has no key of this machine; tryaudex login, confirmed in a browser, adds it"
        };
        let said = if approve { "approved" } else { "denied" };
        output.line(format_args!("{said} ({signed}); the request is {}", printable(status)))?;
    }
    Ok(SUCCESS)
}

async fn vote(
    invocation: &Invocation,
    remote: &Remote,
    decision: &Decision,
    signer: Option<&ApprovalSigner>,
    approve: bool,
    comment: &str,
    ballot: &BallotArgs,
) -> Result<Value, Failure> {
    let approver = remote.me().await?.identity;
    let sign = |signer: &ApprovalSigner| {
        let what = (decision.session_id, decision.digest.as_str());
        signer.decision(what, approve, comment, &approver, invocation.now())
    };
    let mut body = json!({ "comment": comment, "digest": decision.digest });
    if let Some(members) = body.as_object_mut() {
        members.extend(ballot.role.as_ref().map(|role| ("role".to_owned(), json!(role))));
        members.extend(signer.map(|signer| ("signature".to_owned(), json!(sign(signer)))));
    }
    Ok(remote.vote(decision.session_id, approve, &body).await?)
}

/// Shows what is asked for.
fn show(invocation: &Invocation, decision: &Decision) -> Result<(), Failure> {
    let output = &invocation.output;
    let none = || "(none)".to_owned();
    let optional = |text: &Option<String>| text.as_deref().map_or_else(none, printable);
    output.line(format_args!("request    {} ({})", decision.session_id, printable(&decision.status)))?;
    output.line(format_args!("who        {}", printable(&decision.requester)))?;
    output.line(format_args!("what       {}", printable(&decision.allow)))?;
    if !decision.resources.is_empty() {
        output.line(format_args!("resources  {}", printable(&decision.resources.join(", "))))?;
    }
    output.line(format_args!("provider   {}", decision.provider))?;
    output.line(format_args!("target     {}", optional(&decision.target)))?;
    output.line(format_args!("lifetime   {}", optional(&decision.ttl)))?;
    output.line(format_args!("budget     {}", optional(&decision.budget)))?;
    output.line(format_args!("reason     {}", optional(&decision.reason)))?;
    output.line(format_args!("needs      {}", printable(&decision.approval.to_string())))?;
    for said in &decision.votes {
        output.line(format_args!("           {}", printable(&said.to_string())))?;
    }
    output.line(format_args!("policy     {}", printable(&decision.policy)))?;
    output.line(format_args!("digest     {}", decision.digest))
}

/// Asks for a comment where somebody is there to write one.
fn asked(invocation: &Invocation, approve: bool) -> Result<String, Failure> {
    let surroundings = &invocation.surroundings;
    let needed = || {
        Failure::new(Exit::Usage, "a comment is needed: it is kept with the decision")
            .with_help("write --comment TEXT")
    };
    if !(surroundings.stdin_is_terminal && surroundings.stderr_is_terminal) {
        return Err(needed());
    }
    let verb = if approve { "approve" } else { "deny" };
    let mut stderr = std::io::stderr().lock();
    let unusable = |error: std::io::Error| Failure::new(Exit::LocalState, format!("cannot ask: {error}"));
    write!(stderr, "comment, to {verb} it (Ctrl-C to leave it): ")
        .and_then(|()| stderr.flush())
        .map_err(unusable)?;
    let mut answer = String::new();
    std::io::stdin().lock().take(MAX_ANSWER).read_line(&mut answer).map_err(unusable)?;
    match answer.trim() {
        "" => Err(needed()),
        comment => Ok(comment.to_owned()),
    }
}
