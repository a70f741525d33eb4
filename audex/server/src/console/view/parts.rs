//! What several pages show: a time, a state, a grant in words, a diff.

use audex_core::session::SessionStatus;
use audex_policy::{Finding, Grant, GrantDiff, Permission, PermissionSet, Severity};
use chrono::{DateTime, TimeDelta, Utc};

use crate::model::RequestState;

/// A time, for people and for scripts.
///
/// ```
/// use audex_server::console::view::parts::When;
/// let when = When::new(chrono::DateTime::UNIX_EPOCH);
/// assert_eq!((when.iso.as_str(), when.text.as_str()), ("1970-01-01T00:00:00Z", "1970-01-01 00:00 UTC"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// RFC 3339.
    pub iso: String,
    /// For people.
    pub text: String,
}

/// A time to come, and how long it is until then.
///
/// ```
/// use audex_server::console::view::parts::Until;
/// use chrono::{DateTime, TimeDelta};
/// let now = DateTime::UNIX_EPOCH;
/// assert_eq!(Until::new(now + TimeDelta::minutes(90), now).text, "1 h 30 min");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Until {
    /// RFC 3339.
    pub iso: String,
    /// The time for people.
    pub at: String,
    /// How long it is until then.
    pub text: String,
}

/// A state as a word in a colour.
///
/// ```
/// use audex_server::{console::view::parts::Pill, model::RequestState};
/// assert_eq!(Pill::of_request(RequestState::Denied).text, "Denied");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pill {
    /// The class of its colour.
    pub class: &'static str,
    /// The word.
    pub text: &'static str,
}

/// One line of a comparison.
///
/// ```
/// use audex_server::console::view::parts::DiffLine;
/// let line = DiffLine { is_added: true, text: "s3:GetObject".into() };
/// assert!(line.is_added);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    /// Whether it is new, rather than missing.
    pub is_added: bool,
    /// What.
    pub text: String,
}

/// How a request differs from what its requester was granted before.
///
/// ```
/// use audex_server::console::view::parts::Usual;
/// assert_eq!(Usual::default().sessions, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usual {
    /// How many sessions it is compared with.
    pub sessions: usize,
    /// What differs.
    pub lines: Vec<DiffLine>,
}

/// Something about a grant that is worth a second look.
///
/// ```
/// use audex_server::console::view::parts::FindingLine;
/// let line = FindingLine { class: "danger", word: "Danger", subject: "*".into(), message: "allows everything".into() };
/// assert_eq!(line.class, "danger");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingLine {
    /// The class of its colour.
    pub class: &'static str,
    /// How bad it is.
    pub word: &'static str,
    /// The permission.
    pub subject: String,
    /// What is the matter.
    pub message: String,
}

impl When {
    /// Describes a time.
    pub fn new(at: DateTime<Utc>) -> Self {
        let iso = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        Self { iso, text: at.format("%Y-%m-%d %H:%M UTC").to_string() }
    }
}

impl Until {
    /// Describes a time as it is from now.
    pub fn new(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let When { iso, text } = When::new(at);
        Self { iso, at: text, text: span(at - now) }
    }
}

impl Pill {
    /// Describes a request.
    pub const fn of_request(state: RequestState) -> Self {
        let (class, text) = match state {
            RequestState::PendingApproval => ("wait", "Waits for approval"),
            RequestState::Approved => ("good", "Approved"),
            RequestState::Denied => ("bad", "Denied"),
            RequestState::Expired => ("", "Expired"),
            RequestState::Issued => ("good", "Issued"),
            RequestState::Withdrawn => ("", "Taken back"),
        };
        Self { class, text }
    }

    /// Describes a session.
    pub const fn of_session(status: SessionStatus) -> Self {
        let (class, text) = match status {
            SessionStatus::Active => ("good", "Active"),
            SessionStatus::Completed => ("", "Completed"),
            SessionStatus::Failed => ("bad", "Failed"),
            SessionStatus::Expired => ("", "Expired"),
            SessionStatus::Revoked => ("bad", "Revoked"),
            SessionStatus::BudgetExceeded => ("bad", "Over budget"),
        };
        Self { class, text }
    }
}

