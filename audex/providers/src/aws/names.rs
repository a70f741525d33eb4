//! What a session is called at AWS.

use super::SessionTags;
use audex_core::{Requester, session::SessionId};

/// The longest `RoleSessionName` and `SourceIdentity`.
const MAX_NAME: usize = 64;
/// The longest value of a tag.
const MAX_TAG: usize = 256;
/// The tag that names the session.
pub(super) const SESSION_TAG: &str = "audex:session";
/// The tag that names who asked.
const REQUESTER_TAG: &str = "audex:requester";

/// Returns the `RoleSessionName` of a session, which is its `SourceIdentity` too: `audex-<id>-<who>`, 2 to 64 of
/// `[\w+=,.@-]`.
pub(super) fn session_name(session_id: SessionId, requester: &Requester) -> String {
    let who = match requester {
        Requester::LocalUser { uid, .. } => format!("uid{uid}"),
        Requester::Principal { email, .. } => email.clone(),
        Requester::Workload { subject, .. } => subject.clone(),
    };
    cut(&format!("{}{who}", prefix(session_id)))
}

/// Returns what the names of a session begin with, whoever asked for it.
pub(super) fn prefix(session_id: SessionId) -> String {
    format!("audex-{session_id}-")
}

/// Returns the tags of a session.
pub(super) fn tags(
    kind: SessionTags,
    session_id: SessionId,
    requester: &Requester,
) -> Vec<(&'static str, String)> {
    match kind {
        SessionTags::Off => Vec::new(),
        SessionTags::Plain | SessionTags::Transitive => {
            vec![(SESSION_TAG, session_id.to_string()), (REQUESTER_TAG, tag(&requester.identity()))]
        }
    }
}

/// Puts a hyphen for what cannot stand in a name.
fn cut(text: &str) -> String {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    text.chars().take(MAX_NAME).map(|c| if is_fine(c) { c } else { '-' }).collect()
}

/// Puts a hyphen for what cannot stand in the value of a tag.
fn tag(text: &str) -> String {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "_.:/=+-@ ".contains(c);
    text.chars().take(MAX_TAG).map(|c| if is_fine(c) { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn principal(email: &str) -> Requester {
        Requester::Principal { email: email.to_owned(), groups: vec![] }
    }

    const ID: &str = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";

    #[test]
    fn names_tell_session_and_requester() {
        let id: SessionId = ID.parse().unwrap();
        let me = Requester::LocalUser { uid: 1000, name: None };
        assert_eq!(session_name(id, &me), format!("audex-{ID}-uid1000"));
        assert_eq!(
            session_name(id, &principal("alice@example.com")),
            format!("audex-{ID}-alice@example.com")
        );
        let tagged = tags(SessionTags::Plain, id, &me);
        assert_eq!(tagged, [("audex:session", ID.to_owned()), ("audex:requester", "uid:1000".to_owned())]);
        assert!(tags(SessionTags::Off, id, &me).is_empty());
    }

    proptest! {
        #[test]
        fn names_are_always_valid(seed in any::<u64>(), email in ".{0,300}") {
            let (id, who) = (SessionId::generate(&axess_rng::MockRng::new(seed)), principal(&email));
            let name = session_name(id, &who);
            prop_assert!((2..=64).contains(&name.len()), "{}", name);
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)));
            prop_assert!(name.starts_with(&prefix(id)), "{}", name);
            for (key, value) in tags(SessionTags::Transitive, id, &who) {
                prop_assert!(key.len() <= 128 && value.chars().count() <= 256);
            }
        }
    }
}
