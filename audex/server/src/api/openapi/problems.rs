use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{
        ContentBuilder, Ref, RefOr, Response, ResponseBuilder,
        extensions::ExtensionsBuilder,
        header::{Header, HeaderBuilder},
        schema::{ObjectBuilder, Type},
    },
};

/// A refusal or a failure (RFC 9457). Some codes come with members of their own.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(in crate::api) struct ProblemSchema {
    /// Always `about:blank`: the code says what it is.
    r#type: String,
    /// The words of the status.
    title: String,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What it is, for programs: it never changes its meaning.
    #[schema(example = "invalid_request")]
    code: String,
    /// What happened and what to do, in a sentence.
    #[schema(nullable = false)]
    detail: Option<String>,
    /// Which member, parameter or header is at fault.
    #[schema(nullable = false)]
    field: Option<String>,
    /// The same as the code, where a limit is reached.
    #[schema(nullable = false)]
    error: Option<String>,
    /// After how many seconds to try again, where a limit is reached.
    #[schema(nullable = false)]
    retry_after: Option<u64>,
    /// What would work instead.
    #[schema(nullable = false)]
    instead: Option<Vec<String>>,
}

/// Refusals that any route may answer with.
pub(in crate::api) struct Refusals;
/// Refusals of bodies.
pub(in crate::api) struct BadBody;
/// Refusals and failures of what issues or ends credentials.
pub(in crate::api) struct IssueRefusals;
/// Refusals of votes.
pub(in crate::api) struct VoteRefusals;
/// Refusals of the steps of a login.
pub(in crate::api) struct LoginRefusals;
/// Refusals of what wants a login, and a recent one.
pub(in crate::api) struct DoorRefusals;
/// Refusals of the steps of an enrolment.
pub(in crate::api) struct EnrolRefusals;
/// Refusals of changes to accounts, keys and tokens.
pub(in crate::api) struct PeopleRefusals;
/// Refusals of what an identity provider sends or asks for.
pub(in crate::api) struct SsoRefusals;
/// The refusal of a server that cannot serve.
pub(in crate::api) struct Unready;

type Responses = BTreeMap<String, RefOr<Response>>;

impl IntoResponses for Refusals {
    fn responses() -> Responses {
        all(&[
            (400, "It cannot be read", &["invalid_request"]),
            (401, "Nobody is logged in", &["unauthenticated"]),
            (403, "It is not allowed", &["forbidden", "csrf_rejected"]),
            (404, "It is not there, or not yours to see", &["not_found"]),
            (429, "A limit is reached", &["rate_limited"]),
            (503, "Something that is needed does not answer", &["unavailable"]),
        ])
    }
}

impl IntoResponses for BadBody {
    fn responses() -> Responses {
        all(&[
            (413, "The body is too large", &["body_too_large"]),
            (415, "The body is of another type", &["unsupported_media_type"]),
        ])
    }
}

impl IntoResponses for IssueRefusals {
    fn responses() -> Responses {
        let denied =
            ["forbidden", "csrf_rejected", "denied", "ttl_not_allowed", "role_not_mapped", "not_expressible"];
        let conflict = [
            "in_progress",
            "answer_gone",
            "session_over",
            "approval_used",
            "plan_changed",
            "approver_gone",
            "conflict",
        ];
        all(&[
            (400, "It cannot be read", &["invalid_request", "provider_not_configured"]),
            (403, "The policies or the rules do not allow it", &denied),
            (409, "It does not fit what is there", &conflict),
            (422, "The key was used for another request", &["idempotency_key_reused"]),
            (429, "A limit is reached", &["rate_limit_exceeded", "rate_limited"]),
            (502, "The provider failed, and nothing was issued", &["provider_failed"]),
        ])
    }
}

