use super::entry::{AuditEntry, event_types};
use audex_policy::nearest;
use chrono::{DateTime, Utc};
use serde::Deserialize;

/// The most events of one page.
const MAX_PAGE: usize = 1_000;

/// How many there are unless it is said.
const PAGE: usize = 100;

/// The fewest characters of a session's id that name it.
const MIN_SESSION: usize = 8;

/// The characters of the id of a session with credentials, and of a login.
const UUID: usize = 36;
const LOGIN: usize = 22;

/// Which events are looked for.
///
/// Every condition that is given must hold.
///
/// ```
/// use audex_server::evidence::AuditQuery;
/// let query = AuditQuery { event_type: Some("credential_denied".into()), ..AuditQuery::default() };
/// assert_eq!(query.limit, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct AuditQuery {
    /// Of this type, as in [`AuditEntry::event_type`].
    #[serde(default)]
    pub event_type: Option<String>,
    /// Of this user: their address.
    #[serde(default)]
    pub user: Option<String>,
    /// About this session: its id, or at least eight characters of its beginning.
    #[serde(default)]
    pub session: Option<String>,
    /// At or after this time.
    #[serde(default)]
    pub since: Option<DateTime<Utc>>,
    /// Before this time.
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
    /// How many at most; 100 unless it is said, and never more than 1000.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Where the page begins: `next` of the one before.
    #[serde(default)]
    pub after: Option<String>,
}

/// A condition that no event meets, however long one waits.
///
/// ```
/// use audex_server::evidence::AuditQuery;
/// let query = AuditQuery { event_type: Some("credential_isued".into()), ..AuditQuery::default() };
/// let fault = query.check().unwrap_err();
/// assert_eq!(fault.condition, "event_type");
/// assert!(fault.detail.contains("did you mean `credential_issued`?"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQueryFault {
    /// Which one.
    pub condition: &'static str,
    /// What is wrong with it, and what to write.
    pub detail: String,
}

impl AuditQuery {
    /// Returns every type of event that can be looked for, in order.
    pub fn event_types() -> impl Iterator<Item = &'static str> {
        event_types().iter().map(String::as_str)
    }

    /// Checks that each condition can be met.
    ///
    /// # Errors
    ///
    /// [`AuditQueryFault`] for the first that cannot.
    pub fn check(&self) -> Result<(), AuditQueryFault> {
        if let Some(wanted) = self.event_type.as_deref().filter(|wanted| !event_types().contains(*wanted)) {
            let meant = nearest(wanted, Self::event_types());
            let meant = meant.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default();
            let detail =
                format!("there is no such type of event{meant} (`/openapi.json` lists them, at `/audit`)");
            return Err(AuditQueryFault { condition: "event_type", detail });
        }
        if self.session.as_deref().is_some_and(|session| !names_session(session)) {
            let detail = "a session's id is needed, or 8 or more characters of its beginning, as in a1b2c3d4"
                .to_owned();
            return Err(AuditQueryFault { condition: "session", detail });
        }
        Ok(())
    }

    pub(super) fn size(&self) -> usize {
        self.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE).clamp(1, MAX_PAGE)
    }

    pub(super) fn matches(&self, entry: &AuditEntry) -> bool {
        let is_of =
            |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        is_of(&self.event_type, &entry.event_type)
            && self.user.as_ref().is_none_or(|user| entry.user.eq_ignore_ascii_case(user))
            && self.since.is_none_or(|since| entry.timestamp >= since)
            && self.until.is_none_or(|until| entry.timestamp < until)
            && self.session.as_ref().is_none_or(|session| is_about(entry, session))
    }
}

fn is_about(entry: &AuditEntry, session: &str) -> bool {
    let begins =
        |id: &String| id.get(..session.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(session));
    session.len() >= MIN_SESSION && entry.session_id.as_ref().is_some_and(begins)
}

/// Tells whether a text may be how the id of a session begins: of one with credentials (a UUID), or of a login (base64url).
fn names_session(text: &str) -> bool {
    let mut uuid = text.bytes().enumerate().map(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    let is_uuid = text.len() <= UUID && uuid.all(|fits| fits);
    // Nearly no login has an id that begins like a UUID.
    let is_meant = text.get(..=MIN_SESSION).is_some_and(|begin| {
        begin.strip_suffix('-').is_some_and(|begin| begin.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    let is_login = text.len() <= LOGIN
        && !is_meant
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    text.len() >= MIN_SESSION && (is_uuid || is_login)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_event_meets_is_said() {
        let of_type =
            |name: &str| AuditQuery { event_type: Some(name.to_owned()), ..AuditQuery::default() }.check();
        assert_eq!(of_type("login_failed"), Ok(()));
        for (name, said) in [
            ("credential_isued", Some("credential_issued")),
            ("CredentialsIssued", None),
            ("approval_voted", None),
            ("", None),
        ] {
            let fault = of_type(name).unwrap_err();
            assert!(fault.detail.contains("/openapi.json"), "{fault:?}");
            let meant = said.map(|said| format!("did you mean `{said}`?"));
            assert!(meant.is_none_or(|meant| fault.detail.contains(&meant)), "{fault:?}");
        }
        let of_session =
            |id: &str| AuditQuery { session: Some(id.to_owned()), ..AuditQuery::default() }.check();
        let id = "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6";
        for id in [id, &id[..8], &id[..9], &id.to_uppercase(), "AgICAgICAgICAgICAgICAg", "AgICA-IC"] {
            assert_eq!(of_session(id), Ok(()), "{id}");
        }
        for id in [
            "",
            "a1b2c3d",
            "a1b2c3d4-z5f6",
            &format!("{id}0"),
            "alice@example.com",
            "AgICAgICAgICAgICAgICAgA",
        ] {
            assert_eq!(of_session(id).unwrap_err().condition, "session", "{id}");
        }
    }
}
