//! Passwords in a file that others may read.

use crate::config::{fault::ConfigFault, file::quoted};
use audex_server::settings::{AuditBackend, ServerSettings, SsoProtocol, SsoSettings};
use std::{fs, os::unix::fs::MetadataExt, path::Path};

/// Returns a fault for each secret of a file that others than its owner may read.
pub(super) fn exposed(settings: &ServerSettings, path: &Path) -> Vec<ConfigFault> {
    let Ok(found) = fs::metadata(path) else { return Vec::new() };
    if found.mode() & 0o044 == 0 {
        return Vec::new();
    }
    let connection = match &settings.audit.backend {
        AuditBackend::Postgres { connection_string } => Some(connection_string),
        AuditBackend::Jsonl | AuditBackend::Sqlite { .. } => None,
    };
    let held = [
        (
            "database.url",
            "AUDEX_DATABASE_URL",
            settings.database.as_ref().is_some_and(|url| has_password(url)),
        ),
        (
            "audit.connection_string",
            "AUDEX_AUDIT_CONNECTION_STRING",
            connection.is_some_and(|url| has_password(url)),
        ),
        (
            "notifications.smtp",
            "AUDEX_SMTP_URL",
            settings.notifications.smtp.as_ref().is_some_and(|url| has_password(url)),
        ),
        ("sso.client_secret", "AUDEX_SSO_CLIENT_SECRET", settings.sso.as_ref().is_some_and(has_secret)),
        ("notifications.webhook_key", "AUDEX_WEBHOOK_KEY", settings.notifications.webhook_key.is_some()),
    ];
    let fault = |(key, variable): (&str, &str)| ConfigFault {
        key: key.to_owned(),
        line: None,
        message: format!(
            "this is a secret, and others may read the file (its mode is {:03o})",
            found.mode() & 0o777
        ),
        hint: Some(format!("run: chmod go-r {}, or leave it out and set {variable}", quoted(path))),
    };
    held.into_iter()
        .filter(|(_, _, is_held)| *is_held)
        .map(|(key, variable, _)| fault((key, variable)))
        .collect()
}

fn has_secret(sso: &SsoSettings) -> bool {
    matches!(&sso.protocol, SsoProtocol::Oidc(oidc) if oidc.client_secret.is_some())
}

/// Tells whether an address has a password in it: `scheme://user:password@host`, or `?password=`.
fn has_password(url: &str) -> bool {
    // What is no address with a host is the path of a file.
    if url.starts_with("sqlite:") {
        return false;
    }
    let authority = url.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or(""));
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty()) || url.contains("password=")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_password_is_told_from_an_address() {
        for (url, expected) in [
            ("postgresql://audex:hunter2@db/audex", true),
            ("postgresql://db/audex?user=a&password=b", true),
            ("postgresql://audex@db/audex", false),
            ("postgresql://db:5432/audex", false),
            ("sqlite:/var/lib/audex/audex.db", false),
            ("sqlite:/srv/x://a:b@c/password=d.db", false),
        ] {
            assert_eq!(has_password(url), expected, "{url}");
        }
    }

    #[test]
    fn only_a_file_that_others_read_is_at_fault() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut settings = ServerSettings::new("/d");
        settings.database = Some("postgresql://audex:hunter2@db/audex".to_owned());
        settings.notifications.webhook_key = Some("k".to_owned());
        for (mode, count) in [(0o600, 0), (0o640, 2), (0o644, 2)] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            let faults = exposed(&settings, file.path());
            assert_eq!(faults.len(), count, "{mode:o}");
            assert!(faults.iter().all(|fault| !fault.to_string().contains("hunter2")));
        }
    }
}
