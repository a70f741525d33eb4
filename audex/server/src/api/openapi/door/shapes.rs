use chrono::{DateTime, Utc};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// An address and a password.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    #[schema(max_length = 1024)]
    email: String,
    #[schema(max_length = 4096, format = Password)]
    password: String,
    /// Where a form is led to in the end.
    #[schema(max_length = 1024)]
    next: Option<String>,
}

/// What came back to a program by way of the browser, and what only it knows.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProgramCode {
    /// The code.
    #[schema(max_length = 128)]
    code: String,
    /// What the challenge is the SHA-256 of (RFC 7636).
    #[schema(max_length = 128)]
    code_verifier: String,
    /// Where the code came to.
    #[schema(max_length = 200)]
    redirect_uri: String,
    #[schema(max_length = 128)]
    grant_type: Option<String>,
    #[schema(max_length = 128)]
    client_id: Option<String>,
}

/// A logout token.
#[derive(ToSchema)]
pub(super) struct LogoutToken {
    /// A JWT that the provider signed.
    #[schema(max_length = 8192)]
    logout_token: String,
}

/// A code.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Code {
    #[schema(max_length = 64, example = "123456")]
    code: String,
    /// Where a form is led to in the end.
    #[schema(max_length = 1024)]
    next: Option<String>,
}

/// What comes next.
#[derive(ToSchema)]
pub(super) struct Status {
    /// `signed_in`, `second_factor_required`, `enrolment_required` or `totp_required`.
    #[schema(example = "second_factor_required")]
    status: String,
}

/// Who wants to be logged in.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceBegin {
    /// What the program calls itself.
    client: Option<String>,
    /// What its token is for, divided by spaces: `request approve read` unless it is said.
    #[schema(max_length = 200, example = "request read")]
    scope: Option<String>,
    /// The public key it would sign approvals with: a JWK of Ed25519 or P-256.
    #[schema(value_type = Option<Object>)]
    jwk: Option<serde_json::Value>,
}

/// What a program shows, and asks with.
#[derive(ToSchema)]
pub(super) struct DeviceLogin {
    /// What the program asks with: a secret.
    device_code: String,
    /// What the person compares.
    user_code: String,
    /// Where.
    verification_uri: String,
    /// How far apart to ask, in seconds.
    interval: u64,
    /// How long there is time, in seconds.
    expires_in: i64,
}

/// What a program asks with.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceAsk {
    #[schema(max_length = 64)]
    device_code: String,
    grant_type: Option<String>,
    client_id: Option<String>,
}

/// A token of the person's (RFC 6749 section 5.1).
#[derive(ToSchema)]
pub(super) struct DeviceToken {
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: String,
    expires_in: i64,
    scope: String,
    token_id: String,
}

/// The code that a program shows.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserCode {
    #[schema(max_length = 64)]
    user_code: String,
}

/// A program that wants to be logged in.
#[derive(ToSchema)]
pub(super) struct WaitingLogin {
    user_code: String,
    /// What it calls itself; nothing vouches for it.
    client: String,
    client_ip: Option<String>,
    asked_at: DateTime<Utc>,
    /// What its token could be used for.
    scopes: Vec<String>,
    /// The thumbprint of the key it would sign approvals with, where confirming it adds that key to the account.
    key: Option<String>,
}

/// What the person says.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceAnswer {
    #[schema(max_length = 64)]
    user_code: String,
    allow: bool,
}

/// A password.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    #[schema(max_length = 4096, format = Password)]
    password: String,
}

/// What an authenticator app scans.
#[derive(ToSchema)]
pub(super) struct NewAuthenticator {
    uri: String,
    secret: String,
    qr_svg: String,
}

/// The authenticator's first code.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FirstCode {
    #[schema(max_length = 64)]
    code: String,
    #[schema(max_length = 1024)]
    next: Option<String>,
}

/// The end of an enrolment.
#[derive(ToSchema)]
pub(super) struct Enrolled {
    #[schema(example = "signed_in")]
    status: String,
    /// Each works once, in place of the authenticator. They are shown this once.
    recovery_codes: Vec<String>,
}

/// Who one is to the server.
#[derive(ToSchema)]
pub(super) struct Me {
    identity: String,
    display_name: String,
    user_id: Option<Uuid>,
    #[schema(example = "human")]
    kind: String,
    roles: Vec<String>,
    groups: Vec<String>,
    /// `session`, `token` or `workload`.
    authenticated_by: String,
    #[schema(nullable = false)]
    token_id: Option<Uuid>,
    #[schema(nullable = false)]
    scopes: Option<Vec<String>>,
    #[schema(nullable = false)]
    proved_at: Option<DateTime<Utc>>,
}

