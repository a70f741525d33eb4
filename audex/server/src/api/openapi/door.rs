//! The front door's part of the description. Its handlers know nothing of OpenAPI: these stand for them, and the tests hold
//! them against the routes there are and the answers that come.
#![expect(dead_code, reason = "only the descriptions are used")]

pub(super) mod shapes;

use super::problems::{
    BadBody, DoorRefusals, EnrolRefusals, LoginRefusals, PeopleRefusals, Refusals, SsoRefusals,
};
use crate::api::bodies::PageParams;
use shapes::{
    Added, Code, DeviceAnswer, DeviceAsk, DeviceBegin, DeviceLogin, DeviceToken, Enrolled, FirstCode,
    Invited, Key, Keys, Listed, LogoutToken, Me, NewAuthenticator, NewKey, NewPassword, NewPerson, NewToken,
    People, PersonChange, PersonChanged, ProgramCode, SignIn, Status, TokenMade, Tokens, UserCode,
    WaitingLogin,
};

/// Begins a login with the password
#[utoipa::path(post, path = "/login", operation_id = "login", tag = "login", security(()), request_body = SignIn,
    responses((status = 200, description = "What comes next.", body = Status),
        (status = 303, description = "A form is led on."), LoginRefusals, BadBody))]
fn login() {}

/// Goes on with the code of the authenticator
#[utoipa::path(post, path = "/login/totp", operation_id = "login_totp", tag = "login", security(("session" = [])),
    request_body = Code, responses((status = 200, description = "What comes next.", body = Status),
        (status = 303, description = "A form is led on."), LoginRefusals, BadBody))]
fn login_totp() {}

/// Goes on with a recovery code
#[utoipa::path(post, path = "/login/recovery", operation_id = "login_recovery", tag = "login",
    security(("session" = [])), request_body = Code,
    responses((status = 200, description = "What comes next.", body = Status),
        (status = 303, description = "A form is led on."), LoginRefusals, BadBody))]
fn login_recovery() {}

/// Ends the login, if there is one
#[utoipa::path(post, path = "/logout", operation_id = "logout", tag = "login", security((), ("session" = [])),
    responses((status = 204, description = "Nobody is logged in."), (status = 303, description = "A browser is led on."),
        LoginRefusals))]
fn logout() {}

/// Begins the login of a program (RFC 8628)
#[utoipa::path(post, path = "/login/device", operation_id = "device_begin", tag = "login", security(()),
    request_body = Option<DeviceBegin>,
    responses((status = 200, description = "What to show, and what to ask with.", body = DeviceLogin), LoginRefusals,
        BadBody))]
fn device_begin() {}

/// Asks whether the person has answered (RFC 8628)
#[utoipa::path(post, path = "/login/device/token", operation_id = "device_token", tag = "login", security(()),
    request_body = DeviceAsk,
    responses((status = 200, description = "A token of theirs.", body = DeviceToken), LoginRefusals, BadBody))]
fn device_token() {}

/// Gives a program on the person's machine its token (RFC 8252)
#[utoipa::path(post, path = "/login/program/token", operation_id = "program_token", tag = "login", security(()),
    request_body = ProgramCode,
    responses((status = 200, description = "A token of theirs.", body = DeviceToken), LoginRefusals, BadBody))]
fn program_token() {}

/// Shows which program asks
#[utoipa::path(post, path = "/login/device/look", operation_id = "device_look", tag = "login",
    security(("session" = [])), request_body = UserCode,
    responses((status = 200, description = "The program.", body = WaitingLogin), Refusals, DoorRefusals, BadBody))]
fn device_look() {}

/// Answers a program's login
#[utoipa::path(post, path = "/login/device/confirm", operation_id = "device_confirm", tag = "login",
    security(("session" = [])), request_body = DeviceAnswer,
    responses((status = 204, description = "The program is told."), Refusals, DoorRefusals, BadBody))]
fn device_confirm() {}

/// Ends what belongs to a session at the identity provider (OpenID Connect Back-Channel Logout 1.0)
#[utoipa::path(post, path = "/oidc/backchannel-logout", operation_id = "sso_logout", tag = "login", security(()),
    request_body(content = LogoutToken, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The sessions are over; there may have been none."), SsoRefusals))]
fn sso_logout() {}

/// Describes the server to an identity provider that speaks SAML 2.0
#[utoipa::path(get, path = "/saml/metadata", operation_id = "saml_metadata", tag = "login", security(()),
    responses((status = 200, description = "An `EntityDescriptor`, signed where there is a key.", body = String,
        content_type = "application/samlmetadata+xml"), SsoRefusals))]