impl IntoResponses for VoteRefusals {
    fn responses() -> Responses {
        let denied = [
            "forbidden",
            "csrf_rejected",
            "own_request",
            "role_not_yours",
            "signature_required",
            "bad_signature",
        ];
        let conflict = [
            "already_voted",
            "role_already_voted",
            "already_decided",
            "request_expired",
            "not_approved",
            "digest_mismatch",
            "plan_changed",
            "requester_disabled",
            "busy",
        ];
        all(&[
            (400, "It cannot be read", &["invalid_request", "comment_needed"]),
            (403, "It is not yours to decide", &denied),
            (409, "It does not count", &conflict),
        ])
    }
}

impl IntoResponses for LoginRefusals {
    fn responses() -> Responses {
        let device = [
            "invalid_request",
            "authorization_pending",
            "slow_down",
            "access_denied",
            "expired_token",
            "invalid_grant",
        ];
        all(&[
            (400, "It cannot be read, or the person has not agreed", &device),
            (
                401,
                "It is not right",
                &["login_failed", "no_login_in_progress", "session_ended", "unauthenticated"],
            ),
            (
                403,
                "It comes from another site, or people sign in elsewhere",
                &["csrf_rejected", "local_login_off"],
            ),
            (
                409,
                "It does not fit where the login stands",
                &["already_authenticated", "factor_not_offered", "no_login"],
            ),
            (429, "Too many tries", &["rate_limit_exceeded"]),
            (503, "Something that is needed does not answer", &["unavailable", "overloaded"]),
        ])
    }
}

impl IntoResponses for DoorRefusals {
    fn responses() -> Responses {
        let login = ["unauthenticated", "step_up_required", "session_required", "session_ended"];
        all(&[(401, "Nobody is logged in, or not lately", &login)])
    }
}

impl IntoResponses for EnrolRefusals {
    fn responses() -> Responses {
        all(&[
            (
                409,
                "It does not fit where the enrolment stands",
                &["enrolment_expired", "factor_not_offered", "conflict"],
            ),
            (410, "The link was used, or is too old", &["link_used"]),
            (422, "Another one is needed", &["weak_password", "wrong_code"]),
        ])
    }
}

impl IntoResponses for PeopleRefusals {
    fn responses() -> Responses {
        all(&[(409, "It does not fit what is there", &["conflict", "last_admin", "disabled", "too_many"])])
    }
}

impl IntoResponses for SsoRefusals {
    fn responses() -> Responses {
        all(&[
            (400, "It cannot be read, or is not of the provider", &["invalid_request", "logout_refused"]),
            (404, "Single sign-on by this protocol is not set up", &["sso_off"]),
            (413, "It is too large", &["body_too_large"]),
            (429, "Too many requests", &["rate_limit_exceeded"]),
            (503, "Something that is needed does not answer", &["unavailable", "sso_unavailable"]),
        ])
    }
}

impl IntoResponses for Unready {
    fn responses() -> Responses {
        all(&[(503, "Not now", &["not_ready"])])
    }
}

fn all(list: &[(u16, &str, &[&str])]) -> Responses {
    list.iter()
        .map(|(status, says, codes)| (status.to_string(), problem(*status, says, codes).into()))
        .collect()
}

fn problem(status: u16, says: &str, codes: &[&str]) -> Response {
    let schema = Ref::from_schema_name("Problem");
    let code = codes.first().copied().unwrap_or_default();
    let title = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let example = json!({"type": "about:blank", "title": title, "status": status, "code": code});
    let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
    let listed: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
    let mut response = ResponseBuilder::new()
        .description(format!("{says}: {}.", listed.join(", ")))
        .content("application/problem+json", content)
        .extensions(Some(ExtensionsBuilder::new().add("x-codes", codes.to_vec()).build()));
    if matches!(status, 429 | 503) {
        response = response.header("retry-after", seconds());
    }
    response.build()
}

fn seconds() -> Header {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    HeaderBuilder::new()
        .schema(Some(number))
        .description(Some("After how many seconds to try again."))
        .build()
}
