//! Which variables are taken out, which of those stay, and which are set, each with its reason.

use super::pattern::matches;

/// Where a program that looks for a metadata server finds nobody: a port of loopback that only root could serve.
const NOWHERE: &str = "127.0.0.1:1";

/// What a variable is set to.
pub(super) enum Given {
    /// The path of a file in the private folder, with what is in it.
    File(&'static str, &'static str),
    /// The path of an empty folder in the private folder.
    Folder(&'static str),
    /// A value.
    Value(&'static str),
}

/// Tells whether a variable is taken out.
pub(super) fn is_taken(name: &[u8]) -> bool {
    let is_kept = KEPT.iter().any(|(pattern, _)| matches(pattern, name));
    !is_kept && TAKEN.iter().any(|(pattern, _)| matches(pattern, name))
}

/// What is taken out, where [`KEPT`] does not name it. A pattern is taken whole: what a vendor adds next year is in it.
pub(super) const TAKEN: &[(&str, &str)] = &[
    // ---- AWS
    ("AWS_*", "keys, profiles, files, web identity, container and metadata settings, bearer tokens"),
    ("AMAZON_*", "older names of the keys"),
    ("EC2_*", "keys and certificates of the EC2 tools and Ansible"),
    ("ECS_CONTAINER_METADATA_*", "the task's metadata server"),
    ("BOTO_*", "files with keys of boto and gsutil"),
    ("S3_*KEY*", "keys of S3 tools"),
    ("S3_*SECRET*", "keys of S3 tools"),
    ("S3_*TOKEN*", "keys of S3 tools"),
    ("S3CMD_*", "the file with keys of s3cmd"),
    ("SAML2AWS_*", "passwords that log in to AWS"),
    ("CODEARTIFACT_*", "tokens of a package registry, made from AWS credentials"),
    // ---- Google
    ("GOOGLE_*", "key files, tokens and API keys"),
    ("GCLOUD_*", "keyfiles of Terraform and other tools"),
    ("CLOUDSDK_*", "the account, token and configuration of gcloud"),
    ("GCE_*", "the metadata server's address, and credentials of Ansible"),
    ("GCP_*", "service account keys of many tools"),
    ("FIREBASE_TOKEN", "a refresh token"),
    ("NO_GCE_CHECK", "is set below"),
    ("METADATA_SERVER_DETECTION", "is set below"),
    // ---- Azure
    ("AZURE_*", "client secrets, certificates, federated tokens, storage keys, managed identities"),
    ("AZD_*", "the login of the developer CLI"),
    ("AZCOPY_*", "client secrets and automatic login"),
    ("ARM_*", "client secrets and access keys of Terraform"),
    ("AAD_*", "client secrets"),
    ("MSI_*", "a managed identity's server and its secret"),
    ("IDENTITY_*", "a managed identity's server and its secret"),
    ("IMDS*", "a managed identity's server"),
    ("SERVICEPRINCIPALID", "set by a pipeline beside its secret"),
    ("SERVICEPRINCIPALKEY", "a client secret, set by a pipeline"),
    ("IDTOKEN", "a federated token, set by a pipeline"),
    ("SYSTEM_ACCESSTOKEN", "asks a pipeline for federated tokens"),
    ("SYSTEM_OIDCREQUESTURI", "where a pipeline hands out federated tokens"),
    // ---- Vault and OpenBao
    ("VAULT_*", "tokens, client certificates, an agent that logs in on its own"),
    ("BAO_*", "the same of OpenBao"),
    // ---- tools of several clouds
    ("RCLONE_CONFIG*", "remotes with their keys"),
    ("RCLONE_S3_*", "keys"),
    ("RCLONE_GCS_*", "keys"),
    ("RCLONE_AZURE*", "keys"),
    ("TF_TOKEN_*", "logs in to a service that runs plans with credentials of its own"),
    ("TF_VAR_*ACCESS_KEY*", "keys handed to Terraform"),
    ("TF_VAR_*ACCOUNT_KEY*", "keys handed to Terraform"),
    ("TF_VAR_*CREDENTIAL*", "keys handed to Terraform"),
    ("TF_VAR_*PRIVATE_KEY*", "keys handed to Terraform"),
    ("TF_VAR_*SECRET*", "keys handed to Terraform"),
    ("TF_VAR_*TOKEN*", "keys handed to Terraform"),
    ("DOCKER_AUTH_CONFIG", "logins of registries, often made from cloud credentials"),
    // ---- tokens that a cloud takes in exchange for credentials
    ("ACTIONS_ID_TOKEN_REQUEST_*", "asks GitHub for workload tokens"),
    ("CI_JOB_JWT*", "workload tokens of GitLab"),
    ("*_OIDC_TOKEN", "workload tokens of CircleCI, Bitbucket, Vercel and others"),
    ("*_OIDC_TOKEN_*", "workload tokens of CircleCI and others"),
    ("*_ID_TOKEN", "workload tokens, as named in pipelines"),
    ("TFC_WORKLOAD_IDENTITY_TOKEN*", "workload tokens of Terraform Cloud"),
    ("BUILDKITE_AGENT_ACCESS_TOKEN", "asks Buildkite for workload tokens"),
    ("SPIFFE_ENDPOINT_SOCKET", "hands out workload tokens"),
    // ---- ours
    ("AUDEX_*", "what was granted to the session around this one, and settings that would widen this one"),
    ("TRYAUDEX_*", "as AUDEX_"),
];

/// What stays although [`TAKEN`] names it: no secret, no way to one.
pub(super) const KEPT: &[(&str, &str)] = &[
    ("AWS_REGION", "where"),
    ("AWS_DEFAULT_REGION", "where"),
    ("AWS_ENDPOINT_URL", "where, as for a local stack"),
    ("AWS_ENDPOINT_URL_*", "where, for one service"),
    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "where"),
    ("AWS_STS_REGIONAL_ENDPOINTS", "where"),
    ("AWS_USE_FIPS_ENDPOINT", "where"),
    ("AWS_USE_DUALSTACK_ENDPOINT", "where"),
    ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "where"),
    ("AWS_S3_USE_ARN_REGION", "how S3 is addressed"),
    ("AWS_S3_US_EAST_1_REGIONAL_ENDPOINT", "how S3 is addressed"),
    ("AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS", "how S3 is addressed"),
    ("AWS_S3_DISABLE_EXPRESS_SESSION_AUTH", "how S3 is addressed"),
    ("AWS_CA_BUNDLE", "whom to trust"),
    ("AWS_SIGV4A_SIGNING_REGION_SET", "how requests are signed"),
    ("AWS_AUTH_SCHEME_PREFERENCE", "how requests are signed"),
    ("AWS_REQUEST_CHECKSUM_CALCULATION", "how requests are written"),
    ("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "how requests are written"),
    ("AWS_RESPONSE_CHECKSUM_VALIDATION", "how answers are checked"),
    ("AWS_DISABLE_REQUEST_COMPRESSION", "how requests are written"),
    ("AWS_RETRY_MODE", "how often"),
    ("AWS_MAX_ATTEMPTS", "how often"),
    ("AWS_DEFAULTS_MODE", "how often and how long"),
    ("AWS_PAGER", "how it looks"),
    ("AWS_DEFAULT_OUTPUT", "how it looks"),
    ("AWS_CLI_AUTO_PROMPT", "how it looks"),
    ("AWS_CLI_FILE_ENCODING", "how files are read"),
    ("AWS_EXECUTION_ENV", "what the user agent says"),
    ("AWS_SDK_UA_APP_ID", "what the user agent says"),
    ("GOOGLE_CLOUD_PROJECT", "where"),
    ("GOOGLE_CLOUD_QUOTA_PROJECT", "who pays"),
    ("GOOGLE_CLOUD_LOCATION", "where"),
    ("GOOGLE_CLOUD_REGION", "where"),
    ("GCLOUD_PROJECT", "where"),
    ("GCP_PROJECT", "where"),
    ("GCP_PROJECT_ID", "where"),
    ("GCP_REGION", "where"),
    ("GCP_ZONE", "where"),
    ("CLOUDSDK_CORE_PROJECT", "where"),
    ("CLOUDSDK_CORE_DISABLE_PROMPTS", "how it looks"),
    ("CLOUDSDK_COMPUTE_REGION", "where"),
    ("CLOUDSDK_COMPUTE_ZONE", "where"),
    ("CLOUDSDK_PYTHON", "how it is run"),
    ("AZURE_SUBSCRIPTION_ID", "where"),
    ("AZURE_TENANT_ID", "where"),
    ("AZURE_AUTHORITY_HOST", "where"),
    ("AZURE_LOCATION", "where"),
    ("AZURE_DEFAULTS_GROUP", "where"),
    ("AZURE_DEFAULTS_LOCATION", "where"),
    ("AZURE_CORE_OUTPUT", "how it looks"),
    ("AZURE_CORE_NO_COLOR", "how it looks"),
    ("ARM_ENVIRONMENT", "where"),
    ("ARM_SUBSCRIPTION_ID", "where"),
    ("ARM_TENANT_ID", "where"),
    ("VAULT_ADDR", "where"),
    ("VAULT_NAMESPACE", "where"),
    ("VAULT_CACERT", "whom to trust"),
    ("VAULT_CACERT_BYTES", "whom to trust"),
    ("VAULT_CAPATH", "whom to trust"),
    ("VAULT_TLS_SERVER_NAME", "whom to trust"),
    ("VAULT_SKIP_VERIFY", "whom to trust"),
    ("VAULT_CLIENT_TIMEOUT", "how long"),
    ("VAULT_MAX_RETRIES", "how often"),
    ("VAULT_RATE_LIMIT", "how often"),
    ("VAULT_FORMAT", "how it looks"),
    ("VAULT_CLI_NO_COLOR", "how it looks"),
    ("BAO_ADDR", "where"),
    ("BAO_NAMESPACE", "where"),
    ("BAO_CACERT", "whom to trust"),
    ("BAO_CACERT_BYTES", "whom to trust"),
    ("BAO_CAPATH", "whom to trust"),
    ("BAO_TLS_SERVER_NAME", "whom to trust"),
    ("BAO_SKIP_VERIFY", "whom to trust"),
    ("BAO_CLIENT_TIMEOUT", "how long"),
    ("BAO_MAX_RETRIES", "how often"),
    ("BAO_FORMAT", "how it looks"),
    ("AUDEX_CONFIG", "a session within a session keeps to the same rules"),
];

/// What every command gets; what is granted replaces it.
pub(super) const GIVEN: &[(&str, Given, &str)] = &[
    ("AWS_EC2_METADATA_DISABLED", Given::Value("true"), "the machine's role"),
    ("AWS_CONFIG_FILE", Given::File("no-aws-config", ""), "profiles in ~/.aws/config"),
    ("AWS_SHARED_CREDENTIALS_FILE", Given::File("no-aws-credentials", ""), "keys in ~/.aws/credentials"),
    ("BOTO_CONFIG", Given::File("no-boto", ""), "keys in ~/.boto and /etc/boto.cfg"),
    ("S3CMD_CONFIG", Given::File("no-s3cmd", ""), "keys in ~/.s3cfg"),
    ("RCLONE_CONFIG", Given::File("no-rclone", ""), "remotes in ~/.config/rclone"),
    ("CLOUDSDK_CONFIG", Given::Folder("no-gcloud"), "accounts in ~/.config/gcloud"),
    // Go and Node look into ~/.config/gcloud whatever CLOUDSDK_CONFIG says; a file that is named is the only one read.
    (
        "GOOGLE_APPLICATION_CREDENTIALS",
        Given::File("no-google-credentials.json", "{}"),
        "default credentials",
    ),
    ("NO_GCE_CHECK", Given::Value("true"), "the machine's service account"),
    ("METADATA_SERVER_DETECTION", Given::Value("none"), "the machine's service account (Node)"),
    ("GCE_METADATA_HOST", Given::Value(NOWHERE), "the machine's service account"),
    ("GCE_METADATA_IP", Given::Value(NOWHERE), "the machine's service account (older Python)"),
    ("GCE_METADATA_ROOT", Given::Value(NOWHERE), "the machine's service account (older Python)"),
    ("AZURE_CONFIG_DIR", Given::Folder("no-azure"), "the login in ~/.azure"),
    ("AZD_CONFIG_DIR", Given::Folder("no-azd"), "the login in ~/.azd"),
    (
        "AZURE_TOKEN_CREDENTIALS",
        Given::Value("EnvironmentCredential"),
        "logins of editors and PowerShell, managed identities",
    ),
    (
        "AZURE_POD_IDENTITY_AUTHORITY_HOST",
        Given::Value("http://127.0.0.1:1"),
        "the machine's managed identity",
    ),
    // A helper that says nothing: the default one reads ~/.vault-token.
    (
        "VAULT_CONFIG_PATH",
        Given::File("no-vault.hcl", "token_helper = \"/bin/true\"\n"),
        "the token in ~/.vault-token",
    ),
    (
        "BAO_CONFIG_PATH",
        Given::File("no-bao.hcl", "token_helper = \"/bin/true\"\n"),
        "the token in ~/.vault-token",
    ),
];