/// A public key of an approver's.
#[derive(ToSchema)]
pub(super) struct Key {
    /// RFC 7638 thumbprint.
    id: String,
    owner: Uuid,
    name: String,
    #[schema(value_type = Object)]
    jwk: Value,
    created_at: DateTime<Utc>,
}

/// The keys of an approver.
#[derive(ToSchema)]
pub(super) struct Keys {
    items: Vec<Key>,
}

/// A key to add: Ed25519 or P-256.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    #[schema(max_length = 256)]
    name: String,
    #[schema(value_type = Object)]
    jwk: Value,
}

/// Whose tokens.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Listed {
    /// Whose; the caller's own unless it is said.
    owner: Option<Uuid>,
}

/// An API token, without its secret.
#[derive(ToSchema)]
pub(super) struct Token {
    id: Uuid,
    owner: Uuid,
    /// Who made it: whoever it is of, or an administrator for a service account.
    made_by: Uuid,
    /// Who that is, where it is somebody else than whose it is.
    maker: Option<Maker>,
    name: String,
    scopes: Vec<String>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

/// Who made a token for a service account.
#[derive(ToSchema)]
pub(super) struct Maker {
    email: String,
    /// Whether their account is disabled: the token works on, and they may have kept it.
    disabled: bool,
}

/// A page of tokens.
#[derive(ToSchema)]
pub(super) struct Tokens {
    items: Vec<Token>,
    #[schema(nullable = false)]
    next: Option<String>,
}

/// A token to make.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    #[schema(max_length = 256)]
    name: String,
    /// Of `request`, `approve`, `read` and `administer`.
    scopes: Option<Vec<String>>,
    #[schema(minimum = 1, maximum = 90)]
    expires_in_days: Option<u32>,
    /// A service account's, for an administrator to make.
    owner: Option<Uuid>,
}

/// A token that was made.
#[derive(ToSchema)]
pub(super) struct TokenMade {
    #[serde(flatten)]
    of: Token,
    /// The secret: `audx_...`.
    token: String,
}

/// An account.
#[derive(ToSchema)]
pub(super) struct Person {
    id: Uuid,
    email: String,
    display_name: String,
    /// `human` or `service`.
    kind: String,
    groups: Vec<String>,
    roles: Vec<String>,
    disabled: bool,
    created_at: DateTime<Utc>,
}

/// An account that was changed.
#[derive(ToSchema)]
pub(super) struct PersonChanged {
    #[serde(flatten)]
    of: Person,
    /// Of an account that is disabled, what ends with it.
    #[schema(nullable = false)]
    ended: Option<Ended>,
}

/// What ends with an account.
#[derive(ToSchema)]
pub(super) struct Ended {
    /// How many active sessions are being ended.
    sessions: u64,
    /// How many requests were taken back.
    requests: u64,
    /// What does not end: the tokens that they made for service accounts. Make new ones and revoke these.
    service_tokens: Vec<LeftToken>,
}

/// A token of a service account that works on.
#[derive(ToSchema)]
pub(super) struct LeftToken {
    id: Uuid,
    name: String,
    /// Whose it is.
    owner_email: String,
}

/// A page of accounts.
#[derive(ToSchema)]
pub(super) struct People {
    items: Vec<Person>,
    #[schema(nullable = false)]
    next: Option<String>,
}

/// An account to make.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPerson {
    #[schema(max_length = 1024)]
    email: String,
    #[schema(max_length = 1024)]
    display_name: Option<String>,
    /// `human` unless it is said, or `service`.
    kind: Option<String>,
    groups: Option<Vec<String>>,
    roles: Option<Vec<String>>,
}

/// What of an account changes.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonChange {
    #[schema(max_length = 1024)]
    display_name: Option<String>,
    groups: Option<Vec<String>>,
    roles: Option<Vec<String>>,
    disabled: Option<bool>,
}

/// A one-time link.
#[derive(ToSchema)]
pub(super) struct Link {
    url: String,
    expires_at: DateTime<Utc>,
}

/// An account that was made.
#[derive(ToSchema)]
pub(super) struct Added {
    #[serde(flatten)]
    of: Person,
    #[schema(nullable = false)]
    enrolment: Option<Link>,
}

/// A new link.
#[derive(ToSchema)]
pub(super) struct Invited {
    enrolment: Link,
}
