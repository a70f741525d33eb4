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

/// Returns a fault for each key of single sign-on that others may use.
///
/// Of a file that is not ours the group is left to read it: that is how we do, as of a Kubernetes secret.
pub(super) fn exposed_keys(settings: &ServerSettings, uid: u32) -> Vec<ConfigFault> {
    let (key, file) = match settings.sso.as_ref().map(|sso| &sso.protocol) {
        Some(SsoProtocol::Saml(saml)) => ("sso.sp_key_path", &saml.sp_key_path),
        Some(SsoProtocol::Oidc(oidc)) => ("sso.client_key_path", &oidc.client_key_path),
        None => return Vec::new(),
    };
    // One that is not there is at fault for that.
    let Some((file, found)) = file.as_deref().and_then(|file| Some((file, fs::metadata(file).ok()?))) else {
        return Vec::new();
    };
    let (refused, mend) = if found.uid() == uid { (0o077, "go-rwx") } else { (0o037, "g-wx,o-rwx") };
    if found.mode() & refused == 0 {
        return Vec::new();
    }
    vec![ConfigFault {
        key: key.to_owned(),
        line: None,
        message: format!("others can use this key (its mode is {:03o})", found.mode() & 0o777),
        hint: Some(format!("run: chmod {mend} {}", quoted(file))),
    }]
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
    use crate::config::ServerConfig;
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
    fn only_a_key_that_others_can_use_is_at_fault() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        let ours = fs::metadata(file.path()).unwrap().uid();
        let saml = format!(
            "[sso]\nenabled = true\ntype = \"saml\"\nentity_id = \"x\"\nidp_sso_url = \"x\"\nidp_cert_path = \"/x\"\n\
             assertion_consumer_service_url = \"x\"\nsp_key_path = \"{path}\"\n"
        );
        let oidc = format!(
            "[sso]\nenabled = true\ntype = \"oidc\"\nprovider_url = \"x\"\nclient_id = \"x\"\nredirect_uri = \"x\"\n\
             client_key_path = \"{path}\"\n"
        );
        for (text, key) in [(&saml, "sso.sp_key_path"), (&oidc, "sso.client_key_path")] {
            let (settings, ..) = ServerConfig::parse(text, Path::new("/d")).unwrap();
            for (mode, is_ours, is_good) in [
                (0o600, true, true),
                (0o400, true, true),
                (0o640, true, false),
                (0o604, true, false),
                (0o440, false, true),
                (0o640, false, true),
                (0o660, false, false),
                (0o444, false, false),
            ] {
                fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
                let faults = exposed_keys(&settings, if is_ours { ours } else { ours + 1 });
                let said: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
                assert_eq!(said, if is_good { vec![] } else { vec![key] }, "{mode:o} {is_ours}");
            }
        }
        let off = saml.replace("true", "false");
        let (settings, ..) = ServerConfig::parse(&off, Path::new("/d")).unwrap();
        assert_eq!(exposed_keys(&settings, ours), []);
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
