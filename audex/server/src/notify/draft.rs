//! What is written down of a notice until it is delivered.

use super::message::Message;
use audex_core::session::SessionId;
use axess::{
    envelope::{Envelope, EnvelopeKeyError},
    rng::SecureRng,
};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// The form of what is sealed. Another one was written by a later build, and is left to it.
const VERSION: u8 = 1;

/// A message as one destination reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Draft {
    version: u8,
    /// What happened, in one line.
    pub(super) subject: String,
    /// What is sent.
    pub(super) body: String,
    /// Of a callback, where it goes. Of others that is a setting, and is not written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) callback: Option<Callback>,
}

/// Where a requester wants to be told. The key that signs it is derived from the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Callback {
    pub(super) url: String,
    pub(super) session_id: SessionId,
}

/// Seals notices, until they are delivered.
///
/// ```
/// use audex_server::notify::NoticeSeal;
/// use axess::rng::SystemRng;
/// let seal = NoticeSeal::new([7; 32], std::sync::Arc::new(SystemRng)).unwrap();
/// assert!(format!("{seal:?}").starts_with("NoticeSeal"));
/// ```
#[derive(Clone)]
pub struct NoticeSeal {
    envelope: Arc<Envelope>,
    rng: Arc<dyn SecureRng>,
}

impl Draft {
    pub(super) fn new(message: &Message, body: String, callback: Option<Callback>) -> Self {
        Self { version: VERSION, subject: message.headline.clone(), body, callback }
    }
}

impl NoticeSeal {
    /// Makes a seal of a key that is used for nothing else.
    ///
    /// # Errors
    ///
    /// [`EnvelopeKeyError`].
    pub fn new(key: [u8; 32], rng: Arc<dyn SecureRng>) -> Result<Self, EnvelopeKeyError> {
        Ok(Self { envelope: Arc::new(Envelope::new(key)?), rng })
    }

    pub(super) fn rng(&self) -> &dyn SecureRng {
        &*self.rng
    }

    /// Seals a draft for its destination; nothing where it is too large to be sealed.
    pub(super) fn seal(&self, id: Uuid, destination: &str, draft: &Draft) -> Option<Vec<u8>> {
        let plain = serde_json::to_vec(draft).ok()?;
        self.envelope.seal(&place(id, destination), &plain, self.rng())
    }

    /// Opens what was sealed for a destination, with this key and in this form.
    pub(super) fn open(&self, id: Uuid, destination: &str, sealed: &[u8]) -> Option<Draft> {
        let opened = self.envelope.open(&place(id, destination), sealed)?;
        serde_json::from_slice(&opened.plain).ok().filter(|draft: &Draft| draft.version == VERSION)
    }
}

fn place(id: Uuid, destination: &str) -> Vec<u8> {
    format!("{id} {destination}").into_bytes()
}

impl fmt::Debug for NoticeSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoticeSeal").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess::rng::SystemRng;

    fn seal() -> NoticeSeal {
        NoticeSeal::new([7; 32], Arc::new(SystemRng)).unwrap()
    }

    fn draft() -> Draft {
        let url = "https://ci.example.com/done?token=callback-secret".to_owned();
        let session_id = "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6".parse().unwrap();
        let callback = Some(Callback { url, session_id });
        Draft { version: VERSION, subject: "Approved".to_owned(), body: "{}".to_owned(), callback }
    }

    #[test]
    fn a_draft_opens_for_its_own_destination_alone() {
        let (seal, id) = (seal(), Uuid::from_u128(1));
        let sealed = seal.seal(id, "callback-a", &draft()).unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret" || window == b"ci.exa"));
        assert_eq!(seal.open(id, "callback-a", &sealed), Some(draft()));
        assert_eq!(seal.open(id, "callback-b", &sealed), None);
        assert_eq!(seal.open(Uuid::from_u128(2), "callback-a", &sealed), None);
        let other = NoticeSeal::new([8; 32], Arc::new(SystemRng)).unwrap();
        assert_eq!(other.open(id, "callback-a", &sealed), None);
    }

    #[test]
    fn what_other_builds_wrote_is_read_where_its_form_is_ours() {
        let (seal, id) = (seal(), Uuid::from_u128(1));
        let written = |json: &str| {
            let sealed = seal.envelope.seal(&place(id, "mail-a"), json.as_bytes(), &SystemRng).unwrap();
            seal.open(id, "mail-a", &sealed).map(|draft| draft.subject)
        };
        let ours = r#"{"version":1,"subject":"Approved","body":"text"}"#;
        assert_eq!(written(ours).as_deref(), Some("Approved"));
        let with_more = r#"{"version":1,"subject":"Approved","body":"text","later":true}"#;
        assert_eq!(written(with_more).as_deref(), Some("Approved"));
        let of_later = r#"{"version":2,"subject":"Approved","body":"text"}"#;
        assert_eq!(written(of_later), None);
    }
}
