//! A credential, shown once.

use super::{frame::Frame, parts::Until};
use crate::handover::Handover;
use askama::Template;
use chrono::{DateTime, Utc};
use std::fmt;

/// The page that shows a credential, once.
///
/// It holds secrets.
///
/// ```
/// fn lines(page: &audex_server::console::view::credential::CredentialPage) -> usize {
///     page.parts.len()
/// }
/// ```
#[derive(Template)]
#[template(path = "credential.html")]
pub struct CredentialPage {
    /// What all pages have.
    pub frame: Frame,
    /// The session.
    pub session_id: String,
    /// Who minted.
    pub provider: String,
    /// When it stops working.
    pub expires: Until,
    /// Whether it was shown before.
    pub is_replayed: bool,
    /// The name of each variable, and its value.
    pub parts: Vec<(String, zeroize::Zeroizing<String>)>,
}

impl CredentialPage {
    /// Shows what was handed over.
    pub fn new(frame: Frame, handover: &Handover, now: DateTime<Utc>) -> Self {
        let part = |(name, secret): (&str, &audex_core::CredentialSecret)| {
            (name.to_owned(), zeroize::Zeroizing::new(secret.expose().to_owned()))
        };
        Self {
            frame,
            session_id: handover.session_id.to_string(),
            provider: handover.provider.to_string(),
            expires: Until::new(handover.expires_at, now),
            is_replayed: handover.is_replayed,
            parts: handover.parts().map(part).collect(),
        }
    }

    /// Returns the command for a shell that sets all variables.
    pub fn exports(&self) -> zeroize::Zeroizing<String> {
        let mut all = zeroize::Zeroizing::new(String::new());
        for (name, value) in &self.parts {
            // Within single quotes a shell reads everything as it is but the quote.
            let quoted = zeroize::Zeroizing::new(value.replace('\'', r"'\''"));
            for piece in ["export ", name, "='", &quoted, "'\n"] {
                all.push_str(piece);
            }
        }
        all
    }
}

impl fmt::Debug for CredentialPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialPage").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::view::frame::Here;
    use audex_core::Credential;
    use audex_policy::Provider;

    #[test]
    fn a_shell_reads_back_what_is_exported() {
        let hostile = "a'b$(id)\"\\`";
        let credential =
            Credential::new(Provider::Local, "jti", DateTime::UNIX_EPOCH).with_part("TOKEN", hostile.into());
        let id = "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6".parse().unwrap();
        let handover = Handover::new(id, &credential);
        let page =
            CredentialPage::new(Frame::new("Credential", Here::Sessions), &handover, DateTime::UNIX_EPOCH);
        let script = format!("{}printf %s \"$TOKEN\"", *page.exports());
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), hostile);
        assert!(!format!("{page:?}").contains("id)"));
    }
}
