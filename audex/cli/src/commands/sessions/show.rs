use super::{Ago, Invocation, find, folder, time};
use crate::{
    compose::of_sessions,
    exit::{Failure, Outcome, SUCCESS},
    output::{Style, printable, shortened},
};
use audex_core::{
    Fate,
    session::{CredentialRecord, SessionRecord, SessionStatus, SessionStoreError},
};
use chrono::{DateTime, Utc};

/// How many parts of a command and characters of each are shown; JSON has them all.
const MAX_SHOWN: usize = 2_000;

pub(super) fn show(invocation: &Invocation, session: &str) -> Outcome {
    let sessions = folder(invocation)?;
    let unknown = || of_sessions(&SessionStoreError::Unknown(shortened(session, 40)));
    let id = find(sessions.as_ref(), session)?.ok_or_else(unknown)?;
    let sessions = sessions.ok_or_else(unknown)?;
    let record = sessions.load(id).map_err(|error| of_sessions(&error))?;
    if invocation.output.is_json() {
        invocation.output.json(&record)?;
        return Ok(SUCCESS);
    }
    text(invocation, &record)?;
    Ok(SUCCESS)
}

fn text(invocation: &Invocation, record: &SessionRecord) -> Result<(), Failure> {
    let now = invocation.now();
    let line = |name: &str, value: &str| {
        let label = Style::Heading.paint(&format!("{name:<11}"));
        invocation.output.line(format_args!("{label} {}", shortened(value, MAX_SHOWN)))
    };
    line("session", &record.session_id.to_string())?;
    let style = match record.status {
        SessionStatus::Active | SessionStatus::Completed => Style::Good,
        _ => Style::Warning,
    };
    let status = style.paint(record.status.name());
    invocation.output.line(format_args!("{} {status}", Style::Heading.paint("status     ")))?;
    if let Some(reason) = record.ending.as_ref().and_then(|ending| ending.reason.as_deref()) {
        line("because", reason)?;
    }
    line("asked by", &record.requester.to_string())?;
    line("asked for", &record.asked)?;
    line("granted", &record.grant.allow().to_string())?;
    if !record.grant.deny().is_empty() {
        line("denied", &record.grant.deny().to_string())?;
    }
    line("provider", record.provider.name())?;
    if let Some(target) = &record.target {
        line("target", target)?;
    }
    if !record.command.is_empty() {
        line("command", &record.command.join(" "))?;
    }
    line("delivered", record.delivery.name())?;
    line("began", &format!("{} ({})", time(record.created_at), Ago(now - record.created_at)))?;
    line("deadline", &format!("{} (ttl {})", time(record.deadline), record.ttl))?;
    if let Some(ended) = record.ended_at {
        line("ended", &format!("{} ({})", time(ended), Ago(now - ended)))?;
    }
    if let Some(ending) = &record.ending {
        if let Some(code) = ending.exit_code {
            line("exit code", &code.to_string())?;
        }
        if let Some(signal) = ending.signal {
            line("signal", &signal.to_string())?;
        }
    }
    if let Some(budget) = record.budget_usd {
        line("budget", &format!("{budget} USD"))?;
    }
    for credential in &record.credentials {
        line("credential", &described(credential, now))?;
    }
    Ok(())
}

/// Says of a credential whether it still works, which the end of its session does not decide.
fn described(credential: &CredentialRecord, now: DateTime<Utc>) -> String {
    let state = match &credential.fate {
        Some(Fate::Dead) => "dead".to_owned(),
        Some(Fate::Denied { by }) => format!("denied everything by {by}"),
        _ if now >= credential.expires_at => format!("expired at {}", time(credential.expires_at)),
        Some(Fate::AliveUntil { until, why }) => format!("works until {}: {why}", time(*until)),
        None => format!("works at the provider until {}", time(credential.expires_at)),
    };
    printable(&format!("{}, issued {}, {state}", credential.id, time(credential.issued_at)))
}
