//! The forms that AWS's tools read credentials in.

use super::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, answer};
use audex_core::Credential;
use chrono::SecondsFormat;
use serde::Serialize;
use zeroize::Zeroizing;

/// Room enough, so that a document is never moved and leaves no copy behind.
const ROOM: usize = 64 * 1024;

/// The parts of a credential, each of a form that breaks no document.
struct Parts<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Container<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Process<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: &'a str,
}

impl<'a> Parts<'a> {
    fn of(credential: &'a Credential) -> Option<Self> {
        let part = |name: &str| credential.part(name).map(|secret| secret.expose());
        let (id, key, token) = (part(ACCESS_KEY_ID)?, part(SECRET_ACCESS_KEY)?, part(SESSION_TOKEN)?);
        let good = answer::is_key_id(id) && answer::is_secret(key) && answer::is_token(token);
        good.then(|| Self {
            access_key_id: id,
            secret_access_key: key,
            session_token: token,
            expiration: credential.expires_at().to_rfc3339_opts(SecondsFormat::Secs, true),
        })
    }
}

/// Writes the answer of the server that SDKs ask at `AWS_CONTAINER_CREDENTIALS_FULL_URI`, as JSON.
///
/// Returns nothing for a credential that is none of AWS, or whose parts have characters that keys do not have.
///
/// ```
/// # use audex_core::Credential;
/// # use audex_policy::Provider;
/// # let credential = Credential::new(Provider::Aws, "ASIAexample00000", chrono::DateTime::UNIX_EPOCH)
/// #     .with_part("AWS_ACCESS_KEY_ID", "ASIAexample00000".into())
/// #     .with_part("AWS_SECRET_ACCESS_KEY", "wJalr".into())
/// #     .with_part("AWS_SESSION_TOKEN", "FwoG".into());
/// let document = audex_providers::aws::container_document(&credential).unwrap();
/// assert_eq!(
///     str::from_utf8(&document).unwrap(),
///     r#"{"AccessKeyId":"ASIAexample00000","SecretAccessKey":"wJalr","Token":"FwoG","Expiration":"1970-01-01T00:00:00Z"}"#
/// );
/// ```
pub fn container_document(credential: &Credential) -> Option<Zeroizing<Vec<u8>>> {
    let Parts { access_key_id, secret_access_key, session_token, expiration } = &Parts::of(credential)?;
    json(&Container { access_key_id, secret_access_key, token: session_token, expiration })
}

/// Writes what a `credential_process` prints, version 1, with a line feed at its end.
///
/// Returns nothing for a credential that is none of AWS, or whose parts have characters that keys do not have.
///
/// ```
/// # use audex_core::Credential;
/// # use audex_policy::Provider;
/// # let credential = Credential::new(Provider::Aws, "ASIAexample00000", chrono::DateTime::UNIX_EPOCH)
/// #     .with_part("AWS_ACCESS_KEY_ID", "ASIAexample00000".into())
/// #     .with_part("AWS_SECRET_ACCESS_KEY", "wJalr".into())
/// #     .with_part("AWS_SESSION_TOKEN", "FwoG".into());
/// let document = audex_providers::aws::process_document(&credential).unwrap();
/// assert!(document.starts_with(br#"{"Version":1,"AccessKeyId":"ASIAexample00000","SecretAccessKey":"#));
/// ```
pub fn process_document(credential: &Credential) -> Option<Zeroizing<Vec<u8>>> {
    let Parts { access_key_id, secret_access_key, session_token, expiration } = &Parts::of(credential)?;
    let mut document =
        json(&Process { version: 1, access_key_id, secret_access_key, session_token, expiration })?;
    document.push(b'\n');
    Some(document)
}

/// Writes a shared credentials file with the profile `default`.
///
/// Returns nothing for a credential that is none of AWS, or whose parts have characters that keys do not have.
///
/// ```
/// # use audex_core::Credential;
/// # use audex_policy::Provider;
/// # let credential = Credential::new(Provider::Aws, "ASIAexample00000", chrono::DateTime::UNIX_EPOCH)
/// #     .with_part("AWS_ACCESS_KEY_ID", "ASIAexample00000".into())
/// #     .with_part("AWS_SECRET_ACCESS_KEY", "wJalr".into())
/// #     .with_part("AWS_SESSION_TOKEN", "FwoG".into());
/// let file = audex_providers::aws::credentials_file(&credential).unwrap();
/// assert!(str::from_utf8(&file).unwrap().starts_with("[default]\naws_access_key_id = ASIAexample00000\n"));
/// ```
pub fn credentials_file(credential: &Credential) -> Option<Zeroizing<Vec<u8>>> {
    let Parts { access_key_id, secret_access_key, session_token, .. } = Parts::of(credential)?;
    let mut file = Zeroizing::new(Vec::with_capacity(ROOM));
    for text in [
        "[default]\naws_access_key_id = ",
        access_key_id,
        "\naws_secret_access_key = ",
        secret_access_key,
        "\naws_session_token = ",
        session_token,
        "\n",
    ] {
        file.extend_from_slice(text.as_bytes());
    }
    Some(file)
}

fn json(document: &impl Serialize) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    serde_json::to_writer(&mut *bytes, document).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use audex_policy::Provider;

    #[test]
    fn what_could_add_a_line_is_not_written() {
        let credential = |id: &str, key: &str, token: &str| {
            Credential::new(Provider::Aws, id, chrono::DateTime::UNIX_EPOCH)
                .with_part(ACCESS_KEY_ID, id.into())
                .with_part(SECRET_ACCESS_KEY, key.into())
                .with_part(SESSION_TOKEN, token.into())
        };
        let id = "ASIAexample00000";
        assert!(credentials_file(&credential(id, "a+/=", "b")).is_some());
        for bad in [
            credential(id, "a\n[other]", "b"),
            credential("A", "a", "b"),
            credential(id, "a", ""),
            credential(id, "a", "b c"),
        ] {
            assert!(
                container_document(&bad).is_none()
                    && process_document(&bad).is_none()
                    && credentials_file(&bad).is_none()
            );
        }
        let local = Credential::new(Provider::Local, "jti", chrono::DateTime::UNIX_EPOCH)
            .with_part("AUDEX_TOKEN", "x".into());
        assert!(process_document(&local).is_none());
        // A quote may stand in a secret key, and breaks nothing.
        let quoted = process_document(&credential(id, "a\"b\\", "c")).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&quoted).unwrap();
        assert_eq!(read["SecretAccessKey"], "a\"b\\");
    }
}
