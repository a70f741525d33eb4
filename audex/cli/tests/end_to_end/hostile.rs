//! An environment full of other people's credentials.

use crate::{
    cloud::{self, LIST_ALPHA},
    home::Home,
};

/// Variables that lead to credentials, each with something that must not reach the command.
const HOSTILE: [(&str, &str); 28] = [
    ("AWS_SESSION_TOKEN", "HOSTILE"),
    ("AWS_SECURITY_TOKEN", "HOSTILE"),
    ("AWS_PROFILE", "HOSTILE"),
    ("AWS_DEFAULT_PROFILE", "HOSTILE"),
    ("AWS_CONFIG_FILE", "HOSTILE"),
    ("AWS_SHARED_CREDENTIALS_FILE", "HOSTILE"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "HOSTILE"),
    ("AWS_ROLE_ARN", "HOSTILE"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/HOSTILE"),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/HOSTILE"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "HOSTILE"),
    ("AWS_BEARER_TOKEN_BEDROCK", "HOSTILE"),
    ("BOTO_CONFIG", "HOSTILE"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "HOSTILE"),
    ("CLOUDSDK_AUTH_ACCESS_TOKEN", "HOSTILE"),
    ("CLOUDSDK_CONFIG", "HOSTILE"),
    ("AZURE_CLIENT_SECRET", "HOSTILE"),
    ("AZURE_FEDERATED_TOKEN_FILE", "HOSTILE"),
    ("ARM_CLIENT_SECRET", "HOSTILE"),
    ("IDENTITY_HEADER", "HOSTILE"),
    ("VAULT_TOKEN", "HOSTILE"),
    ("BAO_TOKEN", "HOSTILE"),
    ("TF_VAR_secret_key", "HOSTILE"),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "HOSTILE"),
    ("CI_JOB_JWT_V2", "HOSTILE"),
    ("AUDEX_TOKEN", "HOSTILE"),
    ("LD_AUDIT_NOT_OURS", "kept"),
    ("EDITOR", "kept"),
];

/// A home with credentials where programs look by default, as well as in the environment.
fn besieged(home: &mut Home) {
    for (name, value) in HOSTILE {
        home.set(name, value);
    }
    for (folder, name, text) in [
        (".aws", "credentials", "[default]\naws_access_key_id = HOSTILE\naws_secret_access_key = HOSTILE\n"),
        (".aws", "config", "[default]\ncredential_process = echo HOSTILE\n"),
        (".config/gcloud", "application_default_credentials.json", "{\"refresh_token\": \"HOSTILE\"}"),
        (".azure", "msal_token_cache.json", "{\"HOSTILE\": 1}"),
    ] {
        let folder = home.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), text).unwrap();
    }
    std::fs::write(home.path().join(".vault-token"), "HOSTILE").unwrap();
}

#[test]
fn the_command_inherits_no_credential() {
    let mut home = Home::new();
    besieged(&mut home);
    for delivery in ["env", "file"] {
        let args = format!("run --provider local --allow orders:Read --deliver {delivery}");
        let environment = home.printed(&args, "env");
        assert!(!environment.contains("HOSTILE"), "{environment}");
        for kept in ["LD_AUDIT_NOT_OURS=kept", "EDITOR=kept", "AWS_EC2_METADATA_DISABLED=true"] {
            assert!(environment.lines().any(|line| line == kept), "{kept} is missing in {environment}");
        }
    }
}

/// Nobody's environment holds it either: not ours, and not that of the process beside it.
#[test]
fn no_process_around_the_command_shows_a_credential() {
    let mut home = Home::new();
    besieged(&mut home);
    let line = "for id in /proc/[0-9]*; do tr '\\0' '\\n' < $id/cmdline; done 2>/dev/null | grep -c \"^$AUDEX_TOKEN$\" || true; \
                tr '\\0' '\\n' < /proc/$PPID/environ | grep -c -e \"$AUDEX_TOKEN\" -e HOSTILE || true";
    let counts = home.printed("run --provider local --allow orders:Read", line);
    assert_eq!(counts, "0\n0", "a credential stands in a command line, or in the environment of the keeper");
}

/// What is kept of a command line says what ran, and no secret.
#[test]
fn a_command_is_recorded_without_its_secrets() {
    let home = Home::new();
    let line = "token=hunter2;echo\tseen; true -H \"Authorization: Bearer hunter2\" -u bob:hunter2>out";
    let output = home.shell("run --provider local --allow orders:Read", line).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let kept = "token=[redacted];echo\tseen; true -H \"Authorization: [redacted]\" -u bob:[redacted]>out";
    assert_eq!(home.session()["command"], serde_json::json!(["sh", "-c", kept]));
    let search = home.program("grep").args(["-r", "-l", "hunter2"]).arg(home.data()).output().unwrap();
    assert_eq!(search.status.code(), Some(1), "{search:?}");
}

/// The clients find the session's credential although everything around them offers another one.
#[test]
fn clients_are_not_led_astray() {
    let Some(account) = cloud::shared("clients_are_not_led_astray") else { return };
    for delivery in ["env", "endpoint", "file"] {
        let mut home = cloud::home(&account);
        besieged(&mut home);
        // With a profile, files and a token that lead nowhere, we would not find our own keys either.
        let args = format!("run {LIST_ALPHA} --deliver {delivery}");
        let mut command = home.shell(&args, "aws sts get-caller-identity --query Arn --output text");
        for name in [
            "AWS_SESSION_TOKEN",
            "AWS_PROFILE",
            "AWS_DEFAULT_PROFILE",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_ROLE_ARN",
        ] {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(":assumed-role/app/"), "{delivery}: {output:?}");
    }
}