impl Usual {
    /// Compares a grant with all that somebody was granted before by the same provider.
    ///
    /// What any of the earlier grants denies counts as not granted, so that nothing that is new is left out.
    pub fn compare<'a>(new: &Grant, before: impl IntoIterator<Item = &'a Grant>) -> Self {
        let (mut sessions, mut allow, mut deny) = (0, PermissionSet::default(), PermissionSet::default());
        for grant in before.into_iter().filter(|grant| grant.provider() == new.provider()) {
            sessions += 1;
            allow = allow.or(grant.allow());
            deny = deny.or(grant.deny());
        }
        let diff = GrantDiff::between(&Grant::new(new.provider(), &allow, &deny), new);
        let line =
            |is_added| move |permission: &Permission| DiffLine { is_added, text: permission.to_string() };
        let mut lines: Vec<DiffLine> = diff.added.iter().map(line(true)).collect();
        lines.extend(diff.removed.iter().map(line(false)));
        Self { sessions, lines }
    }

    /// Tells whether something is asked for that they were never granted.
    pub fn has_news(&self) -> bool {
        self.lines.iter().any(|line| line.is_added)
    }
}

impl FindingLine {
    /// Describes findings.
    pub fn list(findings: &[Finding]) -> Vec<Self> {
        let line = |finding: &Finding| {
            let (class, word) = match finding.severity {
                Severity::Danger => ("danger", "Danger"),
                Severity::Warning => ("warning", "Warning"),
                Severity::Note => ("note", "Note"),
            };
            let (subject, message) = (finding.subject.clone(), finding.message.clone());
            Self { class, word, subject, message }
        };
        findings.iter().map(line).collect()
    }
}

/// Returns a length of time in its two largest units.
pub fn span(delta: TimeDelta) -> String {
    let seconds = delta.num_seconds().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (1, 0, _) => "1 day".to_owned(),
        (_, 0, _) => format!("{days} days"),
        (1, _, _) => format!("1 day {hours} h"),
        _ => format!("{days} days {hours} h"),
    }
}

/// Returns a digest as people compare it.
pub fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a policy document set out over lines where it is JSON, with nothing but spaces changed; as it is otherwise.
pub fn pretty(document: &str) -> String {
    if serde_json::from_str::<serde::de::IgnoredAny>(document).is_err() {
        return document.to_owned();
    }
    let mut out = String::with_capacity(document.len() * 2);
    let (mut depth, mut in_text, mut is_escaped, mut is_fresh) = (0_usize, false, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    for c in document.chars() {
        if in_text {
            out.push(c);
            in_text = is_escaped || c != '"';
            is_escaped = c == '\\' && !is_escaped;
            continue;
        }
        let is_end = matches!(c, '}' | ']');
        if c.is_ascii_whitespace() {
            continue;
        }
        if is_end {
            depth = depth.saturating_sub(1);
        }
        // An empty list stays on its line.
        if is_fresh != is_end {
            line(&mut out, depth);
        }
        out.push(c);
        is_fresh = matches!(c, '{' | '[');
        match c {
            '"' => in_text = true,
            '{' | '[' => depth += 1,
            ',' => line(&mut out, depth),
            ':' => out.push(' '),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use audex_policy::{Provider, Request, Rules, narrow};

    fn grant(allow: &str, deny: &[&str]) -> Grant {
        let request = Request::parse(Provider::Aws, allow, &[]).unwrap();
        narrow(&request, &[], &Rules::parse(deny).unwrap()).unwrap().grant
    }

    #[test]
    fn a_span_is_told_in_two_units() {
        let spans = [
            (-5, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_600, "1 h"),
            (5_400, "1 h 30 min"),
            (86_400, "1 day"),
            (93_600, "1 day 2 h"),
            (172_800, "2 days"),
        ];
        for (seconds, text) in spans {
            assert_eq!(span(TimeDelta::seconds(seconds)), text);
        }
    }

    #[test]
    fn what_was_never_granted_is_news() {
        let before = [grant("s3:GetObject", &[]), grant("sqs:*", &["sqs:DeleteQueue"])];
        let usual = Usual::compare(&grant("s3:GetObject", &[]), &before);
        assert_eq!((usual.sessions, usual.has_news()), (2, false));
        assert!(usual.lines.iter().all(|line| !line.is_added) && !usual.lines.is_empty());
        let usual = Usual::compare(&grant("s3:GetObject,sqs:DeleteQueue", &[]), &before);
        assert_eq!(usual.lines[0], DiffLine { is_added: true, text: "sqs:DeleteQueue".to_owned() });
        assert!(Usual::compare(&grant("s3:GetObject", &[]), &[]).has_news());
    }

    #[test]
    fn a_document_is_set_out() {
        assert_eq!(pretty(r#"{"b":[1],"a":[]}"#), "{\n  \"b\": [\n    1\n  ],\n  \"a\": []\n}");
        assert_eq!(pretty(r#"["a\\\",{","b"]"#), "[\n  \"a\\\\\\\",{\",\n  \"b\"\n]");
        assert_eq!(pretty("path \"x\" {}"), "path \"x\" {}");
    }
}
