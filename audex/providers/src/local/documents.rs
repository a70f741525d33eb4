use super::TOKEN_VARIABLE;
use audex_core::Credential;
use chrono::SecondsFormat;
use serde::Serialize;
use zeroize::Zeroizing;

/// Room enough, so that a document is never moved and leaves no copy behind.
const ROOM: usize = 2 * axess_local_idp::MAX_TOKEN_BYTES;

#[derive(Serialize)]
struct Document<'a> {
    token: &'a str,
    expires_at: &'a str,
}

/// Writes a token as a JSON document: `token`, and `expires_at` (RFC 3339), with a line feed at its end.
///
/// Returns nothing for a credential of another provider.
///
/// ```
/// use audex_core::Credential;
/// use audex_policy::Provider;
/// let credential = Credential::new(Provider::Local, "jti-1", chrono::DateTime::UNIX_EPOCH)
///     .with_part("AUDEX_TOKEN", "eyJ".into());
/// let document = audex_providers::local::token_document(&credential).unwrap();
/// assert_eq!(document.as_slice(), b"{\"token\":\"eyJ\",\"expires_at\":\"1970-01-01T00:00:00Z\"}\n");
/// ```
pub fn token_document(credential: &Credential) -> Option<Zeroizing<Vec<u8>>> {
    let token = credential.part(TOKEN_VARIABLE)?.expose();
    let expires_at = credential.expires_at().to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut document = Zeroizing::new(Vec::with_capacity(ROOM));
    serde_json::to_writer(&mut *document, &Document { token, expires_at: &expires_at }).ok()?;
    document.push(b'\n');
    Some(document)
}
