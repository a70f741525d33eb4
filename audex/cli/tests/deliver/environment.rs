//! A hostile environment: what a real child sees of it.

use crate::stage::Home;
use audex_cli::environment::{EmptyPlaces, for_child};
use axess_peers::find_program;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt,
    process::{Command, Stdio},
};

/// Variables that hold a credential or lead to one; none of them may come through.
const HOSTILE: &str = "
AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_SECURITY_TOKEN AWS_ACCESS_KEY AWS_SECRET_KEY AWS_DELEGATION_TOKEN
AWS_CREDENTIAL_EXPIRATION AWS_CREDENTIAL_FILE AWS_PROFILE AWS_DEFAULT_PROFILE AWS_VAULT AWS_ROLE_ARN AWS_ROLE_SESSION_NAME
AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
AWS_CONTAINER_AUTHORIZATION_TOKEN AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE AWS_EC2_METADATA_SERVICE_ENDPOINT
AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE AWS_BEARER_TOKEN_BEDROCK AWS_SSO_SESSION AWS_SSO_ACCOUNT_ID AWS_ACCOUNT_ID AWS_MFA_SERIAL
AWS_LOGIN_CACHE_DIRECTORY AWS_S3_ACCESS_KEY_ID AWS_S3_SECRET_ACCESS_KEY AWS_STORAGE_BUCKET_KEY AWS_CHAINED_SESSION_TOKEN
AMAZON_ACCESS_KEY_ID EC2_ACCESS_KEY EC2_SECRET_KEY EC2_PRIVATE_KEY BOTO_PATH S3_ACCESS_KEY S3_SECRET_KEY
SAML2AWS_PASSWORD CODEARTIFACT_AUTH_TOKEN ECS_CONTAINER_METADATA_URI_V4 aws_access_key_id Aws_Secret_Access_Key
GOOGLE_CREDENTIALS GOOGLE_CLOUD_KEYFILE_JSON GOOGLE_OAUTH_ACCESS_TOKEN GOOGLE_API_KEY GOOGLE_IMPERSONATE_SERVICE_ACCOUNT
GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES GCLOUD_KEYFILE_JSON CLOUDSDK_AUTH_ACCESS_TOKEN CLOUDSDK_AUTH_ACCESS_TOKEN_FILE
CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE CLOUDSDK_ACTIVE_CONFIG_NAME CLOUDSDK_CORE_ACCOUNT GCP_SERVICE_ACCOUNT_KEY GCP_SA_KEY
GCE_CREDENTIALS_FILE_PATH GCE_SERVICE_ACCOUNT_CONTENTS FIREBASE_TOKEN
AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_CLIENT_CERTIFICATE_PATH AZURE_CLIENT_CERTIFICATE_PASSWORD AZURE_USERNAME AZURE_PASSWORD
AZURE_FEDERATED_TOKEN_FILE AZURE_STORAGE_KEY AZURE_STORAGE_CONNECTION_STRING AZURE_STORAGE_SAS_TOKEN AZURE_DEVOPS_EXT_PAT
AZCOPY_SPA_CLIENT_SECRET AZCOPY_AUTO_LOGIN_TYPE ARM_CLIENT_ID ARM_CLIENT_SECRET ARM_ACCESS_KEY ARM_SAS_TOKEN ARM_OIDC_TOKEN ARM_USE_MSI
AAD_SERVICE_PRINCIPAL_CLIENT_SECRET MSI_ENDPOINT MSI_SECRET IDENTITY_ENDPOINT IDENTITY_HEADER IDENTITY_SERVER_THUMBPRINT IMDS_ENDPOINT
servicePrincipalKey servicePrincipalId idToken SYSTEM_ACCESSTOKEN SYSTEM_OIDCREQUESTURI
VAULT_TOKEN VAULT_CLIENT_KEY VAULT_CLIENT_CERT VAULT_AGENT_ADDR VAULT_ROLE_ID VAULT_SECRET_ID VAULT_HEADERS BAO_TOKEN BAO_AGENT_ADDR
RCLONE_CONFIG_PASS RCLONE_CONFIG_REMOTE_ACCESS_KEY_ID RCLONE_S3_SECRET_ACCESS_KEY RCLONE_AZUREBLOB_KEY RCLONE_GCS_SERVICE_ACCOUNT_FILE
TF_TOKEN_app_terraform_io TF_VAR_aws_access_key TF_VAR_secret_key TF_VAR_gcp_credentials TF_VAR_vault_token TF_VAR_private_key
DOCKER_AUTH_CONFIG ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL CI_JOB_JWT CI_JOB_JWT_V2 CIRCLE_OIDC_TOKEN
CIRCLE_OIDC_TOKEN_V2 BITBUCKET_STEP_OIDC_TOKEN VERCEL_OIDC_TOKEN GITLAB_OIDC_TOKEN SIGSTORE_ID_TOKEN AWS_ID_TOKEN
TFC_WORKLOAD_IDENTITY_TOKEN TFC_WORKLOAD_IDENTITY_TOKEN_AWS BUILDKITE_AGENT_ACCESS_TOKEN SPIFFE_ENDPOINT_SOCKET
AUDEX_TOKEN AUDEX_TOKEN_FILE AUDEX_TOKEN_URL AUDEX_TOKEN_URL_AUTHORIZATION_FILE AUDEX_TOKEN_PROCESS AUDEX_ROLE_ARN TRYAUDEX_TOKEN
";