fn saml_metadata() {}

/// Enrols with a link: the password
#[utoipa::path(post, path = "/enrol/{token}", operation_id = "enrol", tag = "login", security(()),
    params(("token" = String, Path, description = "What the link ends with.")),
    request_body = NewPassword,
    responses((status = 200, description = "The authenticator is next.", body = Status),
        (status = 303, description = "A form is led on."), Refusals, DoorRefusals, EnrolRefusals, BadBody))]
fn enrol() {}

/// Enrols: the authenticator
#[utoipa::path(post, path = "/enrol/totp", operation_id = "enrol_totp", tag = "login", security(("session" = [])),
    responses((status = 200, description = "What an app scans.", body = NewAuthenticator), Refusals, DoorRefusals,
        EnrolRefusals))]
fn enrol_totp() {}

/// Enrols: the authenticator's first code
#[utoipa::path(post, path = "/enrol/totp/code", operation_id = "enrol_totp_code", tag = "login",
    security(("session" = [])), request_body = FirstCode,
    responses((status = 200, description = "Done, with recovery codes.", body = Enrolled), Refusals, DoorRefusals,
        EnrolRefusals, BadBody))]
fn enrol_totp_code() {}

/// Says who one is to the server
#[utoipa::path(get, path = "/me", operation_id = "me", tag = "people",
    responses((status = 200, description = "The caller.", body = Me), Refusals))]
fn me() {}

/// Lists one's approval keys
#[utoipa::path(get, path = "/me/keys", operation_id = "list_keys", tag = "people",
    responses((status = 200, description = "The keys.", body = Keys), Refusals))]
fn list_keys() {}

/// Adds an approval key
#[utoipa::path(post, path = "/me/keys", operation_id = "add_key", tag = "people", security(("session" = [])),
    request_body = NewKey,
    responses((status = 201, description = "The key.", body = Key), Refusals, DoorRefusals, PeopleRefusals, BadBody))]
fn add_key() {}

/// Removes an approval key
#[utoipa::path(delete, path = "/me/keys/{id}", operation_id = "remove_key", tag = "people",
    security(("session" = [])), params(("id" = String, Path, description = "The key's RFC 7638 thumbprint.")),
    responses((status = 204, description = "It counts no more."), Refusals, DoorRefusals))]
fn remove_key() {}

/// Lists API tokens, without their secrets
#[utoipa::path(get, path = "/tokens", operation_id = "list_tokens", tag = "people", params(Listed, PageParams),
    responses((status = 200, description = "The tokens, newest first.", body = Tokens), Refusals))]
fn list_tokens() {}

/// Makes an API token
#[utoipa::path(post, path = "/tokens", operation_id = "make_token", tag = "people", security(("session" = [])),
    request_body = NewToken,
    responses((status = 201, description = "The token. Its secret is shown this once.", body = TokenMade), Refusals,
        DoorRefusals, PeopleRefusals, BadBody))]
fn make_token() {}

/// Revokes an API token
#[utoipa::path(delete, path = "/tokens/{id}", operation_id = "revoke_token", tag = "people",
    params(("id" = String, Path, description = "The token, or `current` for the one this is asked with.")),
    responses((status = 204, description = "It works no more."), Refusals))]
fn revoke_token() {}

/// Lists accounts
#[utoipa::path(get, path = "/people", operation_id = "list_people", tag = "people", params(PageParams),
    responses((status = 200, description = "The accounts.", body = People), Refusals))]
fn list_people() {}

/// Makes an account
#[utoipa::path(post, path = "/people", operation_id = "add_person", tag = "people",
    security(("session" = [])), request_body = NewPerson,
    responses((status = 201, description = "The account, and its enrolment link if it is a person's.", body = Added),
        Refusals, DoorRefusals, PeopleRefusals, BadBody))]
fn add_person() {}

/// Changes an account
#[utoipa::path(patch, path = "/people/{id}", operation_id = "change_person", tag = "people",
    security(("session" = [])),
    params(("id" = String, Path, description = "The account.")), request_body = Option<PersonChange>,
    responses((status = 200, description = "The account, and of one that is disabled what ends with it.",
        body = PersonChanged), Refusals, DoorRefusals, PeopleRefusals, BadBody))]
fn change_person() {}

/// Makes a new enrolment link, and takes password and authenticator away
#[utoipa::path(post, path = "/people/{id}/invite", operation_id = "invite_person", tag = "people",
    security(("session" = [])),
    params(("id" = String, Path, description = "The account.")),
    responses((status = 200, description = "The link.", body = Invited), Refusals, DoorRefusals, PeopleRefusals))]
fn invite_person() {}