/// Variables that are nobody's secret; each comes through as it was.
const HARMLESS: &str = "
PATH_X HOME_X LD_PRELOAD_X TERM LANG EDITOR SSH_AUTH_SOCK KUBECONFIG GITHUB_TOKEN ANTHROPIC_API_KEY GEMINI_API_KEY DIGITALOCEAN_TOKEN
AWS_REGION AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_CA_BUNDLE AWS_PAGER AWS_RETRY_MODE AWS_MAX_ATTEMPTS
AWS_DEFAULT_OUTPUT AWS_STS_REGIONAL_ENDPOINTS AWS_USE_FIPS_ENDPOINT AWS_USE_DUALSTACK_ENDPOINT AWS_S3_USE_ARN_REGION
GOOGLE_CLOUD_PROJECT CLOUDSDK_CORE_PROJECT CLOUDSDK_COMPUTE_ZONE AZURE_SUBSCRIPTION_ID AZURE_TENANT_ID ARM_SUBSCRIPTION_ID
VAULT_ADDR VAULT_CACERT VAULT_NAMESPACE BAO_ADDR TF_VAR_region TF_LOG S3_BUCKET RCLONE_TRANSFERS HTTP_PROXY AUDEX_CONFIG
AUTHORIZATION MY_AWS_NOTE LAWS_ OIDC_TOKEN_URL
";

/// Runs a child with an environment, and returns what it sees.
fn seen_by_child(variables: Vec<(OsString, OsString)>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut child = Command::new(find_program("env").unwrap());
    child.arg("-0").env_clear().envs(variables).stdin(Stdio::null());
    let output = child.output().unwrap();
    assert!(output.status.success());
    let entries = output.stdout.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
    let split = |entry: &[u8]| {
        let at = entry.iter().position(|byte| *byte == b'=').unwrap();
        (entry[..at].to_vec(), entry[at + 1..].to_vec())
    };
    entries.map(split).collect()
}

#[test]
fn a_child_sees_no_ambient_credential() {
    let home = Home::new();
    let empty = EmptyPlaces::create(&home.folder).unwrap();
    let pair = |name: &str| (OsString::from(name), OsString::from("ambient"));
    let hostile: Vec<&str> = HOSTILE.split_whitespace().collect();
    let harmless: Vec<&str> = HARMLESS.split_whitespace().collect();
    let mut ambient: Vec<_> = hostile.iter().chain(&harmless).map(|name| pair(name)).collect();
    ambient.push((OsString::from_vec(b"AWS_\xff\xfe".to_vec()), "ambient".into()));
    ambient.push((OsString::from_vec(b"caf\xe9".to_vec()), OsString::from_vec(b"\xff\n".to_vec())));
    // Files that are replaced by empty ones.
    ambient.extend(
        ["AWS_CONFIG_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "GCE_METADATA_HOST"]
            .map(pair),
    );

    let environment = for_child(ambient, &empty);
    for name in &hostile {
        assert!(environment.taken().contains(&OsString::from(name)), "{name}");
    }
    assert!(environment.taken().is_sorted());
    let seen = seen_by_child(environment.into_variables());
    for name in &harmless {
        assert_eq!(seen.get(name.as_bytes()).map(Vec::as_slice), Some(&b"ambient"[..]), "{name}");
    }
    assert_eq!(seen[&b"caf\xe9"[..]], b"\xff\n");
    let ambient = seen.iter().filter(|(_, value)| value.as_slice() == b"ambient");
    assert_eq!(ambient.count(), harmless.len(), "what came through is what may");
}

#[test]
fn what_programs_read_by_default_is_empty_and_theirs() {
    let home = Home::new();
    let empty = EmptyPlaces::create(&home.folder).unwrap();
    let seen = seen_by_child(for_child([], &empty).into_variables());
    assert_eq!(seen[&b"AWS_EC2_METADATA_DISABLED"[..]], b"true");
    assert_eq!(seen[&b"GCE_METADATA_HOST"[..]], b"127.0.0.1:1");
    for name in
        ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG", "RCLONE_CONFIG", "S3CMD_CONFIG"]
    {
        let file = String::from_utf8(seen[name.as_bytes()].clone()).unwrap();
        assert!(file.starts_with(home.folder.path().to_str().unwrap()), "{name}");
        assert_eq!(fs::read(&file).unwrap(), b"", "{name}");
        fs::write(&file, "[default]").unwrap();
    }
    for name in ["CLOUDSDK_CONFIG", "AZURE_CONFIG_DIR", "AZD_CONFIG_DIR"] {
        let folder = String::from_utf8(seen[name.as_bytes()].clone()).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{name}");
    }
    assert_eq!(fs::read(home.folder.path().join("no-google-credentials.json")).unwrap(), b"{}");
}

#[test]
fn an_environment_that_was_never_right_is_one_for_the_child() {
    // `env` cannot make two variables of one name, so this is what `environ` would give.
    let home = Home::new();
    let ambient =
        [("A", "1"), ("A", "2"), ("AWS_PROFILE", "1"), ("aws_profile", "2"), ("", "x"), ("=X", "y")];
    let ambient = ambient.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let seen =
        seen_by_child(for_child(ambient, &EmptyPlaces::create(&home.folder).unwrap()).into_variables());
    assert_eq!(seen[&b"A"[..]], b"1");
    assert!(!seen.keys().any(|name| name.is_empty() || name.eq_ignore_ascii_case(b"aws_profile")));
}
